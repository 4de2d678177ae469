//! JSONL in and out: folders come back byte for byte, and importing again changes nothing.

/// Files that are read before it is their turn.
mod ahead;
/// Bad lines of every kind under every option, against a naive oracle.
mod bad_lines;
/// Imports of the same files at the same time.
mod concurrent;
/// Files that differ from what is stored, or change while they are read.
mod diverged;
/// What export does with files that are there.
mod export;
/// What was taken away from an archive, and stays away when its file comes again.
mod forgotten;
/// Files of more than one chunk.
mod large;
/// Lines of many MiB.
mod large_lines;
/// What is no log, or cannot be read.
mod passed_over;
/// Metadata and names beside the logs.
mod session_file;
/// The folders of workers, and last lines without line end.
mod workers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sessiondb::jsonl::{Export, ExportReport, FileReport, Import, ImportReport, Outcome};
use sessiondb::{Archive, Log};
use uuid::Uuid;

const A: Uuid = Uuid::from_u128(0x0198_c1f2_0000_7000_8000_0000_0000_000a);
const B: Uuid = Uuid::from_u128(0x0198_c1f2_0000_7000_8000_0000_0000_000b);
const C: Uuid = Uuid::from_u128(0x0198_c1f2_0000_7000_8000_0000_0000_000c);

