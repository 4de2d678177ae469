//! An archive that is open in this process: what is asked of it as a whole.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::durability::Durability;
use super::info::{ArchiveStats, Match, SegmentInfo, SessionInfo};
use super::listing::{Segments, Sessions};
use super::query::{SessionPage, SessionQuery};
use super::snapshot::Snapshot;
use crate::engine::{Engine, LogId, LogKind, Op, View};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// One file of sessions, open in this process. One for all sessions of a runtime is the intended
/// use: making one costs some waits for the disk. Cheap to clone; all clones, and all handles that
/// this process has opened on the same file, are the same store.
///
/// Entries are reached through a [`Log`](crate::Log); reads that must agree with each other go
/// through a [`Snapshot`]; changes that must happen together go into a [`Batch`](crate::Batch). An
/// archive is also a [`Store`](crate::Store).
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("agent.sessiondb");
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::open(&path)?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append(&serde_json::json!({"role": "user", "text": "hello"}))?;
/// assert_eq!(log.len()?, 1);
/// archive.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Archive {
    pub(super) engine: Arc<Engine>,
    pub(super) durability: Durability,
}

impl Archive {
    pub(crate) fn new(engine: Arc<Engine>, durability: Durability) -> Self {
        Self { engine, durability }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.engine.path()
    }

