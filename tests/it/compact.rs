//! Compaction: what is deleted is nowhere in the file afterwards, what is not deleted is as it was,
//! by a fresh copy and in place.

#[cfg(unix)]
mod at_the_path;
mod growth;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sessiondb::archive::{CompactError, CompactMode, Compacted};
use sessiondb::entry::{WorkerName, WorkerRecord};
use sessiondb::testing::{self, Opening, entries_in};
use sessiondb::{Archive, SegmentId, SessionId, Sharing, StoreError};
use uuid::Uuid;

use crate::raw::{raw, raws};
use crate::scratch::{Scratch, noise};

const SESSIONS: u128 = 12;

fn session(number: u128) -> SessionId {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number)
}

fn segment(number: u128) -> SegmentId {
    Uuid::from_u128(0x0199_0000_0000_7000_9000_0000_0000_0000 + number)
}

/// What is deleted before a compaction has this in it, 200 times each a different one.
fn doomed(number: u64) -> String {
    format!("doomed-{}", noise(0xdead_0000 + number, 48))
}

fn entry(text: &str) -> Vec<u8> {
    format!("{{\"text\":\"{text}\"}}").into_bytes()
}

/// Fills an archive, over several epochs of its journal, and deletes some of it in each way that
/// there is.
fn fill(archive: &Archive) {
    let mut mark = 0..;
    let mut doomed = || entry(&doomed(mark.next().unwrap()));
    write_sessions(archive, &mut doomed);
    delete_sessions_segments_and_ends(archive, &mut doomed);
    erase_what_is_shared(archive, &mut doomed);
    for number in 0..SESSIONS {
        let log = archive.log(session(number), segment(number));
        if number % 3 == 1 && log.exists().unwrap() {
            log.replace(raws(&[entry("all new")])).unwrap();
        }
    }
    let mut record = WorkerRecord::new(WorkerName::new("builder").unwrap());
    record
        .extra
        .insert("note".to_owned(), self::doomed(900).into());
    archive.write_name(&record.worker_name, &record).unwrap();
    record.extra.insert("note".to_owned(), "kept".into());
    archive.write_name(&record.worker_name, &record).unwrap();
    let trace = archive.trace(session(0), segment(0));
    trace.append(&raw(doomed())).unwrap();
    archive.checkpoint().unwrap();
    trace.truncate(1).unwrap();
}

/// Makes an entry that will be removed, other than all before.
type Doomed<'d> = &'d mut dyn FnMut() -> Vec<u8>;

/// Sessions with what stays and what does not, over several epochs.
fn write_sessions(archive: &Archive, doomed: Doomed<'_>) {
    for number in 0..SESSIONS {
        let log = archive.log(session(number), segment(number));
        for round in 0..30_u64 {
            let kept = noise(1 + round + 100 * u64::try_from(number).unwrap(), 3_000);
            log.append(&raw(entry(&kept))).unwrap();
            if number % 3 == 1 {
                log.append(&raw(doomed())).unwrap();
            }
        }
        archive
            .trace(session(number), segment(number))
            .append(&raw(entry(&noise(7, 200))))
            .unwrap();
        let mut metadata = serde_json::Map::new();
        metadata.insert("title".to_owned(), number.to_string().into());
        archive.set_metadata(session(number), &metadata).unwrap();
        if number % 4 == 0 {
            archive.checkpoint().unwrap();
        }
    }
}

fn delete_sessions_segments_and_ends(archive: &Archive, doomed: Doomed<'_>) {
    for number in 0..SESSIONS {
        match number % 4 {
            1 => {
                archive.delete_session(session(number)).unwrap();
            }
            2 => {
                let log = archive.log(session(number), segment(100 + number));
                for _ in 0..20 {
                    log.append(&raw(doomed())).unwrap();
                }
                archive.checkpoint().unwrap();
                archive
                    .delete_segment(session(number), segment(100 + number))
                    .unwrap();
            }
            _ => {
                let log = archive.log(session(number), segment(number));
                let len = log.len().unwrap();
                for _ in 0..10 {
                    log.append(&raw(doomed())).unwrap();
                }
                archive.checkpoint().unwrap();
                log.truncate(len).unwrap();
                log.append(&raw(entry("after the cut"))).unwrap();
            }
        }
    }
}

