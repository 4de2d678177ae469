//! The processes of a family: each forks while it has an archive open, and writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fork::{Fork, fork, waitpid};
use serde::{Deserialize, Serialize};
use sessiondb::testing::{Bug, seed as switch_on};
use sessiondb::{
    Archive, Durability, Log, SegmentId, SessionId, Sharing, StoreError, new_segment_id,
};
use uuid::Uuid;

use crate::raw::raw;
use crate::scoreboard::child::Parent;

pub(super) const SESSION: SessionId = Uuid::from_u128(1);

pub(super) const SEGMENT: SegmentId = Uuid::from_u128(2);

/// The log of which iterators have read a part.
const LONG: SegmentId = Uuid::from_u128(3);

/// No call takes so long; one that does waits for what is not there.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a family of processes lives.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own, and all of them are combined"
)]
pub(in super::super) struct Family {
    pub(super) path: PathBuf,
    pub(super) synced: bool,
    pub(super) exclusive: bool,
    /// How often the parent forks, and each child again.
    pub(super) forks: Vec<u64>,
    /// Whether a thread of the parent writes meanwhile.
    pub(super) beside: bool,
    /// Whether the parent has snapshots and iterators, one of which another thread reads ahead for.
    pub(super) reading: bool,
    /// What the parent does before it forks.
    pub(super) checkpoint: bool,
    /// Whether the first child kills the parent, once it has looked at what that had opened.
    pub(super) orphan: bool,
    /// Whether a bug is switched on in the children.
    pub(super) bug: bool,
}

/// What the processes of a family say.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// An entry of this one, by its number, was acknowledged in that place.
    Stored {
        who: u64,
        number: u64,
        index: u64,
    },
    /// A child was forked from that many others, while a thread was in the midst of a write or not.
    Forked {
        depth: usize,
        in_a_write: bool,
    },
    Broken(String),
    End,
}

impl Family {
    fn open(&self, is_refused: bool) -> Result<Archive, StoreError> {
        let durability = if self.synced {
            Durability::Synced
        } else {
            Durability::Written
        };
        let sharing = if self.exclusive {
            Sharing::Exclusive
        } else {
            Sharing::Shared
        };
        let options = Archive::options().durability(durability).sharing(sharing);
        let patience = Duration::from_millis(if is_refused { 50 } else { 20_000 });
        options.lock_timeout(patience).open(&self.path)
    }

    /// Whether the parent of a child at that depth keeps the archive to itself.
    fn refuses(&self, depth: usize) -> bool {
        self.exclusive && !(self.orphan && depth == 1)
    }
}

/// The writing of one process or thread.
struct Writer<'p> {
    who: u64,
    number: u64,
    parent: &'p Parent,
}

impl Writer<'_> {
    fn write(&mut self, archive: &Archive) -> Result<(), StoreError> {
        let log = archive.log(SESSION, SEGMENT);
        let (who, number) = (self.who, self.number);
        let receipt = log.append(&(who, number))?;
        self.number += 1;
        let index = receipt.index;
        self.parent.tell(&Word::Stored { who, number, index });
        Ok(())
    }
}

/// The program: the first of the family.
pub(in super::super) fn live(family: &Family, parent: &Parent) {
    if let Err(err) = first_of(family, parent) {
        parent.tell(&Word::Broken(format!("the parent: {err}")));
    }
    parent.tell(&Word::End);
}

fn first_of(family: &Family, parent: &Parent) -> Result<(), StoreError> {
    let archive = family.open(false)?;
    let mut writer = Writer {
        who: 0,
        number: 0,
        parent,
    };
    writer.write(&archive)?;
    if family.reading {
        let long = archive.log(SESSION, LONG);
        for number in 0..40 {
            let entry = format!("\"{number} {}\"", crate::scratch::noise(number, 100_000));
            long.with_durability_written()
                .append(&raw(entry.as_bytes()))?;
        }
    }
    let (stop, inside) = (AtomicBool::new(false), Arc::new(AtomicU64::new(0)));
    let beside = |log: Log, inside: &AtomicU64| {
        let mut numbers = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            let number = numbers.len() as u64;
            inside.store(1, Ordering::SeqCst);
            let receipt = log.append(&(1, number));
            inside.store(0, Ordering::SeqCst);
            numbers.push(receipt?.index);
            if numbers.len() > 20_000 {
                break;
            }
        }
        Ok::<_, StoreError>(numbers)
    };
    let ended: Result<Archive, StoreError> = std::thread::scope(|scope| {
        let thread = family.beside.then(|| {
            let (log, inside) = (archive.log(SESSION, SEGMENT), Arc::clone(&inside));
            scope.spawn(move || beside(log, &inside))
        });
        let forked = fork_often(family, archive, &mut writer, &inside);
        stop.store(true, Ordering::SeqCst);
        if let Some(thread) = thread {
            // It says nothing itself: the lock of the output might be copied while it is held.
            let numbers = thread.join().expect("a thread that writes")?;
            for (number, index) in (0..).zip(numbers) {
                parent.tell(&Word::Stored {
                    who: 1,
                    number,
                    index,
                });
            }
        }
        forked
    });
    ended?.close().map(drop)
}

