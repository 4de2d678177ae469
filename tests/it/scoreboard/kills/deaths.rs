//! A process that dies at any one of its writes while another one has the archive open: as if
//! killed there, its file is closed and its locks are gone. The other one goes on as it was.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redb::backends::FileBackend;
use sessiondb::portable::Merge;
use sessiondb::testing::{self, BackendError, Opening, StorageBackend};
use sessiondb::{Archive, Log, StoreError};
use uuid::Uuid;

use super::super::row::Row;
use super::texts_now;
use crate::raw::{raw, raws};
use crate::scratch::Scratch;

/// A file as one process has it open, and how many more times it will change it.
#[derive(Debug)]
struct Mortal {
    file: RwLock<Option<FileBackend>>,
    left: AtomicU64,
}

impl Mortal {
    fn open(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            file: RwLock::new(Some(backend(path))),
            left: AtomicU64::new(u64::MAX),
        })
    }

    fn die_after(&self, changes: u64) {
        self.left.store(changes, Ordering::SeqCst);
    }

    fn die(&self) {
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn with<T>(&self, call: impl FnOnce(&FileBackend) -> io::Result<T>) -> io::Result<T> {
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        call(file.as_ref().ok_or_else(dead)?)
    }

    fn lock<T>(
        &self,
        call: impl FnOnce(&FileBackend) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        call(file.as_ref().ok_or_else(dead)?)
    }

    /// The same for a call that changes the file.
    fn change<T>(&self, call: impl FnOnce(&FileBackend) -> io::Result<T>) -> io::Result<T> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            self.die();
        }
        self.left.store(left.saturating_sub(1), Ordering::SeqCst);
        self.with(call)
    }
}

fn dead() -> io::Error {
    io::Error::other("the process is dead")
}

impl StorageBackend for Mortal {
    fn len(&self) -> io::Result<u64> {
        self.with(FileBackend::len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|file| file.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|file| file.set_len(len))
    }

    /// Counts, and syncs nothing: what a process has written survives its death all the same.
    fn sync_data(&self) -> io::Result<()> {
        self.change(|_| Ok(()))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|file| file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.with(FileBackend::close)
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.lock(|file| file.try_lock_range(start, end))
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.lock(|file| file.try_lock_shared_range(start, end))
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.lock(|file| file.lock_range(start, end))
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.lock(|file| file.lock_shared_range(start, end))
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.lock(|file| file.unlock_range(start, end))
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.lock(|file| file.query_lock_range(start, end))
    }
}

fn backend(path: &Path) -> FileBackend {
    let file: io::Result<File> = OpenOptions::new().read(true).write(true).open(path);
    FileBackend::new(file.expect("the archive is there")).expect("a file")
}

fn open(storage: Arc<dyn StorageBackend>) -> Result<Archive, StoreError> {
    testing::open(
        storage,
        Opening {
            shared: true,
            lock_timeout: Duration::from_secs(10),
            ..Opening::default()
        },
    )
}

/// What the process does when it dies.
#[derive(Debug, Clone, Copy)]
enum Last {
    Append,
    /// An append that needs more than half of the journal.
    LargeAppend,
    /// An append that finds its half of the journal full.
    NextHalf,
    /// The same when the other half has not been folded in either.
    NextHalfUnfolded,
    Truncate,
    Checkpoint,
    FoldInBackground,
    Close,
    Open,
    Branch,
    /// Of what a branch shares.
    Erase,
    /// With what a branch shares, which then takes it over into its own rows.
    TruncateShared,
    Merge,
    /// Of a log that differs, which becomes a branch.
    MergeDiffering,
    Compact,
}

impl Last {
    const ALL: [Self; 15] = [
        Self::Append,
        Self::LargeAppend,
        Self::NextHalf,
        Self::NextHalfUnfolded,
        Self::Truncate,
        Self::Checkpoint,
        Self::FoldInBackground,
        Self::Close,
        Self::Open,
        Self::Branch,
        Self::Erase,
        Self::TruncateShared,
        Self::Merge,
        Self::MergeDiffering,
        Self::Compact,
    ];

    /// Whether there is a branch before, which shares all of the log.
    fn is_of_shared(self) -> bool {
        matches!(self, Self::Erase | Self::TruncateShared | Self::Compact)
    }

