//! What a search finds.

use std::ops::Range;

use serde::Serialize;
use sessiondb::{SegmentId, SessionId};
use sessiondb_agents::ItemKind;

/// One thing of a session in which the pattern is.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_search::{Kind, Query, Role, Search};
///
/// let archive = Archive::in_memory()?;
/// archive.log(new_session_id(), new_segment_id()).append(&serde_json::json!({
///     "kind": "user_input", "ts": 7, "segments": [{"kind": "text", "content": "Why?"}]
/// }))?;
/// let hit = Search::new(&archive.snapshot()?, Query::literal("why").build()?).next().unwrap()?;
/// assert_eq!((hit.kind, hit.role, hit.at_ms), (Kind::Prompt, Role::User, Some(7000)));
/// assert_eq!(hit.lines[0].matches, [0..3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Hit {
    /// The session.
    pub session: SessionId,
    /// The segment of it whose own entry it is.
    pub segment: SegmentId,
    /// The number of the entry, counted from 0.
    pub entry: u64,
    /// When, in milliseconds since 1970, if the entry says so.
    pub at_ms: Option<i64>,
    /// What it is.
    pub kind: Kind,
    /// Who said it.
    pub role: Role,
    /// The lines with a match, and those around them that were asked for.
    pub lines: Vec<Line>,
}

/// One line of what was found, or a part of it if it is long.
///
/// ```
/// use sessiondb_search::Line;
///
/// let line = Line { number: 1, text: "Why?".into(), matches: vec![0..3], is_cut: false };
/// assert!(!line.is_context());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The number of the line within what was said, counted from 1.
    pub number: u64,
    /// The line without its end; of a long one what stands around the first match.
    pub text: String,
    /// Where in the text the matches are, in bytes.
    pub matches: Vec<Range<usize>>,
    /// Whether some of the line was left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

impl Line {
    /// Whether it is there for what stands around a match alone.
    pub fn is_context(&self) -> bool {
        self.matches.is_empty()
    }
}

/// What kind of thing was found.
///
/// ```
/// assert_eq!("tool_result".parse(), Ok(sessiondb_search::Kind::ToolResult));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// What the person said.
    Prompt,
    /// What the agent said.
    Answer,
    /// What the agent thought.
    Thinking,
    /// What a tool was asked to do: its name and the texts of its input.
    ToolCall,
    /// What a tool gave back.
    ToolResult,
    /// What stands in place of what was said before a compaction.
    Compaction,
    /// Something that happened, or a subagent.
    Notice,
    /// An entry of an unknown kind: all its texts.
    Raw,
}

impl Kind {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("prompt", Self::Prompt),
        ("answer", Self::Answer),
        ("thinking", Self::Thinking),
        ("tool_call", Self::ToolCall),
        ("tool_result", Self::ToolResult),
        ("compaction", Self::Compaction),
        ("notice", Self::Notice),
        ("raw", Self::Raw),
    ];

    /// That of an item with a text, of which there is none for usage and pictures.
    pub(crate) fn of(item: &ItemKind) -> Option<Self> {
        Some(match item {
            ItemKind::Prompt { .. } => Self::Prompt,
            ItemKind::Answer { .. } => Self::Answer,
            ItemKind::Thinking { .. } => Self::Thinking,
            ItemKind::ToolCall { .. } => Self::ToolCall,
            ItemKind::ToolResult { .. } => Self::ToolResult,
            ItemKind::Compaction { .. } => Self::Compaction,
            ItemKind::Notice { .. } | ItemKind::Subagent { .. } => Self::Notice,
            ItemKind::Raw => Self::Raw,
            _ => return None,
        })
    }

    /// Who says such things.
    pub fn role(self) -> Role {
        match self {
            Self::Prompt => Role::User,
            Self::Answer | Self::Thinking | Self::ToolCall => Role::Assistant,
            Self::ToolResult => Role::Tool,
            Self::Compaction | Self::Notice | Self::Raw => Role::System,
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        named(&Self::ALL, name)
    }
}

/// Who said something.
///
/// ```
/// assert_eq!("user".parse(), Ok(sessiondb_search::Role::User));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The person.
    User,
    /// The agent.
    Assistant,
    /// A tool.
    Tool,
    /// Nobody of them.
    System,
}

impl Role {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("user", Self::User),
        ("assistant", Self::Assistant),
        ("tool", Self::Tool),
        ("system", Self::System),
    ];
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        named(&Self::ALL, name)
    }
}

fn named<T: Copy>(all: &[(&str, T)], name: &str) -> Result<T, String> {
    let found = all.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        format!("{name:?} is none of {}", known.join(", "))
    })
}
