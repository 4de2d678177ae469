//! All integration tests in one binary.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// What the Claude Agent SDK asks of a store, contract by contract.
mod claude;
/// Random calls against a plain model in memory.
mod claude_model;
/// Several threads, several processes, processes that are killed, and a disk that stops at each step.
mod claude_races;
/// A disk in memory that keeps each of its states.
mod disk;
/// What LangGraph asks of a checkpoint saver.
mod langgraph;
/// Random calls on a saver against a plain model.
mod langgraph_model;
/// Threads that are deleted, copied and pruned.
mod langgraph_removal;
/// What the OpenAI Agents SDK asks of a session.
mod openai;
