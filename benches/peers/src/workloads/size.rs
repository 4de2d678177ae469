//! What an append costs beside its time, and whether the cost grows: bytes written, a large archive
//! against a small one, memory.

use std::path::Path;

use super::{Lab, SEGMENT_ENTRIES, fill_archive};
use crate::Result;
use crate::child::{Child, Job, MEMORY_SEGMENTS};
use crate::entries::{ENTRY_BYTES, Limit, Writer, verify};
use crate::report::{Rounds, Section, count, kib, mib, time, times};
use crate::systems::{Kind, System};

/// The figures are of the whole process, from before the first append until the system is closed,
/// so that everything that follows from the appends is in them.
pub(super) fn bytes(lab: &Lab) -> Result<Section> {
    let limit = lab.limit((5000, 1500), (20_000, 30_000));
    let (large, segments) = lab.large()?;
    let large_name = format!("sessiondb Written, {} entries", segments * SEGMENT_ENTRIES);
    let fresh =
        |name: &str, kind| -> Result<_> { Ok((name.to_owned(), kind, lab.dir("bytes", kind)?, 0)) };
    let runs = [
        fresh("sessiondb Written, new", Kind::Written)?,
        (large_name, Kind::Written, large, segments),
        fresh("sessiondb Synced, new", Kind::Synced)?,
        fresh("JSONL folder", Kind::Jsonl)?,
        fresh("SQLite WAL NORMAL", Kind::SqliteNormal)?,
        fresh("SQLite WAL FULL", Kind::SqliteFull)?,
    ];
    let title = "bytes: written for each append of 1 KiB, checkpoints and closing included";
    let mut section = Section::new(title, &["wchar", "write_bytes", "appends"]);
    section
        .note("wchar: bytes given to write calls; write_bytes: pages made dirty (/proc/self/io).");
    for (name, kind, dir, segment) in runs {
        let (written, calls, pages) = written_by(kind, &dir, segment, limit)?;
        section.row(&name, [kib(calls), kib(pages), written.to_string()]);
        if kind == Kind::Written {
            let what = format!("bytes written (wchar) per append: {name}");
            section.at_most(what, calls, 3.0 * 1024.0, kib);
        }
    }
    Ok(section)
}

/// How many appends were made, and how many bytes each made the process write: through calls, and
/// in pages.
fn written_by(kind: Kind, dir: &Path, segment: u64, limit: Limit) -> Result<(u64, f64, f64)> {
    let system = kind.open(dir)?;
    let written = system.count(segment)?;
    let mut writer = Writer::new(&*system, segment, written)?;
    let (calls, pages) = io_counters()?;
    let appends = writer.run(limit)?.len();
    let written = writer.finish();
    system.close()?;
    let (calls_after, pages_after) = io_counters()?;
    let system = kind.open(dir)?;
    verify(&*system, segment, written, ENTRY_BYTES)?;
    system.close()?;
    let each = |before: u64, after| count(after - before) / count(appends);
    Ok((written, each(calls, calls_after), each(pages, pages_after)))
}

/// `wchar` and `write_bytes` of this process.
fn io_counters() -> Result<(u64, u64)> {
    let counters = std::fs::read_to_string("/proc/self/io")?;
    let counter = |name: &str| -> Result<u64> {
        let value = counters.lines().find_map(|line| line.strip_prefix(name));
        let value = value.ok_or_else(|| format!("/proc/self/io has no {name}"))?;
        Ok(value.trim().parse()?)
    };
    Ok((counter("wchar:")?, counter("write_bytes:")?))
}

/// How many segments, spread over the archive, are appended to in turn.
const SPREAD: u64 = 10;

/// An archive that is appended to all over.
struct Field {
    name: String,
    system: Box<dyn System>,
    writers: Vec<Writer>,
    rounds: Rounds,
}

pub(super) fn scale(lab: &Lab) -> Result<Section> {
    let rounds = lab.pick(6, 21, 21);
    let limit = lab.limit((50, 250), (200, 2000));
    let small = lab.dir("scale", Kind::Written)?;
    fill_archive(&small, SPREAD)?;
    let (large, segments) = lab.large()?;
    let mut fields = [field(&small, SPREAD)?, field(&large, segments)?];
    for round in 0..=rounds {
        for field in &mut fields {
            let times = in_turn(&mut field.writers, limit)?;
            if round > 0 {
                field.rounds.push(&times);
            }
        }
    }
    let title = format!(
        "scale: appends of 1 KiB to {SPREAD} segments in turn, by archive size ({rounds} rounds)"
    );
    let mut section = Section::new(title, &["mean", "median", "p99", "appends"]);
    let mut results = Vec::new();
    for field in fields {
        for writer in field.writers {
            writer.verify(&*field.system)?;
        }
        field.system.close()?;
        let rounds = field.rounds;
        let cells = [
            time(rounds.mean()),
            time(rounds.median()),
            time(rounds.p99()),
            rounds.samples().to_string(),
        ];
        section.row(field.name, cells);
        results.push(rounds);
    }
    if let [small, large] = results.as_slice() {
        let what = "mean Written append, large / small archive";
        section.at_most(what, large.per_mean(small), 1.2, times);
    }
    Ok(section)
}

fn field(dir: &Path, segments: u64) -> Result<Field> {
    let system = Kind::Written.open(dir)?;
    let writers = (0..SPREAD)
        .map(|place| Writer::new(&*system, place * segments / SPREAD, SEGMENT_ENTRIES))
        .collect::<Result<_>>()?;
    Ok(Field {
        name: format!("sessiondb Written, {} entries", segments * SEGMENT_ENTRIES),
        system,
        writers,
        rounds: Rounds::default(),
    })
}

/// `limit.appends` for each writer, one writer after another with each append.
fn in_turn(writers: &mut [Writer], limit: Limit) -> Result<Vec<std::time::Duration>> {
    let start = std::time::Instant::now();
    let mut times = Vec::new();
    for _ in 0..limit.appends {
        for writer in &mut *writers {
            times.push(writer.append()?);
        }
        if start.elapsed() > limit.time {
            break;
        }
    }
    Ok(times)
}

pub(super) fn memory(lab: &Lab) -> Result<Section> {
    let (appends, millis) = lab.pick((20_000, 2000), (200_000, 60_000), (200_000, 60_000));
    let title = format!(
        "memory: a process that appends 1 KiB to {MEMORY_SEGMENTS} segments in turn, then closes"
    );
    let mut section = Section::new(title, &["VmHWM", "appends"]);
    for kind in [Kind::Written, Kind::SqliteNormal] {
        let dir = lab.dir("memory", kind)?;
        let (written, peak_kib) =
            Child::start(Job::Memory { appends, millis }, kind, &dir)?.result()?;
        let system = kind.open(&dir)?;
        for segment in 0..MEMORY_SEGMENTS {
            verify(&*system, segment, written / MEMORY_SEGMENTS, ENTRY_BYTES)?;
        }
        system.close()?;
        let peak = count(peak_kib) * 1024.0;
        section.row(kind.name(), [mib(peak), written.to_string()]);
        if kind == Kind::Written {
            let limit = 64.0 * 1024.0 * 1024.0;
            section.at_most("peak memory of appending", peak, limit, mib);
        }
    }
    Ok(section)
}
