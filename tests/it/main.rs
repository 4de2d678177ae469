//! All integration tests in one binary.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// The `sessiondb` command: output, exit codes, several processes, a kill.
#[cfg(feature = "cli")]
mod cli;
/// The contract as a suite, and the proof that each of its cases can fail.
#[cfg(feature = "conformance")]
mod conformance;
/// JSONL in and out.
mod jsonl;
/// What `MemoryStore` shows beyond the contract: its traces, and that clones share.
mod memory_store;
/// Random histories of calls against a naive model.
mod model_store;
/// Start, restore, fork, compact and save over any store.
mod segment;