    /// What an append through this handle has survived when it returns `Ok`.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// The archive as of now, for several reads that agree with each other.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], [`StoreError::Damaged`], [`StoreError::Busy`] if others change the archive
    /// faster than it can be looked at.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot {
            view: self.engine.view()?,
        })
    }

    /// All sessions in descending order of their ids (version 7 ids: newest first).
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn sessions(&self) -> Result<Sessions, StoreError> {
        Ok(self.snapshot()?.sessions())
    }

    /// A session. See [`Snapshot::session`].
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn session(&self, session: SessionId) -> Result<Option<SessionInfo>, StoreError> {
        self.snapshot()?.session(session)
    }

    /// All sessions, the last written to first. See [`Snapshot::sessions_by_last_use`].
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn sessions_by_last_use(&self) -> Result<Sessions, StoreError> {
        self.snapshot()?.sessions_by_last_use()
    }

    /// A page of sessions, the last written to first. See [`Snapshot::query_sessions`].
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn query_sessions(&self, query: &SessionQuery) -> Result<SessionPage, StoreError> {
        self.snapshot()?.query_sessions(query)
    }

    /// The segments of a session. See [`Snapshot::segments`].
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn segments(&self, session: SessionId) -> Result<Segments, StoreError> {
        Ok(self.snapshot()?.segments(session))
    }

    /// A segment. See [`Snapshot::segment`].
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn segment(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Option<SegmentInfo>, StoreError> {
        self.snapshot()?.segment(session, segment)
    }

    /// The sessions and segments whose ids begin with `prefix`. See [`Snapshot::matching`].
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn matching(&self, prefix: &str) -> Result<Vec<Match>, StoreError> {
        self.snapshot()?.matching(prefix)
    }

    /// The archive in figures. Takes a pass over the sessions, not over their entries.
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn stats(&self) -> Result<ArchiveStats, StoreError> {
        let snapshot = self.snapshot()?;
        let mut stats = ArchiveStats {
            path: self.path().to_owned(),
            format_version: self.engine.format_version(),
            archive_id: self.engine.archive_id(),
            file_bytes: self.engine.file_bytes()?,
            sessions: 0,
            segments: 0,
            entries: 0,
            entry_bytes: 0,
            traces: 0,
            trace_bytes: 0,
            names: snapshot.names()?.len() as u64,
            trashed_sessions: 0,
            trashed_bytes: 0,
        };
        for session in snapshot.sessions() {
            let session = session?;
            stats.sessions += 1;
            stats.segments += session.segments;
            stats.entries += session.entries;
            stats.entry_bytes += session.entry_bytes;
            stats.traces += session.traces;
            stats.trace_bytes += session.trace_bytes;
            if session.trashed_ms.is_some() {
                stats.trashed_sessions += 1;
                stats.trashed_bytes += session.entry_bytes + session.trace_bytes;
            }
        }
        Ok(stats)
    }

    /// Removes a segment with its entries and traces. Returns whether it was there. A session
    /// ends, and its metadata goes, with its last segment.
    ///
    /// # Errors
    ///
    /// Those of a write: [`StoreError::Busy`], [`StoreError::OutcomeUnknown`],
    /// [`StoreError::Poisoned`], [`StoreError::ReadOnly`].
    pub fn delete_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<bool, StoreError> {
        let delete = |kind| Op::DeleteLog {
            log: LogId {
                session,
                segment,
                kind,
            },
        };
        let ops = [delete(LogKind::Entries), delete(LogKind::Traces)];
        Ok(self
            .engine
            .write(self.is_synced(), ops)?
            .lengths
            .contains(&1))
    }

    /// Removes a session with all that belongs to it. Returns whether it was there. Names that
    /// point to it stay.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn delete_session(&self, session: SessionId) -> Result<bool, StoreError> {
        Ok(self
            .engine
            .write(self.is_synced(), [Op::DeleteSession { session }])?
            .lengths
            == [1])
    }

    /// Waits until all that this process has written is synced, whatever its durability.
    ///
    /// # Errors
    ///
    /// [`StoreError::OutcomeUnknown`] if the disk refuses.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.engine.sync()
    }

    /// Folds the whole journal into the database of the file. It happens by itself when the
    /// journal is full; nothing that a read shows depends on it.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.engine.checkpoint()
    }

    /// The number of changes that the archive has seen, by whichever process. Grows with each.
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn version(&self) -> Result<u64, StoreError> {
        self.engine.version()
    }

    /// Waits until the archive is changed, by whichever process, and returns its version: other
    /// than `version` if there was a change, the same if the time was up before. A change by this
    /// process wakes it at once; for others it looks every 10 ms. It pins nothing while it waits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let archive = Archive::in_memory()?;
    /// let version = archive.version()?;
    /// assert_eq!(archive.wait_for_change(version, Duration::ZERO)?, version);
    /// archive.log(new_session_id(), new_segment_id()).append("hello")?;
    /// assert_ne!(archive.wait_for_change(version, Duration::from_secs(1))?, version);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn wait_for_change(&self, version: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.engine.wait_for_change(version, timeout)
    }

    pub(super) fn is_synced(&self) -> bool {
        self.durability == Durability::Synced
    }

    pub(super) fn write(&self, ops: impl Into<Vec<Op>>) -> Result<(), StoreError> {
        self.engine.write(self.is_synced(), ops).map(drop)
    }

    /// Makes the changes that `decide` draws from the state as one step with looking at it.
    pub(crate) fn commit<R>(
        &self,
        decide: impl FnOnce(&Snapshot) -> Result<(Vec<Op>, R), StoreError>,
    ) -> Result<R, StoreError> {
        self.commit_as(self.is_synced(), decide)
    }

    /// The same, synced or not.
    pub(super) fn commit_as<R>(
        &self,
        synced: bool,
        decide: impl FnOnce(&Snapshot) -> Result<(Vec<Op>, R), StoreError>,
    ) -> Result<R, StoreError> {
        let decide = |view: &View| decide(&Snapshot { view: view.clone() });
        Ok(self.engine.commit(synced, decide)?.0)
    }

    /// The same with a decision that can fail for reasons of its own, after which nothing is
    /// written.
    pub(super) fn try_commit<R, E: From<StoreError>>(
        &self,
        decide: impl FnOnce(&Snapshot) -> Result<(Vec<Op>, R), E>,
    ) -> Result<R, E> {
        self.commit(|snapshot| match decide(snapshot) {
            Ok((ops, decided)) => Ok((ops, Ok(decided))),
            Err(err) => Ok((Vec::new(), Err(err))),
        })?
    }

    /// Whether the two are handles on one store.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine)
    }

    /// The same past the journal, of which no byte is left.
    pub(crate) fn commit_without_journal<R>(
        &self,
        decide: impl FnOnce(&Snapshot) -> Result<(Vec<Op>, R), StoreError>,
    ) -> Result<R, StoreError> {
        let decide = |view: &View| decide(&Snapshot { view: view.clone() });
        self.engine.commit_without_journal(decide)
    }
}
