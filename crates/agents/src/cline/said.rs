//! What stands in the text of a user's message: what the person said, what tools gave back, and
//! what the agent says of its surroundings.

use crate::json::Raw;

/// What the person says stands between these.
const TAGS: [&str; 4] = ["task", "user_message", "feedback", "answer"];

/// A part of a user's message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// By the person.
    Prompt(&'a str),
    /// By a tool that was called in an answer's text, with its name.
    Result(&'a str),
    /// By the agent.
    Surroundings,
    /// By the agent, beside what tools gave back.
    Other,
}

/// What a text is. Text in a message that carries what tools gave back is the person's only where
/// it stands between tags.
pub(super) fn said(text: &str, with_results: bool) -> Said<'_> {
    let trimmed = text.trim();
    if let Some(prompt) = between_tags(trimmed) {
        return Said::Prompt(prompt);
    }
    if let Some(tool) = result_of(trimmed) {
        return Said::Result(tool);
    }
    if trimmed.starts_with("<environment_details>") {
        return Said::Surroundings;
    }
    if trimmed.is_empty() || trimmed.starts_with('<') || trimmed.starts_with('[') || with_results {
        return Said::Other;
    }
    Said::Prompt(trimmed)
}

/// What stands between the first tags of what the person says.
pub(super) fn between_tags(text: &str) -> Option<&str> {
    TAGS.iter().find_map(|tag| {
        let inside = between(text, &format!("<{tag}>"), &format!("</{tag}>"))?.trim();
        (!inside.is_empty()).then_some(inside)
    })
}

/// The name of the tool of a text such as `[read_file for 'a.txt'] Result:`.
fn result_of(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let (call, rest) = inside.split_once(']')?;
    if !rest.starts_with(" Result") {
        return None;
    }
    call.split(' ').next().filter(|name| !name.is_empty())
}

/// Whether a message carries what tools gave back: in blocks, or as text behind a line that says so.
pub(super) fn carries_results(content: Raw<'_>) -> bool {
    let in_block = |block: Raw<'_>| block.get("type").is("tool_result");
    content.elements().any(in_block) || texts(content).any(|text| result_of(text.trim()).is_some())
}

/// What stands between two texts.
pub(super) fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    Some(rest.split_once(end).map_or(rest, |(inside, _)| inside))
}

/// The folder that the surroundings name, such as in
/// `# Current Working Directory (/home/user/farm) Files`.
pub(super) fn folder(text: &str) -> Option<&str> {
    [
        "# Current Working Directory (",
        "# Current Workspace Directory (",
    ]
    .iter()
    .find_map(|begin| between(text, begin, ") Files"))
    .filter(|folder| !folder.contains('\n'))
}

/// The texts of a content: a string is one, and each text block.
pub(super) fn texts(content: Raw<'_>) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    let blocks = content
        .elements()
        .filter(|block| block.get("type").is("text"));
    let whole = content.text();
    whole
        .into_iter()
        .chain(blocks.filter_map(|block| block.get("text").text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_apart() {
        assert_eq!(
            said("<task>\nMend it\n</task>", false),
            Said::Prompt("Mend it")
        );
        assert_eq!(said("Paint it", false), Said::Prompt("Paint it"));
        assert_eq!(said("Paint it", true), Said::Other);
        assert_eq!(
            said("[read_file for 'a'] Result:", false),
            Said::Result("read_file")
        );
        assert_eq!(said("<environment_details>\n", false), Said::Surroundings);
        assert_eq!(said("[ERROR] no tool was used", false), Said::Other);
        assert_eq!(said("<task></task>", false), Said::Other);
        assert_eq!(
            folder("# Current Working Directory (/a b) Files\nx"),
            Some("/a b")
        );
        assert_eq!(folder("# Current Working Directory (\n"), None);
    }
}
