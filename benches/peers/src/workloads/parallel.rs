//! Synced appends of several writers at once: threads of one process, and processes.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::Lab;
use crate::Result;
use crate::child::{Child, Job};
use crate::entries::{ENTRY_BYTES, Limit, Writer, verify};
use crate::report::{Rounds, Section, count, median, rate, ratio, time, times};
use crate::systems::{Kind, System};

const KINDS: [Kind; 2] = [Kind::Synced, Kind::SqliteFull];
const THREADS: u64 = 16;

/// A system with a lone writer and sixteen that write together, each to a segment of its own.
struct Crew {
    kind: Kind,
    system: Box<dyn System>,
    alone: [Writer; 1],
    together: Vec<Writer>,
    alone_rates: Vec<f64>,
    together_rates: Vec<f64>,
    alone_times: Rounds,
    together_times: Rounds,
}

pub(super) fn threads(lab: &Lab) -> Result<Section> {
    let slice = Duration::from_millis(lab.pick(200, 700, 700));
    let rounds = lab.pick(4, 11, 11);
    let mut crews = Vec::new();
    for kind in KINDS {
        let system = kind.open(&lab.dir("threads", kind)?)?;
        crews.push(Crew {
            kind,
            alone: [Writer::new(&*system, 0, 0)?],
            together: (1..=THREADS)
                .map(|segment| Writer::new(&*system, segment, 0))
                .collect::<Result<_>>()?,
            system,
            alone_rates: Vec::new(),
            together_rates: Vec::new(),
            alone_times: Rounds::default(),
            together_times: Rounds::default(),
        });
    }
    for _ in 0..rounds {
        for crew in &mut crews {
            let (rate, times) = at_once(&mut crew.alone, slice)?;
            crew.alone_rates.push(rate);
            crew.alone_times.push(&times);
            let (rate, times) = at_once(&mut crew.together, slice)?;
            crew.together_rates.push(rate);
            crew.together_times.push(&times);
        }
    }
    let title = format!("threads: synced appends of 1 KiB from 16 threads ({rounds} rounds)");
    let columns = ["1 thread", "16 threads", "16 / 1", "median", "p99", "max"];
    let mut section = Section::new(title, &columns);
    for crew in crews {
        for writer in crew.alone.into_iter().chain(crew.together) {
            writer.verify(&*crew.system)?;
        }
        crew.system.close()?;
        let gain = ratio(&crew.together_rates, &crew.alone_rates);
        let cells = [
            rate(median(&crew.alone_rates)),
            rate(median(&crew.together_rates)),
            times(gain),
            time(crew.together_times.median()),
            time(crew.together_times.p99()),
            time(crew.together_times.max()),
        ];
        section.row(crew.kind.name(), cells);
        if crew.kind == Kind::Synced {
            section.at_least("Synced, 16 threads / 1 thread", gain, 8.0, times);
        }
    }
    Ok(section)
}

/// All writers at once, for a time: their appends a second, and how long each took.
fn at_once(writers: &mut [Writer], slice: Duration) -> Result<(f64, Vec<Duration>)> {
    let limit = Limit {
        appends: u64::MAX,
        time: slice,
    };
    let start = Instant::now();
    let times = thread::scope(|scope| {
        let threads: Vec<_> = writers
            .iter_mut()
            .map(|writer| scope.spawn(move || writer.run(limit)))
            .collect();
        let mut times = Vec::new();
        for thread in threads {
            times.extend(thread.join().map_err(|_| "a writer panicked")??);
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
    })?;
    Ok((count(times.len()) / start.elapsed().as_secs_f64(), times))
}

pub(super) fn processes(lab: &Lab) -> Result<Section> {
    let millis = lab.pick(250, 700, 700);
    let rounds = lab.pick(4, 11, 11);
    let title = format!("processes: synced appends of 1 KiB from two processes ({rounds} rounds)");
    let mut section = Section::new(title, &["1 process", "2 processes", "2 / 1"]);
    let mut figures = KINDS.map(|kind| (kind, Vec::new(), Vec::new()));
    let mut written = [[0; 3]; KINDS.len()];
    for _ in 0..rounds {
        for ((kind, alone, together), written) in figures.iter_mut().zip(&mut written) {
            let dir = lab.dir("processes", *kind)?;
            let [first, second, third] = written;
            alone.push(race(*kind, &dir, millis, &mut [(0, first)])?);
            together.push(race(*kind, &dir, millis, &mut [(1, second), (2, third)])?);
        }
    }
    for ((kind, alone, together), written) in figures.into_iter().zip(written) {
        let system = kind.open(&lab.dir("processes", kind)?)?;
        for (segment, count) in (0..).zip(written) {
            verify(&*system, segment, count, ENTRY_BYTES)?;
        }
        system.close()?;
        let gain = ratio(&together, &alone);
        let rates = [rate(median(&alone)), rate(median(&together)), times(gain)];
        section.row(kind.name(), rates);
        if kind == Kind::Synced {
            section.at_least("Synced, 2 processes / 1", gain, 1.0, times);
        }
    }
    Ok(section)
}

/// A process for each segment, all at once: their appends a second. Adds what each wrote to its
/// count.
fn race(kind: Kind, dir: &Path, millis: u64, lanes: &mut [(u64, &mut u64)]) -> Result<f64> {
    let mut children = lanes
        .iter()
        .map(|&(segment, _)| Child::start(Job::Race { segment, millis }, kind, dir))
        .collect::<Result<Vec<_>>>()?;
    for child in &mut children {
        if child.line()?.as_deref() != Some("ready") {
            return Err("a child is not ready".into());
        }
    }
    children.iter_mut().try_for_each(Child::go)?;
    let mut rate = 0.0;
    for (child, (_, written)) in children.into_iter().zip(lanes) {
        let (appends, nanos) = child.result()?;
        **written += appends;
        rate += count(appends) / Duration::from_nanos(nanos).as_secs_f64();
    }
    Ok(rate)
}
