//! A store with a fault of one's choice, or with none.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use sessiondb::{LogEntry, MemoryStore, SegmentId, SessionId, Store, StoreError, TraceEntry};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    AppendWantsSegment,
    AppendLosesFifth,
    AppendRereads,
    ReadsBackwards,
    EachSkipsLast,
    CountsOneShort,
    MissingReadsEmpty,
    MissingCountsZero,
    MissingIsTruncated,
    ExistsWithSession,
    LookupGuesses,
    LookupAlternates,
    LookupFollowsAppend,
    MixesSessions,
    CreateAppends,
    CreateKeepsFirst,
    CreateIgnoresEmpty,
    CreateInSteps,
    TruncateKeepsEnd,
    TruncateToZeroDeletes,
    TruncateToCountFails,
    TruncateToCountEmpties,
    TruncatePastEndIsOk,
    TruncatePastEndNamesLength,
    TruncatePastEndEmpties,
    ListsAscend,
    ListsSigned,
    TraceMakesSegment,
    TraceAloneIsUnlisted,
    TraceGoesToLog,
    FailedAppendLeavesPart,
    FailedAppendMakesSegment,
    FailedCreateLeavesPart,
    DropsUnknownFields,
    GoesByValue,
    LosesBeyondThousand,
}

/// A store with one fault.
pub(super) struct Broken {
    fault: Fault,
    /// Replaced as a whole where a fault deletes.
    inner: Mutex<MemoryStore>,
    calls: AtomicUsize,
    last_appended: Mutex<Option<SessionId>>,
}

impl Broken {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            fault,
            inner: Mutex::default(),
            calls: AtomicUsize::new(0),
            last_appended: Mutex::default(),
        }
    }

    fn inner(&self) -> MemoryStore {
        self.inner.lock().unwrap().clone()
    }

    fn log(&self, session: SessionId) -> SessionId {
        match self.fault {
            Fault::MixesSessions => self.list_sessions().unwrap().pop().unwrap_or(session),
            _ => session,
        }
    }

    fn delete(&self, session: SessionId, segment: SegmentId) {
        let old = self.inner();
        let new = MemoryStore::new();
        for s in old.list_sessions().unwrap() {
            for g in old.list_segments(s).unwrap() {
                if (s, g) != (session, segment) {
                    new.create_segment(s, g, &old.read_all(s, g).unwrap())
                        .unwrap();
                }
            }
        }
        *self.inner.lock().unwrap() = new;
    }

    fn order(&self, mut ids: Vec<SessionId>) -> Vec<SessionId> {
        match self.fault {
            Fault::ListsAscend => ids.reverse(),
            Fault::ListsSigned => {
                ids.sort_by_key(|id| std::cmp::Reverse(id.as_u128().cast_signed()));
            }
            _ => {}
        }
        ids
    }
}

impl Store for Broken {
    fn append(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        let (inner, session) = (self.inner(), self.log(session));
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        *self.last_appended.lock().unwrap() = Some(session);
        match self.fault {
            Fault::AppendWantsSegment if !inner.exists(session, segment)? => {
                Err(StoreError::NotFound(segment))
            }
            Fault::AppendLosesFifth if call == 4 => Ok(()),
            Fault::AppendRereads if inner.exists(session, segment)? => {
                let mut entries = inner.read_all(session, segment)?;
                thread::yield_now();
                entries.push(entry.clone());
                inner.create_segment(session, segment, &entries)
            }
            Fault::GoesByValue => {
                let value = serde_json::to_value(entry)?;
                inner.append(session, segment, &LogEntry::Unknown(value.into()))
            }
            Fault::DropsUnknownFields => {
                let mut value = serde_json::to_value(entry)?;
                if let Some(fields) = value
                    .as_object_mut()
                    .filter(|f| f.get("kind").is_some_and(|kind| kind == "turn_end"))
                {
                    fields.retain(|name, _| ["kind", "ts", "turn_count"].contains(&&**name));
                }
                inner.append(session, segment, &LogEntry::Unknown(value.into()))
            }
            _ => inner
                .append(session, segment, entry)
                .inspect_err(|_| match self.fault {
                    Fault::FailedAppendLeavesPart => {
                        inner.append(session, segment, &part()).unwrap();
                    }
                    Fault::FailedAppendMakesSegment if !inner.exists(session, segment).unwrap() => {
                        inner.create_segment(session, segment, &[]).unwrap();
                    }
                    _ => {}
                }),
        }
    }

    fn read_all(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        match (
            self.fault,
            self.inner().read_all(self.log(session), segment),
        ) {
            (Fault::MissingReadsEmpty, Err(_)) => Ok(vec![]),
            (Fault::ReadsBackwards, Ok(entries)) => Ok(entries.into_iter().rev().collect()),
            (_, result) => result,
        }
    }

