//! Compactions beside readers, in archives whose trees have several levels: the file is never longer
//! afterwards, and who is waited for is said.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sessiondb::Archive;
use sessiondb::archive::{CompactMode, Compacted};

use super::{doomed, entry, is_clean, left_at, noise, segment, session};
use crate::raw::{raw, raws};
use crate::scratch::Scratch;

/// So many segments that the heads alone fill a tree of two levels.
const SEGMENTS: u128 = 300;

fn fill(path: &Path) {
    let archive = Archive::open(path).unwrap();
    for number in 0..SEGMENTS {
        let log = archive.log(session(number % 7), segment(number));
        let seed = u64::try_from(number).unwrap();
        log.clone()
            .with_durability(sessiondb::Durability::Written)
            .append_many(raws(&[entry(&noise(seed, 9_000)), entry(&doomed(seed))]))
            .unwrap();
    }
    archive.close().unwrap();
    // As tight as can be: the least change needs new pages.
    let archive = Archive::open(path).unwrap();
    let (archive, compacted) = archive.compact(None).unwrap();
    if cfg!(unix) {
        assert_eq!(compacted.mode, CompactMode::Fresh);
    }
    archive.close().unwrap();
}

fn brief() -> sessiondb::ArchiveOptions {
    Archive::options().lock_timeout(Duration::from_millis(300))
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

fn compact(archive: Archive, path: &Path) -> Compacted {
    let before = len(path);
    let (archive, compacted) = archive.compact(None).unwrap();
    assert_eq!(compacted.mode, CompactMode::InPlace);
    assert!(
        len(path) <= before,
        "{before} -> {}: {compacted:?}",
        len(path)
    );
    assert_eq!(compacted.bytes_before, before);
    archive.close().unwrap();
    compacted
}

#[test]
fn beside_a_reader_of_an_earlier_state_nothing_grows() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    fill(&path);
    for journal_holds_something in [false, true] {
        for in_this_handle in [false, true] {
            let archive = brief().open(&path).unwrap();
            let other = if in_this_handle {
                archive.clone()
            } else {
                Archive::options().read_only(true).open(&path).unwrap()
            };
            let snapshot = other.snapshot().unwrap();
            assert!(snapshot.log(session(0), segment(0)).len().unwrap() > 0);
            if journal_holds_something {
                archive
                    .log(session(0), segment(0))
                    .append(&raw(entry("one more")))
                    .unwrap();
            } else {
                archive.delete_segment(session(1), segment(1)).unwrap();
                archive.checkpoint().unwrap();
            }
            let compacted = compact(archive, &path);
            assert!(!compacted.erased, "{compacted:?}");
            let who = if in_this_handle { "this" } else { "another" };
            let said = compacted.not_erased_because.unwrap();
            assert!(said.contains(who) && said.contains("reads"), "{said}");
            drop(snapshot);
            is_clean(&other);
        }
    }
}

#[test]
fn once_the_reader_is_done_the_space_goes_back() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    fill(&path);
    let archive = Archive::open(&path).unwrap();
    for number in 20..SEGMENTS {
        archive
            .delete_segment(session(number % 7), segment(number))
            .unwrap();
    }
    let reader = Archive::options().read_only(true).open(&path).unwrap();
    // What is in the journal has no room in so tight a file.
    let compacted = compact(archive.clone(), &path);
    assert!(!compacted.erased);
    let said = compacted.not_erased_because.unwrap();
    assert!(said.contains("no free pages"), "{said}");
    archive.checkpoint().unwrap();
    assert!(reader.log(session(0), segment(0)).len().unwrap() > 0);
    let compacted = compact(archive, &path);
    assert!(compacted.erased, "{compacted:?}");
    is_clean(&reader);
    drop(reader);
    let left = left_at(&path);
    assert!(
        !left.iter().any(|mark| mark.contains(&doomed(250)[..30])),
        "{left:?}"
    );
}

#[test]
fn a_tight_archive_does_not_double_by_being_compacted_again() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    fill(&path);
    for _ in 0..3 {
        let archive = Archive::open(&path).unwrap();
        let other = Archive::options().read_only(true).open(&path).unwrap();
        let compacted = compact(archive, &path);
        assert!(compacted.erased, "{compacted:?}");
        drop(other);
    }
}
