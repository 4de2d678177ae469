//! The golden archives: a few small sessions with all that an archive can hold, in three states.

use std::path::Path;
use std::sync::Arc;

use redb::backends::FileBackend;
use serde_json::{Map, Value, json};
use sessiondb::Archive;
use sessiondb::entry::{Active, Extra, WorkerName, WorkerRecord};
use sessiondb::testing::{self, Opening};
use uuid::Uuid;

use crate::raw::{raw, raws};

const JOURNAL_BYTES: u64 = 16 << 10;
/// 2026-03-01, in ms.
const START_MS: u64 = 1_772_323_200_000;

/// Closed, so that its journal is empty.
pub(super) fn closed(path: &Path) {
    testing::create_file(path, JOURNAL_BYTES).unwrap();
    let archive = Archive::open(path).unwrap();
    conversation(&archive);
    unusual_entries(&archive);
    changed_segments(&archive);
    records(&archive);
    branches(&archive, 6);
    repeated_values(&archive);
    archive.close().unwrap();
}

/// A value that comes in five logs, of which the later ones share it.
fn repeated_values(archive: &Archive) {
    let mut rng = fastrand::Rng::with_seed(5);
    let words: Vec<String> = (0..900).map(|_| rng.u32(..).to_string()).collect();
    let text = words.join(" \\n");
    for n in 0..5 {
        let log = archive
            .log(id(8, 0), id(8, n + 1))
            .with_timestamp(START_MS + 20_000 + u64::from(n));
        log.append(&json!({"kind": "tool", "n": n, "text": text, "end": "\u{e9}"}))
            .unwrap();
        archive.checkpoint().unwrap();
    }
}

/// Without content.
pub(super) fn empty(path: &Path) {
    testing::create_file(path, JOURNAL_BYTES).unwrap();
}

/// Left by a process that was killed: an epoch in the tables, one that has ended in the journal,
/// one that is written to, and a frame of which only a part was written.
pub(super) fn left(path: &Path) {
    testing::create_file(path, JOURNAL_BYTES).unwrap();
    let archive = Archive::open(path).unwrap();
    conversation(&archive);
    branches(&archive, 6);
    archive.close().unwrap();
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path);
    let storage = Arc::new(FileBackend::new(file.unwrap()).unwrap());
    let opening = Opening {
        shared: true,
        ..Opening::default()
    };
    let archive = testing::open(storage, opening).unwrap();
    records(&archive);
    changed_segments(&archive);
    branches(&archive, 7);
    let log = archive
        .log(id(1, 0), id(1, 2))
        .with_timestamp(START_MS + 9_000);
    let traces = archive
        .trace(id(1, 0), id(1, 2))
        .with_timestamp(START_MS + 9_500);
    // More than one half of the journal takes, less than both.
    for n in 0..10_u32 {
        let text = format!("step {n} ").repeat(90);
        log.append(
            &json!({"kind": "extension", "ts": START_MS + 9_000, "domain": "steps",
            "payload": {"n": n, "text": text}}),
        )
        .unwrap();
        traces.append(&trace(n)).unwrap();
    }
    let whole = std::fs::read(path).unwrap();
    log.append(&json!({"kind": "turn_end", "ts": START_MS + 9_900, "turn_count": 3}))
        .unwrap();
    let next = std::fs::read(path).unwrap();
    std::fs::write(path.with_extension("copy"), torn(whole, &next)).unwrap();
    // Closing changes the file; the copy is what the death of the process leaves.
    drop((log, traces, archive));
    std::fs::rename(path.with_extension("copy"), path).unwrap();
}

/// The file before the last frame was written, and of the frame its first half.
fn torn(mut whole: Vec<u8>, next: &[u8]) -> Vec<u8> {
    let journal = 8192..8192 + usize::try_from(JOURNAL_BYTES).unwrap();
    let differs = |at: &usize| whole[*at] != next[*at];
    let start = journal.clone().find(differs).unwrap();
    let end = journal.rev().find(differs).unwrap();
    let half = start..usize::midpoint(start, end);
    assert!(half.len() > 40 && half.len() < 100, "{half:?}");
    whole[half.clone()].copy_from_slice(&next[half]);
    whole
}

/// A session of three segments: the first, a fork of it, and a compaction of the fork.
fn conversation(archive: &Archive) {
    let session = id(1, 0);
    let lines = include_str!("../../../data/wire/log-entries.jsonl");
    let lines: Vec<&str> = lines.lines().collect();
    for (n, origin) in [
        (1, None),
        (2, Some("forked_from")),
        (3, Some("compacted_from")),
    ] {
        let log = archive
            .log(session, id(1, n))
            .with_timestamp(START_MS + u64::from(n) * 1000);
        log.append(&start(session, origin.map(|origin| (origin, id(1, n - 1)))))
            .unwrap();
        let some = lines
            .iter()
            .skip(usize::from(n))
            .step_by(usize::from(n) * 3);
        log.append_many(raws(some.collect::<Vec<_>>())).unwrap();
    }
    let traces = archive
        .trace(session, id(1, 1))
        .with_timestamp(START_MS + 1_500);
    for line in include_str!("../../../data/wire/trace-entries.jsonl").lines() {
        traces.append(&raw(line.as_bytes())).unwrap();
    }
}

