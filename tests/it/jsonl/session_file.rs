//! What of a session is not in its logs: metadata and names, in a file beside them.

use std::fs;

use serde_json::{Value, json};
use sessiondb::Archive;
use sessiondb::entry::{Active, Extra, WorkerName, WorkerRecord};
use sessiondb::jsonl::{Export, ExportReport, Import, ImportReport, SessionFileOutcome};
use sessiondb::portable::{Merge, Relocation};

use super::{A, B, C, Folder};
use crate::raw::raw;

fn record(name: &str) -> WorkerRecord {
    let mut record = WorkerRecord::new(WorkerName::new(name).unwrap());
    record.active = Some(Active {
        session_id: A,
        segment_id: Some(B),
        extra: Extra::new(),
    });
    record.extra.insert("port".to_owned(), json!(7));
    record
}

fn set(archive: &Archive, metadata: &Value) {
    archive
        .set_metadata(A, metadata.as_object().unwrap())
        .unwrap();
}

/// Session A with metadata and two names, session C with neither.
fn sample() -> Archive {
    let archive = Archive::in_memory().unwrap();
    archive.log(A, B).append(&raw(b"1")).unwrap();
    archive.log(C, C).append(&raw(b"1")).unwrap();
    set(
        &archive,
        &json!({"title": "Ü", "cwd": "/home/ann/a", "x": 0.1}),
    );
    archive.write_name("one", &record("one")).unwrap();
    archive.write_name("two", &record("two")).unwrap();
    archive
}

fn export_to(archive: &Archive, folder: &Folder) -> ExportReport {
    let export = Export::new(archive);
    export.run(folder.path(), None).unwrap()
}

fn import(archive: &Archive, folder: &Folder) -> ImportReport {
    let import = Import::new(archive);
    import.run(&[folder.path().to_owned()], None).unwrap()
}

fn file(folder: &Folder) -> std::path::PathBuf {
    folder.path().join(format!("{A}/session.json"))
}

#[test]
fn metadata_and_names_make_the_round_trip() {
    let (archive, folder) = (sample(), Folder::new());
    let report = export_to(&archive, &folder);
    assert_eq!(report.written(), 3);
    assert_eq!(folder.files().len(), 3);
    let again = export_to(&archive, &folder);
    assert_eq!((again.written(), again.failed()), (0, 0));

    let other = Archive::in_memory().unwrap();
    let report = import(&other, &folder);
    assert_eq!(report.failed(), 0);
    assert_eq!(other.metadata(A).unwrap(), archive.metadata(A).unwrap());
    assert_eq!(other.metadata(C).unwrap(), None);
    for name in ["one", "two"] {
        assert_eq!(other.read_name(name).unwrap(), Some(record(name)));
    }
    let version = other.version().unwrap();
    let again = import(&other, &folder);
    assert_eq!(
        again.session_files[0].outcome,
        SessionFileOutcome::Unchanged
    );
    assert!(again.session_files[0].notes.is_empty());
    assert_eq!(other.version().unwrap(), version);

    let back = Folder::new();
    export_to(&other, &back);
    assert_eq!(back.files(), folder.files());
}

#[test]
fn what_the_archive_has_stays_and_is_noted() {
    let folder = Folder::new();
    export_to(&sample(), &folder);
    let archive = Archive::in_memory().unwrap();
    archive.log(A, B).append(&raw(b"1")).unwrap();
    set(&archive, &json!({"title": "mine"}));
    let mut mine = record("one");
    mine.extra.insert("port".to_owned(), json!(8));
    archive.write_name(&mine.worker_name, &mine).unwrap();
    let report = import(&archive, &folder);
    let file = &report.session_files[0];
    assert_eq!(file.outcome, SessionFileOutcome::Changed);
    assert_eq!(file.notes.len(), 2, "{file:?}");
    assert_eq!(archive.metadata(A).unwrap().unwrap()["title"], "mine");
    assert_eq!(archive.read_name("one").unwrap(), Some(mine));
    assert_eq!(archive.read_name("two").unwrap(), Some(record("two")));
}

#[test]
fn a_file_that_differs_is_replaced_only_by_force() {
    let (archive, folder) = (sample(), Folder::new());
    export_to(&archive, &folder);
    set(&archive, &json!({"title": "new"}));
    let before = fs::read(file(&folder)).unwrap();
    let report = export_to(&archive, &folder);
    assert_eq!(report.failed(), 1);
    let said = report.session_files[0].failure().unwrap();
    assert!(
        said.contains("session.json") && said.contains("--force"),
        "{said}"
    );
    assert_eq!(fs::read(file(&folder)).unwrap(), before);
    let forced = Export::new(&archive).force(true);
    let report = forced.run(folder.path(), None).unwrap();
    assert_eq!((report.failed(), report.written()), (0, 1));
    assert_ne!(fs::read(file(&folder)).unwrap(), before);
}

