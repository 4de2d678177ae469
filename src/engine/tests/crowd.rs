//! Tests of writers in a crowd, whose changes one of them makes: each is all or none by itself.

use std::io;
use std::sync::Barrier;
use std::time::Duration;

use uuid::Uuid;

use super::faults::{Failing, LOG, OPTIONS, created, each_call_fails, open, stored};
use crate::engine::file::ArchiveFile;
use crate::engine::file::superblock::{DEFAULT_JOURNAL_BYTES, Superblock};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::LogId;
use crate::engine::model::op::{Expect, Op};
use crate::engine::open::create::Creation;
use crate::engine::open::handle::EngineOptions;
use crate::error::StoreError;

/// A change of two ops, in the middle of which no other may come; some ten fit into a half.
fn append(log: LogId, number: u64, expected: Option<u64>) -> Vec<Op> {
    let op = |text: String, expected| {
        let mut entries = Entries::default();
        entries.push(text.as_bytes());
        Op::Append {
            log,
            expected,
            entries,
            origin: None,
            at_ms: 1,
        }
    };
    let second = format!("\"{number}b{}\"", "x".repeat(600));
    vec![op(format!("\"{number}a\""), expected), op(second, None)]
}

/// Groups with what is written, what is refused and what only looks, over a disk that fails from
/// each call on.
#[test]
fn a_group_on_a_failing_disk_loses_nothing_that_was_acknowledged() {
    each_call_fails(survives);
}

fn survives(fail_from: u64, kind: io::ErrorKind) -> bool {
    let bytes = created();
    let Ok(engine) = open(Failing::over(&bytes, fail_from, kind)) else {
        return false;
    };
    let (mut begun, mut acknowledged) = (0, 0);
    let mut has_failed = false;
    while !has_failed {
        if begun == 60 {
            return true;
        }
        let refused = append(LOG, 99, Some(1_000_000));
        let looks = vec![Op::Expect(Expect::Absent(LOG))];
        let numbers = begun..begun + 5;
        let mut group: Vec<_> = numbers.map(|number| append(LOG, number, None)).collect();
        begun += 5;
        group.insert(2, refused);
        group.insert(4, looks);
        for (place, made) in engine.committer.write_group(group).into_iter().enumerate() {
            match made {
                Ok(done) => {
                    assert!(![2, 4].contains(&place), "{place}");
                    assert!(!has_failed, "call {fail_from}: it goes on after a failure");
                    acknowledged += 1;
                    assert_eq!(done.lengths, [2 * acknowledged - 1, 2 * acknowledged]);
                }
                Err(StoreError::Conflict { .. }) => assert_eq!(place, 2),
                Err(StoreError::ConditionFailed { .. }) => assert_eq!(place, 4),
                Err(_) => has_failed = true,
            }
        }
    }
    drop(engine);

    let again = open(Failing::over(&bytes, u64::MAX, kind)).unwrap();
    let found = stored(&again);
    assert_eq!(found.len() % 2, 0, "call {fail_from}: half of a change");
    let len = found.len() as u64 / 2;
    assert!(
        (acknowledged..=begun).contains(&len),
        "call {fail_from}: {len} changes after {acknowledged} acknowledged of {begun}"
    );
    for (changed, number) in found.chunks(2).zip(0_u64..) {
        assert_eq!(changed[0], format!("\"{number}a\""), "call {fail_from}");
        assert!(changed[1].starts_with(&format!("\"{number}bx")));
    }
    let appended = again.write(true, append(LOG, len, Some(2 * len)));
    appended.unwrap();
    false
}

/// Each thread gets the result of its own changes, in its own log and in one that all share.
#[test]
fn each_of_a_crowd_gets_its_own_result() {
    const THREADS: u64 = 8;
    const ROUNDS: u64 = 200;
    let bytes = created();
    let engine = open(Failing::over(&bytes, u64::MAX, io::ErrorKind::Other)).unwrap();
    let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
    let own = |thread| LogId {
        segment: Uuid::from_u64_pair(1, thread),
        ..LOG
    };
    let mut shared: Vec<u64> = std::thread::scope(|scope| {
        let write = |thread| {
            let (log, mut shared) = (own(thread), Vec::new());
            barrier.wait();
            for round in 0..ROUNDS {
                let synced = round % 50 == 0;
                let appended = engine.write(synced, append(log, round, Some(2 * round)));
                assert_eq!(appended.unwrap().lengths, [2 * round + 1, 2 * round + 2]);
                let refused = engine.write(false, append(log, round, Some(2 * round)));
                assert!(matches!(refused, Err(StoreError::Conflict { .. })));
                if round % 10 == 0 {
                    let done = engine.write(false, append(LOG, round, None)).unwrap();
                    shared.push(done.lengths[1]);
                }
            }
            shared
        };
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || write(thread)))
            .collect();
        let lengths = threads.into_iter().map(|thread| thread.join().unwrap());
        lengths.flatten().collect()
    });
    shared.sort_unstable();
    let all = THREADS * ROUNDS / 10;
    assert!(shared.into_iter().eq((1..=all).map(|changes| 2 * changes)));
    drop(engine);
    let again = open(Failing::over(&bytes, u64::MAX, io::ErrorKind::Other)).unwrap();
    let layers = again.committer.layers().unwrap();
    for thread in 0..THREADS {
        let size = layers.log_size(&own(thread)).ok().unwrap().unwrap();
        assert_eq!(size.entries, 2 * ROUNDS);
    }
}

/// The lock of the file, which one thread leaves to the next, is nobody's once they are done, or were
/// refused while they waited for it; and others get it in between.
#[test]
fn a_lock_that_is_left_to_the_next_is_left_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crowd.sessiondb");
    let lock_timeout = Duration::from_secs(60);
    let options = EngineOptions {
        shared: true,
        lock_timeout,
        ..OPTIONS
    };
    let engine = crate::engine::open(
        &path,
        Creation::Always(Superblock::new(DEFAULT_JOURNAL_BYTES)),
        options,
    )
    .unwrap();
    let peer = |timeout| ArchiveFile::open(&path, false, true, timeout).unwrap().0;
    for is_poisoned in [false, true] {
        let began = engine.committer.frames().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (engine, segment) = (&engine, Uuid::from_u128(100 + thread));
                scope.spawn(move || {
                    let log = LogId { segment, ..LOG };
                    for number in 0.. {
                        let made = engine.write(false, append(log, number, None));
                        if made.is_err() || (!is_poisoned && number == 2_000) {
                            assert_eq!(made.is_err(), is_poisoned);
                            break;
                        }
                    }
                });
            }
            while engine.committer.frames().unwrap() < began + 100 {
                std::thread::yield_now();
            }
            let other = peer(lock_timeout);
            drop(other.lock_writer().unwrap());
            if is_poisoned {
                engine
                    .committer
                    .poison_because("a test asks for it".to_owned());
            }
        });
        drop(peer(Duration::ZERO).lock_writer().unwrap());
    }
}
