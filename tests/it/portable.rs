//! Archives made out of archives hold what they were made of, to the byte and the millisecond.

/// New archives: backups and extracted sessions.
mod copies;
/// Merging beside writers, and after an interruption.
mod disturbed;
/// Logs that differ, and the branches that are made of them.
mod diverging;
/// What was taken away here, and stays away.
mod forgotten;
/// What merging adds, and what it leaves alone.
mod merging;
/// Random pairs of archives against a naive merge.
mod random;
/// The same with branches on both sides.
mod random_branches;
/// Random pairs of archives that differ, back and forth.
mod random_diverging;
/// Branches stay branches.
mod sharing;

use serde_json::{Map, Value, json};
use sessiondb::archive::RawEntries;
use sessiondb::entry::{Active, Extra, WorkerName, WorkerRecord};
use sessiondb::{Archive, SegmentInfo, SessionInfo};
use uuid::Uuid;

use crate::raw::{raw, raws};

/// All that an archive tells of its content.
#[derive(Debug, PartialEq)]
pub(crate) struct Content {
    sessions: Vec<(SessionInfo, Option<Map<String, Value>>)>,
    segments: Vec<(SegmentInfo, Vec<String>, Vec<String>)>,
    names: Vec<WorkerRecord>,
}

impl Content {
    pub(crate) fn of(archive: &Archive) -> Self {
        let snapshot = archive.snapshot().unwrap();
        let mut content = Self {
            sessions: Vec::new(),
            segments: Vec::new(),
            names: Vec::new(),
        };
        for session in snapshot.sessions() {
            let session = session.unwrap();
            for segment in snapshot.segments(session.id) {
                let segment = segment.unwrap();
                let entries = if segment.exists {
                    texts(snapshot.log(session.id, segment.id).read(..).unwrap())
                } else {
                    Vec::new()
                };
                let traces = snapshot.trace(session.id, segment.id).read(..);
                content
                    .segments
                    .push((segment, entries, texts(traces.unwrap())));
            }
            let metadata = snapshot.metadata(session.id).unwrap();
            content.sessions.push((session, metadata));
        }
        for name in snapshot.names().unwrap() {
            content.names.extend(snapshot.read_name(&name).unwrap());
        }
        content
    }

    /// Without what belongs to other sessions.
    fn only(mut self, session: Uuid) -> Self {
        self.sessions.retain(|(info, _)| info.id == session);
        self.segments.retain(|(info, ..)| info.session == session);
        self.names.retain(|record| {
            let active = record.active.as_ref();
            active.is_some_and(|active| active.session_id == session)
        });
        self
    }
}

fn texts(entries: RawEntries) -> Vec<String> {
    entries
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect()
}

fn session(number: u128) -> Uuid {
    Uuid::from_u128(0x0198_c1f2_0000_7000_8000_0000_0000_0000 + number)
}

fn segment(number: u128) -> Uuid {
    Uuid::from_u128(0x0198_c1f2_0000_7000_9000_0000_0000_0000 + number)
}

/// An archive with logs of every shape: forks, compactions, traces alone, empty ones, one of
/// several megabytes, one left by a truncation, a removed segment, metadata and names.
fn sample() -> Archive {
    let archive = Archive::in_memory().unwrap();
    let at = |number, of: u64| {
        archive
            .log(session(number), segment(number))
            .with_timestamp(of)
    };
    at(1, 1000)
        .append_many(raws([r#"{"kind":"segment_start" }"#, "2 ", "\"drei\""]))
        .unwrap();
    at(1, 5000).append(&raw(b"[4]")).unwrap();
    let trace = |number, of| {
        archive
            .trace(session(number), segment(number))
            .with_timestamp(of)
    };
    trace(1, 6000).append_many(raws(["1", "2"])).unwrap();
    for (fork, word) in [(11, "forked_from"), (12, "compacted_from")] {
        let start = json!({
            "kind": "segment_start",
            word: {"segment_id": segment(1), "at_turn_index": 3},
        });
        let log = archive.log(session(1), segment(fork)).with_timestamp(7000);
        log.append(&start).unwrap();
    }
    // Traces alone: one of them, and several over time.
    trace(2, 2000).append(&raw(b"{}")).unwrap();
    let several = archive.trace(session(2), segment(21));
    several
        .clone()
        .with_timestamp(2100)
        .append(&raw(b"1"))
        .unwrap();
    several.with_timestamp(2200).append(&raw(b"2")).unwrap();
    // Empty logs: made so, and left so.
    let none: [&str; 0] = [];
    at(3, 3000).replace(raws(none)).unwrap();
    let log = archive.log(session(3), segment(31));
    log.clone().with_timestamp(3100).append(&raw(b"1")).unwrap();
    log.with_timestamp(3900).truncate(0).unwrap();
    // A removed segment has left its times.
    at(4, 4000).append(&raw(b"1")).unwrap();
    for of in [40, 40_000] {
        let log = archive.log(session(4), segment(41)).with_timestamp(of);
        log.append(&raw(b"1")).unwrap();
    }
    archive.delete_segment(session(4), segment(41)).unwrap();
    // More than one op and one change.
    let large = at(5, 5000);
    for number in 0..10 {
        let entry = json!(format!("{number}").repeat(1_100_000));
        large.append(&entry).unwrap();
    }
    for number in [1, 3] {
        let metadata =
            json!({"title": format!("Sitzung {number}"), "cwd": "/home/ann/a", "x": 1.5});
        let metadata = metadata.as_object().unwrap();
        archive.set_metadata(session(number), metadata).unwrap();
    }
    for (name, number) in [("one", Some(1)), ("none", None), ("three", Some(3))] {
        archive.write_name(name, &record(name, number)).unwrap();
    }
    archive
}

pub(crate) fn record(name: &str, number: Option<u128>) -> WorkerRecord {
    let mut record = WorkerRecord::new(WorkerName::new(name).unwrap());
    record.active = number.map(|number| Active {
        session_id: session(number),
        segment_id: Some(segment(number)),
        extra: Extra::new(),
    });
    record.extra.insert("port".to_owned(), json!(7));
    record
}

#[track_caller]
fn assert_clean(archive: &Archive) {
    let report = archive.check(None).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
}
