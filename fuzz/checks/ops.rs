//! The same calls on an archive and on the reference store give the same answers, also when the
//! archive is folded, closed and opened in between.
//!
//! Each 3 bytes of the input are one call: what, on which of 2 sessions of 2 segments, a number.

use std::sync::Arc;

use serde_json::json;
use sessiondb::testing::{self, Opening, StorageBackend};
use sessiondb::{Archive, LogEntry, MemoryStore, Store, StoreError, TraceEntry};
use uuid::Uuid;

pub(crate) fn check(data: &[u8]) {
    // The shortest journal, so that it is full now and then.
    let storage = testing::create_in_memory(16 << 10).expect("an archive in memory");
    let mut archive = open(&storage);
    let reference = MemoryStore::new();
    for call in data.as_chunks::<3>().0.iter().take(100) {
        match call[0] % 9 {
            6 => archive.checkpoint().expect("a checkpoint"),
            7 => drop(testing::run_background(&archive)),
            8 => {
                archive.close().expect("it closes");
                archive = open(&storage);
            }
            _ => assert_eq!(apply(&archive, *call), apply(&reference, *call), "{call:?}"),
        }
        assert_eq!(content(&archive), content(&reference), "after {call:?}");
    }
    assert!(archive.check(None).expect("a check").is_clean());
}

fn open(storage: &Arc<dyn StorageBackend>) -> Archive {
    testing::open(Arc::clone(storage), Opening::default()).expect("it opens")
}

fn apply(store: &dyn Store, [what, place, number]: [u8; 3]) -> String {
    let (session, segment) = ids(place);
    let count = usize::from(number);
    outcome(match what % 9 {
        0 | 1 => store.append(session, segment, &entry(number)),
        // One that shares no row with others, and is too large for the journal.
        2 => store.append(session, segment, &long_entry(number)),
        3 => store.append_trace(session, segment, &trace(number)),
        4 => store.truncate(session, segment, count % 8),
        _ => store.create_segment(session, segment, &vec![entry(number); count % 4]),
    })
}

/// All that the store shows.
#[derive(Debug, PartialEq)]
struct Content {
    ids: Vec<Vec<Uuid>>,
    holders: Vec<Option<Uuid>>,
    exist: Vec<bool>,
    counts: Vec<Option<usize>>,
    entries: Vec<Option<Vec<LogEntry>>>,
}

fn content(store: &dyn Store) -> Content {
    let places = || (0..4).map(ids);
    let segments = places().map(|(session, _)| store.list_segments(session));
    let ids = std::iter::once(store.list_sessions()).chain(segments);
    let holders = places().map(|(_, segment)| store.lookup_session_of(segment));
    let exist = places().map(|(session, segment)| store.exists(session, segment));
    let counts = places().map(|(session, segment)| store.read_entry_count(session, segment));
    let entries = places().map(|(session, segment)| store.read_all(session, segment));
    Content {
        ids: ids.map(|ids| ids.expect("ids")).collect(),
        holders: holders
            .map(|holder| holder.expect("a holder or none"))
            .collect(),
        exist: exist.map(|exists| exists.expect("yes or no")).collect(),
        counts: counts.map(there).collect(),
        entries: entries.map(there).collect(),
    }
}

/// `None` for a segment that is not there.
fn there<T>(answer: Result<T, StoreError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(StoreError::NotFound(_)) => None,
        Err(err) => panic!("no call of a history fails like this: {err}"),
    }
}

/// A result as text, without the words of an error.
fn outcome(result: Result<(), StoreError>) -> String {
    match result {
        Err(StoreError::Corrupt { line, .. }) => format!("no entry {line}"),
        other => format!("{other:?}"),
    }
}

fn ids(place: u8) -> (Uuid, Uuid) {
    (
        Uuid::from_u128(u128::from(place & 1)),
        Uuid::from_u128(u128::from(place >> 1 & 1)),
    )
}

fn entry(number: u8) -> LogEntry {
    // From a few dozen bytes to more than a third of a half of the journal.
    let padding = "x".repeat(usize::from(number / 32) * 400);
    LogEntry::Unknown(json!({"kind": "number", "number": number, "padding": padding}).into())
}

fn long_entry(number: u8) -> LogEntry {
    LogEntry::Unknown(
        json!({"kind": "text", "text": "x".repeat(65_280 + usize::from(number))}).into(),
    )
}

fn trace(number: u8) -> TraceEntry {
    let line = json!({"ts": number, "turn": 0, "kind": "lifecycle", "label": "call"});
    serde_json::from_value(line).expect("a trace")
}
