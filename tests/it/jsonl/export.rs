//! What export does with files that are there.

use std::fs;

use sessiondb::jsonl::{BadLines, Export, ExportOutcome, ExportProgress, Import};
use sessiondb::{Archive, StoreError};

use super::{A, B, C, Folder, clean_folder, export, import, run};

fn outcome(archive: &Archive, folder: &Folder, force: bool) -> ExportOutcome {
    let report = Export::new(archive)
        .force(force)
        .run(folder.path(), &mut |_| ())
        .unwrap();
    assert_eq!(report.files.len(), 1);
    report.files[0].outcome.clone()
}

#[test]
fn files_that_are_there_are_kept_completed_or_refused() {
    let archive = Archive::in_memory().unwrap();
    archive.log(A, B).append_many_raw(&["{}", "[1]"]).unwrap();
    let folder = Folder::new();
    let name = format!("{A}/{B}.jsonl");
    let path = folder.path().join(&name);
    let whole = ExportOutcome::Written {
        entries: 2,
        bytes: 7,
    };

    assert_eq!(outcome(&archive, &folder, false), whole);
    assert_eq!(fs::read(&path).unwrap(), b"{}\n[1]\n");
    assert_eq!(
        outcome(&archive, &folder, false),
        ExportOutcome::Unchanged { entries: 2 }
    );
    assert_eq!(
        outcome(&archive, &folder, true),
        ExportOutcome::Unchanged { entries: 2 }
    );

    for beginning in ["", "{}\n", "{}\n[1", "{}\n[1]"] {
        folder.write(&name, beginning);
        assert_eq!(outcome(&archive, &folder, false), whole, "{beginning:?}");
        assert_eq!(fs::read(&path).unwrap(), b"{}\n[1]\n");
    }
    for (other, byte_offset) in [
        ("{}\n[2]\n", 4),
        ("{}\n[1]\n\n", 7),
        ("{}\n[1] \n", 6),
        ("x", 0),
    ] {
        folder.write(&name, other);
        let ExportOutcome::Failed(message) = outcome(&archive, &folder, false) else {
            panic!("{other:?} was replaced");
        };
        let place = format!("byte offset {byte_offset} ");
        for part in [&path.display().to_string(), &place, "--force"] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
        assert_eq!(outcome(&archive, &folder, true), whole);
        assert_eq!(fs::read(&path).unwrap(), b"{}\n[1]\n");
    }
    assert_eq!(folder.files().len(), 1, "no temporary file stays");
}

#[test]
fn one_file_that_cannot_be_written_does_not_stop_the_others() {
    let archive = Archive::in_memory().unwrap();
    for session in [A, B, C] {
        archive.log(session, A).append_raw(b"1").unwrap();
    }
    let folder = Folder::new();
    folder.write(&format!("{A}"), "a file where a folder is to be");
    fs::create_dir_all(folder.path().join(format!("{C}/{A}.jsonl"))).unwrap();
    let report = Export::new(&archive)
        .run(folder.path(), &mut |_| ())
        .unwrap();
    assert_eq!((report.failed(), report.written()), (2, 1));
    assert_eq!(folder.files().len(), 2, "no temporary file stays");

    let error = Export::new(&archive).run(&folder.path().join(format!("{A}")), &mut |_| ());
    assert!(error.unwrap_err().to_string().contains(&A.to_string()));
}

#[test]
fn only_the_sessions_asked_for() {
    let folder = clean_folder();
    let archive = Archive::in_memory().unwrap();
    import(&archive, folder.path());
    let target = Folder::new();
    let (mut found, mut written, mut done) = ((0, 0), 0, 0);
    Export::new(&archive)
        .sessions(vec![A])
        .run(target.path(), &mut |progress| match progress {
            ExportProgress::Found { files, bytes } => found = (files, bytes),
            ExportProgress::Written { bytes } => written += bytes,
            ExportProgress::Done(_) => done += 1,
        })
        .unwrap();
    let mut expected = folder.files();
    expected.retain(|path, _| path.starts_with(A.to_string()));
    assert_eq!(target.files(), expected);
    let bytes: usize = expected.values().map(Vec::len).sum();
    assert_eq!(found, (3, bytes as u64));
    assert_eq!((written, done), (bytes as u64, 3));

    let missing = Export::new(&archive).sessions(vec![A, uuid::Uuid::nil()]);
    let untouched = target.path().join("untouched");
    let error = missing.run(&untouched, &mut |_| ()).unwrap_err();
    assert!(matches!(error, StoreError::SessionNotFound(id) if id.is_nil()));
    assert!(!untouched.exists());
}

#[test]
fn kept_lines_come_back_as_they_were() {
    let folder = Folder::new();
    let name = format!("{A}/{B}.jsonl");
    let lines: [&[u8]; 9] = [
        b"{\"a\":1}",
        b"{}{}",
        b"\0\0\0\0",
        b"\xff\xfe{\r",
        b"{\"kind\":\"sessiondb_bad_line\",\"text\":\"{}{}\"}",
        b"\"caf\xc3",
        "oops \u{1f4a5} \\ \" \u{7f}".as_bytes(),
        b" ]",
        b"[]",
    ];
    folder.write(&name, [lines.join(&b'\n'), b"\n".to_vec()].concat());
    let archive = Archive::in_memory().unwrap();
    let keep = Import::new(&archive).bad_lines(BadLines::Keep);
    let report = run(&keep, folder.path());
    assert_eq!((report.failed(), report.new_entries()), (0, 9));
    let warned: Vec<_> = report.files[0]
        .warnings
        .iter()
        .map(|warning| warning.line)
        .collect();
    assert_eq!(warned, [2, 3, 4, 6, 7, 8]);
    assert_eq!(export(&archive).0.files(), folder.files());
    assert_eq!(run(&keep, folder.path()).new_entries(), 0);
}
