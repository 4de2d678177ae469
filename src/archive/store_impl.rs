//! The archive as a [`Store`], and the step that only an archive can take as one: check the
//! head and fork.

use super::Archive;
use crate::event_trace::TraceEntry;
use crate::ids::{SegmentId, SessionId, new_segment_id};
use crate::replay::SegmentState;
use crate::segment::{self, Head};
use crate::segment_log::LogEntry;
use crate::store::{Store, StoreError};

impl Store for Archive {
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.log(session_id, segment_id).append(entry).map(|_| ())
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.log(session_id, segment_id).read(..)?.collect()
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.sessions()?.map(|session| Ok(session?.id)).collect()
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let segments = self.segments(session_id)?;
        Ok(segments
            .iter()
            .filter(|segment| segment.exists)
            .map(|segment| segment.id)
            .collect())
    }

    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.snapshot()?.session_of(segment_id)
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.log(session_id, segment_id).replace(entries)
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        self.log(session_id, segment_id).exists()
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        self.log(session_id, segment_id)
            .truncate(entries_len as u64)
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        let len = self.log(session_id, segment_id).len()?;
        Ok(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.trace(session_id, segment_id).append(entry).map(|_| ())
    }
}

impl Archive {
    /// Makes sure that a writer is alone on its segment, as [`segment::ensure_head_or_fork`]
    /// does, with the check and the fork as one step: no other writer comes in between.
    ///
    /// ```
    /// use sessiondb::segment::{self, Seed};
    /// use sessiondb::Archive;
    ///
    /// let archive = Archive::in_memory()?;
    /// let head = segment::start(&archive, &Seed::default())?;
    /// let state = segment::restore(&archive, head.session_id, head.segment_id)?;
    /// assert_eq!(archive.ensure_head_or_fork(head, &state)?, head);
    ///
    /// let mut other_writer = head;
    /// segment::save_turn_end(&archive, &mut other_writer, 1)?;
    /// assert!(archive.ensure_head_or_fork(head, &state)?.forked);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if the segment is gone, and those of a write.
    pub fn ensure_head_or_fork(
        &self,
        head: Head,
        state: &SegmentState,
    ) -> Result<Head, StoreError> {
        let Head {
            session_id,
            segment_id,
            entries,
            ..
        } = head;
        let fork_id = new_segment_id();
        let origin = segment::origin(segment_id, state.turn_count);
        self.commit(|snapshot| {
            if snapshot.len(session_id, segment_id)? == entries as u64 {
                return Ok((
                    Vec::new(),
                    Head {
                        forked: false,
                        ..head
                    },
                ));
            }
            let fork = self.log(session_id, fork_id);
            let entry = segment::fork_entry(session_id, state, origin);
            let op = fork.replace_op(fork.collect(&[entry])?);
            Ok((
                vec![op],
                Head {
                    forked: true,
                    ..Head::new(session_id, fork_id, 1)
                },
            ))
        })
    }
}