/// Erases in the base of a branch and in what the branch has taken over.
fn erase_what_is_shared(archive: &Archive, doomed: Doomed<'_>) {
    for number in [0, 3, 11] {
        let log = archive.log(session(number), segment(number));
        let len = log.len().unwrap();
        for _ in 0..5 {
            log.append(&raw(doomed())).unwrap();
        }
        let (session, branch) = (session(number), segment(200 + number));
        archive
            .log(session, segment(number))
            .branch(len + 5, branch)
            .unwrap();
        if number != 3 {
            archive.checkpoint().unwrap();
        }
        log.truncate(len + 2).unwrap();
        archive.log(session, branch).erase(len..len + 5).unwrap();
    }
}

/// Everything that an archive shows.
fn dump(archive: &Archive) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for info in archive.sessions().unwrap() {
        let info = info.unwrap();
        let metadata = archive.metadata(info.id).unwrap();
        found.insert(
            format!("{}", info.id),
            vec![format!("{info:?} {metadata:?}")],
        );
        for segment in archive.segments(info.id).unwrap() {
            let segment = segment.unwrap();
            for log in [
                archive.log(info.id, segment.id),
                archive.trace(info.id, segment.id),
            ] {
                let entries = log.read(..).unwrap();
                let entries = entries.map(|entry| entry.unwrap().as_str().to_owned());
                let entries: Vec<_> = entries.collect();
                found.insert(format!("{log:?} {segment:?}"), entries);
            }
        }
    }
    for name in archive.names().unwrap() {
        let record = archive.read_name(&name).unwrap();
        found.insert(name, vec![format!("{record:?}")]);
    }
    found
}

/// The marks of what was deleted that are still in the file: as plain bytes, or in a run wherever
/// one stands.
fn left_in(bytes: &[u8]) -> Vec<String> {
    let text = [bytes, &entries_in(bytes)].concat();
    let mut left: Vec<String> = memchr::memmem::find_iter(&text, b"doomed-")
        .map(|at| String::from_utf8_lossy(&text[at..(at + 30).min(text.len())]).into_owned())
        .collect();
    // Half of a mark counts as well.
    for number in (0..300).chain([900]) {
        let mark = doomed(number);
        let second_half = &mark[mark.len() / 2..];
        if memchr::memmem::find(&text, second_half.as_bytes()).is_some() {
            left.push(format!("half of {number}"));
        }
    }
    left
}

fn left_at(path: &Path) -> Vec<String> {
    left_in(&fs::read(path).unwrap())
}

fn compact(archive: Archive) -> (Archive, Compacted) {
    let mut last = (0, 0);
    let (archive, compacted) = archive
        .compact(Some(&mut |progress| {
            assert!(progress.done <= progress.total && progress.done >= last.0);
            last = (progress.done, progress.total);
        }))
        .unwrap();
    assert_eq!(last.0, last.1, "the bar ends at its end");
    (archive, compacted)
}

