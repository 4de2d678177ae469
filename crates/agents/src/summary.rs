//! What a list shows of a session.

use serde::{Deserialize, Serialize};

/// What a list shows of a session.
///
/// As JSON it is an object with these keys; what is not known is left out.
///
/// ```
/// use sessiondb_agents::Summary;
///
/// let summary = Summary { agent: "codex".into(), turns: 2, ..Summary::default() };
/// let json = serde_json::to_string(&summary)?;
/// assert_eq!(json, r#"{"agent":"codex","turns":2,"messages":0,"tool_calls":0,"compactions":0}"#);
/// assert_eq!(serde_json::from_str::<Summary>(&json)?, summary);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// The agent's [name](crate::Agent::name).
    pub agent: String,
    /// The version of the agent, as the last entry that has one says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// The agent's own id of the session, or of the subagent whose log it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_id: Option<String>,
    /// One line of at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where the title is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title_source: Option<TitleSource>,
    /// The first 2,000 characters of what the person asked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_prompt: Option<String>,
    /// The folder in which the session began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The branch in git, as the last entry that has one says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_branch: Option<String>,
    /// The repository: its address, or its owner and name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The models that answered, in the order of their first use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// The earliest time of an entry, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<i64>,
    /// The latest time of an entry, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity_ms: Option<i64>,
    /// Prompts of the person.
    pub turns: u64,
    /// Prompts and answers. An answer of several parts is one.
    pub messages: u64,
    /// Calls of tools.
    pub tool_calls: u64,
    /// What was used; missing where the log says nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// What it cost, where the log itself has a cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// The session that this one was forked from or resumes under another id, or, for a
    /// subagent's, the session that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Origin>,
    /// How often the conversation was compacted.
    pub compactions: u64,
    /// The file that the session came from. The importer fills it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_path: Option<String>,
    /// The machine that it came from. The importer fills it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Where a title is from, the most telling first.
///
/// ```
/// use sessiondb_agents::TitleSource;
///
/// assert_eq!(serde_json::to_string(&TitleSource::Custom)?, r#""custom""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TitleSource {
    /// The person gave it.
    Custom,
    /// The agent gave it.
    Agent,
    /// It is a summary of the conversation.
    Summary,
    /// It is the first prompt.
    Prompt,
}

/// What was used, in tokens.
///
/// ```
/// use sessiondb_agents::Tokens;
///
/// let tokens = Tokens { input: 10, cached: 90, output: 5, reasoning: None };
/// assert_eq!(serde_json::to_string(&tokens)?, r#"{"input":10,"cached":90,"output":5}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// Input that did not come from a cache, what was written to one included.
    pub input: u64,
    /// Input that came from a cache.
    pub cached: u64,
    /// Output, as the agent counts it.
    pub output: u64,
    /// Output for thinking, where the log says so; whether `output` includes it is the agent's way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

/// Where a session comes from.
///
/// ```
/// use sessiondb_agents::Origin;
///
/// let origin = Origin { id: "s1".into(), at: Some("u7".into()) };
/// assert_eq!(serde_json::to_string(&origin)?, r#"{"id":"s1","at":"u7"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The native id of the other session.
    pub id: String,
    /// The native id of its last entry that both have, where the log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}
