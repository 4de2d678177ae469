//! Batches with conditions: all that a batch can do against a naive model, several writers at
//! once, and how durable a batch is.

mod model;
mod races;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Map;
use sessiondb::testing::{self, Opening, StorageBackend};
use sessiondb::{Archive, Condition, Durability, Log, StoreError, new_segment_id, new_session_id};

use crate::raw::{raw, raws};

pub(crate) use self::model::catches;

fn log(archive: &Archive) -> Log {
    archive.log(new_session_id(), new_segment_id())
}

#[test]
fn a_condition_that_fails_says_what_was_expected_and_what_is_there() {
    let archive = Archive::in_memory().unwrap();
    let log = log(&archive);
    let (session, segment) = (log.session_id(), log.segment_id());
    let other = archive.log(session, new_segment_id());
    log.append_many(raws(["1", "2"])).unwrap();
    other.append(&raw(b"3")).unwrap();
    let gone = archive.log(new_session_id(), segment);
    let message = |condition: &dyn Fn(&mut sessiondb::Batch)| {
        let mut batch = archive.batch();
        condition(&mut batch);
        batch.append(&log, &raw(b"4")).unwrap();
        let err = batch.commit().unwrap_err();
        assert_eq!(log.len().unwrap(), 2, "nothing is written: {err}");
        err.to_string()
    };
    let absent = message(&|batch| {
        batch.expect_absent(&log);
    });
    assert_eq!(
        absent,
        format!(
            "session {session}, segment {segment}: expected no such log, found one with 2 entries; \
             nothing was written"
        )
    );
    let only = message(&|batch| {
        batch.expect_only_segment(&log);
    });
    let rest = format!("found segment {}; nothing was written", other.segment_id());
    assert!(only.ends_with(&rest), "{only}");
    let present = message(&|batch| {
        batch.expect_present(&gone);
    });
    assert!(present.contains("expected a log, found none"), "{present}");
    let session_there = message(&|batch| {
        batch.expect_session_absent(session);
    });
    assert_eq!(
        session_there,
        format!(
            "session {session}: expected no such session, found one with 2 segments; nothing was written"
        )
    );
    let len = message(&|batch| {
        batch.expect_len(&log, 3);
    });
    assert!(len.contains("has 2 entries where 3 were expected"), "{len}");
}

#[test]
fn a_note_is_expected_as_it_was_written_and_at_its_place_in_the_batch() {
    let archive = Archive::in_memory().unwrap();
    let commit = |changes: &dyn Fn(&mut sessiondb::Batch)| {
        let mut batch = archive.batch();
        changes(&mut batch);
        batch.commit()
    };
    let is_refused = |done: Result<(), StoreError>| match done {
        Err(StoreError::NoteChanged { key }) => assert_eq!(key, "app/a"),
        other => panic!("{other:?}"),
    };
    let (one, two) = (Some(&1), Some(&2));
    is_refused(commit(&|batch| {
        batch.expect_note("app/a", one).unwrap();
        batch.write_note("app/b", &0).unwrap();
    }));
    assert_eq!(archive.read_note::<u8>("app/b").unwrap(), None);
    commit(&|batch| {
        batch.expect_note::<u8>("app/a", None).unwrap();
        batch.write_note("app/a", &1).unwrap();
        batch.expect_note("app/a", one).unwrap();
        batch.write_note("app/a", &2).unwrap();
    })
    .unwrap();
    archive.checkpoint().unwrap();
    is_refused(commit(&|batch| {
        batch.expect_note("app/a", one).unwrap();
    }));
    is_refused(commit(&|batch| {
        batch.delete_note("app/a");
        batch.expect_note("app/a", two).unwrap();
    }));
    let (mut first, mut otherwise) = (archive.batch(), archive.batch());
    first.expect_note::<u8>("app/a", None).unwrap();
    otherwise.expect_note("app/a", two).unwrap();
    otherwise.write_note("app/a", &3).unwrap();
    assert!(!first.commit_or(otherwise).unwrap());
    assert_eq!(archive.read_note("app/a").unwrap(), Some(3));
}

#[test]
fn conditions_alone_are_looked_at_and_write_nothing() {
    let archive = Archive::in_memory().unwrap();
    let log = log(&archive);
    log.append(&raw(b"1")).unwrap();
    let version = archive.version().unwrap();
    let mut batch = archive.batch();
    batch.expect_len(&log, 1).expect_present(&log);
    batch.commit().unwrap();
    let mut batch = archive.batch();
    batch.expect_len(&log, 1).expect_absent(&log);
    assert!(matches!(
        batch.commit(),
        Err(StoreError::ConditionFailed {
            expected: Condition::Absent,
            ..
        })
    ));
    assert_eq!(archive.version().unwrap(), version);
}

#[test]
fn a_condition_behind_a_change_sees_it() {
    let archive = Archive::in_memory().unwrap();
    let log = log(&archive);
    let mut batch = archive.batch();
    batch.expect_absent(&log);
    batch.append_many(&log, raws(["1", "2"])).unwrap();
    batch
        .expect_len(&log, 2)
        .truncate(&log, 1)
        .expect_len(&log, 1);
    batch.commit().unwrap();
    assert_eq!(log.len().unwrap(), 1);
}

