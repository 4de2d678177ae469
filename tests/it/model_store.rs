//! Random histories of calls give the same answers on a store and on a naive model of it.

use std::fmt::Debug;
use std::sync::Mutex;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::json;
use sessiondb::{LogEntry, MemoryStore, SegmentId, SessionId, Store, StoreError, TraceEntry};
use uuid::Uuid;

/// One call. Ids are numbers of a small pool, so that calls meet.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Append {
        session: u8,
        segment: u8,
        entry: u16,
    },
    CreateSegment {
        session: u8,
        segment: u8,
        entries: Vec<u16>,
    },
    Truncate {
        session: u8,
        segment: u8,
        len: usize,
    },
    AppendTrace {
        session: u8,
        segment: u8,
        entry: u16,
    },
}

pub(crate) const SESSIONS: u8 = 3;
pub(crate) const SEGMENTS: u8 = 3;

/// Runs a history on two empty stores and compares all that can be read after each call.
pub(crate) fn run_history(store: &dyn Store, reference: &dyn Store, ops: &[Op]) {
    for (step, op) in ops.iter().enumerate() {
        let place = format!("after step {step}, {op:?}");
        assert_eq!(apply(store, op), apply(reference, op), "{place}");
        compare(store, reference, &place);
    }
}

/// Histories of up to `len` calls.
pub(crate) fn histories(len: usize) -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(ops(), 1..=len)
}

/// `cases` histories from a seed that is always the same, unless `PROPTEST_RNG_SEED` gives
/// another; a failure prints the seed and the shortest history that shows it.
pub(crate) fn config(cases: u32) -> Config {
    let given = std::env::var("PROPTEST_RNG_SEED").ok();
    let seed = given.map_or(2, |seed| {
        seed.parse().expect("PROPTEST_RNG_SEED is a number")
    });
    eprintln!("histories from PROPTEST_RNG_SEED={seed}");
    Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn memory_store_answers_as_the_model(ops in histories(40)) {
        run_history(&MemoryStore::new(), &NaiveStore::default(), &ops);
    }
}

/// The property can fail: an entry that only one of the two stores holds shows.
#[test]
#[should_panic(expected = "after step 0, Append { session: 1")]
fn different_stores_are_told_apart() {
    let (store, reference) = (MemoryStore::new(), NaiveStore::default());
    store
        .append(session_id(0), segment_id(0), &log_entry(1))
        .unwrap();
    run_history(
        &store,
        &reference,
        &[Op::Append {
            session: 1,
            segment: 0,
            entry: 2,
        }],
    );
}

pub(crate) fn ops() -> impl Strategy<Value = Op> {
    let ids = || (0..SESSIONS, 0..SEGMENTS);
    prop_oneof![
        6 => (ids(), any::<u16>()).prop_map(|((session, segment), entry)| {
            Op::Append { session, segment, entry }
        }),
        2 => (ids(), prop::collection::vec(any::<u16>(), 0..6)).prop_map(
            |((session, segment), entries)| Op::CreateSegment { session, segment, entries }
        ),
        3 => (ids(), 0_usize..6).prop_map(|((session, segment), len)| {
            Op::Truncate { session, segment, len }
        }),
        2 => (ids(), any::<u16>()).prop_map(|((session, segment), entry)| {
            Op::AppendTrace { session, segment, entry }
        }),
    ]
}

pub(crate) fn apply(store: &dyn Store, op: &Op) -> Outcome<()> {
    outcome(match op {
        Op::Append {
            session,
            segment,
            entry,
        } => store.append(
            session_id(*session),
            segment_id(*segment),
            &log_entry(*entry),
        ),
        Op::CreateSegment {
            session,
            segment,
            entries,
        } => {
            let entries: Vec<_> = entries.iter().copied().map(log_entry).collect();
            store.create_segment(session_id(*session), segment_id(*segment), &entries)
        }
        Op::Truncate {
            session,
            segment,
            len,
        } => store.truncate(session_id(*session), segment_id(*segment), *len),
        Op::AppendTrace {
            session,
            segment,
            entry,
        } => store.append_trace(
            session_id(*session),
            segment_id(*segment),
            &trace_entry(*entry),
        ),
    })
}

/// Compares all that can be read through the trait.
pub(crate) fn compare(store: &dyn Store, reference: &dyn Store, place: &str) {
    let stores = [store, reference];
    same(stores, place, |s| s.list_sessions());
    for session in (0..SESSIONS).map(session_id) {
        same(stores, place, |s| s.list_segments(session));
        for segment in (0..SEGMENTS).map(segment_id) {
            same(stores, place, |s| s.exists(session, segment));
            same(stores, place, |s| s.read_entry_count(session, segment));
            same(stores, place, |s| s.read_all(session, segment));
        }
    }
    for segment in (0..SEGMENTS).map(segment_id) {
        compare_lookup(store, reference, segment, place);
    }
}

/// Of several holders a store may name any, but always the same one.
fn compare_lookup(store: &dyn Store, reference: &dyn Store, segment: SegmentId, place: &str) {
    let found = store.lookup_session_of(segment).unwrap();
    let holds = |session| reference.exists(session, segment).unwrap();
    match found {
        Some(session) => assert!(holds(session), "{place}: {session} does not hold {segment}"),
        None => assert_eq!(
            reference.lookup_session_of(segment).unwrap(),
            None,
            "{place}"
        ),
    }
    assert_eq!(
        store.lookup_session_of(segment).unwrap(),
        found,
        "{place}: asked again"
    );
}

fn same<T: Debug + PartialEq>(
    [store, reference]: [&dyn Store; 2],
    place: &str,
    question: impl Fn(&dyn Store) -> Result<T, StoreError>,
) {
    let (answer, expected) = (outcome(question(store)), outcome(question(reference)));
    assert_eq!(answer, expected, "{place}");
}

