//! All tests of the rules in one binary.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// Texts that hold no secret, and that none is found in.
mod clean;
/// Secrets that are drawn at random, at random places, written in several ways.
mod planted;
