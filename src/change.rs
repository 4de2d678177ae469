//! What an archive tells those who follow it.

use std::ops::Range;

use serde::Serialize;

use crate::ids::{SegmentId, SessionId};

/// One change of an archive, as [`Archive::changes`](crate::Archive::changes) tells it.
///
/// ```
/// use sessiondb::archive::ChangeKind;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let mut changes = archive.changes()?;
/// let (session, segment) = (new_session_id(), new_segment_id());
/// archive.log(session, segment).append_many(["hello", "again"])?;
/// let change = changes.next().expect("it goes on until it is cancelled")?;
/// assert_eq!(change.kind, ChangeKind::Append);
/// assert_eq!((change.session, change.segment), (Some(session), Some(segment)));
/// assert_eq!(change.range, 0..2);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// What was done.
    pub kind: ChangeKind,
    /// The session, of changes to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The segment, of changes to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentId>,
    /// Whether it is the traces of the segment that changed, and not its log.
    pub trace: bool,
    /// Of which entries [`kind`](Self::kind) speaks; empty where it speaks of none.
    pub range: Range<u64>,
    /// The name, of changes to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The version of the archive before the change, which its [`Receipt`](crate::Receipt) tells too;
    /// [`Archive::version`](crate::Archive::version) is greater with it. Changes that were made as one
    /// step have the same.
    pub version: u64,
}

/// What was done.
///
/// ```
/// use sessiondb::archive::ChangeKind;
///
/// assert_eq!(serde_json::to_string(&ChangeKind::DeleteSession)?, r#""delete_session""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// Entries were added to the end of a log: those in the range.
    Append,
    /// A log holds other entries now: those in the range.
    Replace,
    /// Entries were removed from the end of a log. The range is empty and stands at its new length.
    Truncate,
    /// A segment was made that shares the entries in the range with another one.
    Branch,
    /// Other entries stand in place of those in the range, also in the segments that share them.
    Erase,
    /// A log was removed, and with the last one of its session the session and its metadata.
    DeleteLog,
    /// A session was removed.
    DeleteSession,
    /// The metadata of a session was set.
    Metadata,
    /// The record of a name was set.
    Name,
    /// A name was removed.
    DeleteName,
    /// The file was put in order in place. What it holds is the same.
    Compaction,
    /// What happened before this is not known: it was too much for one who slept, or another process
    /// made a change that is larger than the journal. Read again what you show; from here on nothing
    /// is missing.
    Gap,
}

impl Change {
    pub(crate) fn new(kind: ChangeKind, version: u64) -> Self {
        Self {
            kind,
            session: None,
            segment: None,
            trace: false,
            range: 0..0,
            name: None,
            version,
        }
    }
}
