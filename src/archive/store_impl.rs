//! The archive as a [`Store`].

use super::handle::Archive;
use super::info::SessionInfo;
use super::typed::LogEntries;
use crate::entry::segment_log::LogEntry;
use crate::entry::trace::TraceEntry;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};
use crate::store::Store;

impl Store for Archive {
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        let log = self.log(session_id, segment_id);
        let collected = log.collect_log_entries(std::slice::from_ref(entry))?;
        log.append_op(None, collected).map(drop)
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        LogEntries::new(self.log(session_id, segment_id).read_existing(..)?).collect()
    }

    fn for_each_entry(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        each: &mut dyn FnMut(LogEntry),
    ) -> Result<(), StoreError> {
        let mut entries = LogEntries::new(self.log(session_id, segment_id).read_existing(..)?);
        entries.try_for_each(|entry| entry.map(&mut *each))
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        let has_logs = |session: &SessionInfo| session.segments > 0 || session.traces > 0;
        let sessions = self.sessions()?.filter(|session| {
            // One that has metadata alone is no session to callers who know logs.
            session.as_ref().map_or(true, has_logs)
        });
        sessions.map(|session| Ok(session?.id)).collect()
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let segments = self.segments(session_id)?;
        let logs = segments.filter_map(|segment| match segment {
            Ok(segment) => segment.exists.then_some(Ok(segment.id)),
            Err(err) => Some(Err(err)),
        });
        logs.collect()
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
        let log = self.log(session_id, segment_id);
        let collected = log.collect_log_entries(entries)?;
        log.write([log.replace_op(collected)]).map(drop)
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
        let len = self
            .log(session_id, segment_id)
            .snapshot()?
            .existing_len()?;
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
