//! What a merge tells of what it did.

use serde::Serialize;

use crate::ids::{SegmentId, SessionId};

/// What a merge did.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::portable::Merge;
///
/// let report = Merge::new(&Archive::in_memory()?).run(&Archive::in_memory()?, None)?;
/// assert!(report.sessions.is_empty());
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct MergeReport {
    /// Every session of the other archive, by ascending id.
    pub sessions: Vec<MergedSession>,
    /// The names that were taken over.
    pub names: Vec<String>,
    /// What differs in metadata and names, and stays as it is here.
    pub notes: Vec<String>,
}

/// What became of one session of the other archive.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb::portable::{Merge, MergeOutcome};
///
/// let there = Archive::in_memory()?;
/// there.log(new_session_id(), new_segment_id()).append(&1)?;
/// let report = Merge::new(&Archive::in_memory()?).run(&there, None)?;
/// assert_eq!((&report.sessions[0].outcome, report.sessions[0].entries), (&MergeOutcome::Added, 1));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MergedSession {
    /// The session.
    pub id: SessionId,
    /// What was done.
    pub outcome: MergeOutcome,
    /// How many of its segments were not here, those that were made for what differs included.
    pub segments: u64,
    /// How many segments were made for what differs.
    pub branches: u64,
    /// How many entries were added.
    pub entries: u64,
    /// How many traces were added.
    pub traces: u64,
    /// Whether its metadata was taken over.
    pub metadata: bool,
    /// How many notes on it were taken over.
    pub notes: u64,
    /// Whether it is in the [trash](crate::Archive::trash_session) here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_trash: bool,
    /// What was left out since it was taken away here for good.
    pub left_out: LeftOut,
}

/// What a merge leaves out since it was taken away here for good, see
/// [`Archive::forget_session`](crate::Archive::forget_session).
///
/// ```
/// use sessiondb::portable::Merge;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let (here, there) = (Archive::in_memory()?, Archive::in_memory()?);
/// let (session, segment) = (new_session_id(), new_segment_id());
/// there.log(session, segment).append_many([1, 2])?;
/// Merge::new(&here).run(&there, None)?;
/// here.forget_session(session)?;
///
/// let report = Merge::new(&here).run(&there, None)?;
/// assert_eq!((report.left_out().sessions, report.new_entries()), (1, 0));
/// let report = Merge::new(&here).again(true).run(&there, None)?;
/// assert!(report.left_out().is_nothing());
/// assert_eq!(report.new_entries(), 2);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// Sessions that were removed here.
    pub sessions: u64,
    /// Segments that were removed here by themselves.
    pub segments: u64,
    /// Entries and traces that were cut off or erased here.
    pub entries: u64,
}

impl LeftOut {
    /// Whether there was nothing to leave out.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What was done with a session.
///
/// ```
/// let json = serde_json::to_string(&sessiondb::portable::MergeOutcome::Unchanged)?;
/// assert_eq!(json, r#""unchanged""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MergeOutcome {
    /// It was not here.
    Added,
    /// It was here with less.
    Extended,
    /// It was here with all that the other archive has.
    Unchanged,
    /// It contradicts what is here, and was left as it is: only with
    /// [`OnConflict::Skip`](super::OnConflict::Skip).
    Conflict(Vec<MergeConflict>),
    /// It was taken away here for good, and was left out.
    Forgotten,
}

/// Where a log of the other archive and the one here part.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb::portable::{Merge, OnConflict};
///
/// let (here, there) = (Archive::in_memory()?, Archive::in_memory()?);
/// let (session, segment) = (new_session_id(), new_segment_id());
/// here.log(session, segment).append_many([1, 2])?;
/// there.log(session, segment).append_many([1, 3])?;
/// let report = Merge::new(&here).on_conflict(OnConflict::Skip).run(&there, None)?;
/// let (id, conflict) = report.conflicts().next().expect("there is one");
/// assert_eq!((id, conflict.segment, conflict.entry), (session, segment, 1));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MergeConflict {
    /// The segment.
    pub segment: SegmentId,
    /// Whether it is the traces that differ.
    pub traces: bool,
    /// The first entry that differs, counted from 0.
    pub entry: u64,
}

impl MergeReport {
    /// The number of entries and traces that were added.
    pub fn new_entries(&self) -> u64 {
        let new = |session: &MergedSession| session.entries + session.traces;
        self.sessions.iter().map(new).sum()
    }

    /// How many segments were made for what differs.
    pub fn branches(&self) -> u64 {
        self.sessions.iter().map(|session| session.branches).sum()
    }

    /// What was left out of all sessions since it was taken away here for good.
    pub fn left_out(&self) -> LeftOut {
        let mut sum = LeftOut::default();
        for session in &self.sessions {
            sum.sessions += session.left_out.sessions;
            sum.segments += session.left_out.segments;
            sum.entries += session.left_out.entries;
        }
        sum
    }

    /// How many of the sessions are in the [trash](crate::Archive::trash_session) here.
    pub fn in_trash(&self) -> usize {
        let in_trash = self.sessions.iter().filter(|session| session.in_trash);
        in_trash.count()
    }

    /// All conflicts, each with its session.
    pub fn conflicts(&self) -> impl Iterator<Item = (SessionId, &MergeConflict)> {
        self.sessions.iter().flat_map(|session| {
            let conflicts = match &session.outcome {
                MergeOutcome::Conflict(conflicts) => conflicts.as_slice(),
                _ => &[],
            };
            conflicts.iter().map(|conflict| (session.id, conflict))
        })
    }

    /// Whether nothing was new.
    pub fn is_unchanged(&self) -> bool {
        let unchanged = |session: &MergedSession| {
            matches!(
                session.outcome,
                MergeOutcome::Unchanged | MergeOutcome::Forgotten
            )
        };
        self.names.is_empty() && self.sessions.iter().all(unchanged)
    }
}
