//! Entries that are redacted: rewritten in place wherever they are shared, and known again when they come as they were.

use memchr::memmem;
use proptest::prelude::*;
use serde_json::json;
use sessiondb::archive::{Redaction, Redactor};
use sessiondb::jsonl::{Import, LogFile, Outcome};
use sessiondb::portable::Merge;
use sessiondb::testing::entries_in;
use sessiondb::{Archive, Log, RawJson, SegmentId, StoreError, new_segment_id, new_session_id};
use std::io::Write;

const SECRET: &str = "hunter2-qX7";

fn redacted(entry: &str) -> Option<RawJson> {
    let redacted = entry.replace(SECRET, "[redacted]");
    (redacted != entry).then(|| RawJson::new(redacted).unwrap())
}

fn redactor() -> Redactor {
    Redactor::new(redacted)
}

fn entries(log: &Log) -> Vec<String> {
    let entries = log.read(..).unwrap();
    entries
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect()
}

fn redactions(log: &Log) -> Vec<Redaction> {
    let all = log.read(..).unwrap().map(Result::unwrap);
    all.filter_map(|entry| {
        let now = redacted(entry.as_str())?;
        Some(Redaction::new(entry.index(), entry.as_str(), now))
    })
    .collect()
}

fn entry(number: usize, is_secret: bool) -> String {
    json!({"n": number, "text": if is_secret { SECRET } else { "-" }}).to_string()
}

/// Imports entries as a file, a line each.
fn import(archive: &Archive, import: &Import<'_>, log: &Log, lines: &[String]) -> (Outcome, u64) {
    let mut file = tempfile::tempfile().unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    let file = LogFile::new("log".as_ref(), &file, log.session_id(), log.segment_id());
    let report = import.file(&file, None).unwrap();
    archive.sync().unwrap();
    assert_eq!(report.segment, log.segment_id(), "nothing has diverged");
    (report.outcome, report.forgotten)
}

#[test]
fn an_entry_that_is_another_by_now_stays_as_it_is() -> Result<(), StoreError> {
    let archive = Archive::in_memory()?;
    let log = archive.log(new_session_id(), new_segment_id());
    log.append_many(["a", SECRET])?;
    let changes = redactions(&log);
    log.replace([SECRET, "b"])?;
    assert_eq!(log.redact(changes.clone())?, 0);
    assert_eq!(entries(&log), [format!("\"{SECRET}\""), "\"b\"".to_owned()]);
    log.truncate(0)?;
    assert_eq!(log.redact(changes)?, 0);
    assert_eq!(log.redact([])?, 0);
    let nowhere = archive.log(new_session_id(), new_segment_id());
    let change = Redaction::new(0, "1", RawJson::new("2")?);
    assert_eq!(nowhere.redact([change])?, 0);
    Ok(())
}

#[test]
fn records_are_rewritten_and_marks_are_not() -> Result<(), StoreError> {
    let archive = Archive::in_memory()?;
    let (session, other) = (new_session_id(), new_session_id());
    for id in [session, other] {
        let log = archive.log(id, new_segment_id());
        log.append(SECRET)?;
        log.redact(redactions(&log))?;
        archive.set_metadata(id, json!({"title": SECRET}).as_object().unwrap())?;
        archive.write_note(&format!("session/{id}/note"), SECRET)?;
        let record = json!({"pod_name": "x", "text": SECRET, "active": {"session_id": id}});
        archive.write_name(&format!("name-{id}"), &record)?;
    }
    archive.write_note("app", SECRET)?;
    assert_eq!(archive.redact_records(&[session], &redactor())?, 3);
    assert_eq!(archive.metadata(session)?.unwrap()["title"], "[redacted]");
    assert_eq!(archive.metadata(other)?.unwrap()["title"], SECRET);
    assert_eq!(archive.redact_records(&[], &redactor())?, 4);
    assert_eq!(archive.redact_records(&[], &redactor())?, 0);
    // One that rewrites everything.
    let all = Redactor::new(|_| RawJson::new("{}").ok());
    let marks = archive.snapshot()?.redactions(session)?;
    archive.redact_records(&[], &all)?;
    assert!(!marks.is_empty());
    assert_eq!(archive.snapshot()?.redactions(session)?, marks);
    Ok(())
}

