//! Files that differ from what is stored, or change while they are read.

use sessiondb::jsonl::{Import, Outcome};
use sessiondb::{Archive, Log, SegmentId};
use uuid::Uuid;

use super::{A, B, Folder, entries, failure, import, import_one};
use crate::raw::raw;

fn log(archive: &Archive, segment: SegmentId) -> Log {
    archive.log(A, segment)
}

#[test]
fn a_diverged_file_fails_and_changes_nothing() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let file = folder.write(&format!("{A}/{B}.jsonl"), "1\n2\n3\n");
    import(&archive, &file);
    for (content, place, entry) in [
        ("1\n\n20\n3\n4\n", ":3 (byte offset 3)", "entry 1 "),
        ("\n10\n", ":2 (byte offset 1)", "entry 0 "),
        ("1\n2\n3 \n", ":3 (byte offset 4)", "entry 2 "),
    ] {
        folder.write(&format!("{A}/{B}.jsonl"), content);
        let strict = Import::new(&archive).branch_diverged(false);
        let report = import_one(&strict, &file);
        let message = failure(&report);
        let path = file.display().to_string();
        for part in [
            &path,
            place,
            entry,
            "--on-conflict=branch",
            &A.to_string(),
            &B.to_string(),
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(entries(&log(&archive, B)), ["1", "2", "3"]);
        assert_eq!(archive.segments(A).unwrap().count(), 1);
    }
}

#[test]
fn a_diverged_file_goes_on_as_a_branch() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let branching = Import::new(&archive);
    let strict = Import::new(&archive).branch_diverged(false);
    let name = format!("{A}/{B}.jsonl");
    let file = folder.write(&name, "1\n2\n3\n");
    // Without a conflict it makes no difference.
    assert_eq!(import_one(&branching, &file).segment, B);

    folder.write(&name, "1\n7\n");
    let report = import_one(&branching, &file);
    let hash = xxhash_rust::xxh3::xxh3_64(b"7");
    assert_eq!((report.session, report.trace), (A, false));
    assert_eq!(
        (report.branch_of, &report.outcome),
        (Some(B), &Outcome::Imported { new: 1, total: 2 })
    );
    assert!(failure(&import_one(&strict, &file)).contains("entry 1 "));
    let first = report.segment;
    assert_eq!(
        first,
        Uuid::new_v5(&B, format!("diverged at 1: {hash:016x}").as_bytes())
    );
    assert_eq!(entries(&log(&archive, first)), ["1", "7"]);
    assert_eq!(entries(&log(&archive, B)), ["1", "2", "3"]);
    // What the two have in common is stored once.
    let branch = archive.segment(A, first).unwrap().unwrap();
    assert_eq!((branch.parent.unwrap().len, branch.entry_bytes), (1, 1));

    // Again: nothing. Grown: its new lines.
    let again = import_one(&branching, &file);
    assert_eq!(
        (again.segment, again.outcome),
        (first, Outcome::Unchanged { total: 2 })
    );
    folder.write(&name, "1\n7\n8\n");
    let grown = import_one(&branching, &file);
    assert_eq!(
        (grown.segment, grown.outcome),
        (first, Outcome::Imported { new: 1, total: 3 })
    );

    // One that diverges from the new segment as well goes on to a third, and stays there.
    folder.write(&name, "1\n7\n9\n");
    let third = import_one(&branching, &file);
    assert!(third.segment != first && third.segment != B);
    assert_eq!(third.outcome, Outcome::Imported { new: 1, total: 3 });
    let again = import_one(&branching, &file);
    assert_eq!(
        (again.segment, again.outcome),
        (third.segment, Outcome::Unchanged { total: 3 })
    );
    assert_eq!(entries(&log(&archive, first)), ["1", "7", "8"]);
    assert_eq!(archive.segments(A).unwrap().count(), 3);
}

#[test]
fn traces_diverge_like_entries() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let name = format!("{A}/{B}.trace.jsonl");
    let file = folder.write(&name, "1\n");
    import(&archive, &file);
    folder.write(&name, "2\n");
    failure(&import_one(
        &Import::new(&archive).branch_diverged(false),
        &file,
    ));
    let report = import_one(&Import::new(&archive), &file);
    assert!(report.trace && report.segment != B);
    assert_eq!(entries(&archive.trace(A, report.segment)), ["2"]);
}

#[test]
fn two_files_of_one_log_are_compared_with_each_other() {
    let folder = Folder::new();
    folder.write(&format!("1/{A}.jsonl"), "1\n2\n");
    folder.write(&format!("2/{A}.jsonl"), "1\n2\n3\n");
    folder.write(&format!("3/{A}.jsonl"), "1\n0\n");
    let archive = Archive::in_memory().unwrap();
    let report = import(&archive, folder.path());
    assert_eq!(
        report.files[0].outcome,
        Outcome::Imported { new: 2, total: 2 }
    );
    assert_eq!(
        report.files[1].outcome,
        Outcome::Imported { new: 1, total: 3 }
    );
    let branch = &report.files[2];
    assert_eq!((branch.session, branch.branch_of), (A, Some(A)));
    assert_eq!(entries(&archive.log(A, branch.segment)), ["1", "0"]);
    assert_eq!(entries(&archive.log(A, A)), ["1", "2", "3"]);
}

#[test]
fn a_writer_in_between_is_seen_and_never_mixed_with() {
    for content in ["1\n2\n", "\n"] {
        let folder = Folder::new();
        let archive = Archive::in_memory().unwrap();
        let file = folder.write(&format!("{A}/{B}.jsonl"), content);
        let log = log(&archive, B);
        let mut meddled = false;
        let report = Import::new(&archive)
            .branch_diverged(false)
            .run(
                std::slice::from_ref(&file),
                Some(&mut |progress| {
                    // The file has been read, and nothing of it appended yet.
                    if progress.done > 0 && !std::mem::replace(&mut meddled, true) {
                        log.append(&raw(b"\"other\"")).unwrap();
                    }
                }),
            )
            .unwrap();
        if content == "\n" {
            // An empty log is the beginning of any other.
            assert_eq!(report.files[0].outcome, Outcome::Unchanged { total: 1 });
        } else {
            let message = failure(&report.files[0]);
            assert!(message.contains("differs from entry 0"), "{message}");
            assert!(message.contains(&file.display().to_string()), "{message}");
        }
        assert_eq!(entries(&log), ["\"other\""]);
    }
}
