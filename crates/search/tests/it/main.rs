//! Searches as a program makes them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// What is found, in which order, and what the options leave out.
mod found;
/// Filters, prefilters and threads find what a look at every entry finds.
mod same;
