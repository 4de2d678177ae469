//! What an archive tells about sessions, segments and itself without reading an entry.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::engine::{Head, OriginRecord, SessionRow};
use crate::ids::{SegmentId, SessionId};

/// A session, as listed.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let session = new_session_id();
/// archive.log(session, new_segment_id()).append("hello")?;
/// let info = archive.session(session)?.expect("it was just made");
/// assert_eq!((info.segments, info.entries, info.entry_bytes), (1, 1, 7));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its id.
    pub id: SessionId,
    /// When its first segment was created, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When it was last written to, in milliseconds since the Unix epoch.
    pub updated_ms: u64,
    /// How many segments it has; those with traces alone do not count.
    pub segments: u64,
    /// The entries of all its segments.
    pub entries: u64,
    /// The bytes of these entries, as they were given; those that segments share count once.
    pub entry_bytes: u64,
    /// The trace entries of all its segments.
    pub traces: u64,
    /// The bytes of these trace entries.
    pub trace_bytes: u64,
    /// Since when it is in the [trash](crate::Archive::trash_session), in milliseconds since the Unix epoch;
    /// `None` if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trashed_ms: Option<u64>,
    /// Whether it is [hidden](crate::Archive::hide_session).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

impl SessionInfo {
    /// A session of which nothing is known but its id, for a program that learns the rest from elsewhere than an archive.
    ///
    /// ```
    /// use sessiondb::{SessionInfo, new_session_id};
    ///
    /// let mut info = SessionInfo::unknown(new_session_id());
    /// info.entries = 3;
    /// assert_eq!((info.entries, info.segments, info.updated_ms), (3, 0, 0));
    /// ```
    pub fn unknown(id: SessionId) -> Self {
        Self {
            id,
            created_ms: 0,
            updated_ms: 0,
            segments: 0,
            entries: 0,
            entry_bytes: 0,
            traces: 0,
            trace_bytes: 0,
            trashed_ms: None,
            hidden: false,
        }
    }

    pub(super) fn new(id: SessionId, row: &SessionRow, marks: SessionMarks) -> Self {
        Self {
            id,
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
            segments: row.segments,
            entries: row.entries,
            entry_bytes: row.entry_bytes,
            traces: row.traces,
            trace_bytes: row.trace_bytes,
            trashed_ms: marks.trashed_ms,
            hidden: marks.hidden,
        }
    }

    pub(crate) fn marks(&self) -> SessionMarks {
        SessionMarks {
            trashed_ms: self.trashed_ms,
            hidden: self.hidden,
        }
    }
}

/// Whether a session is in the trash, and whether it is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SessionMarks {
    /// Since when it is in the trash, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trashed_ms: Option<u64>,
    #[serde(default)]
    pub(crate) hidden: bool,
}

impl SessionMarks {
    /// The same out of the trash.
    pub(crate) fn out_of_trash(self) -> Self {
        Self {
            trashed_ms: None,
            ..self
        }
    }
}

/// A segment, as listed.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let (session, segment) = (new_session_id(), new_segment_id());
/// archive.trace(session, segment).append("hello")?;
/// let info = archive.segment(session, segment)?.expect("it was just made");
/// assert!(!info.exists);
/// assert_eq!(info.traces, 1);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// The session it belongs to.
    pub session: SessionId,
    /// Its id.
    pub id: SegmentId,
    /// Whether it has a log; without one it has traces alone.
    pub exists: bool,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When it was last written to, in milliseconds since the Unix epoch.
    pub updated_ms: u64,
    /// How many entries it has.
    pub entries: u64,
    /// The bytes of these entries, as they were given; those that it shares with its parent do not
    /// count.
    pub entry_bytes: u64,
    /// How many trace entries it has.
    pub traces: u64,
    /// The bytes of these trace entries.
    pub trace_bytes: u64,
    /// The segment that this one came from, if it was forked or its first entry named one.
    pub origin: Option<SegmentOrigin>,
    /// The segment with which this one shares its first entries, if it is a branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<SegmentParent>,
    /// How many segments share entries with this one as their parent.
    #[serde(skip_serializing_if = "is_zero")]
    pub branches: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl SegmentInfo {
    pub(super) fn new(session: SessionId, id: SegmentId, head: &Head) -> Self {
        Self {
            session,
            id,
            exists: head.exists,
            created_ms: head.created_ms,
            updated_ms: head.updated_ms,
            entries: head.log.entries,
            entry_bytes: head.log.bytes,
            traces: head.traces.entries,
            trace_bytes: head.traces.bytes,
            origin: head.origin.as_ref().map(SegmentOrigin::new),
            parent: head.parent.map(|parent| SegmentParent {
                segment: parent.segment,
                len: parent.len,
            }),
            branches: head.branches,
        }
    }
}

