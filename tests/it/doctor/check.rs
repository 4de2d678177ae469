//! Checking: what is found, where it is said to be, and that nothing is found where nothing is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sessiondb::doctor::Part;
use sessiondb::{Archive, new_segment_id, new_session_id, testing};

use super::{Content, closed_sample, sample};
use crate::raw::{raw, raws};
use crate::scratch::{Scratch, noise};

const IMAGE: usize = 8192 + (16 << 10);
const PAGE: usize = 4096;

#[test]
fn nothing_is_wrong_while_others_write() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = sample(&path);
    let (done, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (session, mut number) = (new_session_id(), 0_u64);
            while !done.load(Ordering::Relaxed) {
                let log = archive.log(session, new_segment_id());
                let entry = format!(
                    "\"{}\"",
                    "z".repeat(usize::try_from(number % 3000).unwrap())
                );
                log.append_many(raws([&entry, &entry, &entry])).unwrap();
                log.truncate(1).unwrap();
                if number % 5 == 0 {
                    archive.checkpoint().unwrap();
                    archive.delete_session(session).unwrap();
                }
                number += 1;
                rounds.store(number, Ordering::Relaxed);
            }
        });
        // Also when a check fails, or the writer would not end.
        let _stop = Stop(&done);
        let mut checks = 0;
        while checks < 10 || rounds.load(Ordering::Relaxed) < 20 {
            checks += 1;
            // Of another kind than the writer's, so that it is a handle of its own.
            let reader = Archive::options().read_only(true).open(&path).unwrap();
            for archive in [&archive, &reader] {
                let report = archive.check(None).unwrap();
                assert_eq!(report.problems, []);
                assert!(report.entries > 500);
            }
        }
    });
}

struct Stop<'d>(&'d AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn problems_say_session_segment_and_entries() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    testing::create_file(&path, 16 << 10).unwrap();
    let archive = Archive::open(&path).unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    let entries: Vec<_> = (0..300)
        .map(|number| format!("\"{}\"", noise(number, 5000)))
        .collect();
    log.append_many(raws(&entries)).unwrap();
    archive.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // In the entries of the run that is not the first of the log, and in no piece of one.
    let is_second = |at: &usize| {
        bytes[*at..].starts_with(b"sRun") && bytes[at + 40..at + 48] != [0; 8] && bytes[at + 5] != 2
    };
    let at = (0..bytes.len() - 48).find(is_second).unwrap();
    bytes[at + 100] ^= 1;
    std::fs::write(&path, bytes).unwrap();

    let archive = Archive::options().read_only(true).open(&path).unwrap();
    let report = archive.check(None).unwrap();
    assert_eq!(
        (report.problems_found, report.problems.len()),
        (1, 1),
        "{report:?}"
    );
    let problem = &report.problems[0];
    assert_eq!(problem.part, Part::Entries);
    assert_eq!(problem.session, Some(log.session_id()));
    assert_eq!(problem.segment, Some(log.segment_id()));
    // The second row, whose entries share a checksum.
    let range = problem.entries.unwrap();
    assert!(range.from > 0 && range.to == Some(300), "{range:?}");
    assert_eq!(report.entries, range.from);
    let line = problem.to_string();
    let expected = format!(
        "session {}, segment {}, entries {} to 299: its checksum does not match",
        log.session_id(),
        log.segment_id(),
        range.from
    );
    assert_eq!(line, expected);
    let json = serde_json::to_value(problem).unwrap();
    assert_eq!(json["part"], "entries");
    assert_eq!(
        json["entries"],
        serde_json::json!({"from": range.from, "to": 300})
    );
}

