//! Reading an archive: several reads from one consistent state.

use std::fmt;
use std::ops::RangeBounds;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::entries::{RawEntries, bounds_of};
use super::info::{Match, SegmentInfo, SessionInfo};
use crate::engine::{Layers, LogId, LogKind, View};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};
use crate::raw_json::RawJson;

/// An archive as it was at one moment: made by [`Archive::snapshot`](crate::Archive::snapshot).
///
/// While it lives, the space of what writers replace is not used again: do not keep it for long.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let (session, segment) = (new_session_id(), new_segment_id());
/// archive.log(session, segment).append_raw(b"1")?;
/// let snapshot = archive.snapshot()?;
/// archive.log(session, segment).append_raw(b"2")?;
/// assert_eq!(snapshot.len(session, segment)?, 1);
/// assert_eq!(snapshot.read_raw(session, segment, ..)?.count(), 1);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Snapshot {
    pub(super) view: View,
}

impl Snapshot {
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// The number of entries in a segment.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if there is no such segment, and those of a read:
    /// [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn len(&self, session: SessionId, segment: SegmentId) -> Result<u64, StoreError> {
        self.len_of(&LogId {
            session,
            segment,
            kind: LogKind::Entries,
        })
    }

    /// The entries of a segment, or a range of them, as they were given.
    ///
    /// # Errors
    ///
    /// Those of [`len`](Self::len); each entry may bring [`StoreError::Damaged`].
    pub fn read_raw(
        &self,
        session: SessionId,
        segment: SegmentId,
        range: impl RangeBounds<u64>,
    ) -> Result<RawEntries, StoreError> {
        self.clone().read_raw_of(
            LogId {
                session,
                segment,
                kind: LogKind::Entries,
            },
            range,
        )
    }

    /// The traces of a segment, or a range of them, as they were given.
    ///
    /// # Errors
    ///
    /// Those of a read; each entry may bring [`StoreError::Damaged`].
    pub fn read_raw_traces(
        &self,
        session: SessionId,
        segment: SegmentId,
        range: impl RangeBounds<u64>,
    ) -> Result<RawEntries, StoreError> {
        self.clone().read_raw_of(
            LogId {
                session,
                segment,
                kind: LogKind::Traces,
            },
            range,
        )
    }

    /// All sessions in descending order of their ids (version 7 ids: newest first).
    pub fn sessions(&self) -> Sessions {
        Sessions {
            snapshot: self.clone(),
            before: None,
            page: Vec::new().into_iter(),
            done: false,
        }
    }

    /// A session.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn session(&self, session: SessionId) -> Result<Option<SessionInfo>, StoreError> {
        let row = self.view.read(|base| base.session(session))?;
        Ok(row.map(|row| SessionInfo::new(session, &row)))
    }

    /// The segments of a session in descending order of their ids, those with traces alone
    /// included; none if there is no such session.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn segments(&self, session: SessionId) -> Result<Vec<SegmentInfo>, StoreError> {
        let heads = self.view.read(|base| base.heads(session))?;
        Ok(heads
            .iter()
            .map(|(id, head)| SegmentInfo::new(session, *id, head))
            .collect())
    }

    /// A segment.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn segment(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Option<SegmentInfo>, StoreError> {
        let head = self.view.read(|base| base.head(session, segment))?;
        Ok(head.map(|head| SegmentInfo::new(session, segment, &head)))
    }

    /// A session that holds the segment; of several the one with the lowest id.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.view.read(|base| base.session_of(segment))
    }

    /// Up to 100 sessions, and up to 100 segments that have a log, whose ids begin with `prefix`:
    /// hexadecimal digits, dashes as you like.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn matching(&self, prefix: &str) -> Result<Vec<Match>, StoreError> {
        const LIMIT: usize = 100;
        let Some((low, high)) = id_range(prefix) else {
            return Ok(Vec::new());
        };
        let sessions = self
            .view
            .read(|base| base.sessions_between(low, high, LIMIT))?;
        let segments = self
            .view
            .read(|base| base.segments_between(low, high, LIMIT))?;
        let segments = segments
            .into_iter()
            .map(|(segment, session)| Match::Segment { session, segment });
        Ok(sessions
            .into_iter()
            .map(Match::Session)
            .chain(segments)
            .collect())
    }

    /// The metadata of a session, or `None` if none was set.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn metadata(&self, session: SessionId) -> Result<Option<Map<String, Value>>, StoreError> {
        let json = self.view.read(|base| base.metadata(session))?;
        Ok(json.map(|json| serde_json::from_slice(&json)).transpose()?)
    }

    /// The same as it was written.
    pub(crate) fn raw_metadata(&self, session: SessionId) -> Result<Option<RawJson>, StoreError> {
        let json = self.view.read(|base| base.metadata(session))?;
        let raw = json.map(|json| RawJson::new(String::from_utf8_lossy(&json)));
        Ok(raw.transpose()?)
    }

    pub(super) fn len_of(&self, log: &LogId) -> Result<u64, StoreError> {
        match (self.view.read(|base| base.extent(log))?, log.kind) {
            (Some(extent), _) => Ok(extent.entries),
            (None, LogKind::Traces) => Ok(0),
            (None, LogKind::Entries) => Err(StoreError::NotFound(log.segment)),
        }
    }

    pub(super) fn exists(&self, log: &LogId) -> Result<bool, StoreError> {
        Ok(self.view.read(|base| base.extent(log))?.is_some())
    }

    pub(super) fn read_raw_of(
        self,
        log: LogId,
        range: impl RangeBounds<u64>,
    ) -> Result<RawEntries, StoreError> {
        let len = self.len_of(&log)?;
        let (start, end) = bounds_of(&range);
        let end = end.unwrap_or(len).min(len);
        Ok(RawEntries::new(self.view, log, start.min(end)..end))
    }

    pub(super) fn last_raw_of(self, log: LogId, count: u64) -> Result<RawEntries, StoreError> {
        let len = self.len_of(&log)?;
        Ok(RawEntries::new(
            self.view,
            log,
            len.saturating_sub(count)..len,
        ))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.view.path())
            .finish_non_exhaustive()
    }
}

