//! The store under test and the assertions that name the case when they fail.

use std::fmt::Debug;
use std::thread::ScopedJoinHandle;

use serde_json::{Value, json};

use crate::entry::item::Item;
use crate::entry::segment_log::{ItemEntry, LogEntry};
use crate::entry::trace::TraceEntry;
use crate::entry::wire::Extra;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId, new_segment_id, new_session_id};
use crate::store::Store;

/// A store under test, with the case that is being run against it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) case: &'static str,
    pub(super) store: &'a dyn Store,
}

impl Subject<'_> {
    pub(super) fn append(&self, session: SessionId, segment: SegmentId, entry: &LogEntry) {
        self.ok("append", self.store.append(session, segment, entry));
    }

    pub(super) fn append_trace(&self, session: SessionId, segment: SegmentId, n: usize) {
        let line = json!({"ts": n, "turn": 0, "kind": "lifecycle", "label": "case"});
        let trace: TraceEntry = self.decoded(&line);
        self.ok(
            "append_trace",
            self.store.append_trace(session, segment, &trace),
        );
    }

    pub(super) fn create(&self, session: SessionId, segment: SegmentId, entries: &[LogEntry]) {
        self.ok(
            "create_segment",
            self.store.create_segment(session, segment, entries),
        );
    }

    pub(super) fn truncate(&self, session: SessionId, segment: SegmentId, len: usize) {
        self.ok("truncate", self.store.truncate(session, segment, len));
    }

    pub(super) fn read(&self, session: SessionId, segment: SegmentId) -> Vec<LogEntry> {
        self.ok("read_all", self.store.read_all(session, segment))
    }

    fn each(&self, session: SessionId, segment: SegmentId) -> Vec<LogEntry> {
        let mut entries = Vec::new();
        let mut push = |entry| entries.push(entry);
        let read = self.store.for_each_entry(session, segment, &mut push);
        self.ok("for_each_entry", read);
        entries
    }

    pub(super) fn count(&self, session: SessionId, segment: SegmentId) -> usize {
        self.ok(
            "read_entry_count",
            self.store.read_entry_count(session, segment),
        )
    }

    pub(super) fn exists(&self, session: SessionId, segment: SegmentId) -> bool {
        self.ok("exists", self.store.exists(session, segment))
    }

    pub(super) fn lookup(&self, segment: SegmentId) -> Option<SessionId> {
        self.ok("lookup_session_of", self.store.lookup_session_of(segment))
    }

    pub(super) fn sessions(&self) -> Vec<SessionId> {
        self.ok("list_sessions", self.store.list_sessions())
    }

    pub(super) fn segments(&self, session: SessionId) -> Vec<SegmentId> {
        self.ok("list_segments", self.store.list_segments(session))
    }

    pub(super) fn holds_empty_segment(&self, session: SessionId, segment: SegmentId) {
        self.equal("exists", &self.exists(session, segment), &true);
        self.equal("list_segments", &self.segments(session), &vec![segment]);
        self.equal("lookup_session_of", &self.lookup(segment), &Some(session));
        self.holds_entries(session, segment, &[]);
    }

    pub(super) fn holds_entries(
        &self,
        session: SessionId,
        segment: SegmentId,
        expected: &[LogEntry],
    ) {
        self.same_entries("read_all", &self.read(session, segment), expected);
        self.same_entries("for_each_entry", &self.each(session, segment), expected);
        self.equal(
            "read_entry_count",
            &self.count(session, segment),
            &expected.len(),
        );
    }

    /// Names the first entry that differs: whole logs would fill the screen.
    pub(super) fn same_entries(&self, what: &str, found: &[LogEntry], expected: &[LogEntry]) {
        let differing = found.iter().zip(expected).position(|(a, b)| a != b);
        if let Some(index) = differing {
            let (found, expected) = (found.get(index), expected.get(index));
            let what = format!("{what}, entry {index} (from 0)");
            self.equal(&what, &found, &expected);
        }
        self.equal(
            &format!("{what}, number of entries"),
            &found.len(),
            &expected.len(),
        );
    }

    pub(super) fn not_found<T: Debug>(
        &self,
        call: &str,
        segment: SegmentId,
        result: Result<T, StoreError>,
    ) {
        match result {
            Err(StoreError::NotFound(id)) if id == segment => {}
            other => self.fail(&format!(
                "{call} of a missing segment returns NotFound({segment}), but returned {other:?}"
            )),
        }
    }

    pub(super) fn decoded<T: serde::de::DeserializeOwned>(&self, line: &Value) -> T {
        self.ok("a line of the case is decoded", T::deserialize(line))
    }

    pub(super) fn ok<T, E: Debug>(&self, call: &str, result: Result<T, E>) -> T {
        result.unwrap_or_else(|error| self.fail(&format!("{call} succeeds, but failed: {error:?}")))
    }

    pub(super) fn equal<T: PartialEq + Debug>(&self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.fail(&format!("{what} is {expected:?}, but is {found:?}"));
        }
    }

    pub(super) fn holds(&self, condition: bool, expectation: &str) {
        if !condition {
            self.fail(expectation);
        }
    }

    #[expect(clippy::panic, reason = "a test suite reports by panicking")]
    pub(super) fn fail(&self, expectation: &str) -> ! {
        panic!(
            "conformance case `{}`: expected that {expectation}",
            self.case
        )
    }
}

pub(super) fn new_ids() -> (SessionId, SegmentId) {
    (new_session_id(), new_segment_id())
}

/// An entry of the kind `case`, different for each `n`.
pub(super) fn entry(n: usize) -> LogEntry {
    LogEntry::Unknown(json!({"kind": "case", "ts": 1, "n": n}).into())
}

pub(super) fn entries(numbers: std::ops::Range<usize>) -> Vec<LogEntry> {
    numbers.map(entry).collect()
}

/// Entries that can be made but, as JSON, not be read back: the one way to make any store fail.
/// A store that takes them all the same has to give them back.
pub(super) fn unreadable() -> [LogEntry; 2] {
    [
        json!(["no item"]),
        json!({"kind": "message", "role": "no content"}),
    ]
    .map(|item| {
        LogEntry::AssistantItem(ItemEntry {
            ts: 1,
            item: Item::Unknown(item),
            extra: Extra::new(),
        })
    })
}

/// Waits for a thread, and passes its panic on as it was: a scope alone would replace it.
pub(super) fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
