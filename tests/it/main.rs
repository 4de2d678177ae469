//! All integration tests in one binary.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// Typed entries lose nothing of what is on the wire: samples of every kind.
mod model;
/// The same with extra fields, unknown kinds and odd values at every level.
mod model_changes;
/// What a segment's entries add up to.
mod replay;
