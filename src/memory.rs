//! The reference implementation of [`Store`]: everything in memory, gone with the last clone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::entry::segment_log::LogEntry;
use crate::entry::trace::TraceEntry;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};
use crate::store::Store;

/// A [`Store`] in memory, for tests and for sessions that need not outlive the process.
///
/// Clones share their content. It defines what the contract means: any other store gives the
/// same answers, which the feature `conformance` checks.
///
/// ```
/// use sessiondb::{LogEntry, MemoryStore, Store, new_segment_id, new_session_id};
///
/// let store = MemoryStore::new();
/// let (session, segment) = (new_session_id(), new_segment_id());
/// let entry: LogEntry = serde_json::from_str(r#"{"kind":"turn_end","ts":7,"turn_count":1}"#)?;
/// store.clone().append(session, segment, &entry)?;
/// assert_eq!(store.read_entry_count(session, segment)?, 1);
/// assert_eq!(store.list_sessions()?, [session]);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    sessions: Arc<Mutex<Sessions>>,
}

type Sessions = BTreeMap<SessionId, BTreeMap<SegmentId, Logs>>;

/// The two logs under one segment id.
#[derive(Debug, Default)]
struct Logs {
    /// `None` as long as there are traces alone: the segment does not exist then.
    entries: Option<Vec<LogEntry>>,
    traces: Vec<TraceEntry>,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the traces beside a segment, oldest first; none if there are none.
    ///
    /// ```
    /// use sessiondb::{MemoryStore, Store, TraceEntry, new_segment_id, new_session_id};
    ///
    /// let store = MemoryStore::new();
    /// let (session, segment) = (new_session_id(), new_segment_id());
    /// let trace: TraceEntry =
    ///     serde_json::from_str(r#"{"ts":1,"turn":0,"kind":"lifecycle","label":"start"}"#)?;
    /// store.append_trace(session, segment, &trace)?;
    /// assert_eq!(store.read_traces(session, segment), [trace]);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    pub fn read_traces(&self, session_id: SessionId, segment_id: SegmentId) -> Vec<TraceEntry> {
        self.lock()
            .get(&session_id)
            .and_then(|segments| segments.get(&segment_id))
            .map_or_else(Vec::new, |logs| logs.traces.clone())
    }

    /// A thread that panicked while it held the lock left the map whole: each method below
    /// changes it in one step, after all that can fail.
    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn append(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        let entry = as_read(entry)?;
        logs_mut(&mut self.lock(), session_id, segment_id)
            .entries
            .get_or_insert_default()
            .push(entry);
        Ok(())
    }

    fn read_all(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        entries(&self.lock(), session_id, segment_id)
            .map(<[LogEntry]>::to_vec)
            .ok_or(StoreError::NotFound(segment_id))
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        Ok(self.lock().keys().rev().copied().collect())
    }

    fn list_segments(&self, session_id: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let sessions = self.lock();
        let segments = sessions.get(&session_id).into_iter().flatten();
        let existing = segments.filter(|(_, logs)| logs.entries.is_some());
        Ok(existing.map(|(&id, _)| id).rev().collect())
    }

    /// Of several sessions that hold the segment it is the one with the smallest id
    /// (version 7 ids: the oldest).
    fn lookup_session_of(&self, segment_id: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let sessions = self.lock();
        let mut ids = sessions.keys().copied();
        Ok(ids.find(|&session_id| entries(&sessions, session_id, segment_id).is_some()))
    }

    fn create_segment(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        let entries = entries.iter().map(as_read).collect::<Result<_, _>>()?;
        logs_mut(&mut self.lock(), session_id, segment_id).entries = Some(entries);
        Ok(())
    }

    fn exists(&self, session_id: SessionId, segment_id: SegmentId) -> Result<bool, StoreError> {
        Ok(entries(&self.lock(), session_id, segment_id).is_some())
    }

    fn truncate(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        let mut sessions = self.lock();
        let entries = sessions
            .get_mut(&session_id)
            .and_then(|segments| segments.get_mut(&segment_id))
            .and_then(|logs| logs.entries.as_mut())
            .ok_or(StoreError::NotFound(segment_id))?;
        if entries_len > entries.len() {
            return Err(StoreError::truncate_past_end(
                session_id,
                segment_id,
                entries_len,
                entries.len() as u64,
            ));
        }
        entries.truncate(entries_len);
        Ok(())
    }

    fn read_entry_count(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
    ) -> Result<usize, StoreError> {
        entries(&self.lock(), session_id, segment_id)
            .map(<[LogEntry]>::len)
            .ok_or(StoreError::NotFound(segment_id))
    }

    fn append_trace(
        &self,
        session_id: SessionId,
        segment_id: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        // What has no JSON that could be read back is refused.
        serde_json::to_vec(entry)?;
        let entry = entry.clone();
        logs_mut(&mut self.lock(), session_id, segment_id)
            .traces
            .push(entry);
        Ok(())
    }
}

/// The entries of a segment that exists.
fn entries(
    sessions: &Sessions,
    session_id: SessionId,
    segment_id: SegmentId,
) -> Option<&[LogEntry]> {
    sessions
        .get(&session_id)?
        .get(&segment_id)?
        .entries
        .as_deref()
}

fn logs_mut(sessions: &mut Sessions, session_id: SessionId, segment_id: SegmentId) -> &mut Logs {
    sessions
        .entry(session_id)
        .or_default()
        .entry(segment_id)
        .or_default()
}

/// The entry as it is read back from its JSON. Refuses one that has none, such as an item that is
/// no object.
fn as_read(entry: &LogEntry) -> Result<LogEntry, StoreError> {
    Ok(match entry {
        LogEntry::Unknown(json) => LogEntry::from_json(json.as_str())?,
        entry => LogEntry::from_json(&serde_json::to_string(entry)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{new_segment_id, new_session_id};

    #[test]
    fn a_panic_under_the_lock_does_not_lock_others_out() {
        let store = MemoryStore::new();
        let (session, segment) = (new_session_id(), new_segment_id());
        store.create_segment(session, segment, &[]).unwrap();
        let other = store.clone();
        let panicked = std::thread::spawn(move || {
            let _held = other.lock();
            panic!("under the lock");
        });
        panicked.join().unwrap_err();
        assert!(store.sessions.is_poisoned());
        assert_eq!(store.read_entry_count(session, segment).unwrap(), 0);
    }
}