    fn for_each_entry(
        &self,
        session: SessionId,
        segment: SegmentId,
        each: &mut dyn FnMut(LogEntry),
    ) -> Result<(), StoreError> {
        let mut entries = self.read_all(session, segment)?;
        if self.fault == Fault::EachSkipsLast {
            entries.pop();
        }
        entries.into_iter().for_each(each);
        Ok(())
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        self.inner().list_sessions().map(|ids| self.order(ids))
    }

    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        let ids = self.inner().list_segments(self.log(session));
        ids.map(|ids| self.order(ids))
    }

    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let inner = self.inner();
        let mut sessions = inner.list_sessions()?;
        match self.fault {
            Fault::LookupGuesses => Ok(sessions.pop()),
            Fault::LookupAlternates => {
                sessions.retain(|&id| inner.exists(id, segment).unwrap());
                let call = self.calls.fetch_add(1, Ordering::Relaxed);
                Ok((!sessions.is_empty()).then(|| sessions[call % sessions.len()]))
            }
            Fault::LookupFollowsAppend => match *self.last_appended.lock().unwrap() {
                Some(session) if inner.exists(session, segment)? => Ok(Some(session)),
                _ => inner.lookup_session_of(segment),
            },
            _ => inner.lookup_session_of(segment),
        }
    }

    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        let (inner, session) = (self.inner(), self.log(session));
        let exists = inner.exists(session, segment)?;
        match self.fault {
            Fault::CreateAppends if exists => entries
                .iter()
                .try_for_each(|entry| inner.append(session, segment, entry)),
            Fault::CreateKeepsFirst if exists => Ok(()),
            Fault::CreateIgnoresEmpty if entries.is_empty() => Ok(()),
            Fault::CreateInSteps => {
                inner.create_segment(session, segment, &[])?;
                thread::sleep(Duration::from_millis(1));
                inner.create_segment(session, segment, entries)
            }
            Fault::FailedCreateLeavesPart => {
                inner.create_segment(session, segment, &[])?;
                entries
                    .iter()
                    .try_for_each(|entry| inner.append(session, segment, entry))
            }
            Fault::LosesBeyondThousand => {
                inner.create_segment(session, segment, &entries[..entries.len().min(1000)])
            }
            _ => inner.create_segment(session, segment, entries),
        }
    }

    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
        match self.fault {
            Fault::ExistsWithSession => Ok(self.inner().list_sessions()?.contains(&session)),
            _ => self.inner().exists(self.log(session), segment),
        }
    }

    fn truncate(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries_len: usize,
    ) -> Result<(), StoreError> {
        let (inner, session) = (self.inner(), self.log(session));
        let Ok(count) = inner.read_entry_count(session, segment) else {
            return match self.fault {
                Fault::MissingIsTruncated => Ok(()),
                _ => Err(StoreError::NotFound(segment)),
            };
        };
        let empty = || inner.create_segment(session, segment, &[]);
        let refused = |line| StoreError::Corrupt {
            line,
            message: "too short".to_owned(),
        };
        match self.fault {
            Fault::TruncateKeepsEnd if entries_len < count => {
                let entries = inner.read_all(session, segment)?;
                inner.create_segment(session, segment, &entries[count - entries_len..])
            }
            Fault::TruncateToZeroDeletes if entries_len == 0 => {
                self.delete(session, segment);
                Ok(())
            }
            Fault::TruncateToCountFails if entries_len == count => Err(refused(entries_len)),
            Fault::TruncateToCountEmpties if entries_len == count => empty(),
            Fault::TruncatePastEndIsOk if entries_len > count => Ok(()),
            Fault::TruncatePastEndNamesLength if entries_len > count => Err(refused(count)),
            Fault::TruncatePastEndEmpties if entries_len > count => {
                empty()?;
                Err(refused(entries_len))
            }
            _ => inner.truncate(session, segment, entries_len),
        }
    }

    fn read_entry_count(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<usize, StoreError> {
        match (
            self.fault,
            self.inner().read_entry_count(self.log(session), segment),
        ) {
            (Fault::MissingCountsZero, Err(_)) => Ok(0),
            (Fault::CountsOneShort, Ok(count)) => Ok(count.saturating_sub(1)),
            (_, result) => result,
        }
    }

    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &TraceEntry,
    ) -> Result<(), StoreError> {
        let inner = self.inner();
        let exists = inner.exists(session, segment)?;
        match self.fault {
            Fault::TraceMakesSegment if !exists => inner.create_segment(session, segment, &[]),
            Fault::TraceAloneIsUnlisted if !exists => Ok(()),
            Fault::TraceGoesToLog if exists => inner.append(session, segment, &part()),
            _ => inner.append_trace(session, segment, entry),
        }
    }
}

fn part() -> LogEntry {
    LogEntry::Unknown(json!({"kind": "part"}).into())
}