/// The lowest and the highest id that begin with the prefix; `None` if none can.
fn id_range(prefix: &str) -> Option<(Uuid, Uuid)> {
    let digits: String = prefix.chars().filter(|c| *c != '-').collect();
    if digits.len() > 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let bound =
        |fill: &str| Uuid::parse_str(&format!("{digits}{}", fill.repeat(32 - digits.len())));
    Some((bound("0").ok()?, bound("f").ok()?))
}

/// The sessions of an archive in descending order of their ids, read page by page.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let session = new_session_id();
/// archive.log(session, new_segment_id()).append_raw(b"{}")?;
/// let newest = archive.sessions()?.next().expect("there is one")?;
/// assert_eq!(newest.id, session);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Sessions {
    snapshot: Snapshot,
    before: Option<SessionId>,
    page: std::vec::IntoIter<SessionInfo>,
    done: bool,
}

impl Sessions {
    const PAGE: usize = 64;

    fn next_page(&mut self) -> Result<(), StoreError> {
        let before = self.before;
        let read = |layers: &Layers| layers.sessions_before(before, Self::PAGE);
        let (rows, next) = self.snapshot.view.read(read)?;
        self.done = next.is_none();
        self.before = next;
        let page: Vec<_> = rows
            .iter()
            .map(|(id, row)| SessionInfo::new(*id, row))
            .collect();
        self.page = page.into_iter();
        Ok(())
    }
}

impl Iterator for Sessions {
    type Item = Result<SessionInfo, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(session) = self.page.next() {
                return Some(Ok(session));
            }
            if self.done {
                return None;
            }
            if let Err(err) = self.next_page() {
                self.done = true;
                return Some(Err(err));
            }
        }
    }
}
