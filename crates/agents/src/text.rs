//! Texts: clipped, taken from lists of blocks, found in paths.

use crate::json::Raw;

/// The most characters of a title.
pub(crate) const TITLE_CHARS: usize = 200;
/// The most characters of a first prompt.
pub(crate) const PROMPT_CHARS: usize = 2_000;

/// The first characters of a text.
pub(crate) fn clip(text: &str, chars: usize) -> &str {
    match text.char_indices().nth(chars) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

/// A text as one line: blanks and control characters between its words become one space.
pub(crate) fn one_line(text: &str, chars: usize) -> String {
    let mut line = String::new();
    let between = |c: char| c.is_whitespace() || c.is_control();
    for word in text.split(between).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 4 * chars {
            break;
        }
    }
    clip(&line, chars).trim_end().to_owned()
}

/// What a content says, at most `chars` characters of it: a string, or the `text` of the elements
/// of a list whose `type` is one of `kinds` (or that have none), a line break between them.
pub(crate) fn content_text(content: Raw<'_>, kinds: &[&str], chars: usize) -> String {
    if let Some(text) = content.text_to(chars) {
        return text.into_owned();
    }
    let mut said = String::new();
    let mut left = chars;
    for block in content.elements() {
        let text = match block.text_to(left) {
            Some(text) => Some(text),
            None if kinds.iter().any(|kind| block.get("type").is(kind))
                || block.get("type").is_missing() =>
            {
                block.get("text").text_to(left)
            }
            None => None,
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            continue;
        };
        if !said.is_empty() {
            said.push('\n');
        }
        said.push_str(&text);
        left = left.saturating_sub(text.chars().count() + 1);
        if left == 0 {
            break;
        }
    }
    said
}

/// How many bytes a text in base64 stands for.
pub(crate) fn base64_len(text: &str) -> u64 {
    let digits = text.trim_end_matches('=').len() as u64;
    digits / 4 * 3 + digits % 4 * 3 / 4
}

/// The file's name without what follows the first dot of its ending, such as `.jsonl` or `.jsonl.zst`.
pub(crate) fn file_stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut stem = name;
    for ending in [".zst", ".gz", ".jsonl", ".ndjson", ".json"] {
        let cut = stem.len().saturating_sub(ending.len());
        if let Some((kept, end)) = stem.split_at_checked(cut)
            && !kept.is_empty()
            && end.eq_ignore_ascii_case(ending)
        {
            stem = kept;
        }
    }
    stem
}

/// The names of the folders that a path leads through, innermost first.
pub(crate) fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit('/').skip(1).filter(|name| !name.is_empty())
}

/// The UUID that a name ends with.
pub(crate) fn uuid_at_end(name: &str) -> Option<&str> {
    let (_, end) = name.split_at_checked(name.len().checked_sub(36)?)?;
    is_uuid(end).then_some(end)
}

/// Whether it is a UUID with its hyphens.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// A number that stands for a name where the name itself would take too much room.
pub(crate) fn hash(name: &str) -> u64 {
    // FNV-1a.
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_one_short_line() {
        assert_eq!(one_line("  a\n\tb\u{1b}c ", 200), "a b c");
        assert_eq!(one_line("ééé é", 4), "ééé");
        assert_eq!(clip("ééé", 2), "éé");
    }

    #[test]
    fn blocks_are_joined_and_clipped() {
        let content =
            Raw::new(r#"[{"type":"text","text":"ab"},{"type":"image"},"cd",{"text":"ef"}]"#);
        assert_eq!(content_text(content, &["text"], 100), "ab\ncd\nef");
        assert_eq!(content_text(content, &["text"], 4), "ab\nc");
        assert_eq!(content_text(Raw::new("\"abc\""), &[], 2), "ab");
    }

    #[test]
    fn names_of_files() {
        assert_eq!(file_stem("a/b.JSONL.zst"), "b");
        assert_eq!(file_stem(".jsonl"), ".jsonl");
        let name = "rollout-2026-01-01T00-00-00-019b2ea4-0000-7000-8000-000000000001";
        assert_eq!(
            uuid_at_end(name),
            Some("019b2ea4-0000-7000-8000-000000000001")
        );
        assert_eq!(folders("/a/b/c.jsonl").collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(base64_len("aGVsbG8="), 5);
    }
}
