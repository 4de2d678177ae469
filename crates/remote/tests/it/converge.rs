//! R27: archives that push and pull at random, over ways that fail, delay, cut, repeat and reorder, and with processes that
//! die, converge to one history in which nothing is lost but what was erased. `SCOREBOARD=deep` makes it the deep form.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sessiondb::archive::SegmentInfo;
use sessiondb::{Archive, SegmentId, SessionId};
use sessiondb_remote::{GcOptions, PullOptions, gc, pull, push};

use crate::history::{clean, excused, history, remote, run, settle};
use crate::unreliable::{Bucket, Mood, Way};

const ARCHIVES: usize = 3;

/// What happened in all runs.
#[derive(Debug, Default)]
struct Counts {
    appends: u64,
    branches: u64,
    erasures: u64,
    pushes: u64,
    pulls: u64,
    failed: u64,
    requests: u64,
    faults: u64,
    gcs: u64,
    rounds: u32,
    entries: u64,
}

#[test]
fn archives_converge_and_lose_nothing() {
    let number = |name: &str| std::env::var(name).ok().map(|seeds| seeds.parse().unwrap());
    let is_deep = std::env::var_os("SCOREBOARD").is_some_and(|form| form == "deep");
    let seeds = number("SEEDS").unwrap_or(if is_deep { 2_000 } else { 12 });
    let first = number("SCOREBOARD_SEED").unwrap_or(0);
    let (mut counts, begun) = (Counts::default(), Instant::now());
    for seed in first..first + seeds {
        println!("seed {seed}");
        one(seed, &mut counts);
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("R27 cases={seeds} violations=0 seed={first} seconds={seconds:.1}");
    println!("{counts:#?}");
    assert!(
        counts.faults > seeds && counts.branches > 0 && counts.failed > 0 && counts.erasures > 0,
        "{counts:?}"
    );
}

struct World {
    bucket: Bucket,
    archives: Vec<Archive>,
    rng: fastrand::Rng,
    /// Every line that was appended, by session.
    said: BTreeMap<SessionId, Vec<String>>,
}

fn one(seed: u64, counts: &mut Counts) {
    let archives = (0..ARCHIVES)
        .map(|_| Archive::in_memory().unwrap())
        .collect();
    let mut world = World {
        bucket: Bucket::default(),
        archives,
        rng: fastrand::Rng::with_seed(seed),
        said: BTreeMap::new(),
    };
    for _ in 0..40 {
        world.step(counts);
    }
    counts.rounds = counts.rounds.max(settle(&world.bucket, &world.archives));
    let histories: Vec<_> = world.archives.iter().map(history).collect();
    for other in &histories[1..] {
        assert_eq!(&histories[0], other, "seed {seed}");
    }
    for (session, said) in &world.said {
        let logs = &histories[0][session];
        for line in said {
            counts.entries += 1;
            let is_there = logs.iter().any(|log| log.1.contains(line));
            assert!(is_there, "seed {seed}: {line} is lost");
        }
    }
    clean(&world.bucket);
    let restored = Archive::in_memory().unwrap();
    crate::history::pull_from(&world.bucket, &restored);
    assert_eq!(history(&restored), histories[0], "seed {seed}");
}

impl World {
    fn step(&mut self, counts: &mut Counts) {
        let at = self.rng.usize(..ARCHIVES);
        match self.rng.u32(..10) {
            0..=4 => self.append(at, counts),
            5 if self.rng.u32(..3) == 0 => self.erase(at, counts),
            5 => self.branch(at, counts),
            6 | 7 => {
                let way = self.way();
                counts.pushes += 1;
                let done = excused(run(push(&self.archives[at], &remote(way.clone()), None)));
                counts.of(&way, done.is_some());
            }
            8 => {
                let way = self.way();
                counts.pulls += 1;
                let all = PullOptions::new();
                let done = excused(run(pull(
                    &self.archives[at],
                    &remote(way.clone()),
                    &all,
                    None,
                )));
                counts.of(&way, done.is_some());
            }
            _ => {
                let way = self.way();
                counts.gcs += 1;
                // What is late must not find that what it names is gone: the grace is longer than this run.
                let grace = GcOptions::new().grace(Duration::from_secs(3600));
                let done = excused(run(gc(&remote(way.clone()), &grace)));
                counts.of(&way, done.is_some());
            }
        }
    }

    fn way(&mut self) -> Arc<Way> {
        let mood = match self.rng.u32(..3) {
            0 => Mood::Good,
            1 => Mood::Bad(self.rng.u64(2..8)),
            _ => Mood::Dies {
                after: self.rng.u64(1..10),
                is_done: self.rng.bool(),
            },
        };
        self.bucket.way(mood, self.rng.u64(..))
    }

    fn append(&mut self, at: usize, counts: &mut Counts) {
        let session = SessionId::from_u128(self.rng.u128(1..4));
        let segment = SegmentId::from_u128(100 + self.rng.u128(..2));
        let line = format!("\"{at} says {}\"", counts.appends);
        let value: String = serde_json::from_str(&line).unwrap();
        if self.rng.u32(..5) == 0 {
            self.archives[at]
                .trace(session, segment)
                .append(&value)
                .unwrap();
        } else {
            self.archives[at]
                .log(session, segment)
                .append(&value)
                .unwrap();
        }
        self.said.entry(session).or_default().push(line);
        counts.appends += 1;
    }

    fn branch(&mut self, at: usize, counts: &mut Counts) {
        let Some((session, info)) = self.segment(at) else {
            return;
        };
        let len = self.rng.u64(..=info.entries);
        self.archives[at]
            .log(session, info.id)
            .branch(len, SegmentId::from_u128(self.rng.u128(..)))
            .unwrap();
        counts.branches += 1;
    }

    /// From now on nobody has to have the entry.
    fn erase(&mut self, at: usize, counts: &mut Counts) {
        let Some((session, info)) = self.segment(at).filter(|(_, info)| info.entries > 0) else {
            return;
        };
        let index = self.rng.u64(..info.entries);
        let log = self.archives[at].log(session, info.id);
        let line = log.read(index..=index).unwrap().next().unwrap().unwrap();
        let line = line.as_str().to_owned();
        log.erase(index..=index).unwrap();
        let said = self.said.get_mut(&session).unwrap();
        let before = said.len();
        said.retain(|said| *said != line);
        counts.erasures += (before - said.len()) as u64;
    }

    /// One of an archive.
    fn segment(&mut self, at: usize) -> Option<(SessionId, SegmentInfo)> {
        let archive = &self.archives[at];
        let sessions = archive.sessions().unwrap().map(|info| info.unwrap().id);
        let session = self.rng.choice(sessions.collect::<Vec<_>>())?;
        let segments = archive.segments(session).unwrap().map(Result::unwrap);
        let segments: Vec<_> = segments.filter(|info| info.exists).collect();
        Some((session, self.rng.choice(segments)?))
    }
}

impl Counts {
    fn of(&mut self, way: &Way, is_done: bool) {
        self.failed += u64::from(!is_done);
        self.requests += way.requests();
        self.faults += way.faults.load(Ordering::Relaxed);
    }
}