    /// How many entries of 1,000 bytes are in the journal before, of which eight fit into a half.
    fn before(self) -> usize {
        match self {
            Self::NextHalf => 7,
            Self::FoldInBackground => 8,
            Self::NextHalfUnfolded => 14,
            _ => 2,
        }
    }

    fn make(self, archive: Archive) -> Result<(), StoreError> {
        let log = log(&archive);
        match self {
            Self::Append => log.append(&raw(entry("last", 100).as_bytes())).map(drop),
            Self::LargeAppend => log.append(&raw(entry("last", 9000).as_bytes())).map(drop),
            Self::NextHalf | Self::NextHalfUnfolded => {
                log.append(&raw(entry("last", 1100).as_bytes())).map(drop)
            }
            Self::Truncate => log.truncate(1),
            Self::Checkpoint => archive.checkpoint(),
            Self::FoldInBackground => {
                testing::run_background(&archive);
                Ok(())
            }
            Self::Close => {
                drop(log);
                archive.close().map(drop)
            }
            Self::Open => Ok(()),
            Self::Branch => archive.log(SESSION, LOG).branch(2, BRANCH).map(drop),
            Self::Erase => archive.log(SESSION, BRANCH).erase(..1).map(drop),
            Self::TruncateShared => {
                log.truncate(1)?;
                archive.checkpoint()
            }
            Self::Merge | Self::MergeDiffering => {
                let other = Archive::in_memory()?;
                let mut grown = texts_now(&log)?.unwrap_or_default();
                if matches!(self, Self::MergeDiffering) {
                    grown.truncate(1);
                }
                grown.push(entry("last", 100));
                self::log(&other).append_many(raws(&grown))?;
                Merge::new(&archive).run(&other, None).map(drop)
            }
            Self::Compact => {
                drop(log);
                Ok(archive.compact(None).map(drop)?)
            }
        }
    }

    /// What the logs may hold after it, besides what they held before.
    fn after(self, before: &Stored) -> Stored {
        let mut after = before.clone();
        let [log, branch] = &mut after;
        match self {
            Self::Append | Self::Merge => log.push(entry("last", 100)),
            Self::LargeAppend => log.push(entry("last", 9000)),
            Self::NextHalf | Self::NextHalfUnfolded => log.push(entry("last", 1100)),
            Self::Truncate | Self::TruncateShared => log.truncate(1),
            Self::Branch => branch.clone_from(log),
            Self::MergeDiffering => *branch = vec![log[0].clone(), entry("last", 100)],
            Self::Erase => {
                for log in &mut after {
                    r#"{"kind":"erased"}"#.clone_into(&mut log[0]);
                }
            }
            _ => {}
        }
        after
    }
}

const SESSION: Uuid = Uuid::from_u128(1);
const LOG: Uuid = Uuid::from_u128(2);
const BRANCH: Uuid = Uuid::from_u128(3);

/// What the log holds, and its branch, if there is one.
type Stored = [Vec<String>; 2];

fn entry(name: &str, bytes: usize) -> String {
    let mut text = format!("[\"{name}\",\"");
    let pad = bytes - text.len() - 2;
    text.push_str(&"x".repeat(pad));
    text.push_str("\"]");
    text
}

fn log(archive: &Archive) -> Log {
    archive.log(SESSION, LOG)
}

fn stored(archive: &Archive) -> Result<Stored, String> {
    let read = |log: Log| texts_now(&log).map_err(|err| err.to_string());
    let log = read(log(archive))?.ok_or("the log is gone")?;
    // A merge gives it an id of its own.
    let infos = archive.segments(SESSION).map_err(|err| err.to_string())?;
    let mut ids = infos.filter_map(|info| info.ok().map(|info| info.id));
    let branch = ids.find(|id| *id != LOG).unwrap_or(BRANCH);
    let branch = read(archive.log(SESSION, branch))?;
    Ok([log, branch.unwrap_or_default()])
}

