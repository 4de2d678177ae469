//! How fast whole logs go in and out: imports and exports beside copies and zstd.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Lab;
use crate::Result;
use crate::logs::{Logs, archive, files, sqlite};
use crate::report::{Rounds, Section, count, mb_rate};

/// A way to put logs somewhere, and to get them back as they were.
struct Mover {
    name: &'static str,
    /// Into a folder of its own.
    put: Option<fn(&Logs, &Path) -> Result<()>>,
    /// From there into a new folder.
    get: fn(&Logs, &Path, &Path) -> Result<()>,
}

const MOVERS: [Mover; 5] = [
    Mover {
        name: "sessiondb",
        put: Some(archive::import),
        get: |_, dir, out| archive::export(dir, out),
    },
    Mover {
        name: "SQLite WAL FULL",
        put: Some(sqlite::import),
        get: sqlite::export,
    },
    Mover {
        name: "zstd -3, each file",
        put: Some(files::pack),
        get: files::unpack,
    },
    Mover {
        name: "cp",
        put: None,
        get: |logs, _, out| files::copy(logs, out),
    },
    Mover {
        name: "cp, each file synced",
        put: None,
        get: |logs, _, out| files::copy_synced(logs, out),
    },
];

/// The times of one direction, and what processors did meanwhile.
#[derive(Default)]
struct Pace {
    rounds: Rounds,
    busy: Duration,
}

pub(super) fn moving(lab: &Lab) -> Result<Section> {
    let logs = lab.logs()?;
    let rounds = lab.pick(3, 9, 9);
    let mut paces: [(Pace, Pace); MOVERS.len()] = Default::default();
    // The first round warms up.
    for round in 0..=rounds {
        for (mover, (put, get)) in MOVERS.iter().zip(&mut paces) {
            let (mut unused_put, mut unused_get) = (Pace::default(), Pace::default());
            let paces = match round {
                0 => (&mut unused_put, &mut unused_get),
                _ => (put, get),
            };
            there_and_back(lab, mover, &logs, paces)?;
        }
    }
    let title = format!(
        "move: {:.0} MB of JSONL in {} files, MB a second ({rounds} rounds)",
        count(logs.bytes()) / 1e6,
        logs.files.len()
    );
    let columns = [
        "in",
        "in, slowest",
        "in, CPU",
        "out",
        "out, slowest",
        "out, CPU",
    ];
    let mut section = Section::new(title, &columns);
    section.note(
        "CPU: MB for each second that processors worked, whatever the number of threads; below \
         the first figure if there are several. sessiondb syncs each file that it exports.",
    );
    let bytes = count(logs.bytes());
    for (mover, (put, get)) in MOVERS.iter().zip(&paces) {
        let put_cells = mover
            .put
            .map_or([const { String::new() }; 3], |_| put.cells(bytes));
        section.row(mover.name, put_cells.into_iter().chain(get.cells(bytes)));
        if mover.name == "sessiondb" {
            let what = "JSONL imported a second, by one core";
            section.at_least(what, put.of_one_core(bytes), 150e6, mb_rate);
            let what = "JSONL exported a second, by one core";
            section.at_least(what, get.of_one_core(bytes), 500e6, mb_rate);
        }
    }
    Ok(section)
}

/// Moves the logs once, and compares what comes out with what went in.
fn there_and_back(
    lab: &Lab,
    mover: &Mover,
    logs: &Logs,
    (put, get): (&mut Pace, &mut Pace),
) -> Result<()> {
    let folder = lab.folder("move")?;
    let (dir, out) = (folder.join("store"), folder.join("out"));
    fs::create_dir(&dir)?;
    if let Some(import) = mover.put {
        put.time(|| import(logs, &dir))?;
        files::settle(&dir)?;
    }
    get.time(|| (mover.get)(logs, &dir, &out))?;
    files::settle(&out)?;
    logs.compare(&out)?;
    lab.clear("move")
}

impl Pace {
    fn time(&mut self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let (busy, start) = (processor_time()?, Instant::now());
        work()?;
        self.rounds.push(&[start.elapsed()]);
        self.busy += processor_time()?.saturating_sub(busy);
        Ok(())
    }

    fn cells(&self, bytes: f64) -> [String; 3] {
        let rates = [
            bytes / self.rounds.median(),
            bytes / self.rounds.max(),
            self.of_busy(bytes),
        ];
        rates.map(|rate| format!("{:.0}", rate / 1e6))
    }

    fn of_busy(&self, bytes: f64) -> f64 {
        bytes * count(self.rounds.samples()) / self.busy.as_secs_f64()
    }

    /// Bytes a second, if all threads had to share one core.
    fn of_one_core(&self, bytes: f64) -> f64 {
        self.of_busy(bytes).min(bytes / self.rounds.median())
    }
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
