//! Files that are read before it is their turn.

use proptest::prelude::*;
use proptest::test_runner::Config;
use sessiondb::jsonl::{
    BadLines, EntryTaker, FileReport, FileVisitor, Import, LogFile, Outcome, ReadAhead, Seen,
};
use sessiondb::{Archive, Batch, StoreError};

use super::bad_lines::{OPTIONS, config, file};
use super::{A, B, Folder, entries};

/// Keeps all that it is shown.
#[derive(Default)]
struct Witness {
    entries: Vec<Vec<u8>>,
    was_read_ahead: bool,
    seen: Option<Seen>,
}

impl EntryTaker for Witness {
    fn entry(&mut self, entry: &[u8]) {
        self.entries.push(entry.to_vec());
    }

    fn line(&mut self, line: &str) -> bool {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok();
        if is_json {
            self.entries.push(line.as_bytes().to_vec());
        }
        is_json
    }
}

impl FileVisitor for Witness {
    fn begin(&mut self) {
        if !self.was_read_ahead {
            self.entries.clear();
        }
    }

    fn entry(&mut self, entry: &[u8]) {
        self.entries.push(entry.to_vec());
    }

    fn was_read_ahead(&mut self) {
        self.was_read_ahead = true;
    }

    fn finish(&mut self, seen: &Seen, _: &mut Batch) -> Result<bool, StoreError> {
        self.seen = Some(seen.clone());
        Ok(false)
    }
}

/// Imports a file as the log `B` of session `A`.
fn import(
    archive: &Archive,
    bad_lines: BadLines,
    file: &LogFile<'_>,
    ahead: Option<ReadAhead>,
) -> (FileReport, Witness) {
    let mut witness = Witness::default();
    let import = Import::new(archive).bad_lines(bad_lines);
    let visitor: Option<&mut dyn FileVisitor> = Some(&mut witness);
    let (report, batch, _) = import
        .file_into(file, ahead, visitor, archive.batch())
        .unwrap();
    batch.commit().unwrap();
    (report, witness)
}

fn read_ahead(bad_lines: BadLines, file: &LogFile<'_>) -> (ReadAhead, Vec<Vec<u8>>) {
    let other = Archive::in_memory().unwrap();
    let mut witness = Witness::default();
    let import = Import::new(&other).bad_lines(bad_lines);
    let ahead = import.read_ahead(file, &mut witness);
    (ahead, witness.entries)
}

fn check(content: &[u8], bad_lines: BadLines, line_ends_count: bool) {
    let folder = Folder::new();
    let path = folder.write("a.jsonl", content);
    let opened = std::fs::File::open(&path).unwrap();
    let file = LogFile::new(&path, &opened, A, B).line_ends_count(line_ends_count);
    let (plainly, early) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    let (report, witness) = import(&plainly, bad_lines, &file, None);
    let (ahead, taken) = read_ahead(bad_lines, &file);
    let is_sound = !matches!(report.outcome, Outcome::Failed(_));
    assert_eq!(ahead.is_sound(), is_sound);
    let (again, told) = import(&early, bad_lines, &file, Some(ahead));
    assert_eq!(again, report);
    assert_eq!(told.seen, witness.seen);
    assert!(told.was_read_ahead && told.entries.is_empty());
    if is_sound {
        assert_eq!(taken, witness.entries);
        let logs = [&plainly, &early].map(|archive| entries(&archive.log(A, B)));
        assert_eq!(logs[0], logs[1]);
    }
    // With all of it stored by now, it is read again, and nothing is new.
    let (ahead, _) = read_ahead(bad_lines, &file);
    let (again, told) = import(&early, bad_lines, &file, Some(ahead));
    assert_eq!(
        again.outcome,
        import(&plainly, bad_lines, &file, None).0.outcome
    );
    assert_eq!(told.was_read_ahead, !is_sound);
}

proptest! {
    #![proptest_config(Config { cases: 12, ..config() })]

    #[test]
    fn what_is_read_ahead_comes_in_as_any_other(
        content in file(),
        mark in any::<bool>(),
        line_ends_count in any::<bool>(),
    ) {
        let content = [if mark { &b"\xef\xbb\xbf"[..] } else { b"" }, &content].concat();
        for bad_lines in OPTIONS {
            check(&content, bad_lines, line_ends_count);
        }
    }
}

#[test]
fn a_value_that_looks_like_the_marker_of_a_bad_line_is_marked_ahead_too() {
    let marker =
        b"{\"kind\":\"sessiondb_bad_line\",\"text\":\"a\"}\n{\"kind\":\"sessiondb_bad_line\"}\n";
    check(marker, BadLines::Keep, false);
}

#[test]
fn a_file_of_several_chunks_is_read_ahead_up_to_the_first() {
    let line = format!("{{\"text\":\"{}\"}}\n", "word ".repeat(20_000));
    let content = line.repeat(100);
    check(content.as_bytes(), BadLines::Mend, false);
    let folder = Folder::new();
    let path = folder.write("a.jsonl", &content);
    let opened = std::fs::File::open(&path).unwrap();
    let file = LogFile::new(&path, &opened, A, B);
    let (ahead, taken) = read_ahead(BadLines::Mend, &file);
    assert_eq!(taken.len(), 100);
    assert!(ahead.len_bytes() < 5 << 20, "{}", ahead.len_bytes());
}

#[test]
fn a_log_that_was_begun_meanwhile_is_compared() {
    let folder = Folder::new();
    let path = folder.write("a.jsonl", "1\n2\n");
    let opened = std::fs::File::open(&path).unwrap();
    let file = LogFile::new(&path, &opened, A, B);
    let archive = Archive::in_memory().unwrap();
    let (ahead, _) = read_ahead(BadLines::Fail, &file);
    archive.log(A, B).append(&1).unwrap();
    let (report, told) = import(&archive, BadLines::Fail, &file, Some(ahead));
    assert_eq!(report.outcome, Outcome::Imported { new: 1, total: 2 });
    assert!(!told.was_read_ahead && told.entries.len() == 2);

    // One that says something else becomes a branch, as ever.
    let (ahead, _) = read_ahead(BadLines::Fail, &file);
    archive.log(A, B).replace([3]).unwrap();
    let (report, _) = import(&archive, BadLines::Fail, &file, Some(ahead));
    assert_eq!(report.branch_of, Some(B));
    assert_eq!(entries(&archive.log(A, report.segment)), ["1", "2"]);

    // What was taken away for good stays away.
    let (ahead, _) = read_ahead(BadLines::Fail, &file);
    let archive = Archive::in_memory().unwrap();
    archive.log(A, B).append_many([1, 2]).unwrap();
    archive.forget_session(A).unwrap();
    let (report, _) = import(&archive, BadLines::Fail, &file, Some(ahead));
    assert_eq!(report.outcome, Outcome::Forgotten { entries: 2 });
}