/// Whatever page is damaged: the check ends without a panic, says that something is wrong if
/// anything that counts is, and still looks at the rest.
#[test]
fn damage_does_not_end_the_check() {
    let scratch = Scratch::new();
    let (path, broken) = (scratch.fresh(), scratch.fresh());
    let (bytes, was) = closed_sample(&path);
    let sound = Archive::open(&path).unwrap().check(None).unwrap();
    assert!(sound.is_clean());
    assert_eq!(sound.entries + sound.traces, was.entries());
    let (mut found, mut partly, mut opened) = (0, 0, 0);
    for page in (IMAGE + PAGE..bytes.len()).step_by(3 * PAGE) {
        let mut bytes = bytes.clone();
        bytes[page + 8..page + PAGE].fill(0x5a);
        std::fs::write(&broken, &bytes).unwrap();
        let Ok(archive) = Archive::options().read_only(true).open(&broken) else {
            continue;
        };
        opened += 1;
        let report = archive.check(None).unwrap();
        if report.is_clean() {
            assert_eq!(Content::read(&archive), was, "page at {page}");
        } else {
            found += 1;
            partly += u32::from(report.entries > 0);
        }
        drop(archive);
        assert!(
            std::fs::read(&broken).unwrap() == bytes,
            "page at {page}: the file was changed"
        );
    }
    assert!(
        opened > 50 && found > 20 && partly * 10 > found * 8,
        "{opened} {found} {partly}"
    );
}

/// A frame that changed after others had followed it is told of, and is no problem: power loss
/// can leave the same.
#[test]
fn frames_behind_the_end_of_the_journal_are_noted() {
    let scratch = Scratch::new();
    let (path, broken) = (scratch.fresh(), scratch.fresh());
    testing::create_file(&path, 16 << 10).unwrap();
    let archive = Archive::open(&path).unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    for number in 0..6 {
        log.append(&raw(format!("\"entry {number}\"").as_bytes()))
            .unwrap();
    }
    std::fs::copy(&path, &broken).unwrap();
    assert_eq!(archive.check(None).unwrap().notes, []);
    let mut bytes = std::fs::read(&broken).unwrap();
    let mark = b"entry 2";
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)
        .unwrap();
    bytes[at] ^= 3;
    std::fs::write(&broken, bytes).unwrap();
    // Before the check, since that closes the file and so folds what counts.
    let report = sessiondb::doctor::recover(&broken, scratch.fresh(), None).unwrap();
    assert!(
        report.notes[0].contains("frame 2") && report.notes[0].contains("the 3 whole"),
        "{report:?}"
    );
    let damaged = Archive::options().read_only(true).open(&broken).unwrap();
    let report = damaged.check(None).unwrap();
    assert!(report.is_clean() && report.entries == 2, "{report:?}");
    assert_eq!(report.notes.len(), 1);
    assert_eq!(report.notes[0].part, Part::Journal);
    assert!(
        report.notes[0]
            .message
            .contains("the 3 whole ones behind it"),
        "{report:?}"
    );
}

/// One bit of a frame is put right by a recovery.
#[test]
fn one_bit_of_the_journal_is_put_right() {
    let scratch = Scratch::new();
    let (path, broken) = (scratch.fresh(), scratch.fresh());
    testing::create_file(&path, 16 << 10).unwrap();
    let archive = Archive::open(&path).unwrap();
    let log = archive.log(new_session_id(), new_segment_id());
    for number in 0..6 {
        log.append(&raw(format!("\"entry {number}\"").as_bytes()))
            .unwrap();
    }
    let was = Content::read(&archive);
    std::fs::copy(&path, &broken).unwrap();
    let sound = std::fs::read(&broken).unwrap();
    let frame = sound
        .windows(7)
        .position(|window| window == b"entry 2")
        .unwrap()
        - 100;
    for bit in (0..100 * 8).step_by(3) {
        let mut bytes = sound.clone();
        bytes[frame + bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&broken, bytes).unwrap();
        let new = scratch.fresh();
        let report = sessiondb::doctor::recover(&broken, &new, None).unwrap();
        assert!(
            report.complete && report.notes.len() == 1,
            "bit {bit}: {report:?}"
        );
        assert_eq!(Content::of(&new), was, "bit {bit}");
    }
}
