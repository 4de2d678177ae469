//! One crash-safe file holds every session of an LLM agent: live store and portable archive at once.
//!
//! A session is a tree of segments; a segment is an append-only log of JSON entries, with a log of
//! traces beside it. An append is one write to a journal inside the file.
//!
//! ```
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("agent.sessiondb");
//! use sessiondb::{Archive, new_segment_id, new_session_id};
//!
//! let archive = Archive::open(&path)?; // made if it is not there
//! let log = archive.log(new_session_id(), new_segment_id());
//! let receipt = log.append(&serde_json::json!({"kind": "user", "text": "hello"}))?;
//! assert!(receipt.synced); // it survives power loss
//! assert_eq!(log.len()?, 1); // reads no entry
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! - An append that returned `Ok` survives power loss ([`Durability::Synced`], the default) or the
//!   death of the process ([`Durability::Written`]; synced 50 ms later at the latest).
//! - After a crash each segment is a prefix of what was appended, no shorter than what was
//!   acknowledged. A [`Batch`] is there as a whole or not at all.
//! - An I/O error while writing is called what it is, [`StoreError::OutcomeUnknown`], and the archive
//!   then takes no writes until it is opened again.
//! - Entries come back byte for byte; what is damaged in the tables is an error, never a wrong answer.
//! - One file, and nothing beside it. Several processes may open, read and append at the same time,
//!   and one that reads keeps no other from writing.
//!
//! # What it does not do
//!
//! - Search, or understand what entries say. It stores and returns them.
//! - Let writers work side by side: changes are made one at a time.
//! - Work on network file systems, or on disks that say "synced" when they are not.
//! - Tell damage in its journal from the journal's end. Closing leaves the journal empty, unless others have
//!   the tables for longer than the lock timeout.
//!
//! The README has the promises, `docs/guide.md` how to embed it, `docs/limits.md` the limits, and
//! `docs/format.md` every byte of the file.

#[cfg(feature = "tokio")]
pub mod aio;
pub mod archive;
mod change;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod doctor;
mod engine;
pub mod entry;
mod error;
mod ids;
pub mod jsonl;
mod memory;
pub mod portable;
mod progress;
mod raw_json;
mod relocation;
pub mod retention;
pub mod segment;
mod store;
#[cfg(feature = "_testing")]
pub mod testing;

pub use self::archive::{
    Archive, ArchiveOptions, Batch, Durability, Entry, Log, MAX_ENTRY_BYTES, Receipt, SegmentInfo,
    SessionInfo, Sharing, Snapshot,
};
pub use self::entry::{LogEntry, TraceEntry};
pub use self::error::{Condition, ErrorKind, StoreError};
pub use self::ids::{SegmentId, SessionId, new_segment_id, new_session_id, now_ms};
pub use self::memory::MemoryStore;
pub use self::progress::Progress;
pub use self::raw_json::RawJson;
pub use self::store::Store;

/// The README's examples run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// So do those of the guide.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../docs/guide.md")]
struct Guide;