/// Of what a branch consists besides its own entries: see [`Log::branch`](crate::Log::branch).
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append_many([1, 2, 3])?;
/// let branch = log.branch(2, new_segment_id())?.segment_id();
/// let parent = archive.segment(log.session_id(), branch)?.and_then(|info| info.parent).unwrap();
/// assert_eq!((parent.segment, parent.len), (log.segment_id(), 2));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentParent {
    /// The segment of the same session that holds the first entries.
    pub segment: SegmentId,
    /// How many of its entries are shared.
    pub len: u64,
}

/// Where a segment came from.
///
/// ```
/// use sessiondb::archive::OriginKind;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let (session, parent, fork) = (new_session_id(), new_segment_id(), new_segment_id());
/// let start = serde_json::json!({
///     "kind": "segment_start",
///     "forked_from": {"segment_id": parent, "at_turn_index": 3},
/// });
/// archive.log(session, fork).append(&start)?;
/// let origin = archive.segment(session, fork)?.and_then(|info| info.origin).expect("a fork");
/// assert_eq!((origin.kind, origin.segment, origin.at_turn), (OriginKind::Fork, parent, 3));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentOrigin {
    /// How it came from there.
    pub kind: OriginKind,
    /// The segment that it came from.
    pub segment: SegmentId,
    /// The turn of that segment at which it left.
    pub at_turn: u64,
}

impl SegmentOrigin {
    fn new(record: &OriginRecord) -> Self {
        let kind = match record.kind {
            2 => OriginKind::Compaction,
            _ => OriginKind::Fork,
        };
        Self {
            kind,
            segment: record.segment,
            at_turn: record.at_turn,
        }
    }
}

/// How a segment came from another.
///
/// ```
/// assert_eq!(serde_json::to_string(&sessiondb::archive::OriginKind::Fork)?, r#""fork""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    /// It goes on from a point of the other (`forked_from`).
    Fork,
    /// It holds the other in short (`compacted_from`).
    Compaction,
}

/// An archive in figures.
///
/// ```
/// let stats = sessiondb::Archive::in_memory()?.stats()?;
/// assert_eq!((stats.sessions, stats.entries), (0, 0));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArchiveStats {
    /// The file.
    pub path: PathBuf,
    /// The version of its format.
    pub format_version: u32,
    /// The id that it got at its creation.
    pub archive_id: Uuid,
    /// The length of the file, in bytes.
    pub file_bytes: u64,
    /// How many sessions it holds.
    pub sessions: u64,
    /// How many segments with a log they have.
    pub segments: u64,
    /// The entries of all segments.
    pub entries: u64,
    /// The bytes of these entries, as they were given; those that segments share count once.
    pub entry_bytes: u64,
    /// The trace entries of all segments.
    pub traces: u64,
    /// The bytes of these trace entries.
    pub trace_bytes: u64,
    /// How many names it holds.
    pub names: u64,
    /// How many of the sessions are in the [trash](crate::Archive::trash_session).
    pub trashed_sessions: u64,
    /// The bytes of the entries and traces of those, as they were given.
    pub trashed_bytes: u64,
}

/// An id that begins with what was asked for.
///
/// ```
/// use sessiondb::archive::Match;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let (session, segment) = (new_session_id(), new_segment_id());
/// archive.log(session, segment).append("hello")?;
/// let found = archive.matching(&segment.to_string())?;
/// assert_eq!(found, [Match::Segment { session, segment }]);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// A session.
    Session(SessionId),
    /// A segment that has a log.
    Segment {
        /// The session that holds it.
        session: SessionId,
        /// The segment.
        segment: SegmentId,
    },
}
