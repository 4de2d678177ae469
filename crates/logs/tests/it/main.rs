//! The logs of agents, in and out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

/// Folders for tests, and what comes of an import.
mod folder;
/// What was taken away stays away.
mod forgotten;
/// Files come in once, under their own ids, with summaries.
mod import;
/// Many small files at once.
mod many;
/// Sessions in the databases of agents.
#[cfg(feature = "sqlite")]
mod sqlite;
/// The folders of agents, once and as they grow.
mod sync;
