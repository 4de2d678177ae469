//! The archive: one file of sessions, open in this process. The public face of the engine.
//!
//! What most programs use stands at the crate's root as well.

mod append_reader;
mod batch;
mod branch;
mod changes;
mod close;
mod collected;
mod compact;
mod counters;
mod durability;
mod entries;
mod entry;
mod entry_reader;
mod forgotten;
mod handle;
mod info;
mod journal;
mod listing;
mod log;
mod marks;
mod metadata;
mod names;
mod note_ops;
mod notes;
mod options;
mod prefetch;
mod query;
mod reader;
mod record;
mod redaction;
mod redaction_marks;
mod snapshot;
mod steps;
mod store_impl;
mod to_entry;
mod trash;
mod typed;
mod words;

pub(crate) use self::append_reader::{KnownEntry, known_entry};
pub use self::batch::Batch;
pub(crate) use self::branch::{is_tombstone, tombstone};
pub use self::changes::{Canceller, Change, ChangeKind, Changes};
pub use self::close::Closed;
#[cfg(feature = "tokio")]
pub(crate) use self::collected::Collected;
pub(crate) use self::collected::origin_of;
pub use self::compact::{CompactError, CompactMode, Compacted};
pub use self::counters::Counters;
pub use self::durability::Durability;
pub use self::entries::RawEntries;
pub use self::entry::{Entry, MAX_ENTRY_BYTES};
pub use self::entry_reader::EntryReader;
pub use self::forgotten::{CutOff, Forgotten, ForgottenHash};
pub(crate) use self::forgotten::{Marks, forget_session_ops};
pub use self::handle::Archive;
pub(crate) use self::info::SessionMarks;
pub use self::info::{
    ArchiveStats, Match, OriginKind, SegmentInfo, SegmentOrigin, SegmentParent, SessionInfo,
};
pub use self::journal::JournalState;
pub use self::listing::{Segments, Sessions};
pub use self::log::{Log, Receipt};
pub(crate) use self::marks::{IN_USE as MARKS_IN_USE, key_of as key_of_marks};
pub(crate) use self::metadata::{metadata_must_fit, set_metadata};
pub use self::options::{ArchiveOptions, Sharing};
pub use self::query::{SessionCursor, SessionPage, SessionQuery};
pub use self::reader::LogSnapshot;
pub use self::redaction::{Redaction, Redactor};
pub use self::redaction_marks::Redactions;
pub(crate) use self::redaction_marks::{Pair, is_mark, mark_ops, pair};
pub use self::snapshot::Snapshot;
pub use self::to_entry::ToEntry;
pub use self::typed::TypedEntries;
pub use self::words::{Chunk, WordFilter, Words};
