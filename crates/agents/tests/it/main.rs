//! The crate from outside.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

/// Random lines that change what came before.
mod changes;
/// Cline and Roo Code.
mod cline;
/// Copilot CLI.
mod copilot;
/// Random documents, taken apart and joined again.
mod documents;
/// Gemini CLI.
mod gemini;
/// goose.
mod goose;
/// Logs for tests, and what is asked of them.
mod logs;
/// opencode.
mod opencode;
/// Qwen Code.
mod qwen;
/// Every sample and every shared log, whatever is asked of it.
mod samples;
