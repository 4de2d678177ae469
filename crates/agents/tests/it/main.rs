//! The crate from outside.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// Sessions that are one JSON document.
mod documents;
/// Which session a log is, and where it belongs.
mod identities;
/// What logs are for a reader.
mod items;
/// Whatever is read, nothing panics, and a fold can be interrupted anywhere.
mod properties;
/// What the tests read.
mod samples;
/// Summaries, beside those that were written down by hand.
mod summaries;
