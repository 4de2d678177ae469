//! Archives that share one history through an object store: a bucket or a folder, and no server.
//!
//! [`push`] puts what is new in an archive, [`pull`] merges what others have put, [`check`] verifies
//! all that is there, and [`gc`] deletes what nobody needs any more. [`listing`] tells what is there without a pull. `docs/remote.md` says how the
//! objects are laid out, and what each crash and race leaves.
//!
//! The calls are asynchronous for the sake of the store. Between requests they read and write the
//! archive, and block: run them on a thread that may.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use sessiondb::{Archive, new_segment_id, new_session_id};
//! use sessiondb_remote::{PullOptions, Remote, pull, push};
//!
//! let remote = Remote::in_memory("example");
//! let (laptop, desktop) = (Archive::in_memory()?, Archive::in_memory()?);
//! let (session, segment) = (new_session_id(), new_segment_id());
//! laptop.log(session, segment).append_many([1, 2])?;
//!
//! assert_eq!(push(&laptop, &remote, None).await?.new_entries, 2);
//! assert_eq!(pull(&desktop, &remote, &PullOptions::new(), None).await?.new_entries, 2);
//! assert_eq!(desktop.log(session, segment).len()?, 2);
//! # Ok::<(), sessiondb_remote::RemoteError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod block;
mod bring;
mod build;
mod cache;
mod cause;
mod check;
#[cfg(feature = "_http")]
mod cloud;
mod combine;
mod cores;
mod ends;
mod error;
mod fetch;
mod fill;
mod follow;
mod gc;
mod growth;
mod hash;
mod lean;
mod listed;
mod listing;
mod manifest;
mod marks;
mod named;
mod names;
mod own;
mod pack;
mod plan;
mod pull;
mod push;
mod record;
mod remote;
mod settings;
mod tips;
mod url;
mod words;
mod write;

pub use self::cache::Cache;
pub use self::check::{CheckReport, check};
pub use self::error::RemoteError;
pub use self::gc::{GcOptions, GcReport, gc};
pub use self::growth::Growth;
pub use self::listed::{RemoteSegment, RemoteSession};
pub use self::listing::{Listing, listing};
pub use self::pull::{PullOptions, PullReport, pull};
pub use self::push::{PushReport, push};
pub use self::remote::Remote;
pub use self::words::WithWords;