#[test]
fn paths_are_rebased_on_the_way_out_and_on_the_way_in() {
    let relocation = |one: &str| -> Relocation { one.parse().unwrap() };
    let folder = Folder::new();
    let archive = sample();
    let entry = r#"{"cwd":"/home/ann/a"}"#;
    archive.log(A, B).append(&raw(entry.as_bytes())).unwrap();
    let out = Export::new(&archive).relocate(relocation("/home/ann=/home/bob"));
    out.run(folder.path(), None).unwrap();
    let written: Value = serde_json::from_slice(&fs::read(file(&folder)).unwrap()).unwrap();
    assert_eq!(written["metadata"]["cwd"], "/home/bob/a");

    let other = Archive::in_memory().unwrap();
    let paths = [folder.path().to_owned()];
    let import = Import::new(&other).relocate(relocation("/home/bob/a=/work"));
    import.run(&paths, None).unwrap();
    assert_eq!(other.metadata(A).unwrap().unwrap()["cwd"], "/work");
    // Entries are what they were.
    let last = other.log(A, B).last(1).unwrap().next().unwrap().unwrap();
    assert_eq!(last.as_str(), entry);
}

#[test]
fn files_of_others_are_passed_over_and_broken_ones_fail_alone() {
    let ours = |session: &str, rest: &str| {
        format!(r#"{{"kind":"sessiondb_session","session":"{session}"{rest}}}"#)
    };
    for (content, expected) in [
        ("{\"id\": 7}".to_owned(), None),
        ("not JSON at all".to_owned(), None),
        (ours(&A.to_string(), ""), Some("")),
        (
            ours(&A.to_string(), ",\"metadata\":7"),
            Some("invalid type"),
        ),
        (
            ours(&C.to_string(), ""),
            Some("lies in the folder of another"),
        ),
        ("{\"kind\":\"sessiondb_session\"".to_owned(), Some("EOF")),
    ] {
        let (archive, folder) = (Archive::in_memory().unwrap(), Folder::new());
        folder.write(&format!("{A}/{B}.jsonl"), "1\n");
        folder.write(&format!("{A}/session.json"), &content);
        let report = import(&archive, &folder);
        assert_eq!(report.new_entries(), 1);
        let failure = report.session_files.first().map(|file| {
            let failure = file.failure().unwrap_or_default();
            failure.to_owned()
        });
        match expected {
            None | Some("") => assert_eq!(failure.as_deref(), expected, "{content}"),
            Some(part) => {
                let failure = failure.unwrap();
                assert!(failure.contains(part), "{content}: {failure}");
                assert_eq!(report.failed(), 1);
            }
        }
    }
    // A file without a log of its session has nowhere to go.
    let (archive, folder) = (Archive::in_memory().unwrap(), Folder::new());
    let path = folder.write(&format!("{A}/session.json"), ours(&A.to_string(), ""));
    let report = Import::new(&archive).run(&[path], None).unwrap();
    let said = report.session_files[0].failure().unwrap();
    assert!(said.contains("import a log"), "{said}");
}

#[test]
fn metadata_stays_as_it_was_written() {
    let folder = Folder::new();
    let metadata = "{\n    \"z\": 1234567890123456789012345678901234567890,\n    \"cwd\": \"/a\",\n    \
                    \"a\": [\n      1,\n      1.50\n    ],\n    \"a\": {}\n  }";
    let file = |metadata: &str| {
        format!(
            "{{\n  \"kind\": \"sessiondb_session\",\n  \"session\": \"{A}\",\n  \"metadata\": {metadata}\n}}\n"
        )
    };
    let place = folder.write(&format!("in/{A}/session.json"), file(metadata));
    folder.write(&format!("in/{A}/{A}.jsonl"), "{}\n");
    let archive = Archive::in_memory().unwrap();
    let from = place.parent().unwrap().parent().unwrap().to_owned();
    Import::new(&archive).run(&[from], None).unwrap();

    let other = folder.path().join("other.sdb");
    archive.backup(&other, None).unwrap();
    let merged = Archive::in_memory().unwrap();
    let other = Archive::open(&other).unwrap();
    Merge::new(&merged).run(&other, None).unwrap();
    for archive in [&archive, &merged] {
        let out = folder.path().join("out");
        let written = || fs::read_to_string(out.join(A.to_string()).join("session.json")).unwrap();
        let export = Export::new(archive);
        export.run(&out, None).unwrap();
        assert_eq!(written(), file(metadata));
        let export = Export::new(archive)
            .force(true)
            .relocate("/a=/b".parse().unwrap());
        export.run(&out, None).unwrap();
        assert_eq!(written(), file(&metadata.replace("/a", "/b")));
        fs::remove_dir_all(&out).unwrap();
    }
}