/// Forks again and again, and writes meanwhile.
fn fork_often(
    family: &Family,
    mut archive: Archive,
    writer: &mut Writer<'_>,
    inside: &AtomicU64,
) -> Result<Archive, StoreError> {
    for number in 0..family.forks[0] {
        writer.write(&archive)?;
        if family.checkpoint {
            archive.checkpoint()?;
        }
        let held = Held::new(&archive, family.reading)?;
        let names = [2 + number];
        archive = fork_off(family, archive, held, &names, inside, writer.parent);
        writer.write(&archive)?;
    }
    Ok(archive)
}

trait Quick {
    fn with_durability_written(&self) -> Log;
}

impl Quick for Log {
    fn with_durability_written(&self) -> Log {
        self.clone().with_durability(Durability::Written)
    }
}

/// What a process has of an archive besides it.
struct Held {
    snapshot: sessiondb::Snapshot,
    raw: Option<sessiondb::archive::RawEntries>,
    typed: Option<sessiondb::archive::TypedEntries<String>>,
}

impl Held {
    fn new(archive: &Archive, reading: bool) -> Result<Self, StoreError> {
        let (mut raw, mut typed) = (None, None);
        if reading {
            let log = archive.log(SESSION, LONG);
            let mut entries = log.read(..)?;
            entries.next().transpose()?;
            raw = Some(entries);
            let mut values = log.read(..)?.decode::<String>();
            for _ in 0..6 {
                values.next().transpose()?;
            }
            typed = Some(values);
        }
        let snapshot = archive.snapshot()?;
        Ok(Self {
            snapshot,
            raw,
            typed,
        })
    }
}

/// Forks, lets the child do its part, and waits for it.
fn fork_off(
    family: &Family,
    archive: Archive,
    held: Held,
    names: &[u64],
    inside: &AtomicU64,
    parent: &Parent,
) -> Archive {
    match fork().expect("a fork") {
        Fork::Parent(pid) => {
            drop(waitpid(pid));
            archive
        }
        Fork::Child => {
            guard(if family.bug { PATIENCE / 20 } else { PATIENCE });
            switch_on(family.bug.then_some(Bug::ForgetFork));
            let in_a_write = inside.load(Ordering::SeqCst) == 1;
            let depth = names.len();
            parent.tell(&Word::Forked { depth, in_a_write });
            // A panic would unwind into the parent's code.
            let lived = || child(family, archive, held, names, parent);
            let lived = catch_unwind(AssertUnwindSafe(lived));
            if let Err(broken) = lived.unwrap_or_else(|_| Err("it panics".to_owned())) {
                parent.tell(&Word::Broken(format!("depth {depth}: {broken}")));
            }
            std::process::exit(0);
        }
    }
}

/// Ends a child that hangs.
fn guard(patience: Duration) {
    let told = Word::Broken("a child hangs".to_owned());
    let parent = Parent::for_another_thread();
    std::thread::spawn(move || {
        std::thread::sleep(patience);
        parent.tell(&told);
        std::process::exit(1);
    });
}

