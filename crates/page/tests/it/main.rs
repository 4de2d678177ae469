//! All tests of the page as it is written, in one binary. What a browser makes of it is in `tests/page`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// What a log says is data, and all of it is there.
mod written;
