//! Checking an archive, and recovering what a damaged one still holds.

mod check;
mod pages;
mod recover;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};
use sessiondb::doctor::RecoverReport;
use sessiondb::entry::{WorkerName, WorkerRecord};
use sessiondb::{Archive, SegmentId, SegmentInfo, SessionId, testing};
use uuid::Uuid;

use crate::raw::{raw, raws};
use crate::scratch::noise;

/// A log: session, segment, and whether these are its traces.
type Id = (SessionId, SegmentId, bool);

/// All that an archive holds.
#[derive(Debug, Clone, Default, PartialEq)]
struct Content {
    logs: BTreeMap<Id, Vec<String>>,
    segments: Vec<SegmentInfo>,
    metadata: BTreeMap<SessionId, Map<String, Value>>,
    names: Vec<(String, Option<WorkerRecord>)>,
}

impl Content {
    fn of(path: &Path) -> Self {
        let archive = Archive::options().read_only(true).open(path).unwrap();
        Self::read(&archive)
    }

    fn read(archive: &Archive) -> Self {
        let snapshot = archive.snapshot().unwrap();
        let mut content = Self::default();
        for session in snapshot.sessions() {
            let session = session.unwrap().id;
            if let Some(metadata) = snapshot.metadata(session).unwrap() {
                content.metadata.insert(session, metadata);
            }
            for segment in snapshot.segments(session) {
                let segment = segment.unwrap();
                let id = segment.id;
                if segment.exists {
                    let entries = snapshot.log(session, id).read(..).unwrap();
                    content.logs.insert((session, id, false), texts(entries));
                }
                if segment.traces > 0 {
                    let traces = snapshot.trace(session, id).read(..).unwrap();
                    content.logs.insert((session, id, true), texts(traces));
                }
                content.segments.push(segment);
            }
        }
        for name in snapshot.names().unwrap() {
            let record = snapshot.read_name(&name).unwrap();
            content.names.push((name, record));
        }
        content
    }

    fn entries(&self) -> u64 {
        self.logs.values().map(|log| log.len() as u64).sum()
    }
}

fn texts(entries: sessiondb::archive::RawEntries) -> Vec<String> {
    entries
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect()
}

/// What every recovery promises: each entry is the one that was in its place, nothing is there
/// that was removed, and what is missing is told. Returns which entries are there.
fn judge(
    was: &Content,
    is: &Content,
    report: &RecoverReport,
) -> Result<BTreeSet<(Id, u64)>, String> {
    let mut there = BTreeSet::new();
    let mut pieces = BTreeMap::new();
    for log in &report.logs {
        for piece in &log.parts {
            let id = (log.session, piece.segment, log.traces);
            pieces.insert(id, ((log.session, log.segment, log.traces), piece.from));
        }
    }
    for (id, entries) in &is.logs {
        let (own, from) = match (was.logs.contains_key(id), pieces.get(id)) {
            (true, None) => (*id, 0),
            (false, Some((own, Some(from)))) => (*own, *from),
            (false, Some((_, None))) => continue,
            _ => return Err(format!("a log that there was not: {id:?}")),
        };
        for (entry, index) in entries.iter().zip(from..) {
            let expected = was.logs[&own].get(usize::try_from(index).unwrap());
            if expected != Some(entry) {
                return Err(format!("{own:?}: entry {index} is {entry:.80}"));
            }
            if !there.insert((own, index)) {
                return Err(format!("{own:?}: entry {index} is there twice"));
            }
        }
    }
    for (session, metadata) in &is.metadata {
        if was.metadata.get(session) != Some(metadata) {
            return Err(format!("metadata of {session}: {metadata:?}"));
        }
    }
    if let Some(name) = is.names.iter().find(|name| !was.names.contains(name)) {
        return Err(format!("name {name:?}"));
    }
    if report.complete && is != was {
        return Err("it is said to be complete and is not".to_owned());
    }
    Ok(there)
}

/// An archive with logs of all kinds, and what it holds. Much has been removed from it: its
/// entries say so, and stand in pages that are not used.
fn sample(path: &Path) -> Archive {
    testing::create_file(path, 16 << 10).unwrap();
    let archive = Archive::open(path).unwrap();
    write_sessions(&archive);
    write_unusual_logs(&archive);
    archive
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
}

