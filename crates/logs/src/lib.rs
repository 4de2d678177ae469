//! The logs of LLM agents into an archive, and back.
//!
//! [`Sync`] finds the folders of all agents on a machine, and [`Watch`] goes on as they grow.
//!
//! [`Import`] reads the folders of all agents that [`sessiondb_agents`] knows. Each session comes in
//! once, under its own id, with a [`Summary`](sessiondb_agents::Summary) of what a list shows.
//!
//! **Who a log is.** Its content says so, and only where it does not its path. The session's id is the
//! agent's own where that is a UUID, else one that is made from it. A subagent's log is a segment of
//! the session that started it. A copy that is longer extends the segment, a shorter one changes
//! nothing, and one that went on elsewhere becomes a branch. So renaming, copying and moving change
//! nothing. A log of no known agent goes where [`sessiondb::jsonl`] puts it.
//!
//! **What is read.** Lines, also compressed with gzip or zstd; sessions that are one JSON document, whose
//! messages become entries; sessions of many files; and what lies beside a session.
//!
//! **Out again.** [`Export`] writes each session as the file that its agent would have written,
//! [`Resume`] where the agent looks for it on this machine, and [`Free`] deletes the source logs of
//! which every byte is in the archive.
//!
//! **What is kept beside the entries.** The summary is a note of the archive,
//! `session/{session}/summary`. A note for each log says where it came from, and how its file began and
//! ended, so that it goes out as it came in. A note for each file says what it was when it was read, so
//! that it is passed over as long as it is the same.

mod database;
mod document;
mod group;
mod host;
mod import;
mod known;
mod lines;
mod notes;
mod opencode;
mod out;
mod place;
mod places;
mod prepare;
mod redact;
mod refresh;
mod report;
mod shorten;
mod sidecar;
mod source;
mod stored;
mod summaries;
mod sync;
mod transcript;
mod tree;
mod visit;
mod watch;

pub use self::import::{Import, Listener, nothing_to_import};
pub use self::known::{
    FromNotes, KnownSegment, stored_summary_of_notes, subagent_of_notes, summary_of_notes,
};
pub use self::notes::{LogNote, SourceNote, TextForm};
pub use self::out::{
    Export, ExportReport, Exported, Free, FreeFile, FreeOutcome, FreeReport, Kept, Likeness,
    Resume, ResumeError, Resumed,
};
pub use self::redact::{RedactReport, redact};
pub use self::refresh::refresh;
pub use self::report::{ImportReport, Imported};
pub use self::stored::StoredSummary;
pub use self::summaries::{Current, keep_up, stored_summary, summary};
pub use self::sync::{AgentReport, Sync, SyncReport, places};
pub use self::transcript::{Transcript, agent_of, main_segment, read_items, subagent_of};
pub use self::watch::Watch;

/// The examples of the README are tested as the documentation is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
