//! All tests of the crate in one binary: files in, an archive, files out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// Source logs that are freed, and those that are not.
mod free;
/// Out again as the files of agents.
mod native;
/// Paths inside entries that have another path elsewhere.
mod rebase;
/// A session where its agent looks for it.
mod resume;
/// Folders, logs and archives for the tests here.
mod rooms;
