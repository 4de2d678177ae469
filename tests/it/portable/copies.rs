//! New archives: backups and extracted sessions.

use std::sync::atomic::{AtomicBool, Ordering};

use sessiondb::{Archive, StoreError};

use super::{Content, assert_clean, record, sample, segment, session};
use crate::raw::raw;
use crate::scratch::Scratch;

#[test]
fn a_backup_holds_the_same() {
    let (archive, scratch) = (sample(), Scratch::new());
    let out = scratch.fresh();
    let mut last = (0, 0);
    let report = archive.backup(
        &out,
        Some(&mut |progress| {
            assert!(last.0 <= progress.done && progress.done <= progress.total);
            last = (progress.done, progress.total);
        }),
    );
    let report = report.unwrap();
    assert_eq!(last.0, last.1);
    assert_eq!(last.1, report.entry_bytes + report.trace_bytes);

    let copy = Archive::open(&out).unwrap();
    assert_eq!(Content::of(&copy), Content::of(&archive));
    assert_clean(&copy);
    let (stats, own) = (copy.stats().unwrap(), archive.stats().unwrap());
    assert_ne!(stats.archive_id, own.archive_id);
    assert_eq!(
        (
            report.sessions,
            report.segments,
            report.entries,
            report.traces,
            report.names
        ),
        (
            own.sessions,
            own.segments,
            own.entries,
            own.traces,
            own.names
        ),
    );
    assert_eq!(report.file_bytes, out.metadata().unwrap().len());
    assert_eq!(scratch.names(), ["1.sessiondb"]);
    // And it can be written to.
    copy.log(session(1), segment(1)).append(&raw(b"5")).unwrap();
    copy.close().unwrap();
}

#[test]
fn an_empty_archive_can_be_copied() {
    let (archive, scratch) = (Archive::in_memory().unwrap(), Scratch::new());
    let out = scratch.fresh();
    archive.backup(&out, None).unwrap();
    assert_eq!(Archive::open(out).unwrap().stats().unwrap().sessions, 0);
}

#[test]
fn what_is_there_already_is_left_alone() {
    let (archive, scratch) = (sample(), Scratch::new());
    let out = scratch.fresh();
    std::fs::write(&out, "mine").unwrap();
    for made in [
        archive.backup(&out, None),
        archive.extract(&out, &[session(1)], None),
    ] {
        let said = made.unwrap_err().to_string();
        assert!(said.contains("there is a file already"), "{said}");
        assert!(said.contains("1.sessiondb"), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "mine");
    assert_eq!(scratch.names(), ["1.sessiondb"]);
}

#[test]
fn a_backup_is_of_one_moment_while_others_write() {
    let scratch = Scratch::new();
    let archive = Archive::open(scratch.fresh()).unwrap();
    let logs = [1, 2].map(|number| archive.log(session(number), segment(number)));
    let entry = format!("\"{}\"", "x".repeat(1000));
    let append = || {
        let mut batch = archive.batch();
        for log in &logs {
            batch.append(log, &raw(entry.as_bytes())).unwrap();
        }
        batch.commit().unwrap();
    };
    for _ in 0..300 {
        append();
    }
    let done = AtomicBool::new(false);
    let lengths = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                append();
            }
        });
        let mut lengths = Vec::new();
        for _ in 0..10 {
            let out = scratch.fresh();
            archive.backup(&out, None).unwrap();
            let copy = Archive::open(out).unwrap();
            let len = |number| copy.log(session(number), segment(number)).len().unwrap();
            assert_eq!(len(1), len(2));
            lengths.push(len(1));
        }
        done.store(true, Ordering::Relaxed);
        lengths
    });
    assert!(lengths.is_sorted());
    assert!(lengths[0] >= 300 && lengths[9] > lengths[0], "{lengths:?}");
}

#[test]
fn an_extract_holds_its_sessions_and_their_names() {
    let (archive, scratch) = (sample(), Scratch::new());
    for number in [1, 2, 3, 4, 5] {
        let out = scratch.fresh();
        let ids = [session(number), session(number)];
        let mut last = (0, 0);
        let report = archive.extract(
            &out,
            &ids,
            Some(&mut |progress| {
                assert!(last.0 <= progress.done && progress.done <= progress.total);
                last = (progress.done, progress.total);
            }),
        );
        let report = report.unwrap();
        assert_eq!(report.sessions, 1);
        let bytes = report.entry_bytes + report.trace_bytes;
        assert_eq!(last, (2 * bytes, 2 * bytes));
        assert_eq!(report.file_bytes, out.metadata().unwrap().len());
        let copy = Archive::open(&out).unwrap();
        assert_eq!(
            Content::of(&copy),
            Content::of(&archive).only(session(number))
        );
        assert_clean(&copy);
        copy.close().unwrap();
    }
}

#[test]
fn a_small_extract_is_a_small_file() {
    let (archive, scratch) = (sample(), Scratch::new());
    let out = scratch.fresh();
    let report = archive
        .extract(&out, &[session(1), session(2)], None)
        .unwrap();
    assert!(out.metadata().unwrap().len() < 100_000, "{report:?}");
    assert_eq!(report.names, 1);
    assert_eq!(
        Content::of(&Archive::open(&out).unwrap()).names,
        [record("one", Some(1))]
    );
}

#[test]
fn an_extract_of_a_session_that_is_not_there_makes_nothing() {
    let (archive, scratch) = (sample(), Scratch::new());
    let made = archive.extract(scratch.fresh(), &[session(1), session(9)], None);
    assert!(matches!(made, Err(StoreError::SessionNotFound(id)) if id == session(9)));
    assert_eq!(scratch.names(), [""; 0]);
}
