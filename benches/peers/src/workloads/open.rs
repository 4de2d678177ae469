//! What a caller waits for beside appends: opening after a crash, the count and the last entry.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Lab, fill, settle};
use crate::Result;
use crate::child::{Child, Job};
use crate::entries::{ENTRY_BYTES, Limit, Writer, entry, scramble, verify};
use crate::report::{Rounds, Section, count, mib, time};
use crate::systems::{Kind, System};

const LONG: u64 = 100_000;
/// Appended one by one, so that not all of the segment is where the bulk went.
const RECENT: u64 = 100;

/// A system that holds the long segment, and the times of its rounds.
struct Reader {
    kind: Kind,
    system: Box<dyn System>,
    counts: Rounds,
    lasts: Rounds,
}

pub(super) fn reads(lab: &Lab) -> Result<Section> {
    let rounds = lab.pick(3, 11, 11);
    let limit = lab.limit((200, 100), (2000, 300));
    let mut readers = Vec::new();
    for kind in [Kind::Written, Kind::Jsonl, Kind::SqliteNormal] {
        let system = kind.open(&lab.dir("reads", kind)?)?;
        fill(&*system, 0, LONG - RECENT, ENTRY_BYTES)?;
        let mut writer = Writer::new(&*system, 0, LONG - RECENT)?;
        for _ in 0..RECENT {
            writer.append()?;
        }
        writer.verify(&*system)?;
        readers.push(Reader {
            kind,
            system,
            counts: Rounds::default(),
            lasts: Rounds::default(),
        });
    }
    let last = entry(0, LONG - 1, ENTRY_BYTES);
    for _ in 0..rounds {
        for reader in &mut readers {
            let system = &reader.system;
            let counts = repeat(limit, || system.count(0), |count| *count == LONG)?;
            reader.counts.push(&counts);
            let lasts = repeat(limit, || system.last(0), |entry| *entry == last)?;
            reader.lasts.push(&lasts);
        }
    }
    let title = format!("reads: a segment of {LONG} entries, in process ({rounds} rounds)");
    let columns = ["count", "count p99", "last entry", "last entry p99"];
    let mut section = Section::new(title, &columns);
    for reader in readers {
        reader.system.close()?;
        let (counts, lasts) = (reader.counts, reader.lasts);
        let figures = [counts.median(), counts.p99(), lasts.median(), lasts.p99()];
        section.row(reader.kind.name(), figures.map(time));
        if reader.kind == Kind::Written {
            section.at_most("count of a long segment", counts.median(), 5e-6, time);
            section.at_most("last entry of a long segment", lasts.median(), 50e-6, time);
        }
    }
    Ok(section)
}

/// Times a read again and again until the limit; every result has to be right.
fn repeat<T>(
    limit: Limit,
    read: impl Fn() -> Result<T>,
    right: impl Fn(&T) -> bool,
) -> Result<Vec<Duration>> {
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..limit.appends {
        let before = Instant::now();
        let value = black_box(read()?);
        times.push(before.elapsed());
        if !right(&value) {
            return Err("a read gave a wrong result".into());
        }
        if start.elapsed() > limit.time {
            break;
        }
    }
    Ok(times)
}

/// Entries of the bulk of the archive that is opened.
const BULK_ENTRY_BYTES: usize = 64 << 10;

/// An archive that a child appends to until it is killed.
struct Victim {
    kind: Kind,
    dir: PathBuf,
    opens: Rounds,
    ready: Rounds,
    recovered: u64,
}

pub(super) fn recovery(lab: &Lab) -> Result<Section> {
    let rounds = lab.pick(3, 11, 11);
    let bulk = lab.pick(20, 100, 2048) * (1 << 20) / BULK_ENTRY_BYTES as u64;
    let mut victims = Vec::new();
    for kind in [Kind::Written, Kind::SqliteNormal] {
        let dir = lab.dir("recovery", kind)?;
        let system = kind.open(&dir)?;
        fill(&*system, 0, bulk, BULK_ENTRY_BYTES)?;
        system.close()?;
        settle(&dir)?;
        victims.push(Victim {
            kind,
            dir,
            opens: Rounds::default(),
            ready: Rounds::default(),
            recovered: 0,
        });
    }
    for round in 0..rounds {
        for victim in &mut victims {
            kill_and_open(victim, Duration::from_millis(50 + scramble(round) % 150))?;
        }
    }
    let size = mib(count(bulk) * count(BULK_ENTRY_BYTES));
    let title = format!("recovery: opening {size} after SIGKILL of an appending process");
    let columns = [
        "open",
        "open and count",
        "longest",
        "entries recovered",
        "kills",
    ];
    let mut section = Section::new(title, &columns);
    for victim in victims {
        let system = victim.kind.open(&victim.dir)?;
        verify(&*system, 0, bulk, BULK_ENTRY_BYTES)?;
        verify(&*system, 1, victim.recovered, ENTRY_BYTES)?;
        system.close()?;
        let cells = [
            time(victim.opens.median()),
            time(victim.ready.median()),
            time(victim.ready.max()),
            victim.recovered.to_string(),
            victim.ready.samples().to_string(),
        ];
        section.row(victim.kind.name(), cells);
        if victim.kind == Kind::Written {
            let what = format!("open and count after SIGKILL, {size}");
            section.at_most(what, victim.ready.median(), 20e-3, time);
        }
    }
    Ok(section)
}

/// Kills an appending child after `delay`; nothing that it was told is written may be missing, and
/// at most the append that it died in may be there beyond that.
fn kill_and_open(victim: &mut Victim, delay: Duration) -> Result<()> {
    let acknowledged = append_until_killed(victim.kind, &victim.dir, delay)?;
    let start = Instant::now();
    let system = victim.kind.open(&victim.dir)?;
    victim.opens.push(&[start.elapsed()]);
    let found = system.count(1)?;
    victim.ready.push(&[start.elapsed()]);
    let acknowledged = acknowledged.max(victim.recovered);
    if found < acknowledged || found > acknowledged + 1 {
        let message = format!("{acknowledged} entries were acknowledged, {found} recovered");
        return Err(message.into());
    }
    verify(&*system, 1, found, ENTRY_BYTES)?;
    victim.recovered = found;
    system.close()
}

/// The last count that the child gave.
fn append_until_killed(kind: Kind, dir: &Path, delay: Duration) -> Result<u64> {
    let mut child = Child::start(Job::UntilKilled { segment: 1 }, kind, dir)?;
    let mut last = child.line()?.ok_or("the child could not append")?;
    let start = Instant::now();
    while start.elapsed() < delay {
        last = child.line()?.ok_or("the child ended by itself")?;
    }
    child.kill()?;
    while let Some(line) = child.line()? {
        last = line;
    }
    Ok(last.parse()?)
}
