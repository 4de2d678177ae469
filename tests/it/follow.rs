//! Who follows an archive is told each change once and in order, whichever process made it, or one gap.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Map;
use sessiondb::archive::{Change, ChangeKind, Changes};
use sessiondb::{Archive, SegmentId, SessionId, new_segment_id};
use uuid::Uuid;

use crate::raw::{raw, raws};
use crate::scratch::Scratch;

/// The archive that a child writes to, and the seed of what it does.
const PATH: &str = "FOLLOW_PATH";
const SEED: &str = "FOLLOW_SEED";

const SESSIONS: u128 = 3;
const SEGMENTS: u128 = 3;

fn session(number: u128) -> SessionId {
    Uuid::from_u128(1 + number)
}

fn segment(number: u128) -> SegmentId {
    Uuid::from_u128(100 + number)
}

/// A random change of the archive, told by four numbers.
fn change(archive: &Archive, [what, of, at, size]: [u64; 4]) {
    let (session, segment) = (
        session(u128::from(of) % SESSIONS),
        segment(u128::from(of) / SESSIONS % SEGMENTS),
    );
    let trace = of % 7 == 0;
    let log = if trace {
        archive.trace(session, segment)
    } else {
        archive.log(session, segment)
    };
    let entry =
        || raw(format!("\"{}\"", "x".repeat(usize::try_from(size % 700).unwrap())).as_bytes());
    let len = log.len().unwrap();
    let index = at % (len + 1);
    // What another process has changed meanwhile may refuse any of them.
    match what % 20 {
        0 => drop(log.replace([entry(), entry()])),
        1 => drop(log.truncate(index)),
        2 => drop(
            archive
                .log(session, segment)
                .branch(index, new_segment_id()),
        ),
        3 => drop(log.erase(index.min(len.saturating_sub(1))..len.min(index + 2))),
        4 => drop(archive.delete_segment(session, segment)),
        5 if at % 5 == 0 => drop(archive.delete_session(session)),
        6 => drop(archive.set_metadata(session, &Map::new())),
        7 => drop(archive.update_name("builder", |name| {
            *name = (at % 3 > 0).then(|| serde_json::json!({"worker_name": "builder"}));
            Ok::<_, sessiondb::StoreError>(())
        })),
        8 if at % 9 == 0 => drop(archive.checkpoint()),
        9 => {
            let mut batch = archive.batch();
            let _ = batch.append(&log, &entry());
            let _ = batch.append(&archive.log(session, segment), &entry());
            drop(batch.commit());
        }
        10 => drop(log.append_many(raws(["1", "2", "3"]))),
        _ => drop(log.append(&entry())),
    }
}

type Place = (SessionId, SegmentId, bool);

/// What one knows of an archive who is told of its changes alone.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shadow {
    /// The lengths of logs that are there.
    logs: BTreeMap<Place, u64>,
    metadata: BTreeSet<SessionId>,
    names: BTreeSet<String>,
}

impl Shadow {
    /// What the archive says, and its version then.
    fn read(archive: &Archive) -> (Self, u64) {
        loop {
            let (version, snapshot) = (archive.version().unwrap(), archive.snapshot().unwrap());
            if archive.version().unwrap() != version {
                continue;
            }
            let mut shadow = Self::default();
            for info in snapshot.sessions().map(Result::unwrap) {
                for segment in snapshot.segments(info.id).map(Result::unwrap) {
                    let place = |trace| (info.id, segment.id, trace);
                    if segment.exists {
                        shadow.logs.insert(place(false), segment.entries);
                    }
                    if segment.traces > 0 {
                        shadow.logs.insert(place(true), segment.traces);
                    }
                }
                let metadata = snapshot.metadata(info.id).unwrap();
                shadow.metadata.extend(metadata.map(|_| info.id));
            }
            shadow.names.extend(snapshot.names().unwrap());
            return (shadow, version);
        }
    }

