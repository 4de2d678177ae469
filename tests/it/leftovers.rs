//! What a process leaves that dies while it makes a file: whoever opens the archive, or makes one
//! beside it, removes it. And names of any length that the file system takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sessiondb::archive::CompactMode;
use sessiondb::doctor::recover;
use sessiondb::{Archive, SegmentId, SessionId};
use uuid::Uuid;

use crate::raw::raw;
use crate::scratch::{Scratch, noise};

const TASK: &str = "LEFTOVERS_CHILD";
const TASKS: [&str; 4] = ["compact", "backup", "extract", "recover"];

fn session() -> SessionId {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001)
}

fn segment() -> SegmentId {
    Uuid::from_u128(0x0199_0000_0000_7000_9000_0000_0000_0001)
}

fn fill(path: &Path) {
    let archive = Archive::open(path).unwrap();
    let log = archive.log(session(), segment());
    for seed in 0..40 {
        let text = noise(seed, 30_000);
        log.append(&raw(format!("\"{text}\"").as_bytes())).unwrap();
    }
    archive.close().unwrap();
}

/// Files with other names than archives of these tests have.
fn left(scratch: &Scratch) -> Vec<String> {
    let names = scratch.names().into_iter();
    names.filter(|name| !name.ends_with(".sessiondb")).collect()
}

/// Does a task on the archive at the path, and dies at the first progress beside a file of another
/// name.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let path = PathBuf::from(std::env::var_os("LEFTOVERS_PATH").unwrap());
    let out = path.with_file_name("out.sessiondb");
    let folder = path.canonicalize().unwrap().parent().unwrap().to_owned();
    let die = || {
        let mut names = fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name());
        if names.any(|name| !name.to_string_lossy().ends_with(".sessiondb")) {
            std::process::abort();
        }
    };
    match task.as_str() {
        "compact" => drop(
            Archive::open(&path)
                .unwrap()
                .compact(Some(&mut |_| die()))
                .unwrap(),
        ),
        "backup" => drop(
            Archive::open(&path)
                .unwrap()
                .backup(&out, Some(&mut |_| die()))
                .unwrap(),
        ),
        "extract" => drop(
            Archive::open(&path)
                .unwrap()
                // When the smaller copy of the copy has been begun.
                .extract(
                    &out,
                    &[session()],
                    Some(&mut |progress| {
                        if progress.done > progress.total / 2 {
                            die();
                        }
                    }),
                )
                .unwrap(),
        ),
        _ => drop(recover(&path, &out, Some(&mut |_| die())).unwrap()),
    }
    unreachable!("it dies before the end");
}

fn die_in(task: &str, path: &Path) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "leftovers::child", "--nocapture"])
        .env(TASK, task)
        .env("LEFTOVERS_PATH", path)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success());
}

#[test]
fn who_opens_an_archive_removes_what_a_dead_process_left_beside_it() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    fill(&path);
    die_in("compact", &path);
    assert_eq!(left(&scratch).len(), 1, "{:?}", scratch.names());
    let found = scratch.path().join(&left(&scratch)[0]);
    let bytes = fs::read(&found).unwrap();
    drop(Archive::open(&path).unwrap());
    assert_eq!(left(&scratch), [""; 0]);
    // Who only reads removes nothing.
    fs::write(&found, bytes).unwrap();
    drop(Archive::options().read_only(true).open(&path).unwrap());
    assert_eq!(left(&scratch).len(), 1);
    drop(Archive::open(&path).unwrap());
    assert_eq!(left(&scratch), [""; 0]);
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.log(session(), segment()).len().unwrap(), 40);
}

#[test]
fn who_opens_by_a_symbolic_link_removes_it_too() {
    if !cfg!(unix) {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let (path, link) = (folder.join("a.sessiondb"), scratch.fresh());
    fill(&path);
    #[cfg(unix)]
    std::os::unix::fs::symlink(&path, &link).unwrap();
    die_in("compact", &link);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    drop(Archive::open(&link).unwrap());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn who_makes_an_archive_removes_what_is_left_in_its_folder() {
    for task in TASKS {
        let scratch = Scratch::new();
        let path = scratch.fresh();
        fill(&path);
        die_in(task, &path);
        assert!(!left(&scratch).is_empty(), "{task}: {:?}", scratch.names());
        drop(Archive::open(scratch.fresh()).unwrap());
        assert_eq!(left(&scratch), [""; 0], "{task}");
        assert!(!path.with_file_name("out.sessiondb").exists(), "{task}");
    }
}

#[test]
fn what_a_live_process_makes_stays() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    fill(&path);
    let out = scratch.path().join("out.sessiondb");
    let mut opened = 0;
    let archive = Archive::open(&path).unwrap();
    archive
        .backup(
            &out,
            Some(&mut |progress| {
                if progress.done == progress.total {
                    return; // it has its name
                }
                // Beside it others open the archive, and make more.
                drop(Archive::options().read_only(true).open(&path).unwrap());
                drop(Archive::open(scratch.fresh()).unwrap());
                assert_eq!(left(&scratch).len(), 1);
                opened += 1;
            }),
        )
        .unwrap();
    assert!(opened > 0);
    drop(archive);
    let archive = Archive::open(&out).unwrap();
    assert_eq!(archive.log(session(), segment()).len().unwrap(), 40);
    assert_eq!(left(&scratch), [""; 0]);
}

#[test]
fn names_may_be_as_long_as_the_file_system_takes() {
    for len in [1, 200, 240, 255] {
        let scratch = Scratch::new();
        let name = |letter: &str| scratch.path().join(letter.repeat(len));
        let path = name("a");
        fill(&path);
        let archive = Archive::open(&path).unwrap();
        let (archive, compacted) = archive.compact(None).unwrap();
        if cfg!(unix) {
            assert_eq!(compacted.mode, CompactMode::Fresh, "{len}: {compacted:?}");
        }
        archive.backup(name("b"), None).unwrap();
        archive.extract(name("c"), &[session()], None).unwrap();
        archive.close().unwrap();
        recover(&path, name("d"), None).unwrap();
        for letter in ["a", "b", "c", "d"] {
            let archive = Archive::open(name(letter)).unwrap();
            let found = archive.log(session(), segment()).len().unwrap();
            assert_eq!(found, 40, "{letter}, {len}");
        }
        assert_eq!(scratch.names().len(), 4, "{:?}", scratch.names());
    }
}

#[test]
fn many_who_make_the_same_archive_at_once_get_one() {
    let scratch = Scratch::new();
    for _ in 0..5 {
        let path = scratch.fresh();
        std::thread::scope(|scope| {
            for thread in 0..12 {
                let path = &path;
                scope.spawn(move || {
                    let archive = Archive::open(path).unwrap();
                    let log = archive.log(session(), segment());
                    log.append(&raw(format!("{thread}").as_bytes())).unwrap();
                });
            }
        });
        let archive = Archive::open(&path).unwrap();
        assert_eq!(archive.log(session(), segment()).len().unwrap(), 12);
    }
    assert_eq!(left(&scratch), [""; 0]);
}
