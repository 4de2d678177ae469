//! All tests of the crate in one binary.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// Many small files at once.
mod many;
/// Sessions in the databases of agents.
#[cfg(feature = "sqlite")]
mod sqlite;
/// The folders of agents, once and as they grow.
mod sync;
