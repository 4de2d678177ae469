//! Several threads and processes that rely on the conditions of their batches at the same time.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::Barrier;

use serde_json::json;
use sessiondb::{Archive, SegmentId, SessionId, StoreError, new_segment_id, new_session_id};

use crate::scratch::Scratch;

/// Says where the archive is and what the process is to do; the tests themselves do not have it.
const TASK: &str = "BATCHES_CHILD";
const PROCESSES: u64 = 3;
const ITEMS: u64 = 40;

/// Appends items to a log that others append to as well, each item in one step with the check
/// that nobody else was there, and in a branch if somebody was. Returns the segment it ended in.
fn append_or_fork(
    archive: &Archive,
    session: SessionId,
    root: SegmentId,
    writer: u64,
) -> SegmentId {
    let (mut log, mut len) = (archive.log(session, root), 1);
    for item in 0..ITEMS {
        let entry = json!({"writer": writer, "item": item});
        let branch = archive.log(session, new_segment_id());
        let (mut append, mut fork) = (archive.batch(), archive.batch());
        append.expect_len(&log, len).append(&log, &entry).unwrap();
        fork.branch(&log, len, branch.segment_id());
        fork.append(&branch, &entry).unwrap();
        if !append.commit_or(fork).unwrap() {
            log = branch;
        }
        len += 1;
    }
    log.segment_id()
}

/// Each of the segments holds the first entry and then all items of its writer, and no other's.
fn assert_whole(archive: &Archive, session: SessionId, ends: &[(u64, SegmentId)]) {
    for (writer, segment) in ends {
        let entries = archive.log(session, *segment).read(..).unwrap();
        let found: Vec<serde_json::Value> = entries.decode().collect::<Result<_, _>>().unwrap();
        let items = (0..ITEMS).map(|item| json!({"writer": writer, "item": item}));
        let expected: Vec<_> = [json!("start")].into_iter().chain(items).collect();
        assert_eq!(found, expected, "writer {writer}");
    }
}

fn started(archive: &Archive) -> (SessionId, SegmentId) {
    let (session, root) = (new_session_id(), new_segment_id());
    archive.log(session, root).append(&"start").unwrap();
    (session, root)
}

#[test]
fn threads_append_or_fork_and_lose_nothing() {
    let archive = Archive::in_memory().unwrap();
    let (session, root) = started(&archive);
    let barrier = Barrier::new(4);
    let ends: Vec<(u64, SegmentId)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|writer| {
                let (archive, barrier) = (&archive, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    (writer, append_or_fork(archive, session, root, writer))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_whole(&archive, session, &ends);
}

#[test]
fn processes_append_or_fork_and_lose_nothing() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let (session, root) = started(&archive);
    run_children(&path, "append_or_fork", session, root);
    let record = |writer: u64| {
        let end: Option<SegmentId> = archive
            .read_name_as::<serde_json::Value>(&format!("writer-{writer}"))
            .unwrap()
            .and_then(|record| record["end"].as_str()?.parse().ok());
        (writer, end.expect("the child says where it ended"))
    };
    let ends: Vec<_> = (0..PROCESSES).map(record).collect();
    assert_whole(&archive, session, &ends);
}

#[test]
fn of_processes_that_create_one_segment_one_does() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    run_children(&path, "create", session, segment);
    // Each made ITEMS sessions by its own number, if nobody else had.
    let mut winners = vec![0; usize::try_from(PROCESSES).unwrap()];
    for item in 0..ITEMS {
        let segments = archive.segments(nth(session, item)).unwrap();
        let segments: Vec<_> = segments.map(Result::unwrap).collect();
        assert_eq!(segments.len(), 1, "of session {item}");
        let log = archive.log(nth(session, item), segments[0].id);
        let entries: Vec<u64> = log
            .read(..)
            .unwrap()
            .decode()
            .collect::<Result<_, _>>()
            .unwrap();
        let [writer, again] = entries[..] else {
            panic!("session {item} holds {entries:?}");
        };
        assert_eq!(writer, again, "session {item} is of one writer");
        winners[usize::try_from(writer).unwrap()] += 1;
    }
    assert_eq!(winners.iter().sum::<u64>(), ITEMS, "{winners:?}");
}

/// The id that is so many further on.
fn nth(id: SessionId, number: u64) -> SessionId {
    SessionId::from_u128(id.as_u128().wrapping_add(u128::from(number)))
}

/// Makes sessions of one segment of its own, each only if there is none of any other.
fn create(archive: &Archive, session: SessionId, writer: u64) {
    for item in 0..ITEMS {
        let log = archive.log(nth(session, item), new_segment_id());
        let mut batch = archive.batch();
        batch.expect_absent(&log).expect_only_segment(&log);
        batch.replace(&log, [writer, writer]).unwrap();
        match batch.commit() {
            Ok(()) | Err(StoreError::ConditionFailed { .. }) => {}
            Err(err) => panic!("{err}"),
        }
    }
}

fn run_children(path: &Path, task: &str, session: SessionId, segment: SegmentId) {
    let start = |writer: u64| -> Child {
        let program = std::env::current_exe().expect("this program has a path");
        let told = json!([task, path, session, segment, writer]).to_string();
        Command::new(program)
            .args(["--exact", "batches::races::obey"])
            .env(TASK, told)
            .spawn()
            .expect("the child starts")
    };
    let children: Vec<Child> = (0..PROCESSES).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

/// What a child does; without a task, nothing.
#[test]
fn obey() {
    let Ok(told) = std::env::var(TASK) else {
        return;
    };
    let told: (String, std::path::PathBuf, SessionId, SegmentId, u64) =
        serde_json::from_str(&told).unwrap();
    let (task, path, session, segment, writer) = told;
    let archive = Archive::open(path).unwrap();
    if task == "create" {
        return create(&archive, session, writer);
    }
    let end = append_or_fork(&archive, session, segment, writer);
    let record = json!({"end": end});
    archive
        .write_name(&format!("writer-{writer}"), &record)
        .unwrap();
    archive.close().unwrap();
}