/// A folder with files in it, which goes with the value.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// All files, by their paths below the folder.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let below = path.strip_prefix(self.path()).unwrap().to_owned();
                    files.insert(below, fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

/// A folder in the layout of an export.
fn clean_folder() -> Folder {
    let folder = Folder::new();
    folder.write(
        &format!("{A}/{B}.jsonl"),
        "{\"kind\":\"invoke\"}\n{\"n\": 1.0 } \n",
    );
    folder.write(&format!("{A}/{B}.trace.jsonl"), "{\"ts\":1}\n");
    folder.write(&format!("{A}/{C}.jsonl"), "");
    folder.write(
        &format!("{B}/{C}.jsonl"),
        "[1,\t2]\r\n\"\\ud800 \u{2028}\"\n  null\n1e999\n",
    );
    folder.write(&format!("{C}/{A}.trace.jsonl"), "{\"ts\":1}\n{\"ts\":2}\n");
    // A line that looks like the marker of a bad line, and the marker of such a one.
    folder.write(
        &format!("{C}/{B}.jsonl"),
        "{\"kind\":\"sessiondb_bad_line\",\"text\":\"a\"}\n\
         {\"kind\":\"sessiondb_bad_line\",\"hex\":\"ff\"}\n\
         {\"kind\":\"sessiondb_bad_line\",\"text\":\"{\\\"kind\\\":\\\"sessiondb_bad_line\\\",\\\"text\\\":\\\"a\\\"}\"}\n",
    );
    folder
}

fn import(archive: &Archive, path: &Path) -> ImportReport {
    run(&Import::new(archive), path)
}

fn run(import: &Import<'_>, path: &Path) -> ImportReport {
    import.run(&[path.to_owned()], None).unwrap()
}

/// Imports one file.
fn import_one(import: &Import<'_>, file: &Path) -> FileReport {
    let mut files = run(import, file).files;
    assert_eq!(files.len(), 1);
    files.remove(0)
}

fn export(archive: &Archive) -> (Folder, ExportReport) {
    let folder = Folder::new();
    let report = Export::new(archive).run(folder.path(), None).unwrap();
    assert_eq!(report.failed(), 0, "{report:?}");
    (folder, report)
}

fn entries(log: &Log) -> Vec<String> {
    let entries = log.read(..).unwrap();
    entries
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect()
}

fn failure(report: &FileReport) -> &str {
    match &report.outcome {
        Outcome::Failed(message) => message,
        outcome => panic!("expected a failure, not {outcome:?}"),
    }
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

#[test]
fn a_clean_folder_comes_back_byte_for_byte() {
    let folder = clean_folder();
    let archive = Archive::in_memory().unwrap();
    let report = import(&archive, folder.path());
    assert_eq!((report.failed(), report.new_entries()), (0, 12));
    assert!(report.files.iter().all(|file| file.warnings.is_empty()));
    assert_eq!(export(&archive).0.files(), folder.files());

    // What was exported is, to the archive, the same again.
    let again = import(&archive, export(&archive).0.path());
    assert_eq!((again.failed(), again.new_entries()), (0, 0));
}

#[test]
fn real_logs_come_back_byte_for_byte() {
    for name in ["data/real", "data/wire"] {
        let Some(folder) = shared(name) else { continue };
        let archive = Archive::in_memory().unwrap();
        let report = import(&archive, &folder);
        assert_eq!(report.failed(), 0);
        assert!(report.new_entries() > 0);
        let (exported, written) = export(&archive);
        assert_eq!(written.files.len(), report.files.len());
        for file in &report.files {
            let written = written
                .files
                .iter()
                .find(|written| (written.session, written.segment) == (file.session, file.segment));
            let written = fs::read(&written.unwrap().path).unwrap();
            let mut source = fs::read(&file.path).unwrap();
            if source.last() != Some(&b'\n') {
                // An export ends every line, also where the source left the last one open.
                source.push(b'\n');
            }
            assert!(written == source, "{}", file.path.display());
        }
        drop(exported);
        assert_eq!(import(&archive, &folder).new_entries(), 0);
    }
}

#[test]
fn importing_again_changes_nothing() {
    let folder = clean_folder();
    let archive = Archive::in_memory().unwrap();
    import(&archive, folder.path());
    let before = archive
        .sessions()
        .unwrap()
        .map(Result::unwrap)
        .collect::<Vec<_>>();
    let again = import(&archive, folder.path());
    for file in &again.files {
        assert!(
            matches!(file.outcome, Outcome::Unchanged { .. }),
            "{file:?}"
        );
    }
    let after = archive
        .sessions()
        .unwrap()
        .map(Result::unwrap)
        .collect::<Vec<_>>();
    assert_eq!(before, after);
}

#[test]
fn a_grown_file_adds_its_new_lines() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let file = folder.write("log.jsonl", "1\n2\n{\"torn");
    let import = Import::new(&archive);
    let report = import_one(&import, &file);
    assert_eq!(report.outcome, Outcome::Imported { new: 2, total: 2 });
    assert_eq!(
        (report.warnings[0].line, report.warnings[0].byte_offset),
        (3, 4)
    );

    folder.write("log.jsonl", "1\n2\n{\"torn\":0}\n\n4");
    let report = import_one(&import, &file);
    assert_eq!(report.outcome, Outcome::Imported { new: 2, total: 4 });
    assert!(report.warnings.is_empty());
    let log = archive.log(report.session, report.segment);
    assert_eq!(entries(&log), ["1", "2", "{\"torn\":0}", "4"]);

    // One that got shorter, as an older copy is, changes nothing.
    folder.write("log.jsonl", "1\n2");
    assert_eq!(
        import_one(&import, &file).outcome,
        Outcome::Unchanged { total: 4 }
    );
    folder.write("log.jsonl", "");
    assert_eq!(
        import_one(&import, &file).outcome,
        Outcome::Unchanged { total: 4 }
    );
    assert_eq!(log.len().unwrap(), 4);
}

#[test]
fn an_empty_file_is_an_empty_segment() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let file = folder.write(&format!("{A}/{B}.jsonl"), "\n \r\n{\"torn");
    let report = import_one(&Import::new(&archive), &file);
    assert_eq!(report.outcome, Outcome::Imported { new: 0, total: 0 });
    assert!(archive.log(A, B).exists().unwrap());
    let report = import_one(&Import::new(&archive), &file);
    assert_eq!(report.outcome, Outcome::Unchanged { total: 0 });

    let traces = folder.write(&format!("{A}/{C}.trace.jsonl"), "");
    let report = import_one(&Import::new(&archive), &traces);
    assert_eq!(report.outcome, Outcome::Unchanged { total: 0 });
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_entry() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let file = folder.write("log.jsonl", "\u{feff}{}\n\u{feff}1\n");
    let message = failure(&import_one(&Import::new(&archive), &file)).to_owned();
    assert!(message.contains("log.jsonl:2 (byte offset 6)"), "{message}");

    folder.write("log.jsonl", "\u{feff}{}\n");
    let report = import_one(&Import::new(&archive), &file);
    assert_eq!(
        entries(&archive.log(report.session, report.segment)),
        ["{}"]
    );
    assert!(report.warnings[0].message.contains("byte order mark"));
}

