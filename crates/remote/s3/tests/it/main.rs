//! `s3://` against a light S3 server, over HTTP on loopback: directly, and over a way that fails, delays, cuts and repeats.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

mod bucket;
mod converge;
mod errors;
mod outage;
mod proxy;
mod server;
mod shared;
