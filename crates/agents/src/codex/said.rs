//! What the person said, and what the program says in the person's place.

use std::borrow::Cow;

/// How texts begin that the program puts in.
const BY_PROGRAM: &[&str] = &[
    "# AGENTS.md instructions",
    "<environment_context>",
    "<turn_aborted>",
    "<user_instructions>",
    "<INSTRUCTIONS>",
    "<permissions instructions>",
    "<collaboration_mode>",
    "<skill>",
    "<skills_instructions>",
    "<user_shell_command>",
    "<subagent_notification>",
];

/// Whether the program put this text in.
pub(super) fn is_by_program(text: &str) -> bool {
    let beginning = text.trim_start();
    beginning.is_empty() || BY_PROGRAM.iter().any(|tag| beginning.starts_with(tag))
}

/// What an editor tells stands before the prompt, which has a heading of its own.
const BY_EDITOR: &str = "# Context from my IDE setup:";
const REQUEST: &str = "## My request for Codex:";

/// The prompt without what an editor tells besides.
pub(super) fn request(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with(BY_EDITOR)
        && let Some((_, request)) = text.split_once(REQUEST)
    {
        return Cow::Owned(request.trim().to_owned());
    }
    text
}
