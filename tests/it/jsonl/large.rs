//! Files of more than one chunk.

use std::fmt::Write as _;
use std::fs;

use sessiondb::jsonl::{BadLines, Import, Outcome};
use sessiondb::{Archive, MAX_ENTRY_BYTES};

use super::{A, B, Folder, entries, export, failure, import_one};
use crate::raw::raw;

/// Lines of about 1 KB, more than two chunks of them.
fn large_file() -> (String, u64) {
    let filler = "x".repeat(1000);
    let lines = 11_000;
    let mut file = String::new();
    for n in 0..lines {
        writeln!(file, "{{\"n\":{n},\"text\":\"{filler}\"}}").unwrap();
    }
    (file, lines)
}

#[test]
fn a_large_file_comes_back_byte_for_byte_and_grows() {
    let (content, lines) = large_file();
    let folder = Folder::new();
    let name = format!("{A}/{B}.jsonl");
    let file = folder.write(&name, &content);
    let archive = Archive::in_memory().unwrap();
    let import = Import::new(&archive);
    let report = import_one(&import, &file);
    assert_eq!(
        report.outcome,
        Outcome::Imported {
            new: lines,
            total: lines
        }
    );
    assert!(export(&archive).0.files() == folder.files());

    // Growth of several chunks, with a last line that is torn.
    folder.write(&name, format!("{content}\n{content}{{\"torn"));
    let report = import_one(&import, &file);
    assert_eq!(
        report.outcome,
        Outcome::Imported {
            new: lines,
            total: 2 * lines
        }
    );
    assert_eq!(report.warnings.len(), 1);
    folder.write(&name, format!("{content}{content}"));
    assert_eq!(
        import_one(&import, &file).outcome,
        Outcome::Unchanged { total: 2 * lines }
    );
    assert!(export(&archive).0.files() == folder.files());
}

#[test]
fn a_bad_line_at_the_end_of_a_large_file_keeps_all_of_it_out() {
    let (content, lines) = large_file();
    let folder = Folder::new();
    let bad = format!("{content}{{}}{{}}\n{{}}\n");
    let file = folder.write(&format!("{A}/{B}.jsonl"), &bad);
    let archive = Archive::in_memory().unwrap();
    let report = import_one(&Import::new(&archive), &file);
    let place = format!("{B}.jsonl:{} (byte offset {})", lines + 1, content.len());
    assert!(failure(&report).contains(&place), "{}", failure(&report));
    assert_eq!(archive.sessions().unwrap().count(), 0);

    for (bad_lines, more) in [
        (BadLines::Skip, 1),
        (BadLines::Split, 3),
        (BadLines::Keep, 2),
    ] {
        let archive = Archive::in_memory().unwrap();
        let import = Import::new(&archive).bad_lines(bad_lines);
        let total = lines + more;
        let report = import_one(&import, &file);
        assert_eq!(report.outcome, Outcome::Imported { new: total, total });
        assert_eq!(report.warnings.len(), 1);
        assert_eq!(
            import_one(&import, &file).outcome,
            Outcome::Unchanged { total }
        );
        if bad_lines == BadLines::Keep {
            assert!(export(&archive).0.files() == folder.files());
        }
    }
}

#[test]
fn a_line_that_spans_chunks_is_taken_apart_whole() {
    let value = format!("\"{}\"", "x".repeat(3 << 20));
    let folder = Folder::new();
    let line = value.repeat(4);
    let file = folder.write("log.jsonl", format!("{line}\n{line}\n{line}"));
    let archive = Archive::in_memory().unwrap();
    let import = Import::new(&archive).bad_lines(BadLines::Split);
    let report = import_one(&import, &file);
    assert_eq!(report.outcome, Outcome::Imported { new: 12, total: 12 });
    let log = archive.log(report.session, report.segment);
    assert!(entries(&log).iter().all(|entry| *entry == value));
    assert_eq!(
        import_one(&import, &file).outcome,
        Outcome::Unchanged { total: 12 }
    );
}

#[test]
fn a_line_over_the_limit_fails_the_file_and_can_be_skipped() {
    let folder = Folder::new();
    let long = format!("1\n\"{}\"\n2\n", "x".repeat(MAX_ENTRY_BYTES - 1));
    let file = folder.write("log.jsonl", long);
    let archive = Archive::in_memory().unwrap();
    for bad_lines in [BadLines::Fail, BadLines::Split, BadLines::Keep] {
        let report = import_one(&Import::new(&archive).bad_lines(bad_lines), &file);
        let message = failure(&report);
        let length = format!("{} bytes", MAX_ENTRY_BYTES + 1);
        for part in ["log.jsonl:2 (byte offset 2)", &length, "--bad-lines=skip"] {
            assert!(message.contains(part), "{message}");
        }
    }
    let skip = Import::new(&archive).bad_lines(BadLines::Skip);
    let report = import_one(&skip, &file);
    assert_eq!(report.outcome, Outcome::Imported { new: 2, total: 2 });
    assert_eq!(report.warnings[0].line, 2);
}

/// Imports a large file and calls `meddle` once, when most of it has been read and nothing
/// appended.
fn import_with(archive: &Archive, folder: &Folder, meddle: &mut dyn FnMut()) -> String {
    let (content, _) = large_file();
    let file = folder.write(&format!("{A}/{B}.jsonl"), content);
    let mut read = 0;
    let report = Import::new(archive)
        .branch_diverged(false)
        .run(
            &[file],
            Some(&mut |progress| {
                let before = std::mem::replace(&mut read, progress.done);
                if before < 6 << 20 && read >= 6 << 20 {
                    meddle();
                }
            }),
        )
        .unwrap();
    failure(&report.files[0]).to_owned()
}

#[test]
fn a_writer_in_between_is_seen() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(A, B);
    let message = import_with(&archive, &Folder::new(), &mut || {
        log.append(&raw(b"\"other\"")).unwrap();
    });
    assert!(message.contains("differs from entry 0"), "{message}");
    assert_eq!(entries(&log), ["\"other\""]);
}

#[test]
fn a_file_that_is_cut_while_it_is_imported_is_told_from_one_that_grows() {
    let (content, _) = large_file();
    let line_end = content[..5 << 20].rfind('\n').unwrap() as u64 + 1;
    for len in [line_end, line_end + 100] {
        let archive = Archive::in_memory().unwrap();
        let folder = Folder::new();
        let path = folder.path().join(format!("{A}/{B}.jsonl"));
        let message = import_with(&archive, &folder, &mut || {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(len).unwrap();
        });
        assert!(message.contains("the file was changed"), "{message}");
    }
}
