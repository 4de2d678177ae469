//! The logs of agents, in and out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// Folders for tests, and what comes of an import.
mod folder;
/// What was taken away stays away.
mod forgotten;
/// Source logs that are freed, and those that are not.
mod free;
/// Files come in once, under their own ids, with summaries.
mod import;
/// Many small files at once.
mod many;
/// Out again as the files of agents.
mod native;
/// Paths inside entries that have another path elsewhere.
mod rebase;
/// A session where its agent looks for it.
mod resume;
/// Folders, logs and archives for the tests of what goes out.
mod rooms;
/// Sessions in the databases of agents.
#[cfg(feature = "sqlite")]
mod sqlite;
/// The folders of agents, once and as they grow.
mod sync;
