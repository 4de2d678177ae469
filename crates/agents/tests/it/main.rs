//! The crate from outside.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

/// Every sample and every shared log, whatever is asked of it.
mod samples;