    fn apply(&mut self, change: &Change) {
        let place = || {
            (
                change.session.unwrap(),
                change.segment.unwrap(),
                change.trace,
            )
        };
        let len = |shadow: &Self| shadow.logs.get(&place()).copied().unwrap_or(0);
        let Change { kind, range, .. } = change;
        match kind {
            ChangeKind::Append => {
                assert_eq!(range.start, len(self), "lost or told twice: {change:?}");
                self.logs.insert(place(), range.end);
            }
            ChangeKind::Replace => drop(self.logs.insert(place(), range.end)),
            ChangeKind::Truncate => {
                assert!(range.start <= len(self) && range.is_empty(), "{change:?}");
                if self.logs.contains_key(&place()) {
                    self.logs.insert(place(), range.start);
                }
            }
            ChangeKind::Branch => {
                assert_eq!(self.logs.insert(place(), range.end), None, "{change:?}");
            }
            ChangeKind::Erase => assert!(range.end <= len(self), "{change:?}"),
            ChangeKind::DeleteLog => drop(self.logs.remove(&place())),
            ChangeKind::DeleteSession => {
                let session = change.session.unwrap();
                self.logs.retain(|place, _| place.0 != session);
                self.metadata.remove(&session);
            }
            ChangeKind::Metadata => drop(self.metadata.insert(change.session.unwrap())),
            ChangeKind::Name => drop(self.names.insert(change.name.clone().unwrap())),
            ChangeKind::DeleteName => {
                assert!(
                    self.names.remove(change.name.as_ref().unwrap()),
                    "{change:?}"
                );
            }
            ChangeKind::Compaction => {}
            kind => panic!("{kind:?}"),
        }
        // Traces that are empty are none.
        self.logs.retain(|place, len| !place.2 || *len > 0);
    }
}

/// One who follows an archive.
struct Follower {
    archive: Archive,
    changes: Changes,
    shadow: Shadow,
    /// What is told of versions before this one is known.
    known: u64,
    gaps: u64,
    told: u64,
}

impl Follower {
    fn new(archive: &Archive) -> Self {
        let changes = archive.changes().unwrap();
        let (shadow, known) = Shadow::read(archive);
        Self {
            archive: archive.clone(),
            changes,
            shadow,
            known,
            gaps: 0,
            told: 0,
        }
    }

    /// Takes in what is told until nothing has been for so long.
    fn follow(&mut self, patience: Duration) {
        while let Some(change) = self.changes.next_within(patience).unwrap() {
            self.told += 1;
            if change.kind == ChangeKind::Gap {
                self.gaps += 1;
                (self.shadow, self.known) = Shadow::read(&self.archive);
            } else if change.version >= self.known {
                self.shadow.apply(&change);
            }
        }
    }

    /// Whether it knows what there is. Metadata may have gone with the last log of its session, which
    /// is not told by itself.
    fn check(&mut self) {
        self.follow(Duration::ZERO);
        let (there, _) = Shadow::read(&self.archive);
        assert_eq!(self.shadow.logs, there.logs);
        assert_eq!(self.shadow.names, there.names);
        assert!(self.shadow.metadata.is_superset(&there.metadata));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_change_is_told_once(steps in prop::collection::vec(any::<[u64; 4]>(), 1..80)) {
        let scratch = Scratch::new();
        for archive in [Archive::in_memory().unwrap(), Archive::open(scratch.fresh()).unwrap()] {
            let mut follower = Follower::new(&archive);
            for step in &steps {
                change(&archive, *step);
                if step[0] % 3 == 0 {
                    follower.check();
                }
            }
            follower.check();
            prop_assert_eq!(follower.gaps, 0);
        }
    }
}

/// Makes random changes, as a process of its own.
#[test]
fn child() {
    let Some(path) = std::env::var_os(PATH) else {
        return;
    };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let mut dice = fastrand::Rng::with_seed(seed);
    let archive = Archive::options().create(false).open(path).unwrap();
    for _ in 0..2_000 {
        change(&archive, std::array::from_fn(|_| dice.u64(..)));
    }
    archive.close().unwrap();
}

fn spawn(path: &Path, seed: u64) -> Child {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "follow::child", "--nocapture"])
        .env(PATH, path)
        .env(SEED, seed.to_string())
        .stdout(Stdio::null())
        .spawn();
    child.unwrap()
}

/// An archive with two processes that change it.
fn written(seed: u64) -> (Scratch, PathBuf, Archive, Vec<Child>) {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    let children = (0..2).map(|child| spawn(&path, seed + child)).collect();
    (scratch, path, archive, children)
}

fn all_ended(children: &mut [Child]) -> bool {
    children
        .iter_mut()
        .all(|child| child.try_wait().unwrap().is_some())
}

#[test]
fn changes_of_other_processes_are_told_once() {
    for seed in [1, 101] {
        println!("seed {seed}");
        let (_scratch, _path, archive, mut children) = written(seed);
        let mut follower = Follower::new(&archive);
        let mut dice = fastrand::Rng::with_seed(seed);
        while !all_ended(&mut children) {
            change(&archive, std::array::from_fn(|_| dice.u64(..)));
            follower.follow(Duration::from_millis(1));
        }
        follower.check();
        assert!(follower.told > 1_000, "{}", follower.told);
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
    }
}

