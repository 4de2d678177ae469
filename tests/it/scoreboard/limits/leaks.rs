//! Neither opening and closing nor an idle process costs space.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sessiondb::{Archive, Durability, StoreError, testing};

use super::entries::{JOURNAL_BYTES, ensure, entry, log, texts};
use crate::raw::{raw, raws};
use crate::scoreboard::child::{Child, Parent, Task};
use crate::scoreboard::row::{Row, by_form};
use crate::scratch::Scratch;

/// How often an idle process is given the time to let go.
const TRIES: u32 = 3;

/// What a child is to do that opens and closes.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct Cycles {
    path: PathBuf,
    count: u64,
    /// After how many appends the log is emptied, so that the content stays the same.
    empty_every: u64,
}

/// What it found, after a tenth of the cycles and at the end.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    descriptors: [Option<usize>; 2],
    file_bytes: [u64; 2],
}

/// The child, since other tests have files of their own open in the process of the tests.
pub(in super::super) fn cycle(cycles: &Cycles, parent: &Parent) {
    let mut found = Found {
        descriptors: [None; 2],
        file_bytes: [0; 2],
    };
    for number in 1..=cycles.count {
        let archive = Archive::open(&cycles.path).expect("the archive opens");
        let log = log(&archive).with_durability(Durability::Written);
        let text = entry(100);
        log.append(&raw(text.as_bytes())).expect("an append");
        if number % cycles.empty_every == 0 {
            log.truncate(0).expect("a truncate");
        }
        drop(log);
        archive.close().expect("it closes");
        let place = [cycles.count / 10, cycles.count]
            .iter()
            .position(|at| *at == number);
        if let Some(place) = place {
            found.descriptors[place] = descriptors();
            found.file_bytes[place] = std::fs::metadata(&cycles.path).expect("a file").len();
        }
    }
    parent.tell(&found);
}

/// How many files this process has open, where the system tells.
fn descriptors() -> Option<usize> {
    // Under wine there is one too, but its descriptors are those of wine.
    let descriptors = cfg!(unix).then(|| std::fs::read_dir("/proc/self/fd"));
    Some(descriptors?.ok()?.count())
}

pub(super) fn cycles(row: &mut Row) {
    let count = by_form(200, 10_000);
    let scratch = Scratch::new();
    // Both at the same time: most of it is waiting for the disk.
    let children = [(10, 10), (u64::MAX, count)].map(|(empty_every, kept)| {
        let path = scratch.fresh();
        testing::create_file(&path, JOURNAL_BYTES as u64).expect("an archive is made");
        let empty_bytes = std::fs::metadata(&path).expect("a file").len();
        let cycles = Cycles {
            path,
            count,
            empty_every,
        };
        (Child::start(Task::Cycle, &cycles), empty_bytes, kept)
    });
    for (mut child, empty_bytes, kept) in children {
        let Some(found): Option<Found> = child.hear() else {
            row.case(Err("the child that opens and closes ended".to_owned()));
            continue;
        };
        println!("R15: {count} cycles, {kept} entries kept: empty {empty_bytes}, {found:?}");
        match found.descriptors {
            [Some(early), Some(late)] => row.case(ensure(early == late, || {
                format!("{early} descriptors after a tenth of {count} cycles, {late} at the end")
            })),
            _ => println!("R15: SKIPPED: no /proc/self/fd to count file descriptors by"),
        }
        // A row has a page of up to twice its length, lies there twice while it is written
        // anew, and the file grows by doubling; besides, the roots and what redb keeps of itself.
        let bound = empty_bytes + 8 * 101 * kept + (256 << 10);
        let bytes = found.file_bytes[1];
        row.case(ensure(bytes <= bound, || {
            format!("{bytes} bytes after {count} cycles that keep {kept} entries, not {bound}")
        }));
    }
}

/// The child: has the archive open and has read from it once.
pub(in super::super) fn stay(path: &Path, snapshot: bool, parent: &Parent) {
    let archive = Archive::open(path).expect("the archive opens");
    let read = texts(&log(&archive)).expect("a reading").len();
    let kept = snapshot.then(|| archive.snapshot().expect("a snapshot"));
    parent.tell(&read);
    // Until the parent is done with it.
    let _: Value = parent.hear();
    drop(kept);
}

/// Many changes, each folded into the tables at once; returns how long the file is then.
fn change(path: &Path, changes: u64) -> Result<u64, StoreError> {
    let archive = Archive::options()
        .durability(Durability::Written)
        .open(path)?;
    for number in 0..changes {
        log(&archive).append(&raw(entry(1000).as_bytes()))?;
        if number % 50 == 49 {
            log(&archive).truncate(100)?;
        }
        archive.checkpoint()?;
    }
    let bytes = std::fs::metadata(path)?.len();
    archive.close()?;
    Ok(bytes)
}

/// The length of the file after many changes, with another process that has it open or without.
fn with_another(changes: u64, snapshot: Option<bool>) -> Result<u64, String> {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    testing::create_file(&path, JOURNAL_BYTES as u64).map_err(|err| err.to_string())?;
    let archive = Archive::open(&path).map_err(|err| err.to_string())?;
    let entries: Vec<String> = (0..100).map(|_| entry(1000)).collect();
    log(&archive)
        .append_many(raws(&entries))
        .map_err(|err| err.to_string())?;
    drop(archive);
    let mut child = snapshot.map(|snapshot| Child::start(Task::Stay, &(&path, snapshot)));
    if let Some(child) = &mut child {
        let read: Option<usize> = child.hear();
        ensure(read == Some(100), || {
            format!("the other process read {read:?}")
        })?;
        // By then it has let go of what it read.
        std::thread::sleep(Duration::from_millis(600));
    }
    change(&path, changes).map_err(|err| err.to_string())
}

/// An idle process costs no space: the file grows as without it. One that holds a snapshot does
/// cost some, which shows that this would be seen.
pub(super) fn idle(row: &mut Row) {
    let changes = by_form(60, 2000);
    let fits = |lens: &Lens| matches!(lens, [Ok(alone), Ok(idle), _] if *idle <= alone + alone / 4);
    let mut lens = idle_once(changes);
    // On a loaded machine the other process may let go of what it read only after the first changes. One that
    // never lets go does so no more often for being asked again.
    for _ in 1..TRIES {
        if fits(&lens) {
            break;
        }
        println!("R15: once more, since the idle process may have let go late: {lens:?}");
        lens = idle_once(changes);
    }
    println!(
        "R15: file after {changes} changes, alone and beside an idle process, and after 60 beside a snapshot: {lens:?}"
    );
    let [alone, idle, pinned] = match lens {
        [Ok(alone), Ok(idle), Ok(pinned)] => [alone, idle, pinned],
        failed => return row.case(Err(format!("{failed:?}"))),
    };
    row.case(ensure(idle <= alone + alone / 4, || {
        format!("{idle} bytes beside an idle process, {alone} without it")
    }));
    assert!(
        pinned > 2 * alone,
        "a snapshot that is held would not be noticed"
    );
}

/// The length of the file alone, beside an idle process, and beside one that holds a snapshot.
type Lens = [Result<u64, String>; 3];

fn idle_once(changes: u64) -> Lens {
    std::thread::scope(|scope| {
        [(None, changes), (Some(false), changes), (Some(true), 60)]
            .map(|(snapshot, changes)| scope.spawn(move || with_another(changes, snapshot)))
            .map(|thread| thread.join().expect("a thread that changes"))
    })
}
