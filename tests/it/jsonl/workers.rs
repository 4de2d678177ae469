//! The folders of workers: sessions, lineage and names of both layouts, and what a last line
//! without line end is there.

use serde_json::json;
use sessiondb::archive::OriginKind;
use sessiondb::jsonl::{Import, ImportReport, LastLine, Outcome, SessionFileOutcome};
use sessiondb::{Archive, RawJson};
use uuid::Uuid;

use super::{A, B, C, Folder, entries, import_one, run};

/// A worker's id, which is not that of its session.
const WORKER: Uuid = Uuid::from_u128(0x0198_c1f2_0000_7000_8000_0000_0000_000d);

fn start(session: Uuid, from: Option<(&str, Uuid)>) -> String {
    let mut start = json!({
        "kind": "segment_start", "ts": 1, "session_id": session, "system_prompt": null,
        "config": {"stop_sequences": []}, "history": [],
    });
    if let Some((how, segment)) = from {
        start[how] = json!({"segment_id": segment, "at_turn_index": 2});
    }
    format!("{start}\n")
}

fn worker_folder() -> Folder {
    let folder = Folder::new();
    let worker = format!("workers/{WORKER}");
    let manifest = json!({"schema_version": 1, "session_id": A}).to_string();
    folder.write(&format!("{worker}/session/session.json"), manifest);
    let segments = format!("{worker}/session/segments");
    folder.write(&format!("{segments}/{B}.jsonl"), start(A, None));
    let compacted = start(A, Some(("compacted_from", B)));
    folder.write(&format!("{segments}/{C}.jsonl"), compacted);
    folder.write(&format!("{segments}/{C}.trace.jsonl"), "{\"ts\":1}\n");
    let record = json!({"worker_name": "scout", "active": {"session_id": A, "segment_id": C},
                        "peers": [{"worker_name": "mender"}]});
    folder.write(&format!("{worker}/metadata.json"), record.to_string());
    folder
}

fn pod_folder() -> Folder {
    let folder = Folder::new();
    folder.write(&format!("sessions/{A}/{B}.jsonl"), start(A, None));
    let forked = start(A, Some(("forked_from", B)));
    folder.write(&format!("sessions/{A}/{C}.jsonl"), forked);
    folder.write(&format!("sessions/{A}/{C}.trace.jsonl"), "{\"ts\":1}\n");
    let record = json!({"pod_name": "scout", "active": {"session_id": A, "segment_id": C},
                        "children": []});
    folder.write("pods/scout/metadata.json", record.to_string());
    folder
}

fn assert_whole(archive: &Archive, report: &ImportReport, origin: OriginKind) {
    assert_eq!(report.failed(), 0, "{report:?}");
    assert!(report.passed_over.is_empty(), "{report:?}");
    let sessions: Vec<Uuid> = archive
        .sessions()
        .unwrap()
        .map(|of| of.unwrap().id)
        .collect();
    assert_eq!(sessions, [A]);
    let segments = archive.segments(A).unwrap();
    let segments = segments.map(Result::unwrap);
    let origins: Vec<_> = segments.map(|of| (of.id, of.origin)).collect();
    assert_eq!(origins.len(), 2);
    for (segment, found) in origins {
        let expected = (segment == C).then_some((origin, B, 2));
        assert_eq!(found.map(|of| (of.kind, of.segment, of.at_turn)), expected);
    }
    assert_eq!(archive.trace(A, C).len().unwrap(), 1);
    let record = archive.read_name("scout").unwrap().unwrap();
    let active = record.active.unwrap();
    assert_eq!((active.session_id, active.segment_id), (A, Some(C)));
}

#[test]
fn both_layouts_come_in_whole() {
    for (folder, origin) in [
        (worker_folder(), OriginKind::Compaction),
        (pod_folder(), OriginKind::Fork),
    ] {
        let archive = Archive::in_memory().unwrap();
        let import = Import::new(&archive);
        let report = run(&import, folder.path());
        assert_whole(&archive, &report, origin);
        assert_eq!(report.name_files[0].name, "scout");
        assert_eq!(report.name_files[0].outcome, SessionFileOutcome::Changed);
        let again = run(&import, folder.path());
        assert_whole(&archive, &again, origin);
        assert_eq!(again.new_entries(), 0);
        assert_eq!(again.name_files[0].outcome, SessionFileOutcome::Unchanged);
        assert!(again.name_files[0].notes.is_empty());
    }
}