/// Of the processes that write, one is stopped and goes on, and one is killed and another begins.
#[cfg(unix)]
#[test]
fn a_writer_that_is_stopped_or_killed_is_followed_as_far_as_it_came() {
    let (_scratch, path, archive, mut children) = written(7);
    let mut follower = Follower::new(&archive);
    let signal = |child: &Child, signal: &str| {
        let id = child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
    };
    let begun = Instant::now();
    let mut round = 0;
    while !all_ended(&mut children) && begun.elapsed() < Duration::from_secs(20) {
        round += 1;
        if round % 4 == 0 && children[0].try_wait().unwrap().is_none() {
            signal(&children[0], "-STOP");
            follower.follow(Duration::from_millis(15));
            signal(&children[0], "-CONT");
        }
        follower.follow(Duration::from_millis(5));
        if round == 20 {
            children[1].kill().unwrap();
            children[1].wait().unwrap();
            children[1] = spawn(&path, 900);
        }
    }
    for child in &mut children {
        child.wait().unwrap();
    }
    follower.check();
    assert!(follower.told > 500, "{}", follower.told);
}

#[test]
fn who_sleeps_too_long_is_told_of_one_gap() {
    let archive = Archive::in_memory().unwrap();
    let mut follower = Follower::new(&archive);
    let log = archive.log(session(0), segment(0));
    for _ in 0..3 {
        let gaps = follower.gaps;
        for _ in 0..20_000 {
            log.append(&raw(b"1")).unwrap();
        }
        follower.check();
        assert_eq!(follower.gaps, gaps + 1);
        log.append(&raw(b"1")).unwrap();
        follower.check();
        assert_eq!(follower.gaps, gaps + 1);
    }
}

/// What does not fit into the journal is told all the same, by the process that did it.
#[test]
fn what_goes_past_the_journal_is_told() {
    let scratch = Scratch::new();
    let archive = Archive::open(scratch.fresh()).unwrap();
    let mut follower = Follower::new(&archive);
    let log = archive.log(session(0), segment(0));
    log.append(&raw(format!("\"{}\"", "x".repeat(3 << 20)).as_bytes()))
        .unwrap();
    log.append(&raw(b"1")).unwrap();
    follower.check();
    log.erase(0..1).unwrap();
    follower.check();
    let kept = archive.clone();
    let (archive, _) = archive.compact(None).unwrap();
    follower.check();
    assert_eq!((follower.gaps, follower.told), (0, 4));
    drop((kept, archive));
}

#[test]
fn it_ends_when_it_is_cancelled_and_keeps_nobody_from_closing() {
    let scratch = Scratch::new();
    let archive = Archive::open(scratch.fresh()).unwrap();
    let mut changes = archive.changes().unwrap();
    let canceller = changes.canceller();
    let follower = std::thread::spawn(move || changes.by_ref().count());
    archive
        .log(session(0), segment(0))
        .append(&raw(b"1"))
        .unwrap();
    std::thread::sleep(Duration::from_millis(5));
    canceller.cancel();
    assert!(follower.join().unwrap() <= 1);
    drop(canceller);
    assert!(!archive.close().unwrap().is_open_here);
}

/// Threads whose appends share one write at the disk.
#[test]
fn changes_that_are_written_together_are_told_one_by_one() {
    let scratch = Scratch::new();
    let archive = Archive::open(scratch.fresh()).unwrap();
    let mut follower = Follower::new(&archive);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = archive.log(session(thread % 3), segment(thread));
            scope.spawn(move || {
                for number in 0..40 {
                    if number % 10 == 9 {
                        // Refused, among others that are not.
                        assert!(log.append_at(1_000, [number]).is_err());
                    }
                    log.append(&number).unwrap();
                }
            });
        }
    });
    follower.check();
    assert_eq!((follower.told, follower.gaps), (8 * 40, 0));
}

/// One who begins just when the last one ends misses nothing.
#[test]
fn who_begins_while_the_last_one_ends_is_told() {
    let archive = Archive::in_memory().unwrap();
    let log = archive.log(session(0), segment(0));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    drop(archive.changes().unwrap());
                }
            });
        }
        for number in 0..20_000 {
            let mut changes = archive.changes().unwrap();
            log.append(&number).unwrap();
            let told = changes.next_within(Duration::ZERO).unwrap();
            if told.is_none() {
                ended.store(true, Ordering::Relaxed);
                panic!("nothing was told of append {number}");
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
}
