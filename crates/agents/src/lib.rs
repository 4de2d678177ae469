//! What the session logs of LLM agents say: whose they are, a summary, a transcript.
//!
//! Claude Code, Codex and others keep each session in a log of their own shape. This crate reads
//! those shapes: it [recognises](recognise) the agent, [folds](Fold) the entries one by one into a
//! [`Summary`] and an [`Identity`], and turns an entry into [`Item`]s that a person can read.
//! It does no I/O: bytes come in, values go out.
//!
//! Readers are lenient. An entry of an unknown kind passes through as [`ItemKind::Raw`], a field of
//! the wrong type costs that field alone, and nothing that is read makes a call fail or panic.
//!
//! ```
//! use sessiondb_agents::{Fold, Probe, recognise};
//!
//! let log = r#"{"type":"user","isSidechain":false,"uuid":"u1","sessionId":"s1","cwd":"/src/shop",
//!  "timestamp":"2026-02-03T10:00:00Z","message":{"role":"user","content":"Why is the total off?"}}"#;
//! let agent = recognise(&Probe { path: "", head: log.as_bytes() }).unwrap();
//! let mut fold = Fold::new(agent, "s1.jsonl");
//! fold.entry(log.as_bytes());
//!
//! let summary = fold.summary();
//! assert_eq!(summary.agent, "claude");
//! assert_eq!(summary.title.as_deref(), Some("Why is the total off?"));
//! assert_eq!((summary.turns, summary.cwd.as_deref()), (1, Some("/src/shop")));
//! ```

mod agent;
mod claude;
mod cline;
mod codex;
mod copilot;
mod document;
mod fold;
mod gemini;
pub mod goose;
mod identity;
mod item;
mod json;
mod known;
mod langgraph;
mod openai;
pub mod opencode;
mod pi;
mod qwen;
mod rows;
mod scanner;
mod summary;
mod text;
mod time;
mod tree;
mod yoi;

pub use agent::{Agent, By, Document, Home, Probe};
pub use fold::Fold;
pub use identity::{Identity, Parent, Subagent};
pub use item::{Item, ItemKind};
pub use json::compact;
pub use known::{agents, by_name, recognise};
pub use rows::{Cell, Row};
pub use scanner::Scanner;
pub use summary::{Origin, Summary, TitleSource, Tokens};
