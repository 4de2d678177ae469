//! Forks of a long segment: branches beside copies.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::Connection;
use sessiondb::{Archive, Durability};

use super::Lab;
use crate::Result;
use crate::entries::{segment_id, session_id};
use crate::logs::{archive, files, sqlite};
use crate::report::{Rounds, Section, count, kib, per_cent, time, times};

const SEGMENT_BYTES: usize = 10_000_000;
const ROUNDS: u64 = 10;
/// In a row, so that they are not all made with what the copies of the others left in the caches.
const FORKS_A_ROUND: u64 = 10;

/// A store with the segment that is forked, which is number 0.
trait Forks {
    /// Where its files are.
    fn dir(&self) -> &Path;

    /// Forks it after its first `at` entries, to the segment of that number.
    fn fork(&mut self, at: u64, number: u64) -> Result<()>;

    /// Brings everything to its place, and returns how many bytes that takes.
    fn bytes(&mut self) -> Result<u64>;

    /// Hands each entry of a fork to `each`, in order.
    fn read(&self, number: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;
}

/// What the forks of a store took.
struct Taken {
    name: &'static str,
    rounds: Rounds,
    bytes_each: f64,
    /// The length of the files before, free space in them included.
    file_bytes: f64,
}

pub(super) fn fork(lab: &Lab) -> Result<Section> {
    let source = source(lab)?;
    let at_end = fork_all(lab, &source, source.len() as u64)?;
    let early = fork_all(lab, &source, source.len() as u64 / 10)?;
    let title = format!(
        "fork: a segment of {} entries, {} MB, at its end and at a tenth of its length",
        source.len(),
        SEGMENT_BYTES / 1_000_000
    );
    let columns = [
        "at the end",
        "p99",
        "bytes a fork",
        "at a tenth",
        "p99",
        "bytes a fork",
        "forks",
    ];
    let mut section = Section::new(title, &columns);
    section.note(
        "Bytes a fork: what the store grew by, checkpoint included; archives compacted before \
         and after.",
    );
    for (end, early) in at_end.iter().zip(&early) {
        let cells = |taken: &Taken| {
            let (median, p99) = (taken.rounds.median(), taken.rounds.p99());
            [time(median), time(p99), kib(taken.bytes_each)]
        };
        let forks = end.rounds.samples().to_string();
        let cells = cells(end).into_iter().chain(cells(early)).chain([forks]);
        section.row(end.name, cells);
    }
    if let ([written, synced, ..], [early, ..]) = (&*at_end, &*early) {
        let forks = ROUNDS * FORKS_A_ROUND;
        let what = format!(
            "file growth by {forks} forks of {} MB",
            SEGMENT_BYTES / 1_000_000
        );
        let growth = synced.bytes_each * count(forks) / synced.file_bytes;
        section.at_most(what, growth, 0.01, per_cent);
        let what = "Written branch at the end / at a tenth of the length";
        section.at_most(
            what,
            written.rounds.median() / early.rounds.median(),
            1.2,
            times,
        );
    }
    Ok(section)
}

/// The entries of the segment: those of the logs one after another, from the front again if there
/// are too few.
fn source(lab: &Lab) -> Result<Vec<Vec<u8>>> {
    let logs = lab.logs()?;
    let (mut entries, mut len) = (Vec::new(), 0);
    loop {
        for file in &logs.files {
            for entry in logs.entries(file)? {
                len += entry.len() + 1;
                entries.push(entry);
                if len >= SEGMENT_BYTES {
                    return Ok(entries);
                }
            }
        }
    }
}

/// Lets each store fork in turn, looks at what that took, and reads all forks back.
fn fork_all(lab: &Lab, source: &[Vec<u8>], at: u64) -> Result<Vec<Taken>> {
    let folder = lab.folder("fork")?;
    let copies = lab.pick(1, FORKS_A_ROUND, FORKS_A_ROUND);
    let written = BranchStore::new(folder.join("written"), source, Durability::Written)?;
    let synced = BranchStore::new(folder.join("synced"), source, Durability::Synced)?;
    let jsonl = FileStore::new(folder.join("jsonl"), source)?;
    let rows = RowStore::new(folder.join("sqlite"), source)?;
    let mut subjects = [
        Subject::new("sessiondb Written, branch", FORKS_A_ROUND, written)?,
        Subject::new("sessiondb Synced, branch", FORKS_A_ROUND, synced)?,
        Subject::new("JSONL, copy and fdatasync", copies, jsonl)?,
        Subject::new("SQLite WAL FULL, INSERT SELECT", copies, rows)?,
    ];
    for _ in 0..ROUNDS {
        for subject in &mut subjects {
            subject.round(at)?;
        }
    }
    let taken: Result<Vec<_>> = subjects
        .into_iter()
        .map(|subject| subject.finish(source, at))
        .collect();
    lab.clear("fork")?;
    taken
}

/// A store at work.
struct Subject {
    store: Box<dyn Forks>,
    forks_a_round: u64,
    forks: u64,
    bytes_before: u64,
    taken: Taken,
}

impl Subject {
    fn new(
        name: &'static str,
        forks_a_round: u64,
        mut store: impl Forks + 'static,
    ) -> Result<Self> {
        let bytes_before = store.bytes()?;
        let taken = Taken {
            name,
            rounds: Rounds::default(),
            bytes_each: 0.0,
            file_bytes: count(files::size(store.dir())?.0),
        };
        Ok(Self {
            store: Box::new(store),
            forks_a_round,
            forks: 0,
            bytes_before,
            taken,
        })
    }