/// A result without the words of its error, which are each store's own.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome<T> {
    Done(T),
    NotFound(SegmentId),
    Corrupt(usize),
    /// The actual length.
    Conflict(u64),
}

impl<T> Outcome<T> {
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(value) => Outcome::Done(change(value)),
            Self::NotFound(segment) => Outcome::NotFound(segment),
            Self::Corrupt(line) => Outcome::Corrupt(line),
            Self::Conflict(actual) => Outcome::Conflict(actual),
        }
    }
}

pub(crate) fn outcome<T>(result: Result<T, StoreError>) -> Outcome<T> {
    match result {
        Ok(value) => Outcome::Done(value),
        Err(StoreError::NotFound(segment)) => Outcome::NotFound(segment),
        Err(StoreError::Corrupt { line, .. }) => Outcome::Corrupt(line),
        Err(StoreError::Conflict { actual, .. }) => Outcome::Conflict(actual),
        Err(other) => panic!("no call of a history fails like this: {other}"),
    }
}

pub(crate) fn session_id(number: u8) -> SessionId {
    Uuid::from_u128(0x5e55_0000 + u128::from(number))
}

pub(crate) fn segment_id(number: u8) -> SegmentId {
    Uuid::from_u128(0x5e60_0000 + u128::from(number))
}

/// Most are short; some fill a good part of a page, of a small journal, or of more than a row.
pub(crate) fn log_entry(number: u16) -> LogEntry {
    let padding = match number % 256 {
        0..128 => 0,
        128..192 => 700,
        192..252 => 3_000,
        252..255 => 9_000,
        _ => 66_000,
    };
    LogEntry::Unknown(
        json!({"kind": "history", "number": number, "text": "x".repeat(padding)}).into(),
    )
}

fn trace_entry(number: u16) -> TraceEntry {
    let line = json!({"ts": number, "turn": 0, "kind": "lifecycle", "label": "history"});
    serde_json::from_value(line).unwrap()
}

/// A list of logs that is searched from the beginning: slow, and plain enough to be believed.
#[derive(Default)]
pub(crate) struct NaiveStore(Mutex<Vec<NaiveLog>>);

struct NaiveLog {
    session: SessionId,
    segment: SegmentId,
    entries: Option<Vec<LogEntry>>,
}

impl NaiveStore {
    fn with<T>(
        &self,
        session: SessionId,
        segment: SegmentId,
        change: impl FnOnce(&mut Option<Vec<LogEntry>>) -> T,
    ) -> T {
        let mut logs = self.0.lock().unwrap();
        let known = logs
            .iter()
            .position(|log| (log.session, log.segment) == (session, segment));
        let index = known.unwrap_or_else(|| {
            logs.push(NaiveLog {
                session,
                segment,
                entries: None,
            });
            logs.len() - 1
        });
        change(&mut logs[index].entries)
    }

    /// The ids of the logs that `wanted` picks, descending.
    fn list(&self, wanted: impl Fn(&NaiveLog) -> Option<Uuid>) -> Vec<Uuid> {
        let mut ids: Vec<Uuid> = self.0.lock().unwrap().iter().filter_map(wanted).collect();
        ids.sort_by(|a, b| b.cmp(a));
        ids.dedup();
        ids
    }

    fn find(&self, session: SessionId, segment: SegmentId) -> Option<Vec<LogEntry>> {
        let logs = self.0.lock().unwrap();
        let mut found = logs
            .iter()
            .filter(|log| (log.session, log.segment) == (session, segment));
        found.next()?.entries.clone()
    }
}

impl Store for NaiveStore {
    fn append(
        &self,
        session: SessionId,
        segment: SegmentId,
        entry: &LogEntry,
    ) -> Result<(), StoreError> {
        self.with(session, segment, |log| {
            log.get_or_insert_default().push(entry.clone());
        });
        Ok(())
    }

    fn read_all(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.find(session, segment)
            .ok_or(StoreError::NotFound(segment))
    }

    fn list_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        Ok(self.list(|log| Some(log.session)))
    }

    fn list_segments(&self, session: SessionId) -> Result<Vec<SegmentId>, StoreError> {
        Ok(self
            .list(|log| (log.session == session && log.entries.is_some()).then_some(log.segment)))
    }

    fn lookup_session_of(&self, segment: SegmentId) -> Result<Option<SessionId>, StoreError> {
        let holds = |log: &NaiveLog| log.segment == segment && log.entries.is_some();
        Ok(self.list(|log| holds(log).then_some(log.session)).pop())
    }

    fn create_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
        entries: &[LogEntry],
    ) -> Result<(), StoreError> {
        self.with(session, segment, |log| *log = Some(entries.to_vec()));
        Ok(())
    }

    fn exists(&self, session: SessionId, segment: SegmentId) -> Result<bool, StoreError> {
        Ok(self.find(session, segment).is_some())
    }

    fn truncate(
        &self,
        session: SessionId,
        segment: SegmentId,
        len: usize,
    ) -> Result<(), StoreError> {
        let mut entries = self.read_all(session, segment)?;
        if len > entries.len() {
            return Err(StoreError::Corrupt {
                line: len,
                message: String::new(),
            });
        }
        entries.truncate(len);
        self.create_segment(session, segment, &entries)
    }

    fn read_entry_count(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<usize, StoreError> {
        self.read_all(session, segment).map(|entries| entries.len())
    }

    fn append_trace(
        &self,
        session: SessionId,
        segment: SegmentId,
        _: &TraceEntry,
    ) -> Result<(), StoreError> {
        self.with(session, segment, |_| ());
        Ok(())
    }
}
