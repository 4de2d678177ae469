//! All integration tests in one binary.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its helpers are not seen as tests by the lints"
)]

/// Calls that block no event loop.
#[cfg(feature = "tokio")]
mod aio;
/// Raw entries, ranges, batches, snapshots, metadata and names of an archive.
mod archive;
/// Conditions of a batch against a naive model and between processes, and how durable a batch is.
mod batches;
/// Branches and erased entries against a model that shares nothing.
mod branches;
/// Compaction: the space goes back, the bytes are gone, and nothing else has changed.
mod compact;
/// The contract as a suite, and the proof that each of its cases can fail.
#[cfg(feature = "conformance")]
mod conformance;
/// The pages against the code: the file's format, and the README's commands.
mod docs;
/// Checking an archive, and recovering what a damaged one still holds.
mod doctor;
/// What the public calls promise beyond what they store.
mod doors;
/// Events and counters.
#[cfg(feature = "tracing")]
mod events;
/// Who follows an archive is told each change once, or one gap.
mod follow;
/// What is stored can be read: JSON that fits no type, of any depth, with numbers of any length.
mod grammar;
/// Which source file imports which: none in a circle, none upwards.
mod imports;
/// JSONL in and out.
mod jsonl;
/// Entries of many MiB, in and out, as a whole or in pieces.
mod large;
/// Sessions by their last use, page by page.
mod last_use;
/// What dead processes leave beside an archive, and file names of any length.
mod leftovers;
/// Locks that keep others from reading, as on Windows.
#[cfg(unix)]
mod mandatory_locks;
/// What `MemoryStore` shows beyond the contract: its traces, and that clones share.
mod memory_store;
/// Lossless typed round trips of entries, traces and names.
mod model;
/// Changes to wire lines that a typed round trip must survive.
mod model_changes;
/// Random histories of calls against a naive model.
mod model_store;
/// What is refused, how an archive is made, and handles on one store.
mod opening;
/// Backups, extracted sessions and merged archives.
mod portable;
/// JSON as it was written.
mod raw;
/// Entries that are redacted, and known again.
mod redaction;
/// What a segment's entries add up to.
mod replay;
/// Reads of what was read before, or is read ahead, against what a log holds now.
mod rereads;
/// Which sessions limits remove, and that only those go.
mod retention;
/// The reliability scoreboard: power loss, failing disks, kills, damage, several processes.
mod scoreboard;
/// A folder for the files of one test.
mod scratch;
/// Start, restore, fork, shorten and save over any store.
mod segment;
/// How long the source files and their functions are.
mod sizes;
/// The trash and hidden sessions against a naive model, in copies and through merges.
mod trash;
/// Values that repeat are stored once, and go with the last that has them.
mod values;
/// Word filters: no entry with a word is left out, and most others are.
mod words;