fn child(
    family: &Family,
    archive: Archive,
    held: Held,
    names: &[u64],
    parent: &Parent,
) -> Result<(), String> {
    for (call, answer) in inherited(&archive, held) {
        match answer {
            Err(StoreError::Forked { .. }) => {}
            answer => return Err(format!("{call} on the parent's handle: {answer:?}")),
        }
    }
    // The last handle of the child, unless a thread that it does not have had one.
    match archive.close() {
        Err(StoreError::Forked { .. }) => {}
        Ok(_) if family.beside => {}
        closed => return Err(format!("closing the parent's handle: {closed:?}")),
    }
    if family.orphan && names.len() == 1 {
        let parent = std::os::unix::process::parent_id().to_string();
        let killed = std::process::Command::new("kill")
            .args(["-9", &parent])
            .status();
        killed.map_err(|err| err.to_string())?;
    }
    let is_refused = family.refuses(names.len());
    let opened = family.open(is_refused);
    if is_refused {
        return match opened {
            Err(StoreError::Busy { .. }) => Ok(()),
            opened => Err(format!(
                "the parent keeps it to itself, and it is {opened:?}"
            )),
        };
    }
    let failed = |err: StoreError| format!("in a child: {err}");
    let mut archive = opened.map_err(failed)?;
    let who = names.iter().fold(0, |who, name| who * 100 + name);
    let mut writer = Writer {
        who,
        number: 0,
        parent,
    };
    writer.write(&archive).map_err(failed)?;
    writer.write(&archive).map_err(failed)?;
    if family.checkpoint {
        archive.checkpoint().map_err(failed)?;
    }
    for number in 0..family.forks.get(names.len()).copied().unwrap_or(0) {
        let held = Held::new(&archive, family.reading).map_err(failed)?;
        let names: Vec<u64> = names.iter().copied().chain([2 + number]).collect();
        let inside = AtomicU64::new(0);
        archive = fork_off(family, archive, held, &names, &inside, parent);
        writer.write(&archive).map_err(failed)?;
    }
    archive.close().map_err(failed)?;
    if family.orphan && names.len() == 1 {
        parent.tell(&Word::End);
    }
    Ok(())
}

type Answer = Result<(), StoreError>;

/// Every kind of call on what the parent has opened.
fn inherited(archive: &Archive, held: Held) -> Vec<(&'static str, Answer)> {
    let log = archive.log(SESSION, SEGMENT);
    let written = log.clone().with_durability(Durability::Written);
    let synced = log.clone().with_durability(Durability::Synced);
    let mut batch = archive.batch();
    batch.append(&log, &"x").expect("an entry");
    let Held {
        snapshot,
        raw,
        typed,
    } = held;
    let all = |mut entries: Box<dyn Iterator<Item = Answer>>| {
        entries.find(Result::is_err).unwrap_or(Ok(()))
    };
    let update = archive.update_metadata(SESSION, |_| Ok(()));
    let compacted = archive.clone().compact(None).map_err(StoreError::from);
    let seen = snapshot.log(SESSION, SEGMENT);
    let waited = archive.wait_for_change(0, Duration::ZERO);
    let mut answers = vec![
        ("append, synced", synced.append(&"x").map(drop)),
        ("append, written", written.append(&"x").map(drop)),
        ("append_at", log.append_at(0, &["x"]).map(drop)),
        ("truncate", log.truncate(0)),
        ("delete", log.delete().map(drop)),
        ("len", log.len().map(drop)),
        ("exists", log.exists().map(drop)),
        ("read", log.read(..).map(drop)),
        ("commit", batch.commit()),
        ("update_metadata", update),
        ("erase", log.erase(0..1).map(drop)),
        ("branch", log.branch(1, new_segment_id()).map(drop)),
        ("delete_session", archive.delete_session(SESSION).map(drop)),
        ("snapshot", archive.snapshot().map(drop)),
        ("stats", archive.stats().map(drop)),
        ("sync", archive.sync()),
        ("checkpoint", archive.checkpoint()),
        ("version", archive.version().map(drop)),
        ("wait_for_change", waited.map(drop)),
        ("compact", compacted.map(drop)),
        ("len of a snapshot", seen.len().map(drop)),
        ("read of a snapshot", seen.read(..).map(drop)),
        (
            "sessions of a snapshot",
            all(Box::new(snapshot.sessions().map(|found| found.map(drop)))),
        ),
    ];
    if let Some(raw) = raw {
        answers.push((
            "raw entries",
            all(Box::new(raw.map(|entry| entry.map(drop)))),
        ));
    }
    if let Some(typed) = typed {
        answers.push((
            "typed entries",
            all(Box::new(typed.map(|entry| entry.map(drop)))),
        ));
    }
    answers
}
