//! What the contract says of traces but a `Store` cannot show, on the reference store.

use serde_json::json;
use sessiondb::{
    LogEntry, MemoryStore, Store, StoreError, TraceEntry, new_segment_id, new_session_id,
};

#[test]
fn traces_survive_every_change_of_the_log() {
    let store = MemoryStore::new();
    let (session, segment) = (new_session_id(), new_segment_id());
    let traces = [trace(0), trace(1), trace(2)];
    let kept = || assert_eq!(store.read_traces(session, segment), traces);
    for trace in &traces {
        store.append_trace(session, segment, trace).unwrap();
    }
    kept();
    store.append(session, segment, &entry()).unwrap();
    kept();
    store
        .create_segment(session, segment, &[entry(), entry()])
        .unwrap();
    kept();
    store.truncate(session, segment, 1).unwrap();
    kept();
    store.truncate(session, segment, 0).unwrap();
    kept();
    store.create_segment(session, segment, &[]).unwrap();
    kept();
    assert_eq!(store.read_traces(session, new_segment_id()), []);
    assert_eq!(store.read_traces(new_session_id(), segment), []);
}

#[test]
fn clones_share_and_new_stores_do_not() {
    let (store, other) = (MemoryStore::new(), MemoryStore::new());
    let (session, segment) = (new_session_id(), new_segment_id());
    let clone = store.clone();
    clone.append(session, segment, &entry()).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry()]);
    assert!(!other.exists(session, segment).unwrap());
}

#[test]
fn a_trace_that_cannot_be_read_back_is_refused() {
    let store = MemoryStore::new();
    let (session, segment) = (new_session_id(), new_segment_id());
    let error = store
        .append_trace(session, segment, &TraceEntry::Unknown(json!(7)))
        .unwrap_err();
    assert!(matches!(error, StoreError::Serde(_)), "{error}");
    assert!(error.to_string().contains("is an object"), "{error}");
    assert!(store.list_sessions().unwrap().is_empty());
}

fn entry() -> LogEntry {
    LogEntry::Unknown(json!({"kind": "note"}).into())
}

fn trace(ts: u64) -> TraceEntry {
    let line = json!({"ts": ts, "turn": 0, "kind": "lifecycle", "label": "request_start"});
    serde_json::from_value(line).unwrap()
}
