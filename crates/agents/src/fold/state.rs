//! What single agents keep besides.

use serde::{Deserialize, Serialize};

/// What single agents keep besides.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Nothing.
    #[default]
    Plain,
    Claude(Box<crate::claude::Kept>),
    Cline(Box<crate::cline::Kept>),
    Codex(Box<crate::codex::Kept>),
    Copilot(Box<crate::copilot::Kept>),
    Gemini(Box<crate::gemini::Kept>),
    Goose(Box<crate::goose::Kept>),
    Opencode(Box<crate::opencode::Kept>),
    Qwen(Box<crate::qwen::Kept>),
    Yoi(Box<crate::yoi::Kept>),
}

impl State {
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }
}