fn entry(what: &str, number: usize, len: usize) -> String {
    json!({"kind": what, "ts": 1_700_000_000_000_u64 + number as u64, "n": number,
           "text": noise(number as u64 + what.len() as u64 * 1000, len)})
    .to_string()
}

fn entries(what: &str, numbers: std::ops::Range<usize>, len: usize) -> Vec<String> {
    numbers.map(|number| entry(what, number, len)).collect()
}

/// Four sessions with metadata, a name, logs whose ends were removed, and traces.
fn write_sessions(archive: &Archive) {
    for session in 0..4 {
        let session_id = id(session);
        for segment in 0..7 {
            let what = format!("log {session} {segment}");
            let log = archive.log(session_id, id(100 + 10 * session + segment));
            log.append_many(raws(entries(&what, 0..12, 300))).unwrap();
            log.append_many(raws(entries("removed", 12..20, 300)))
                .unwrap();
        }
        archive.checkpoint().unwrap();
        for segment in 0..7 {
            let what = format!("log {session} {segment}");
            let segment_id = id(100 + 10 * session + segment);
            let log = archive.log(session_id, segment_id);
            log.truncate(12).unwrap();
            log.append_many(raws(entries(&what, 12..24, 500))).unwrap();
            if segment % 3 == 0 {
                let traces = archive.trace(session_id, segment_id);
                traces
                    .append_many(raws(entries("trace", 0..9, 200)))
                    .unwrap();
            }
        }
        let mut metadata = Map::new();
        metadata.insert("title".to_owned(), json!(format!("session {session}")));
        archive.set_metadata(session_id, &metadata).unwrap();
        let name = WorkerName::new(&format!("agent-{session}")).unwrap();
        archive
            .write_name(&name, &WorkerRecord::new(name.clone()))
            .unwrap();
    }
}

/// A long log, one that was replaced and one without entries, traces without a log, and what was
/// deleted.
fn write_unusual_logs(archive: &Archive) {
    // One long log, some of whose entries need a row to themselves.
    let long = archive.log(id(0), id(99));
    for number in 0..12 {
        let len = if number % 6 == 3 { 70_000 } else { 9_000 };
        long.append(&raw(entry("long", number, len).as_bytes()))
            .unwrap();
    }
    let replaced = archive.log(id(1), id(98));
    replaced
        .append_many(raws(entries("removed", 0..50, 700)))
        .unwrap();
    archive.checkpoint().unwrap();
    replaced.replace(raws(entries("kept", 0..50, 700))).unwrap();
    archive.log(id(2), id(97)).replace(raws([""; 0])).unwrap();
    let traces_alone = archive.trace(id(3), id(96));
    traces_alone
        .append_many(raws(entries("trace", 0..5, 100)))
        .unwrap();
    archive.delete_segment(id(3), id(130)).unwrap();
    let gone = archive.log(id(7), id(95));
    gone.append_many(raws(entries("removed", 0..30, 400)))
        .unwrap();
    archive.checkpoint().unwrap();
    archive.delete_session(id(7)).unwrap();
    archive.delete_name("agent-3").unwrap();
}

/// The sample, closed, with runs behind the pages that the trees are in.
fn closed_sample_with_runs_at_its_end(path: &Path) -> (Vec<u8>, Content) {
    closed_sample(path);
    let archive = Archive::open(path).unwrap();
    for round in 0..4 {
        let log = archive.log(id(5), id(200 + round));
        log.append_many(raws(entries("behind", 0..60, 3000)))
            .unwrap();
        archive.checkpoint().unwrap();
    }
    archive.delete_name("agent-2").unwrap();
    archive.close().unwrap();
    (std::fs::read(path).unwrap(), Content::of(path))
}

/// The sample, closed.
fn closed_sample(path: &Path) -> (Vec<u8>, Content) {
    sample(path).close().unwrap();
    let content = Content::of(path);
    assert!(content.entries() > 700, "{}", content.entries());
    (std::fs::read(path).unwrap(), content)
}