#[test]
fn records_come_in_as_they_are_and_never_replace_others() {
    let (archive, folder) = (Archive::in_memory().unwrap(), worker_folder());
    let import = Import::new(&archive);
    run(&import, folder.path());
    let record: serde_json::Value = archive.read_name_as("scout").unwrap().unwrap();
    assert_eq!(record["peers"], json!([{"worker_name": "mender"}]));
    let metadata = format!("workers/{WORKER}/metadata.json");
    folder.write(&metadata, r#"{"worker_name":"scout","peers":[]}"#);
    let report = run(&import, folder.path());
    assert!(report.name_files[0].notes[0].contains("\"scout\" differs"));
    assert_eq!(archive.read_name_as("scout").unwrap(), Some(record));

    // By its own name, or that of its folder; and what is no record fails alone.
    let file = folder.write(&metadata, r#"{"port":7}"#);
    let report = import.run(&[file], None).unwrap();
    assert_eq!(report.name_files[0].name, WORKER.to_string());
    for broken in ["[]", "{", r#"{"worker_name":"a/b"}"#] {
        let file = folder.write(&metadata, broken);
        let report = import.run(std::slice::from_ref(&file), None).unwrap();
        let failure = report.name_files[0].failure().unwrap();
        assert!(
            failure.starts_with(&file.display().to_string()),
            "{failure}"
        );
        assert_eq!(report.failed(), 1);
    }
}

/// A file as it was when its writer was in the middle of a line that happened to be whole JSON,
/// and as it is later, when the line was cut off and another written in its place.
const UNFINISHED: &str = "{\"n\":1}\n{\"n\":2}\n3";
const LATER: &str = "{\"n\":1}\n{\"n\":2}\n34\n";

#[test]
fn in_the_layouts_of_workers_a_line_is_one_once_it_has_ended() {
    let manifest = json!({"session_id": A}).to_string();
    for log in [
        format!("workers/x/session/segments/{B}.jsonl"),
        format!("{A}/{B}.jsonl"),
    ] {
        let (archive, folder) = (Archive::in_memory().unwrap(), Folder::new());
        folder.write("workers/x/session/session.json", &manifest);
        let file = folder.write(&log, UNFINISHED);
        let import = Import::new(&archive);
        let report = import_one(&import, &file);
        assert_eq!(report.outcome, Outcome::Imported { new: 2, total: 2 });
        assert_eq!((report.session, report.segment), (A, B));
        let warning = &report.warnings[0];
        assert_eq!((warning.line, warning.byte_offset), (3, 16));
        assert!(
            warning.message.contains("no line end"),
            "{}",
            warning.message
        );
        folder.write(&log, LATER);
        let report = import_one(&import, &file);
        assert_eq!(report.outcome, Outcome::Imported { new: 1, total: 3 });
        assert_eq!(entries(&archive.log(A, B))[2], "34");

        let taking = Archive::in_memory().unwrap();
        folder.write(&log, UNFINISHED);
        let import = Import::new(&taking)
            .last_line(LastLine::Take)
            .branch_diverged(false);
        let report = import_one(&import, &file);
        assert_eq!(report.outcome, Outcome::Imported { new: 3, total: 3 });
        folder.write(&log, LATER);
        assert!(matches!(
            import_one(&import, &file).outcome,
            Outcome::Failed(_)
        ));
    }
}

#[test]
fn elsewhere_a_last_line_that_is_whole_counts_unless_it_is_to_be_dropped() {
    let folder = Folder::new();
    let file = folder.write("log.jsonl", UNFINISHED);
    for (last_line, new) in [
        (LastLine::ByLayout, 3),
        (LastLine::Take, 3),
        (LastLine::Drop, 2),
    ] {
        let archive = Archive::in_memory().unwrap();
        let import = Import::new(&archive).last_line(last_line);
        let outcome = import_one(&import, &file).outcome;
        assert_eq!(
            outcome,
            Outcome::Imported { new, total: new },
            "{last_line:?}"
        );
    }
    // Blank space behind the last line end is no line.
    let file = folder.write("log.jsonl", "1\n  ");
    let archive = Archive::in_memory().unwrap();
    let import = Import::new(&archive).last_line(LastLine::Drop);
    assert!(import_one(&import, &file).warnings.is_empty());
}

/// Records keep the digits of their numbers and the order of their fields, wherever they go.
#[test]
fn records_are_carried_as_they_were_written() {
    let folder = worker_folder();
    let json = |name: &str| {
        let n = "123456789012345678901234567890";
        format!(r#"{{"port":{n},{name}"active":{{"session_id":"{A}"}},"a":1.10}}"#)
    };
    let told = json(r#""worker_name":"scout","#);
    folder.write(&format!("workers/{WORKER}/metadata.json"), &told);
    // This one is known by its folder.
    folder.write("pods/x/metadata.json", json(""));
    let (archive, merged, imported) = (
        Archive::in_memory().unwrap(),
        Archive::in_memory().unwrap(),
        Archive::in_memory().unwrap(),
    );
    run(&Import::new(&archive), folder.path());
    sessiondb::portable::Merge::new(&merged)
        .run(&archive, None)
        .unwrap();
    let (exported, _) = super::export(&archive);
    run(&Import::new(&imported), exported.path());
    for archive in [archive, merged, imported] {
        for (name, expected) in [("scout", &told), ("x", &json(""))] {
            let record: RawJson = archive.read_name_as(name).unwrap().unwrap();
            assert_eq!(record.as_str(), expected);
        }
    }
}
