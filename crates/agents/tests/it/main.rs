//! The crate from outside.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// Random lines that change what came before.
mod changes;
/// Cline and Roo Code.
mod cline;
/// Copilot CLI.
mod copilot;
/// Sessions that are one JSON document.
mod documents;
/// Gemini CLI.
mod gemini;
/// goose.
mod goose;
/// Which session a log is, and where it belongs.
mod identities;
/// What logs are for a reader.
mod items;
/// LangGraph.
mod langgraph;
/// Logs, and what is asked of them.
mod logs;
/// OpenAI Agents SDK.
mod openai;
/// opencode.
mod opencode;
/// Whatever is read, nothing panics, and a fold can be interrupted anywhere.
mod properties;
/// Qwen Code.
mod qwen;
/// What the tests read.
mod samples;
/// Summaries, beside those that were written down by hand.
mod summaries;
/// Random documents, taken apart and joined again.
mod taken_apart;
