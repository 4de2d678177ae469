//! Appends of several processes at once, each to a segment of its own, where a system allows that.

use std::time::Duration;

use super::{Lab, expect};
use crate::Result;
use crate::child::{Child, Job, Store};
use crate::entries::Made;
use crate::figures::{Rounds, Row, Section, Unit, count, times};
use crate::systems::{Engine, Promise};

const CREWS: [u64; 3] = [1, 2, 4];
/// Those that several processes can have open.
const SHARED: [Engine; 4] = [
    Engine::Sessiondb,
    Engine::Jsonl,
    Engine::Sqlite,
    Engine::Lmdb,
];

pub(super) fn processes(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let note = "Appends of 1 KiB a second by all processes together, each to a segment of its own. \
                fjall, redb and exclusive archives are for one process.";
    let mut section = Section::new(name, "Several processes", note);
    for promise in Promise::ALL {
        let rows = rates(lab, name, promise)?;
        if let ([alone, two, ..], Promise::Synced) = (rows.as_slice(), promise) {
            let ours = |row: &Row| row.of(Engine::Sessiondb).cloned().unwrap_or_default();
            let gain = ours(two).per(&ours(alone));
            section.at_least("Synced, 2 processes / 1", gain, 1.0, times);
        }
        section.rows.extend(rows);
    }
    Ok(section)
}

/// A row for each number of processes.
fn rates(lab: &Lab<'_>, name: &str, promise: Promise) -> Result<Vec<Row>> {
    let mut crews: Vec<[(Rounds, Vec<u64>); SHARED.len()]> = Vec::new();
    for size in CREWS {
        let none = || {
            (
                Rounds::default(),
                vec![0; usize::try_from(size).unwrap_or(0)],
            )
        };
        crews.push(std::array::from_fn(|_| none()));
    }
    let folder = lab.folder(name)?.join(promise.name());
    for _ in 0..lab.pick(3, 9) {
        for (crew, engines) in crews.iter_mut().enumerate() {
            for (engine, (rounds, written)) in SHARED.into_iter().zip(engines) {
                lab.tell(engine);
                let dir = folder.join(engine.name());
                let store = Store {
                    engine,
                    promise,
                    dir: &dir,
                };
                rounds.push_figure(race(lab, store, crew, written)?);
            }
        }
    }
    verify(&folder, promise, &crews)?;
    let rows = CREWS.into_iter().zip(crews).map(|(size, engines)| {
        let rounds = engines.into_iter().map(|(rounds, _)| rounds);
        let plural = if size == 1 { "process" } else { "processes" };
        let metric = format!("{}, {size} {plural}", promise.name());
        Row::new(metric, Unit::PerSecond, SHARED.into_iter().zip(rounds))
    });
    Ok(rows.collect())
}

/// A number for the segment of each process of each crew.
fn segment(crew: usize, lane: usize) -> u64 {
    (crew * 100 + lane) as u64
}

/// A process for each segment, all at once: their appends a second. Adds what each wrote to its
/// count.
fn race(lab: &Lab<'_>, store: Store<'_>, crew: usize, written: &mut [u64]) -> Result<f64> {
    let millis = lab.pick(150, 400);
    let mut children = (0..written.len())
        .map(|lane| {
            let segment = segment(crew, lane);
            let child = Child::start(Job::Race { segment, millis }, store);
            // One after another, since the first makes the files.
            child.and_then(|mut child| {
                let said = child.line()?;
                expect(said.as_deref() == Some("ready"), "a child is not ready")?;
                Ok(child)
            })
        })
        .collect::<Result<Vec<_>>>()?;
    children.iter_mut().try_for_each(Child::go)?;
    let mut rate = 0.0;
    for (child, written) in children.into_iter().zip(written) {
        let (appends, nanos) = child.result()?;
        *written += appends;
        rate += count(appends) / Duration::from_nanos(nanos).as_secs_f64();
    }
    Ok(rate)
}

/// Reads back what all the children wrote.
fn verify(
    folder: &std::path::Path,
    promise: Promise,
    crews: &[[(Rounds, Vec<u64>); SHARED.len()]],
) -> Result<()> {
    for (place, engine) in SHARED.into_iter().enumerate() {
        let system = engine.open(&folder.join(engine.name()), promise)?;
        for (crew, engines) in crews.iter().enumerate() {
            let written = engines.get(place).map(|(_, written)| written.as_slice());
            for (lane, count) in written.unwrap_or_default().iter().enumerate() {
                Made::segment(segment(crew, lane)).verify(&*system, *count)?;
            }
        }
        system.close()?;
    }
    Ok(())
}
