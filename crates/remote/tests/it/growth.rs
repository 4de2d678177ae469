//! When a push is due of what grows: after the time or the bytes, also of traces and of what is no entry, once.

use std::thread;
use std::time::Duration;

use sessiondb::{Archive, new_segment_id, new_session_id};
use sessiondb_remote::Growth;

use crate::history::push_to;
use crate::unreliable::Bucket;

const AT_ONCE: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(600);

#[test]
fn so_many_bytes_are_due_at_once() {
    let archive = Archive::in_memory().unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    let mut growth = Growth::of(&archive).unwrap().every(LONG).bytes(1_000);
    assert!(growth.is_due_within(AT_ONCE).unwrap());
    for log in [
        archive.log(session, segment),
        archive.trace(session, segment),
    ] {
        log.append(&"x".repeat(500)).unwrap();
        assert!(!growth.is_due_within(AT_ONCE).unwrap());
        log.append(&"x".repeat(500)).unwrap();
        assert!(growth.is_due_within(AT_ONCE).unwrap());
        assert!(!growth.is_due_within(AT_ONCE).unwrap());
    }
    growth.failed();
    assert!(
        !growth.is_due_within(AT_ONCE).unwrap(),
        "not before its time"
    );
}

#[test]
fn whatever_changes_is_due_in_time_and_a_push_alone_is_not_for_long() {
    let (bucket, archive) = (Bucket::default(), Archive::in_memory().unwrap());
    let (session, segment) = (new_session_id(), new_segment_id());
    let every = Duration::from_millis(50);
    let mut growth = Growth::of(&archive).unwrap().every(every);
    archive.log(session, segment).append(&1).unwrap();
    let changes: [&dyn Fn(); 4] = [
        &|| {
            let _ = archive.log(session, segment).append(&2).unwrap();
        },
        &|| {
            archive
                .set_metadata(session, &serde_json::Map::new())
                .unwrap();
        },
        &|| {
            archive
                .write_name("worker", &serde_json::json!({"at": 1}))
                .unwrap();
        },
        &|| {
            let key = format!("session/{session}/title");
            archive.write_note(&key, "the title").unwrap();
        },
    ];
    for change in changes {
        change();
        assert!(growth.is_due_within(LONG).unwrap());
        assert!(push_to(&bucket, &archive).is_put);
        // What the push noted makes one more due, which finds nothing.
        while growth.is_due_within(4 * every).unwrap() {
            assert!(push_to(&bucket, &archive).is_unchanged());
        }
    }
    growth.failed();
    assert!(growth.is_due_within(LONG).unwrap());
}

#[test]
fn it_wakes_for_what_comes_while_it_waits() {
    let archive = Archive::in_memory().unwrap();
    let mut growth = Growth::of(&archive).unwrap().every(LONG).bytes(1);
    assert!(growth.is_due_within(AT_ONCE).unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            archive.log(new_session_id(), new_segment_id()).append(&1)
        });
        assert!(growth.is_due_within(LONG).unwrap());
    });
}
