//! Reading an archive: several reads from one consistent state.

use std::fmt;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::info::{Match, SegmentInfo, SessionInfo};
use crate::engine::View;
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
/// archive.log(session, segment).append("one")?;
/// let snapshot = archive.snapshot()?;
/// archive.log(session, segment).append("two")?;
/// assert_eq!(snapshot.log(session, segment).len()?, 1);
/// assert_eq!(snapshot.session(session)?.map(|info| info.entries), Some(1));
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

    /// A session.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn session(&self, session: SessionId) -> Result<Option<SessionInfo>, StoreError> {
        let row = self.view.read(|base| base.session(session))?;
        let row = row.map(|row| (session, row));
        Ok(self.infos(row.as_slice())?.pop())
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