fn is_clean(archive: &Archive) {
    let report = archive.check(None).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn a_fresh_copy_holds_the_same_and_nothing_that_was_deleted() {
    let scratch = Scratch::new();
    for sharing in [Sharing::Shared, Sharing::Exclusive] {
        let path = scratch.fresh();
        let options = || Archive::options().sharing(sharing);
        let archive = options().open(&path).unwrap();
        fill(&archive);
        let before = dump(&archive);
        let (stats, version) = (archive.stats().unwrap(), archive.version().unwrap());
        assert!(left_at(&path).len() > 100, "there is something to erase");

        let (archive, compacted) = compact(archive);
        assert_eq!(compacted.mode, CompactMode::Fresh, "{compacted:?}");
        assert!(compacted.erased);
        assert_eq!(left_at(&path), [""; 0]);
        assert_eq!(dump(&archive), before);
        assert_eq!(archive.version().unwrap(), version);
        let after = archive.stats().unwrap();
        assert_eq!(after.archive_id, stats.archive_id);
        assert_eq!(after.file_bytes, compacted.bytes_after);
        assert!(compacted.bytes_after < compacted.bytes_before);
        is_clean(&archive);

        archive
            .log(session(0), segment(0))
            .append(&raw(b"1"))
            .unwrap();
        assert_eq!(archive.version().unwrap(), version + 1);
        archive.close().unwrap();
        let archive = options().open(&path).unwrap();
        assert_ne!(dump(&archive), before);
        is_clean(&archive);
    }
    assert_eq!(scratch.names(), ["1.sessiondb", "2.sessiondb"]);
}

#[test]
fn in_place_the_same_goes() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let other = archive.clone();
    fill(&archive);
    let before = dump(&archive);
    let version = archive.version().unwrap();
    let (archive, compacted) = compact(archive);
    assert_eq!(compacted.mode, CompactMode::InPlace);
    assert!(compacted.in_place_because.is_some());
    assert!(compacted.erased, "{compacted:?}");
    assert_eq!(left_at(&path), [""; 0]);
    assert!(compacted.bytes_after <= compacted.bytes_before);
    assert_eq!(dump(&other), before);
    assert_eq!(archive.version().unwrap(), version);
    is_clean(&other);
    other
        .log(session(0), segment(0))
        .append(&raw(b"1"))
        .unwrap();
    drop((archive, other));
    assert_eq!(left_at(&path), [""; 0]);
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.version().unwrap(), version + 1);
    is_clean(&archive);
}

#[test]
fn beside_another_process_it_goes_in_place_and_both_go_on() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    fill(&archive);
    // In this process an open of another kind is another open file, with locks of its own.
    let reader = Archive::options().read_only(true).open(&path).unwrap();
    let before = dump(&reader);
    let (archive, compacted) = compact(archive);
    assert_eq!(compacted.mode, CompactMode::InPlace);
    assert!(compacted.erased, "{compacted:?}");
    assert_eq!(left_at(&path), [""; 0]);
    assert_eq!(dump(&reader), before);
    for round in 0..40_u64 {
        let log = archive.log(session(0), segment(0));
        log.append(&raw(entry(&noise(round, 40_000)))).unwrap();
        assert_eq!(
            reader.log(session(0), segment(0)).len().unwrap(),
            log.len().unwrap()
        );
    }
    is_clean(&reader);
    drop(reader);
    let (_, compacted) = compact(archive);
    assert_eq!(compacted.mode, CompactMode::Fresh);
}

#[test]
fn a_reader_of_an_earlier_state_keeps_it_and_the_report_says_so() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::options()
        .lock_timeout(Duration::from_millis(100))
        .open(&path)
        .unwrap();
    let reader = Archive::options().read_only(true).open(&path).unwrap();
    let log = archive.log(session(1), segment(1));
    for number in 0..40 {
        log.append(&raw(entry(&doomed(number)))).unwrap();
    }
    archive.checkpoint().unwrap();
    for snapshot in [archive.snapshot().unwrap(), reader.snapshot().unwrap()] {
        log.truncate(1).unwrap();
        let (_, compacted) = compact(archive.clone());
        assert!(!compacted.erased);
        assert!(compacted.not_erased_because.is_some());
        // It goes on reading what it had.
        let entries = snapshot.log(session(1), segment(1)).read(..).unwrap();
        assert_eq!(entries.flatten().count(), 40);
        drop(snapshot);
    }
    log.truncate(0).unwrap();
    drop(reader);
    let (_, compacted) = compact(archive.clone());
    assert!(compacted.erased, "{compacted:?}");
    assert_eq!(left_at(&path), [""; 0]);
}

