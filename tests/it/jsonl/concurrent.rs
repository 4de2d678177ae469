//! Imports of the same files at the same time: each finds what the other has appended, and goes on.

use std::cell::Cell;

use sessiondb::Archive;
use sessiondb::jsonl::{Import, Outcome};

use super::{A, B, Folder, entries, failure, import_one};

fn lines(count: u64) -> String {
    let filling = "x".repeat(90);
    let lines = (0..count).map(|n| format!("{{\"n\":{n},\"text\":\"{filling}\"}}\n"));
    lines.collect::<Vec<_>>().concat()
}

/// Imports `file`, and after it was compared with what is stored, before anything of it is
/// appended, `other`, which belongs to the same log.
fn import_overtaken(archive: &Archive, file: &str, other: &str) -> super::FileReport {
    let (one, two) = (Folder::new(), Folder::new());
    let name = format!("{A}/{B}.jsonl");
    let path = one.write(&name, file);
    let overtaking = two.write(&name, other);
    let overtaken = Cell::new(false);
    let mut report = Import::new(archive)
        .branch_diverged(false)
        .run(
            &[path],
            Some(&mut |progress| {
                if progress.done > 0 && !overtaken.replace(true) {
                    import_one(&Import::new(archive), &overtaking);
                }
            }),
        )
        .unwrap();
    assert!(overtaken.get());
    report.files.remove(0)
}

#[test]
fn content_that_another_import_has_added_meanwhile_is_the_same_content() {
    // One chunk, and several.
    for count in [3, 90_000] {
        let file = lines(count);
        for shared in [1, count / 2, count] {
            let archive = Archive::in_memory().unwrap();
            let report = import_overtaken(&archive, &file, &lines(shared));
            let outcome = if shared == count {
                Outcome::Unchanged { total: count }
            } else {
                Outcome::Imported {
                    new: count - shared,
                    total: count,
                }
            };
            assert_eq!(report.outcome, outcome);
            let stored = entries(&archive.log(A, B)).join("\n") + "\n";
            assert!(stored == file, "{count} {shared}");
        }
    }
}

#[test]
fn content_that_another_has_added_meanwhile_and_differs_is_told_as_such() {
    let archive = Archive::in_memory().unwrap();
    let report = import_overtaken(&archive, &lines(3), "\"other\"\n");
    let message = failure(&report);
    assert!(message.contains("differs from entry 0"), "{message}");
    assert_eq!(entries(&archive.log(A, B)), ["\"other\""]);
}

#[test]
fn many_imports_at_once_all_succeed_and_every_entry_is_there_once() {
    const THREADS: usize = 4;
    let folder = Folder::new();
    for n in 0..12 {
        folder.write(&format!("{n}.jsonl"), lines(n * 40));
    }
    folder.write("large.jsonl", lines(90_000));
    for round in 0..3 {
        let archive = Archive::in_memory().unwrap();
        let added: u64 = std::thread::scope(|scope| {
            let imports: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        let report = super::import(&archive, folder.path());
                        assert_eq!(report.failed(), 0, "{report:?}");
                        report.new_entries()
                    })
                })
                .collect();
            imports
                .into_iter()
                .map(|import| import.join().unwrap())
                .sum()
        });
        let all = 90_000 + (0..12).map(|n| n * 40).sum::<u64>();
        assert_eq!(added, all, "round {round}");
        assert_eq!(archive.stats().unwrap().entries, all);
        let (back, _) = super::export(&archive);
        let mut back: Vec<_> = back.files().into_values().collect();
        let mut files: Vec<_> = folder.files().into_values().collect();
        back.sort();
        files.sort();
        assert!(back == files, "round {round}");
    }
}