fn start(session: Uuid, origin: Option<(&str, Uuid)>) -> Value {
    let mut entry = json!({"kind": "segment_start", "ts": START_MS, "session_id": session,
        "system_prompt": "Be brief.", "config": {"max_tokens": 4096}, "history": []});
    if let Some((field, segment)) = origin {
        entry[field] = json!({"segment_id": segment, "at_turn_index": 2});
    }
    entry
}

/// Entries that are no log entries to anybody, in all sizes and scripts.
fn unusual_entries(archive: &Archive) {
    let log = archive
        .log(id(2, 0), id(2, 1))
        .with_timestamp(START_MS + 20_000);
    let large = format!(
        r#"{{"kind":"text","text":"{}"}}"#,
        "0123456789abcdef".repeat(4_084)
    );
    // With its header it is larger than a row that is shared.
    assert!(large.len() + 68 > 65_400 && large.len() < 65_450);
    let entries = [
        r#"{ "kind" : "spaced" ,	"n": 1.50e+00 }"#,
        r#"{"kind":"twice","kind":"twice","n":1,"n":2}"#,
        r#"{"text":"Größe — 大小 — размер — 🦀 — \u00e4\ud83e\udd80"}"#,
        "null",
        "-0",
        r#""just text""#,
        "[18446744073709551615,1e400,0.1]",
        &large,
        r#"{"kind":"behind the large one"}"#,
    ];
    log.append_many(raws(entries)).unwrap();
    // Traces alone: a segment that has no log.
    let traces = archive
        .trace(id(2, 0), id(2, 2))
        .with_timestamp(START_MS + 21_000);
    traces.append(&trace(0)).unwrap();
}

/// Segments that were cut, replaced, emptied and deleted, and one that is in two sessions.
fn changed_segments(archive: &Archive) {
    let entry = |n: u32| json!({"kind": "extension", "ts": START_MS, "domain": "n", "payload": n});
    let entries: Vec<Value> = (0..20).map(entry).collect();
    for n in 1..=5 {
        let log = archive
            .log(id(3, 0), id(3, n))
            .with_timestamp(START_MS + 30_000);
        log.append_many(&entries).unwrap();
    }
    let log = |n| {
        archive
            .log(id(3, 0), id(3, n))
            .with_timestamp(START_MS + 31_000)
    };
    log(1).truncate(7).unwrap();
    log(1).append(&entry(100)).unwrap();
    log(2).replace(&entries[15..]).unwrap();
    log(3).truncate(0).unwrap();
    assert!(archive.delete_segment(id(3, 0), id(3, 4)).unwrap());
    let other = archive
        .log(id(4, 0), id(3, 5))
        .with_timestamp(START_MS + 32_000);
    other.append(&entry(200)).unwrap();
    let gone = archive
        .log(id(5, 0), id(5, 1))
        .with_timestamp(START_MS + 33_000);
    gone.append(&entry(300)).unwrap();
    assert!(archive.delete_session(id(5, 0)).unwrap());
}

/// Branches, of which some go on, and what becomes of them when others are cut, deleted and
/// erased.
fn branches(archive: &Archive, session: u8) {
    let (at_ms, session, id) = (START_MS + 40_000, id(session, 0), |n| id(session, n));
    let log = |n| archive.log(session, id(n)).with_timestamp(at_ms);
    let entry = |n: u32| json!({"kind": "extension", "ts": START_MS, "domain": "b", "payload": n});
    let branch = |from, len, to| archive.log(session, id(from)).branch(len, id(to)).unwrap();
    log(1)
        .append_many(&[entry(0), entry(1), entry(2), entry(3)])
        .unwrap();
    branch(1, 3, 2);
    log(2).append(&entry(10)).unwrap();
    branch(2, 4, 3);
    log(3).append(&entry(20)).unwrap();
    branch(3, 2, 4);
    branch(1, 4, 5);
    log(1).truncate(1).unwrap();
    archive.delete_segment(session, id(2)).unwrap();
    log(4).append(&entry(30)).unwrap();
    log(3).erase(1..2).unwrap();
}

fn records(archive: &Archive) {
    let metadata =
        json!({"title": "Größe 🦀", "cwd": "/srv/project", "tags": ["a", "b"], "n": 1.5});
    let metadata = metadata.as_object().unwrap();
    archive.set_metadata(id(1, 0), metadata).unwrap();
    // A session that has not begun otherwise.
    archive.set_metadata(id(9, 0), metadata).unwrap();
    let active = |segment_id| Active {
        session_id: id(1, 0),
        segment_id,
        extra: Extra::new(),
    };
    for (name, active) in [
        ("builder", Some(active(Some(id(1, 3))))),
        ("größe", Some(active(None))),
        ("idle", None),
        ("deleted", None),
    ] {
        let mut record = WorkerRecord::new(WorkerName::new(name).unwrap());
        record.active = active;
        let extra: Map<String, Value> = [("color".to_owned(), json!("blue"))].into_iter().collect();
        record.extra = serde_json::from_value(Value::Object(extra)).unwrap();
        archive.write_name(name, &record).unwrap();
    }
    assert!(archive.delete_name("deleted").unwrap());
}

fn trace(n: u32) -> Value {
    json!({"ts": START_MS, "turn": n, "kind": "lifecycle", "label": "call", "data": {"n": n}})
}

/// The id of a session (`n` is 0) or of one of its segments.
fn id(session: u8, n: u8) -> Uuid {
    let number = u128::from(START_MS) << 80 | 7 << 76 | 2 << 62;
    Uuid::from_u128(number | u128::from(session) << 8 | u128::from(n))
}
