//! What export does with files that are there.

use std::fs;

use sessiondb::jsonl::{BadLines, Export, ExportOutcome, Import};
use sessiondb::{Archive, StoreError};

use super::{A, B, C, Folder, clean_folder, export, import, run};
use crate::raw::{raw, raws};

fn outcome(archive: &Archive, folder: &Folder, force: bool) -> ExportOutcome {
    let report = Export::new(archive)
        .force(force)
        .run(folder.path(), None)
        .unwrap();
    assert_eq!(report.files.len(), 1);
    report.files[0].outcome.clone()
}

#[test]
fn files_that_are_there_are_kept_completed_or_refused() {
    let archive = Archive::in_memory().unwrap();
    archive.log(A, B).append_many(raws(["{}", "[1]"])).unwrap();
    let folder = Folder::new();
    let name = format!("{A}/{B}.jsonl");
    let path = folder.path().join(A.to_string()).join(format!("{B}.jsonl"));
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
        archive.log(session, A).append(&raw(b"1")).unwrap();
    }
    let folder = Folder::new();
    folder.write(&format!("{A}"), "a file where a folder is to be");
    fs::create_dir_all(folder.path().join(format!("{C}/{A}.jsonl"))).unwrap();
    let report = Export::new(&archive).run(folder.path(), None).unwrap();
    assert_eq!((report.failed(), report.written()), (2, 1));
    assert_eq!(folder.files().len(), 2, "no temporary file stays");

    let error = Export::new(&archive).run(&folder.path().join(format!("{A}")), None);
    assert!(error.unwrap_err().to_string().contains(&A.to_string()));
}

#[test]
fn only_the_sessions_asked_for() {
    let folder = clean_folder();
    let archive = Archive::in_memory().unwrap();
    import(&archive, folder.path());
    let target = Folder::new();
    let (mut last, mut done) = ((0, 0), 0);
    Export::new(&archive)
        .sessions(vec![A])
        .run(
            target.path(),
            Some(&mut |progress| {
                last = (progress.done, progress.total);
                done += usize::from(progress.file.is_some());
            }),
        )
        .unwrap();
    let mut expected = folder.files();
    expected.retain(|path, _| path.starts_with(A.to_string()));
    assert_eq!(target.files(), expected);
    let bytes: usize = expected.values().map(Vec::len).sum();
    assert_eq!((last, done), ((bytes as u64, bytes as u64), 3));

    let missing = Export::new(&archive).sessions(vec![A, uuid::Uuid::nil()]);
    let untouched = target.path().join("untouched");
    let error = missing.run(&untouched, None).unwrap_err();
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

#[cfg(unix)]
mod private {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use sessiondb::jsonl::Export;
    use sessiondb::{Archive, StoreError};

    use super::super::{A, B};
    use crate::raw::raw;

    /// The mode of everything below a folder, and of the folder.
    fn modes(path: &Path) -> Vec<(bool, u32)> {
        let metadata = fs::metadata(path).unwrap();
        let mut modes = vec![(metadata.is_dir(), metadata.permissions().mode() & 0o777)];
        if metadata.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                modes.extend(self::modes(&entry.unwrap().path()));
            }
        }
        modes.sort_unstable();
        modes.dedup();
        modes
    }

    #[test]
    fn what_is_exported_is_as_private_as_the_archive_unless_asked_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sessiondb");
        let archive = Archive::open(&path).unwrap();
        archive.log(A, B).append(&raw(b"1")).unwrap();
        archive.trace(A, B).append(&raw(b"1")).unwrap();
        archive
            .update_metadata(A, |metadata| {
                metadata.insert("title".to_owned(), "T".into());
                Ok::<_, StoreError>(())
            })
            .unwrap();
        let out = folder.path().join("new/out");
        let export = |mode: Option<u32>| {
            let export = Export::new(&archive).force(true);
            let export = match mode {
                Some(mode) => export.mode(mode),
                None => export,
            };
            assert_eq!(export.run(&out, None).unwrap().failed(), 0);
            modes(&folder.path().join("new"))
        };
        assert_eq!(export(None), [(false, 0o600), (true, 0o700)]);
        fs::remove_dir_all(&out).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        // The folder above was there and stays as it is.
        let expected = [(false, 0o640), (true, 0o700), (true, 0o750)];
        assert_eq!(export(None), expected);
        fs::remove_dir_all(folder.path().join("new")).unwrap();
        assert_eq!(export(Some(0o666)), [(false, 0o666), (true, 0o777)]);
        // A file that is replaced is not more open than a new one.
        for file in fs::read_dir(out.join(A.to_string())).unwrap() {
            fs::write(file.unwrap().path(), "other").unwrap();
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(export(None), [(false, 0o600), (true, 0o777)]);
        archive.close().unwrap();
    }

    #[test]
    fn new_archives_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let archive = Archive::open(path("a.sessiondb")).unwrap();
        archive.log(A, B).append(&raw(b"1")).unwrap();
        fs::set_permissions(path("a.sessiondb"), Permissions::from_mode(0o644)).unwrap();
        archive.backup(path("b.sessiondb"), None).unwrap();
        archive.extract(path("c.sessiondb"), &[A], None).unwrap();
        archive.close().unwrap();
        sessiondb::doctor::recover(path("a.sessiondb"), path("d.sessiondb"), None).unwrap();
        for name in ["b.sessiondb", "c.sessiondb", "d.sessiondb"] {
            assert_eq!(modes(&path(name)), [(false, 0o600)], "{name}");
        }
    }
}
