//! How fast whole logs go in and out: imports and exports beside zstd and `cp`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Lab, STORES};
use crate::Result;
use crate::figures::{Rounds, Row, Section, Unit, count, throughput};
use crate::logs::{Logs, files};
use crate::systems::{Engine, Promise};

/// The rates of one direction, and what processors did meanwhile.
#[derive(Default)]
struct Pace {
    rates: Rounds,
    took: Duration,
    busy: Duration,
}

impl Pace {
    fn time(&mut self, bytes: u64, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let (busy, start) = (processor_time()?, Instant::now());
        work()?;
        let took = start.elapsed();
        self.rates.push_figure(count(bytes) / took.as_secs_f64());
        self.took += took;
        self.busy += processor_time()?.saturating_sub(busy);
        Ok(())
    }

    /// Bytes a second, if all threads had to share one core.
    fn of_one_core(&self) -> f64 {
        self.rates.median() * (self.took.as_secs_f64() / self.busy.as_secs_f64()).min(1.0)
    }
}

/// In, and out again.
#[derive(Default)]
struct Mover {
    put: Pace,
    get: Pace,
}

pub(super) fn moving(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let logs = lab.logs()?;
    let note = format!(
        "{:.0} MB of JSONL in {} files, JSONL a second. Import: each file is one change that \
         survives the loss of power, checked to be JSON by sessiondb alone; opening and closing the \
         store included. Export: the same files again; sessiondb alone syncs each.",
        count(logs.bytes()) / 1e6,
        logs.files.len()
    );
    let mut section = Section::new(name, "Whole logs in and out", note);
    let mut movers: [Mover; STORES.len()] = Default::default();
    let (mut zstd, mut cp) = (Mover::default(), Pace::default());
    let folder = lab.folder(name)?;
    // The first round warms up.
    for round in 0..=lab.pick(2, 7) {
        if round == 1 {
            (movers, zstd, cp) = Default::default();
        }
        for (engine, mover) in STORES.into_iter().zip(&mut movers) {
            lab.tell(engine);
            there_and_back(&logs, engine, &folder.join("store"), mover)?;
        }
        files_there_and_back(&logs, &folder.join("files"), &mut zstd, &mut cp)?;
    }
    let [ours, ..] = &movers;
    let (put, get) = (ours.put.of_one_core(), ours.get.of_one_core());
    section.at_least(
        "JSONL imported a second, by one core",
        put,
        150e6,
        throughput,
    );
    section.at_least(
        "JSONL exported a second, by one core",
        get,
        500e6,
        throughput,
    );
    let (puts, gets): (Vec<_>, Vec<_>) = STORES
        .into_iter()
        .zip(movers)
        .map(|(engine, mover)| ((engine, mover.put.rates), (engine, mover.get.rates)))
        .unzip();
    section.rows = vec![
        Row::new("import", Unit::Throughput, puts).with_floor("zstd -3, each file", zstd.put.rates),
        Row::new("export", Unit::Throughput, gets.clone())
            .with_floor("zstd -d, each file", zstd.get.rates),
        Row::new(
            "export, beside cp",
            Unit::Throughput,
            gets.into_iter().take(1),
        )
        .with_floor("cp, each file synced", cp.rates),
    ];
    Ok(section)
}

/// Moves the logs once, and compares what comes out with what went in.
fn there_and_back(logs: &Logs, engine: Engine, dir: &Path, mover: &mut Mover) -> Result<()> {
    let out = dir.join("out");
    mover.put.time(logs.bytes(), || {
        let system = engine.open(&dir.join("in"), Promise::Synced)?;
        system.import(logs)?;
        system.close()
    })?;
    files::settle(dir)?;
    mover.get.time(logs.bytes(), || {
        let system = engine.open(&dir.join("in"), Promise::Synced)?;
        system.export(logs, &out)?;
        system.close()
    })?;
    logs.compare(&out)?;
    files::settle(&out)?;
    Ok(fs::remove_dir_all(dir)?)
}

/// The same by zstd, and by copies.
fn files_there_and_back(logs: &Logs, dir: &Path, zstd: &mut Mover, cp: &mut Pace) -> Result<()> {
    let (packed, unpacked, copied) = (dir.join("packed"), dir.join("unpacked"), dir.join("copied"));
    zstd.put.time(logs.bytes(), || files::pack(logs, &packed))?;
    files::settle(&packed)?;
    zstd.get
        .time(logs.bytes(), || files::unpack(logs, &packed, &unpacked))?;
    logs.compare(&unpacked)?;
    files::settle(&unpacked)?;
    cp.time(logs.bytes(), || files::copy_synced(logs, &copied))?;
    logs.compare(&copied)?;
    Ok(fs::remove_dir_all(dir)?)
}

/// What all threads of this process have worked, those that have ended included.
fn processor_time() -> Result<Duration> {
    /// Linux counts them in hundredths of a second on all machines.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program before them may have blanks.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat is new")?;
    let ticks: Vec<u32> = fields
        .split(' ')
        .skip(12)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(TICK * ticks.iter().sum())
}
