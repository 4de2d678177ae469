//! The contract: what an agent runtime asks of the place where its sessions are kept.

use crate::entry::segment_log::LogEntry;
use crate::entry::trace::TraceEntry;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// A place that keeps sessions.
///
/// Each session is a tree of segments, each segment an append-only log of entries numbered from
/// 0, with an independent trace log beside it.
///
/// - **Atomic**: a call takes effect as a whole or not at all. A call that fails leaves nothing
///   that a later read shows, unless the error says that its outcome is unknown.
/// - **Ordered**: the entries of a segment have one order, the same for every reader; appends
///   from several threads (and, on an [`Archive`](crate::Archive), several processes) are each
///   present once.
/// - **Shared**: all methods take `&self`; an implementation can be used from several threads.
///
/// [`MemoryStore`](crate::MemoryStore) is the reference implementation, and the feature
/// `conformance` holds the contract as a test suite that any implementation can run.
///
/// ```
/// use sessiondb::{LogEntry, MemoryStore, Store, new_segment_id, new_session_id};
///
/// let store = MemoryStore::new();
/// let (session, segment) = (new_session_id(), new_segment_id());
/// let entry: LogEntry = serde_json::from_str(r#"{"kind":"invoke","ts":2,"trigger":"user_send"}"#)?;
/// store.append(session, segment, &entry)?;
/// assert_eq!(store.read_all(session, segment)?, vec![entry]);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
pub trait Store: Send + Sync {
    /// Appends `entry` to the end of a segment, creating session and segment if need be.
    ///
    /// # Errors
    ///
    /// Those of the implementation; the segment is then as before, unless the error says that
    /// the outcome is unknown.
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError>;

    /// Returns every entry of a segment, oldest first. One that fits no type, however it came in,
    /// is [`LogEntry::Unknown`] with its bytes, as [`LogEntry::from_json`] has it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if there is no such segment, [`StoreError::Corrupt`] if an entry
    /// is not JSON, which an [`Archive`](crate::Archive) does not take.
    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError>;

    /// Calls `each` with every entry of a segment, oldest first. A store that can do so holds only
    /// a part of them in memory at a time; by default they are those of
    /// [`read_all`](Self::read_all).
    ///
    /// # Errors
    ///
    /// Those of [`read_all`](Self::read_all); `each` may have been called with the entries before
    /// the one that failed.
    fn for_each_entry(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        each: &mut dyn FnMut(LogEntry),
    ) -> Result<(), StoreError> {
        let entries = self.read_all(session_id, segment_id)?;
        entries.into_iter().for_each(each);
        Ok(())
    }

    /// Returns the ids of all sessions in descending order (version 7 ids: newest first),
    /// those that hold traces alone included.
    ///
    /// # Errors
    ///
    /// Those of the implementation.
    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError>;

    /// Returns the ids of a session's segments in descending order; none if there is no such
    /// session. Traces alone do not make a segment.
    ///
    /// # Errors
    ///
    /// Those of the implementation.
    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError>;

    /// Returns a session that holds the segment. If several do, it is always the same one.
    ///
    /// # Errors
    ///
    /// Those of the implementation.
    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError>;

    /// Creates a segment that holds `entries`, in place of the one that is there, if any.
    /// With no entries the segment exists and is empty.
    ///
    /// # Errors
    ///
    /// Those of the implementation; the old segment is then as before.
    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError>;

    /// Tells whether the segment exists. Traces alone do not make it exist.
    ///
    /// # Errors
    ///
    /// Those of the implementation.
    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError>;

    /// Removes all entries of a segment from number `entries_len` on. The segment stays, even
    /// when no entry is left, and its traces are not touched.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if there is no such segment; [`StoreError::Corrupt`] with
    /// `line = entries_len` if it holds fewer entries, and nothing is changed.
    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        let mut entries = self.read_all(session_id, segment_id)?;
        match entries.len() {
            len if entries_len > len => Err(StoreError::truncate_past_end(
                session_id,
                segment_id,
                entries_len,
                len as u64,
            )),
            len if entries_len == len => Ok(()),
            _ => {
                entries.truncate(entries_len);
                self.create_segment(session_id, segment_id, &entries)
            }
        }
    }

    /// Returns the number of entries in a segment.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if there is no such segment.
    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError>;

    /// Appends `entry` to the trace log beside a segment. The segment itself need not exist and
    /// is not created.
    ///
    /// # Errors
    ///
    /// Those of the implementation.
    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError>;
}