#[test]
fn the_other_batch_counts_only_where_a_condition_failed() {
    let archive = Archive::in_memory().unwrap();
    let log = log(&archive);
    log.append(&raw(b"1")).unwrap();
    let gone = archive.log(log.session_id(), new_segment_id());
    let mut first = archive.batch();
    first.truncate(&gone, 0);
    let mut other = archive.batch();
    other.append(&log, &raw(b"2")).unwrap();
    assert!(matches!(
        first.commit_or(other),
        Err(StoreError::NotFound(_))
    ));
    let (mut first, mut other) = (archive.batch(), archive.batch());
    first.append_at(&log, 7, raws(["3"])).unwrap();
    other.expect_len(&log, 9);
    assert!(matches!(
        first.commit_or(other),
        Err(StoreError::Conflict {
            expected: 9,
            actual: 1,
            ..
        })
    ));
    assert_eq!(log.len().unwrap(), 1);
}

#[test]
fn a_log_of_another_archive_is_refused() {
    let (archive, other) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    let log = log(&other);
    let mut batch = archive.batch();
    batch.append(&log, &raw(b"1")).unwrap();
    let refused = batch.commit();
    assert!(
        matches!(&refused, Err(StoreError::Io(err)) if err.kind() == io::ErrorKind::InvalidInput)
    );
    let elsewhere = other.batch();
    assert!(archive.batch().commit_or(elsewhere).is_err());
    assert!(
        !other
            .log(log.session_id(), log.segment_id())
            .exists()
            .unwrap()
    );
    assert_eq!(archive.stats().unwrap().sessions, 0);
}

/// Storage in memory that counts its syncs.
#[derive(Debug)]
struct Counting(Arc<dyn StorageBackend>, AtomicU64);

impl StorageBackend for Counting {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(at, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.sync_data()
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write(at, bytes)
    }
}

/// An archive of that durability without a background thread, and what counts its syncs.
fn counting(durability: Durability) -> (Archive, Arc<Counting>) {
    let storage = testing::create_in_memory(1 << 20).unwrap();
    let storage = Arc::new(Counting(storage, AtomicU64::new(0)));
    let opening = Opening {
        durability,
        ..Opening::default()
    };
    let backend: Arc<dyn StorageBackend> = Arc::<Counting>::clone(&storage);
    (testing::open(backend, opening).unwrap(), storage)
}

#[test]
fn a_batch_is_as_durable_as_the_most_durable_of_its_logs() {
    use Durability::{Synced, Written};
    for of_archive in [Synced, Written] {
        let (archive, storage) = counting(of_archive);
        let ids = (new_session_id(), new_segment_id());
        let log = archive.log(ids.0, ids.1);
        let (synced, written) = (
            log.clone().with_durability(Synced),
            log.clone().with_durability(Written),
        );
        let trace = archive.trace(ids.0, ids.1);
        let syncs = |given: Option<Durability>, fill: &dyn Fn(&mut sessiondb::Batch)| {
            let mut batch = archive.batch();
            fill(&mut batch);
            if let Some(durability) = given {
                batch = batch.with_durability(durability);
            }
            let before = storage.1.load(Ordering::SeqCst);
            batch.commit().unwrap();
            storage.1.load(Ordering::SeqCst) - before
        };
        let append = |log: &Log| {
            let log = log.clone();
            move |batch: &mut sessiondb::Batch| {
                batch.append(&log, &raw(b"1")).unwrap();
            }
        };
        let of_both = |batch: &mut sessiondb::Batch| {
            batch.append(&written, &raw(b"1")).unwrap();
            batch.truncate(&synced, 1);
            batch.append(&written, &raw(b"1")).unwrap();
        };
        let expecting = |batch: &mut sessiondb::Batch| {
            batch.expect_present(&synced);
            batch.append(&written, &raw(b"1")).unwrap();
        };
        let metadata = |batch: &mut sessiondb::Batch| {
            batch.set_metadata(ids.0, &Map::new()).unwrap();
        };
        assert_eq!(syncs(None, &append(&synced)), 1);
        assert_eq!(syncs(None, &append(&written)), 0);
        assert_eq!(syncs(None, &append(&trace)), 0);
        assert_eq!(syncs(None, &of_both), 1);
        assert_eq!(syncs(None, &expecting), 0);
        assert_eq!(syncs(None, &metadata), u64::from(of_archive == Synced));
        assert_eq!(syncs(Some(Written), &of_both), 0);
        assert_eq!(syncs(Some(Synced), &append(&trace)), 1);
        let before = storage.1.load(Ordering::SeqCst);
        let (mut first, mut other) = (archive.batch(), archive.batch());
        first.expect_absent(&log);
        append(&written)(&mut first);
        append(&synced)(&mut other);
        assert!(!first.commit_or(other).unwrap());
        assert_eq!(storage.1.load(Ordering::SeqCst) - before, 1);
    }
}