#[test]
fn entries_are_dated_with_the_file() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let path = folder.write(&format!("{A}/{B}.jsonl"), "1\n");
    let dated = |ms| {
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_millis(ms))
            .unwrap();
        import(&archive, &path);
        let info = archive.segment(A, B).unwrap().unwrap();
        (info.created_ms, info.updated_ms)
    };
    assert_eq!(
        dated(1_500_000_000_123),
        (1_500_000_000_123, 1_500_000_000_123)
    );
    folder.write(&format!("{A}/{B}.jsonl"), "1\n2\n");
    assert_eq!(
        dated(1_600_000_000_456),
        (1_500_000_000_123, 1_600_000_000_456)
    );
}

#[test]
fn folders_are_walked_in_order_and_other_files_passed_over() {
    let folder = Folder::new();
    for name in [
        "b/1.jsonl",
        "a/2.jsonl",
        "a/10.jsonl",
        "c.jsonl",
        "notes.txt",
        "x.jsonl.bak",
    ] {
        folder.write(name, "1\n");
    }
    fs::create_dir(folder.path().join("folder.jsonl")).unwrap();
    let outside = Folder::new();
    outside.write("far.jsonl", "1\n");
    #[cfg(unix)]
    for (target, link) in [(outside.path(), "link.jsonl"), (folder.path(), "a/loop")] {
        std::os::unix::fs::symlink(target, folder.path().join(link)).unwrap();
    }
    let archive = Archive::in_memory().unwrap();
    let report = import(&archive, folder.path());
    let names: Vec<_> = report
        .files
        .iter()
        .map(|file| {
            file.path
                .strip_prefix(folder.path())
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/")
        })
        .collect();
    assert_eq!(names, ["a/10.jsonl", "a/2.jsonl", "b/1.jsonl", "c.jsonl"]);
    assert_eq!(report.new_entries(), 4);

    // A file has the same ids whether it was named or found, and however it was named.
    let again = import(&archive, &folder.path().join("a/../a/2.jsonl"));
    assert_eq!(again.files[0].session, report.files[1].session);
    assert_eq!(again.new_entries(), 0);
}

#[test]
fn progress_adds_up_and_reports_become_json() {
    let folder = clean_folder();
    folder.write("bad.jsonl", "{}\n{\n{}\n");
    let archive = Archive::in_memory().unwrap();
    let (mut last, mut done) = ((0, 0), 0);
    let report = Import::new(&archive)
        .run(
            &[folder.path().to_owned()],
            Some(&mut |progress| {
                assert!(last.0 <= progress.done && progress.done <= progress.total);
                last = (progress.done, progress.total);
                done += usize::from(progress.file.is_some());
            }),
        )
        .unwrap();
    let bytes: usize = folder.files().values().map(Vec::len).sum();
    assert_eq!(done, report.files.len());
    assert_eq!(last, (bytes as u64, bytes as u64));

    let json = serde_json::to_value(&report).unwrap();
    let bad = json["files"]
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["path"].as_str().unwrap().ends_with("bad.jsonl"));
    let message = bad.unwrap()["outcome"]["failed"].as_str().unwrap();
    assert!(message.contains("bad.jsonl:2 (byte offset 3)"), "{message}");
    serde_json::to_value(export(&archive).1).unwrap();
}