/// More than there are notes for them, so that several of a batch come into one.
#[test]
fn a_batch_keeps_all_marks_that_it_makes() -> Result<(), StoreError> {
    const MANY: u64 = 600;
    let archive = Archive::in_memory()?;
    let log = archive.log(new_session_id(), new_segment_id());
    log.append_many(0..MANY)?;
    let mut batch = archive.batch();
    for number in 0..MANY / 2 {
        batch.erase(&log, number..=number);
    }
    for number in MANY / 2..MANY {
        let was = number.to_string();
        batch.mark_redacted(log.session_id(), b"null", was.as_bytes());
    }
    batch.commit()?;
    let marks = archive.snapshot()?.redactions(log.session_id())?;
    for number in 0..MANY {
        let now = if number < MANY / 2 {
            r#"{"kind":"erased"}"#
        } else {
            "null"
        };
        let was = number.to_string();
        assert!(marks.is_of(now.as_bytes(), was.as_bytes()), "{number}");
    }
    Ok(())
}

#[test]
fn what_is_redacted_twice_is_known_as_it_was_each_time() -> Result<(), StoreError> {
    let archive = Archive::in_memory()?;
    let log = archive.log(new_session_id(), new_segment_id());
    let states = ["\"a b\"", "\"a -\"", "\"- -\""];
    log.append(&RawJson::new(states[0])?)?;
    for pair in states.windows(2) {
        let change = Redaction::new(0, pair[0], RawJson::new(pair[1])?);
        assert_eq!(log.redact([change])?, 1);
    }
    for before in &states[..2] {
        let lines = [(*before).to_owned(), "2".to_owned()];
        let (_, forgotten) = import(&archive, &Import::new(&archive), &log, &lines);
        assert_eq!(forgotten, 1);
    }
    assert_eq!(entries(&log), [states[2], "2"]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 300, ..ProptestConfig::with_cases(60) })]

    /// A file that grows is imported into two archives, of which one redacts now and then; in the end nothing of
    /// the secret is in its file, and merging either way brings none back.
    #[test]
    fn what_was_redacted_stays_so(
        secrets in prop::collection::vec(any::<bool>(), 1..12),
        steps in prop::collection::vec((0_u8..6, any::<prop::sample::Index>()), 1..10),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (path, other_path) = (folder.path().join("a"), folder.path().join("b"));
        let archive = Archive::open(&path).unwrap();
        let log = archive.log(new_session_id(), new_segment_id());
        let lines: Vec<_> = secrets.iter().enumerate().map(|(n, secret)| entry(n, *secret)).collect();
        let other = Archive::open(&other_path).unwrap();
        import(&other, &Import::new(&other), &other.log(log.session_id(), log.segment_id()), &lines);
        other.close().unwrap();
        let mut branches: Vec<SegmentId> = Vec::new();
        let mut is_redacted = false;
        for (kind, at) in steps {
            let len = log.len().unwrap();
            match kind {
                0 => drop(import(&archive, &Import::new(&archive), &log, &lines[..=at.index(lines.len())])),
                1 => {
                    let filtered = Import::new(&archive).redact(redactor());
                    import(&archive, &filtered, &log, &lines[..=at.index(lines.len())]);
                }
                2 if len > 0 => {
                    let segments = branches.iter().copied().chain([log.segment_id()]);
                    for segment in segments.collect::<Vec<_>>() {
                        let log = archive.log(log.session_id(), segment);
                        log.redact(redactions(&log)).unwrap();
                    }
                    is_redacted = true;
                }
                3 if len > 0 => {
                    branches.push(log.branch(at.index(usize::try_from(len).unwrap()) as u64 + 1, new_segment_id()).unwrap().segment_id());
                }
                4 => archive.checkpoint().unwrap(),
                _ if is_redacted => {
                    let other = Archive::options().read_only(true).open(&other_path).unwrap();
                    let report = Merge::new(&archive).run(&other, None).unwrap();
                    prop_assert_eq!(report.branches(), 0);
                }
                _ => {}
            }
            let own = entries(&log);
            for (n, (own, line)) in own.iter().zip(&lines).enumerate() {
                let now = redacted(line).map_or(line.clone(), |now| now.as_str().to_owned());
                prop_assert!(own == line || *own == now, "{n}: {own}");
            }
        }
        let segments = branches.iter().copied().chain([log.segment_id()]);
        for segment in segments.collect::<Vec<_>>() {
            let log = archive.log(log.session_id(), segment);
            log.redact(redactions(&log)).unwrap();
        }
        import(&archive, &Import::new(&archive), &log, &lines);
        // What had not come in yet has come in as it is.
        log.redact(redactions(&log)).unwrap();
        let count = archive.segments(log.session_id()).unwrap().count();
        prop_assert_eq!(count, branches.len() + 1);
        drop(log);
        archive.compact(None).unwrap().0.close().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let all = [&bytes[..], &entries_in(&bytes)].concat();
        prop_assert!(memmem::find(&all, SECRET.as_bytes()).is_none());
    }
}
