//! The addon below the npm package `sessiondb`: classes of Node on those of the library.
//!
//! Each call is handed to a thread of the library's own (`sessiondb::aio`) and settles a promise there, so that
//! none blocks the event loop. What a program sees is the TypeScript above (`ts/`), which makes promises,
//! iterators and errors of this.
//!
//! There is no unsafe code here, but that which the macros of napi write: they make functions in the manner of C of
//! what stands here, so that the lint can be a refusal (`deny`) with an exception for what they expand to, and not a
//! ban (`forbid`), which knows no exception.

#![deny(unsafe_code)]

mod archive;
mod batch;
mod changes;
mod claude;
mod error;
mod info;
mod log;
mod logs;
mod number;
mod options;
mod pull;
mod records;
mod search;
mod settle;
mod snapshot;
mod upkeep;
