//! Archives on a disk that is really full: small file systems of their own, where this may be mounted.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use sessiondb::entry::{WorkerName, WorkerRecord};
use sessiondb::{
    Archive, Durability, SegmentId, SessionId, StoreError, new_segment_id, new_session_id,
};

use crate::raw::raw;
use crate::scratch::{Scratch, noise};

/// A file system that is gone when this is dropped.
struct Mounted<'p>(&'p Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

fn run(program: &str, args: &[&str]) -> bool {
    let run = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok_and(|status| status.success())
}

fn mount<'p>(kind: &str, scratch: &Scratch, at: &'p Path) -> Option<Mounted<'p>> {
    fs::create_dir(at).unwrap();
    let target = at.to_str().unwrap();
    let done = if kind == "tmpfs" {
        run("mount", &["-t", "tmpfs", "-o", "size=24m", "tmpfs", target])
    } else {
        let image = scratch.path().join("image");
        fs::File::create(&image).unwrap().set_len(28 << 20).unwrap();
        let image = image.to_str().unwrap();
        run("mkfs.ext4", &["-q", "-F", "-m", "0", image])
            && run("mount", &["-o", "loop", image, target])
    };
    if !done {
        eprintln!("SKIPPED: a {kind} cannot be mounted here, so no disk is full");
    }
    done.then_some(Mounted(at))
}

/// Whether there was room; anything but that is a failure of the test.
fn had_room<T>(done: Result<T, StoreError>) -> bool {
    match done {
        Ok(_) => true,
        Err(StoreError::Io(err)) if err.kind() == ErrorKind::StorageFull => {
            let text = err.to_string();
            assert!(
                text.contains("a.sessiondb") && text.contains("is full"),
                "{text}"
            );
            assert!(text.contains("nothing was changed"), "{text}");
            false
        }
        Err(err) => panic!("{err:?}"),
    }
}

struct Case {
    archive: Archive,
    session: SessionId,
    segment: SegmentId,
    entries: u64,
}

impl Case {
    fn append(&mut self, bytes: usize) -> bool {
        let log = self.archive.log(self.session, self.segment);
        let entry = format!("\"{}\"", noise(self.entries + 1, bytes));
        let log = log.with_durability(Durability::Written);
        let done = had_room(log.append(&raw(entry.as_bytes())));
        self.entries += u64::from(done);
        done
    }

    /// Appends less and less until nothing has room any more.
    fn fill(&mut self) {
        // The largest goes past the journal.
        for bytes in [2 << 20, 200_000, 20_000, 2_000, 200] {
            while self.append(bytes) {}
        }
        self.is_whole();
    }

    fn is_whole(&self) {
        let log = self.archive.log(self.session, self.segment);
        assert_eq!(log.len().unwrap(), self.entries);
        assert_eq!(
            log.read(..).unwrap().map(Result::unwrap).count() as u64,
            self.entries
        );
    }
}

fn fill_up(kind: &str) {
    let scratch = Scratch::new();
    let disk = scratch.path().join("disk");
    let Some(_mounted) = mount(kind, &scratch, &disk) else {
        return;
    };
    let (path, ballast) = (disk.join("a.sessiondb"), disk.join("ballast"));
    fs::write(&ballast, vec![1; 6 << 20]).unwrap();
    let mut case = Case {
        session: new_session_id(),
        segment: new_segment_id(),
        entries: 0,
        archive: Archive::open(&path).unwrap(),
    };
    let small = fill_to_the_last_byte(&mut case);
    delete_from_full(&case, &small, &path);
    case.archive.close().unwrap();

    case.archive = Archive::open(&path).unwrap();
    case.is_whole();
    had_room(case.archive.checkpoint());
    case.is_whole();
    // Room again: the same handle goes on.
    fs::remove_file(&ballast).unwrap();
    for _ in 0..5 {
        assert!(case.append(200_000));
    }
    case.archive.checkpoint().unwrap();
    case.is_whole();
    case.archive.close().unwrap();
    case.archive = Archive::open(&path).unwrap();
    holds_what_was_acknowledged(&case);
}

/// Fills the disk, and returns segments of one entry each that can be deleted.
fn fill_to_the_last_byte(case: &mut Case) -> Vec<SegmentId> {
    let small: Vec<_> = (0..20).map(|_| new_segment_id()).collect();
    for segment in &small {
        let log = case.archive.log(case.session, *segment);
        log.append(&raw(b"1")).unwrap();
    }
    let name = WorkerRecord::new(WorkerName::new("builder").unwrap());
    case.archive.write_name("builder", &name).unwrap();
    case.fill();
    small
}

/// Deletes half of the segments here and, but for one, the others by another process.
fn delete_from_full(case: &Case, small: &[SegmentId], path: &Path) {
    let archive = &case.archive;
    for segment in &small[..10] {
        assert!(archive.delete_segment(case.session, *segment).unwrap());
    }
    archive.log(case.session, small[10]).truncate(0).unwrap();
    assert!(archive.delete_name("builder").unwrap());
    for segment in &small[11..] {
        let removed = Command::new(env!("CARGO_BIN_EXE_sessiondb"))
            .arg("-a")
            .arg(path)
            .arg("rm")
            .args([&segment.to_string(), "--now", "--yes"])
            .output()
            .unwrap();
        assert!(removed.status.success(), "{removed:?}");
    }
    case.is_whole();
    // A handle that has written nothing has nothing to report.
    Archive::options()
        .sharing(sessiondb::Sharing::Shared)
        .read_only(true)
        .open(path)
        .unwrap()
        .close()
        .unwrap();
}

fn holds_what_was_acknowledged(case: &Case) {
    let archive = &case.archive;
    assert!(archive.check(None).unwrap().is_clean());
    let len = archive.log(case.session, case.segment).len().unwrap();
    assert_eq!(len, case.entries);
    assert_eq!(archive.read_name("builder").unwrap(), None);
    // The log itself, and the segment that was emptied.
    assert_eq!(archive.segments(case.session).unwrap().count(), 2);
}

#[test]
fn deletions_work_on_a_full_tmpfs_and_all_goes_on_once_there_is_room() {
    fill_up("tmpfs");
}

#[test]
fn deletions_work_on_a_full_ext4_and_all_goes_on_once_there_is_room() {
    fill_up("ext4");
}