/// Has a process die at one of its changes of the file; tells whether it came so far.
fn die(empty: &Path, last: Last, after_changes: u64, opened_first: bool) -> Result<bool, String> {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let named = |err: StoreError| err.to_string();
    std::fs::copy(empty, &path).map_err(|err| err.to_string())?;
    let peer = open(Mortal::open(&path)).map_err(named)?;
    let mortal = Mortal::open(&path);
    let victim = open(mortal.clone()).map_err(named)?;
    let before = write_before(last, &peer, &victim).map_err(named)?;
    stored(&peer)?;
    if matches!(last, Last::Compact) {
        // So that it keeps no earlier state, which would be waited for.
        peer.checkpoint().map_err(named)?;
    }

    mortal.die_after(after_changes);
    let made = match last {
        Last::Open => {
            drop(victim);
            let other = Mortal::open(&path);
            other.die_after(after_changes);
            let made = open(other.clone());
            other.die();
            made.map(drop)
        }
        _ => last.make(victim),
    };
    mortal.die();
    let after = last.after(&before);
    let acknowledged = made.is_ok();

    // Somebody else opens it before the peer goes on, or after.
    let newcomer = |archive: Result<Archive, StoreError>| archive.map_err(named);
    let first = opened_first
        .then(|| newcomer(open(Mortal::open(&path))))
        .transpose()?;
    let receipt = log(&peer).append(&raw(entry("peer", 50).as_bytes()));
    receipt.map_err(|err| format!("the peer cannot go on: {err}"))?;
    let seen = stored(&peer)?;
    let archives = [first, Some(newcomer(open(Mortal::open(&path)))?)];
    for archive in archives.iter().flatten() {
        reads_the_same(archive, &seen)?;
    }
    let with_peer = |[log, branch]: &Stored| {
        let log = [&log[..], &[entry("peer", 50)]].concat();
        [log, branch.clone()]
    };
    if seen != with_peer(&after) && (acknowledged || seen != with_peer(&before)) {
        return Err(format!(
            "{}, acknowledged: {acknowledged}, {} before and {} after",
            lengths(&seen),
            lengths(&before),
            lengths(&after)
        ));
    }
    Ok(mortal.left.load(Ordering::SeqCst) == 0 || !acknowledged)
}

/// What both write before one of them dies.
fn write_before(last: Last, peer: &Archive, victim: &Archive) -> Result<Stored, StoreError> {
    let mut before = Stored::default();
    for number in 0..last.before() {
        // The victim writes last, so that the peer has something to catch up with.
        let writer = if number % 2 == 0 { peer } else { victim };
        before[0].push(entry(&number.to_string(), 1000 - 91));
        log(writer).append(&raw(before[0][number].as_bytes()))?;
    }
    if last.is_of_shared() {
        let [log, branch] = &mut before;
        branch.clone_from(log);
        peer.log(SESSION, LOG)
            .branch(before[0].len() as u64, BRANCH)?;
    }
    Ok(before)
}

/// Another process reads what the peer has seen, and its check finds nothing.
fn reads_the_same(archive: &Archive, seen: &Stored) -> Result<(), String> {
    let found = stored(archive)?;
    if found != *seen {
        let [found, seen] = [&found, seen].map(lengths);
        return Err(format!("one process reads {found}, the other {seen}"));
    }
    let report = archive.check(None).map_err(|err| err.to_string())?;
    if !report.is_clean() {
        return Err(format!("check finds {:?}", report.problems));
    }
    Ok(())
}

fn lengths([log, branch]: &Stored) -> String {
    format!("{} and {} entries", log.len(), branch.len())
}

#[test]
fn a_process_that_dies_at_any_write_costs_the_others_nothing() {
    let mut row = Row::new("R7, at every write");
    let scratch = Scratch::new();
    let empty = scratch.fresh();
    testing::create_file(&empty, 16 << 10).expect("an archive is made");
    for last in Last::ALL {
        for opened_first in [false, true] {
            let mut came_so_far = 0;
            for changes in 0.. {
                let outcome = die(&empty, last, changes, opened_first);
                let went_on = *outcome.as_ref().unwrap_or(&true);
                row.case(outcome.map(drop).map_err(|violation| {
                    format!("{last:?}, {changes} changes, opened first {opened_first}: {violation}")
                }));
                if !went_on {
                    break;
                }
                came_so_far += 1;
                assert!(changes < 500, "{last:?} does not end");
            }
            assert!(came_so_far > 0, "{last:?} changed nothing");
        }
    }
    row.finish(100);
}
