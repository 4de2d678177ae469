//! What the public calls promise beyond what they store: that each tells the truth, and that a batch does
//! what a call does.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sessiondb::archive::{Closed, LogSnapshot, RawEntries, Segments, Sessions, TypedEntries};
use sessiondb::segment::{self, Seed};
use sessiondb::{
    Archive, ArchiveOptions, Entry, ErrorKind, Log, Snapshot, Store, StoreError, new_segment_id,
    new_session_id,
};

use crate::raw::{raw, raws};
use crate::scratch::Scratch;

fn new_log(archive: &Archive) -> Log {
    archive.log(new_session_id(), new_segment_id())
}

fn texts(log: &Log) -> Vec<String> {
    let entries = log.read(..).unwrap();
    entries
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect()
}

#[test]
fn what_is_shared_between_threads_may_be() {
    fn may_be<T: Send + Sync>() {}
    fn moves<T: Send>() {}
    may_be::<Archive>();
    may_be::<ArchiveOptions>();
    may_be::<Log>();
    may_be::<Snapshot>();
    may_be::<LogSnapshot>();
    may_be::<Entry>();
    may_be::<Segments>();
    may_be::<Sessions>();
    may_be::<StoreError>();
    moves::<sessiondb::Batch>();
    moves::<RawEntries>();
    moves::<TypedEntries<Value>>();
}