    fn round(&mut self, at: u64) -> Result<()> {
        let mut times = Vec::new();
        for _ in 0..self.forks_a_round {
            self.forks += 1;
            let start = Instant::now();
            self.store.fork(at, self.forks)?;
            times.push(start.elapsed());
        }
        self.taken.rounds.push(&times);
        Ok(())
    }

    fn finish(mut self, source: &[Vec<u8>], at: u64) -> Result<Taken> {
        let grown = self.store.bytes()? - self.bytes_before;
        self.taken.bytes_each = count(grown) / count(self.forks);
        for number in 1..=self.forks {
            check(&*self.store, number, source, at)?;
        }
        Ok(self.taken)
    }
}

/// Compares a fork with what it has to hold.
fn check(store: &dyn Forks, number: u64, source: &[Vec<u8>], at: u64) -> Result<()> {
    let mut expected = (0..at).zip(source);
    store.read(number, &mut |found| match expected.next() {
        Some((_, entry)) if entry == found => Ok(()),
        _ => Err(format!("fork {number} is not what was forked").into()),
    })?;
    match expected.next() {
        None => Ok(()),
        Some((index, _)) => Err(format!("fork {number} ends before entry {index}").into()),
    }
}

/// An archive, whose forks share their entries.
struct BranchStore {
    dir: PathBuf,
    durability: Durability,
    /// Nothing while the file is compacted.
    archive: Option<Archive>,
}

impl BranchStore {
    fn new(dir: PathBuf, source: &[Vec<u8>], durability: Durability) -> Result<Self> {
        fs::create_dir(&dir)?;
        let mut store = Self {
            dir,
            durability,
            archive: None,
        };
        store.reopen()?;
        let log = store.archive()?.log(session_id(), segment_id(0));
        log.append_many_raw(source)?;
        Ok(store)
    }

    fn archive(&self) -> Result<&Archive> {
        Ok(self.archive.as_ref().ok_or("the archive is closed")?)
    }

    fn reopen(&mut self) -> Result<()> {
        let options = Archive::options().durability(self.durability);
        self.archive = Some(options.open(archive::path_in(&self.dir))?);
        Ok(())
    }
}

impl Forks for BranchStore {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn fork(&mut self, at: u64, number: u64) -> Result<()> {
        let (session, source) = (session_id(), segment_id(0));
        let to = segment_id(number);
        Ok(self.archive()?.branch_to(session, source, at, to)?)
    }

    /// Without the pages that are free in the file, which would hide what the forks take.
    fn bytes(&mut self) -> Result<u64> {
        if let Some(archive) = self.archive.take() {
            archive.close()?;
        }
        archive::compact(&self.dir)?;
        let used = archive::used_bytes(&self.dir)?;
        self.reopen()?;
        Ok(used)
    }

    fn read(&self, number: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let log = self.archive()?.log(session_id(), segment_id(number));
        log.read_raw(..)?.try_for_each(|entry| each(&entry?))
    }
}

/// A folder of JSONL files, whose forks are copies.
struct FileStore {
    dir: PathBuf,
    /// Where each entry of the source ends.
    ends: Vec<u64>,
}

impl FileStore {
    fn new(dir: PathBuf, source: &[Vec<u8>]) -> Result<Self> {
        fs::create_dir(&dir)?;
        let mut text = Vec::new();
        let mut ends = Vec::new();
        for entry in source {
            text.extend_from_slice(entry);
            text.push(b'\n');
            ends.push(text.len() as u64);
        }
        fs::write(path(&dir, 0), text)?;
        files::settle(&dir)?;
        Ok(Self { dir, ends })
    }
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{}.jsonl", segment_id(number)))
}

impl Forks for FileStore {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn fork(&mut self, at: u64, number: u64) -> Result<()> {
        let last = usize::try_from(at)? - 1;
        let len = self.ends.get(last).ok_or("no such entry")?;
        let mut copy = File::create_new(path(&self.dir, number))?;
        io::copy(&mut File::open(path(&self.dir, 0))?.take(*len), &mut copy)?;
        Ok(copy.sync_data()?)
    }

    fn bytes(&mut self) -> Result<u64> {
        Ok(files::size(&self.dir)?.0)
    }

    fn read(&self, number: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let text = fs::read(path(&self.dir, number))?;
        let lines = text.strip_suffix(b"\n").ok_or("no final newline")?;
        lines.split(|byte| *byte == b'\n').try_for_each(each)
    }
}

/// A database, whose forks are rows of their own.
struct RowStore {
    dir: PathBuf,
    database: Connection,
}

impl RowStore {
    fn new(dir: PathBuf, source: &[Vec<u8>]) -> Result<Self> {
        let mut database = sqlite::open(&dir, "FULL")?;
        let transaction = database.transaction()?;
        for (index, entry) in (0..).zip(source) {
            sqlite::insert(&transaction, (session_id(), segment_id(0)), index, entry)?;
        }
        transaction.commit()?;
        Ok(Self { dir, database })
    }
}

impl Forks for RowStore {
    fn dir(&self) -> &Path {
        &self.dir
    }

    fn fork(&mut self, at: u64, number: u64) -> Result<()> {
        let source = (session_id(), segment_id(0));
        sqlite::fork(&self.database, source, at, segment_id(number))
    }

    fn bytes(&mut self) -> Result<u64> {
        sqlite::checkpoint(&self.database)?;
        Ok(files::size(&sqlite::path_in(&self.dir))?.0)
    }

    fn read(&self, number: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        sqlite::read(&self.database, (session_id(), segment_id(number)), each)
    }
}
