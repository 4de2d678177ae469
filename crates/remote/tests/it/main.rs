//! The crate from outside, over stores that fail, delay, cut, repeat and reorder.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

mod basics;
mod converge;
mod copies;
mod crashes;
mod folder;
mod forget;
mod gate;
mod growth;
mod history;
mod orders;
mod reading;
mod unreliable;