#[test]
fn a_log_that_has_not_begun_reads_as_empty_and_a_store_says_that_there_is_none() {
    let archive = Archive::in_memory().unwrap();
    let log = new_log(&archive);
    let (session, segment) = (log.session_id(), log.segment_id());
    assert!(!log.exists().unwrap() && log.is_empty().unwrap());
    assert_eq!(texts(&log), [""; 0]);
    assert_eq!(log.last(3).unwrap().count(), 0);
    let seen = archive.snapshot().unwrap().log(session, segment);
    assert!(!seen.exists().unwrap() && seen.is_empty().unwrap());
    for refused in [
        archive.read_all(session, segment).map(drop),
        archive.read_entry_count(session, segment).map(drop),
        log.truncate(0),
        log.erase(..).map(drop),
        log.branch(0, new_segment_id()).map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn closing_tells_who_has_the_file_open_yet_and_whether_the_journal_is_empty() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let tells = |archive: Archive| {
        let Closed {
            is_open_here,
            is_open_elsewhere,
            is_journal_empty,
            ..
        } = archive.close().unwrap();
        (is_open_here, is_open_elsewhere, is_journal_empty)
    };
    let archive = Archive::open(&path).unwrap();
    new_log(&archive).append(&1).unwrap();
    // An iterator holds it as a handle does.
    let sessions = archive.sessions().unwrap();
    assert_eq!(tells(archive), (true, false, false));
    drop(sessions);

    let archive = Archive::open(&path).unwrap();
    let reader = Archive::options().read_only(true).open(&path).unwrap();
    new_log(&archive).append(&2).unwrap();
    assert_eq!(tells(archive), (false, true, true));
    let archive = Archive::open(&path).unwrap();
    new_log(&archive).append(&3).unwrap();
    // It may not write, and so cannot empty the journal.
    assert_eq!(tells(reader), (false, true, false));
    assert_eq!(tells(archive), (false, false, true));
    assert_eq!(tells(Archive::in_memory().unwrap()), (false, false, true));
}

#[test]
fn a_batch_erases_forks_and_updates_in_one_step_with_the_rest() {
    let scratch = Scratch::new();
    let archive = Archive::open(scratch.fresh()).unwrap();
    let mut head = segment::start(&archive, &Seed::default()).unwrap();
    segment::save_turn_end(&archive, &mut head, 1).unwrap();
    segment::save_turn_end(&archive, &mut head, 2).unwrap();
    let turns = archive.log(head.session_id, head.segment_id);
    let log = new_log(&archive);
    log.append_many(raws(["1", r#"{"ts":7,"text":"secret"}"#]))
        .unwrap();
    let (session, fork) = (log.session_id(), new_segment_id());

    let before = archive.version().unwrap();
    let mut batch = archive.batch();
    batch.expect_len(&log, 2).erase(&log, 1..);
    batch.append(&log, &raw("3")).unwrap();
    batch.fork_at(&turns, 1, fork);
    batch.update_metadata(session, |metadata| {
        metadata.insert("title".to_owned(), json!("T"));
        Ok(())
    });
    let named = batch.update_name("worker", |record: &mut Option<Map<String, Value>>| {
        record
            .get_or_insert_default()
            .insert("n".to_owned(), 1.into());
        Ok(())
    });
    named.unwrap();
    batch.commit().unwrap();
    assert_eq!(archive.version().unwrap(), before + 1);
    assert_eq!(texts(&log), ["1", r#"{"kind":"erased","ts":7}"#, "3"]);
    let info = archive.segment(head.session_id, fork).unwrap().unwrap();
    assert_eq!((info.entries, info.origin.unwrap().at_turn), (2, 1));
    assert_eq!(archive.metadata(session).unwrap().unwrap()["title"], "T");
    let record: Option<Value> = archive.read_name_as("worker").unwrap();
    assert_eq!(record, Some(json!({"n": 1})));
    let file = std::fs::read(archive.path()).unwrap();
    let journal = &file[..2 << 20];
    assert!(memchr::memmem::find(journal, b"secret").is_none());
}

#[test]
fn what_a_batch_cannot_decide_refuses_it_whole_and_after_its_conditions() {
    let archive = Archive::in_memory().unwrap();
    let (log, other) = (new_log(&archive), new_log(&archive));
    log.append_many([1, 2]).unwrap();
    let past_end = |condition: bool| {
        let mut batch = archive.batch();
        batch.append(&other, &1).unwrap();
        if condition {
            batch.expect_len(&log, 9);
        }
        batch.erase(&log, 7..).truncate(&log, 0);
        batch
    };
    let refused = past_end(false).commit().unwrap_err();
    assert!(
        matches!(refused, StoreError::ErasePastEnd { .. }),
        "{refused}"
    );
    let refused = past_end(true).commit().unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");

    // Only a condition that fails leads to the other batch.
    let mut otherwise = archive.batch();
    otherwise.erase(&log, ..1);
    let refused = past_end(false).commit_or(otherwise).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(!other.exists().unwrap());
    assert_eq!(texts(&log), ["1", "2"]);
    let mut otherwise = archive.batch();
    otherwise.erase(&log, ..1);
    assert!(!past_end(true).commit_or(otherwise).unwrap());
    assert_eq!(texts(&log), [r#"{"kind":"erased"}"#, "2"]);
}

#[test]
fn a_batch_that_erases_nothing_is_no_change() {
    let archive = Archive::in_memory().unwrap();
    let log = new_log(&archive);
    log.append_many([1, 2]).unwrap();
    let before = archive.version().unwrap();
    let nothing = || {
        let mut batch = archive.batch();
        batch.expect_len(&log, 2).erase(&log, 1..1);
        batch
    };
    nothing().commit().unwrap();
    assert!(nothing().commit_or(archive.batch()).unwrap());
    assert_eq!(archive.version().unwrap(), before);
}

#[test]
fn an_update_that_fails_changes_nothing() {
    let archive = Archive::in_memory().unwrap();
    let log = new_log(&archive);
    log.append(&1).unwrap();
    let mut batch = archive.batch();
    batch.append(&log, &2).unwrap();
    batch.update_metadata(log.session_id(), |metadata| {
        metadata.insert("title".to_owned(), json!("T"));
        Err(StoreError::Io(std::io::Error::other("no")))
    });
    assert_eq!(batch.commit().unwrap_err().to_string(), "no");
    assert_eq!(texts(&log), ["1"]);
    assert_eq!(archive.metadata(log.session_id()).unwrap(), None);
}

/// Nobody else can change an archive in memory, so that only its own changes wake who waits.
#[test]
fn a_waiter_is_woken_by_a_change_of_its_process() {
    let archive = Archive::in_memory().unwrap();
    let log = new_log(&archive);
    for _ in 0..100 {
        let version = archive.version().unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                archive
                    .wait_for_change(version, Duration::from_secs(240))
                    .unwrap()
            });
            log.append(&1).unwrap();
            assert!(waiter.join().unwrap() > version);
        });
        assert!(Instant::now() < deadline, "it was not woken");
    }
    let version = archive.version().unwrap();
    let waited = archive.wait_for_change(version, Duration::from_millis(20));
    assert_eq!(waited.unwrap(), version);
}

#[test]
fn sessions_are_listed_by_last_use_as_well() {
    let archive = Archive::in_memory().unwrap();
    let ids: Vec<_> = (0..200).map(uuid::Uuid::from_u128).collect();
    let used = |id: &uuid::Uuid| id.as_u64_pair().1 * 37 % 101;
    for id in &ids {
        let log = archive.log(*id, *id).with_timestamp(used(id));
        log.append(&1).unwrap();
    }
    let mut expected = ids;
    expected.sort_by_key(|id| std::cmp::Reverse((used(id), *id)));
    let listed = archive.sessions_by_last_use().unwrap();
    let listed: Vec<_> = listed.map(|info| info.unwrap().id).collect();
    assert_eq!(listed, expected);
}