/// One that only appends looks at the tables too, and must not keep an old state of them.
#[test]
fn a_writer_that_rests_keeps_no_earlier_state_from_being_erased() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(&path);
    let file = redb::backends::FileBackend::new(file.unwrap()).unwrap();
    let opening = Opening {
        shared: true,
        lock_timeout: Duration::from_secs(10),
        background: true,
        ..Opening::default()
    };
    let writer = testing::open(Arc::new(file), opening).unwrap();
    archive
        .log(session(1), segment(1))
        .append(&raw(b"1"))
        .unwrap();
    // Until it has let go of what it looked at when it opened.
    std::thread::sleep(Duration::from_millis(500));
    writer
        .log(session(1), segment(1))
        .append(&raw(b"2"))
        .unwrap();
    let (archive, compacted) = compact(archive);
    assert_eq!(compacted.mode, CompactMode::InPlace);
    assert!(compacted.erased, "{compacted:?}");
    assert_eq!(archive.log(session(1), segment(1)).len().unwrap(), 2);
}

/// What was erased before the journal was ever folded is not even in free pages.
#[test]
fn what_is_erased_is_out_of_the_journal_at_once() {
    let scratch = Scratch::new();
    for sharing in [Sharing::Shared, Sharing::Exclusive] {
        let path = scratch.fresh();
        let archive = Archive::options().sharing(sharing).open(&path).unwrap();
        let log = archive.log(session(1), segment(1));
        for number in 0..40 {
            log.append(&raw(entry(&doomed(number)))).unwrap();
        }
        let branch = archive
            .log(session(1), segment(1))
            .branch(30, segment(2))
            .unwrap();
        log.truncate(20).unwrap();
        assert!(left_at(&path).len() > 40, "there is something to erase");
        branch.erase(..).unwrap();
        assert_eq!(left_at(&path), [""; 0]);
        assert_eq!(log.len().unwrap(), 20);
        is_clean(&archive);
    }
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_the_mode_is_kept() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let scratch = Scratch::new();
    let (path, link) = (scratch.fresh(), scratch.path().join("link"));
    drop(Archive::open(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let before = fs::metadata(&path).unwrap();
    let (archive, compacted) = compact(Archive::open(&link).unwrap());
    assert_eq!(compacted.mode, CompactMode::Fresh);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let after = fs::metadata(&path).unwrap();
    assert_ne!(after.ino(), before.ino());
    assert_eq!(after.mode(), before.mode());
    archive.close().unwrap();

    // The other name would go on leading to the old file.
    let second = scratch.path().join("second.sessiondb");
    fs::hard_link(&path, &second).unwrap();
    let (archive, compacted) = compact(Archive::open(&path).unwrap());
    assert_eq!(compacted.mode, CompactMode::InPlace);
    assert!(compacted.in_place_because.unwrap().contains("names"));
    drop(archive);
    let ino = |path| fs::metadata(path).unwrap().ino();
    assert_eq!(ino(&path), ino(&second));
}

#[test]
fn what_cannot_be_compacted_is_left_as_it_is() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    fill(&archive);
    let before = dump(&archive);
    archive.close().unwrap();
    let reader = Archive::options().read_only(true).open(&path).unwrap();
    let refused = reader.compact(None);
    assert!(
        matches!(
            refused,
            Err(CompactError {
                error: StoreError::ReadOnly { .. },
                ..
            })
        ),
        "{refused:?}"
    );

    // A run that is damaged must not get into a copy, with a checksum that matches.
    let sound = fs::read(&path).unwrap();
    let mut bytes = sound.clone();
    for at in memchr::memmem::find_iter(&sound, b"sRun") {
        // Behind the header, in the entries.
        bytes[at + 64] ^= 1;
    }
    fs::write(&path, &bytes).unwrap();
    let refused = Archive::open(&path).unwrap().compact(None);
    assert!(
        matches!(
            refused,
            Err(CompactError {
                error: StoreError::Damaged { .. },
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(refused.unwrap_err().archive.is_some(), "it is given back");
    assert_eq!(scratch.names(), ["1.sessiondb"]);
    fs::write(&path, &sound).unwrap();
    assert_eq!(dump(&Archive::open(&path).unwrap()), before);
}
