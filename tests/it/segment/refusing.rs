//! A store that fails after some entries.

use std::sync::atomic::{AtomicUsize, Ordering};

use sessiondb::{LogEntry, MemoryStore, SegmentId, SessionId, Store, StoreError, TraceEntry};

/// A store that takes `after` entries and then no more.
pub(super) struct Refusing {
    pub(super) inner: MemoryStore,
    pub(super) after: AtomicUsize,
}

impl Store for Refusing {
    fn append(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        if self.after.load(Ordering::Relaxed) == 0 {
            return Err(std::io::Error::other("no space").into());
        }
        self.after.fetch_sub(1, Ordering::Relaxed);
        self.inner.append(session, segment, entry)
    }

    fn read_all(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.inner.read_all(session, segment)
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.inner.list_sessions()
    }

    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        self.inner.list_segments(session)
    }

    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        self.inner.lookup_session_of(segment)
    }

    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.inner.create_segment(session, segment, entries)
    }

    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
        self.inner.exists(session, segment)
    }

    fn read_entry_count(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<usize, StoreError> {
        self.inner.read_entry_count(session, segment)
    }

    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.inner.append_trace(session, segment, entry)
    }
}
