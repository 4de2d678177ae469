//! The agents whose logs are known.

use crate::agent::{Agent, By, Probe};
use crate::claude::Claude;
use crate::cline::Cline;
use crate::codex::Codex;
use crate::copilot::Copilot;
use crate::gemini::Gemini;
use crate::goose::Goose;
use crate::langgraph::LangGraph;
use crate::openai::OpenAi;
use crate::opencode::Opencode;
use crate::pi::Pi;
use crate::qwen::Qwen;
use crate::yoi::Yoi;

/// In the order in which they are asked.
static AGENTS: &[&dyn Agent] = &[
    // Before Claude Code, whose records are the same but for the parts of their messages.
    &Qwen, &Claude, &Codex, &Pi, &Gemini, &Copilot, &Opencode, &Goose, &Cline, &Yoi,
    // Kept by programs of all kinds, and asked last.
    &OpenAi, &LangGraph,
];

/// Every agent whose logs are known, in the order in which they are asked.
///
/// ```
/// use sessiondb_agents::agents;
///
/// assert!(agents().iter().any(|agent| agent.title() == "Claude Code"));
/// ```
pub fn agents() -> &'static [&'static dyn Agent] {
    AGENTS
}

/// The agent of this [name](Agent::name).
///
/// ```
/// use sessiondb_agents::by_name;
///
/// assert_eq!(by_name("claude").unwrap().title(), "Claude Code");
/// assert!(by_name("nobody").is_none());
/// ```
pub fn by_name(name: &str) -> Option<&'static dyn Agent> {
    agents().iter().copied().find(|agent| agent.name() == name)
}

/// Which agent wrote a file: the first that knows its content, else the first that knows its path.
///
/// ```
/// use sessiondb_agents::{Probe, recognise};
///
/// let head = br#"{"type":"summary","summary":"Totals","leafUuid":"u1"}"#;
/// assert_eq!(recognise(&Probe { path: "x.jsonl", head }).unwrap().name(), "claude");
/// let path = "home/.claude/projects/-src-shop/s1.jsonl";
/// assert_eq!(recognise(&Probe { path, head: b"" }).unwrap().name(), "claude");
/// assert!(recognise(&Probe { path: "x.jsonl", head: b"{}" }).is_none());
/// ```
pub fn recognise(probe: &Probe<'_>) -> Option<&'static dyn Agent> {
    let mut by_path = None;
    for agent in agents() {
        match agent.recognise(probe) {
            Some(By::Content) => return Some(*agent),
            Some(By::Path) => by_path = by_path.or(Some(*agent)),
            None => {}
        }
    }
    by_path
}
