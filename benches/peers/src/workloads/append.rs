//! Appends of 1 KB by one thread and by several, each to a segment of its own.

use std::thread;
use std::time::{Duration, Instant};

use super::{InTurn, Lab, Subject};
use crate::Result;
use crate::entries::{Limit, Made, Writer};
use crate::figures::{Rounds, Row, Section, Unit, count, times};
use crate::systems::{Engine, Promise, Region};

const CREWS: [u64; 2] = [4, 16];

pub(super) fn written(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let note = "One entry of 1 KiB in each call. An append that has returned survives the death of \
                the process.";
    let mut section = Section::new(name, "Appends that survive the process", note);
    let rounds = lab.pick(8, 30);
    let limit = lab.limit((400, 100), (1000, 500));
    appends(lab, &mut section, Promise::Written, (rounds, limit))?;
    let alone = section.rows.first().ok_or("nothing was measured")?;
    let ours = alone.of(Engine::Sessiondb).ok_or("no archive")?;
    let ratio = |engine| alone.of(engine).map_or(f64::NAN, |peer| ours.per(peer));
    let (jsonl, sqlite) = (ratio(Engine::Jsonl), ratio(Engine::Sqlite));
    section.at_most(
        "Written append / JSONL open, write, close",
        jsonl,
        1.5,
        times,
    );
    section.at_most("Written append / SQLite WAL NORMAL", sqlite, 0.35, times);
    Ok(section)
}

pub(super) fn synced(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let note = "One entry of 1 KiB in each call. An append that has returned survives the loss of \
                power.";
    let mut section = Section::new(name, "Appends that survive the loss of power", note);
    let rounds = lab.pick(8, 30);
    let limit = lab.limit((50, 60), (100, 200));
    appends(lab, &mut section, Promise::Synced, (rounds, limit))?;
    let [alone, .., most] = section.rows.as_slice() else {
        return Err("nothing was measured".into());
    };
    let ours = alone.of(Engine::Sessiondb).ok_or("no archive")?;
    let bare = alone
        .floor
        .as_ref()
        .map_or(f64::NAN, |(_, floor)| ours.per(floor));
    let sqlite = alone
        .of(Engine::Sqlite)
        .map_or(f64::NAN, |peer| ours.per(peer));
    let together = most.of(Engine::Sessiondb).map_or(f64::NAN, Rounds::median);
    let gain = together * ours.median();
    section.at_most(
        "Synced append / bare write and fdatasync",
        bare,
        1.15,
        times,
    );
    section.at_most("Synced append / SQLite WAL FULL", sqlite, 1.0, times);
    section.at_least("Synced, 16 threads / 1 thread", gain, 8.0, times);
    Ok(section)
}

/// A system with a lone writer and crews that write together.
struct Crews {
    subject: Subject,
    alone: Writer,
    groups: Vec<Vec<Writer>>,
}

impl AsRef<Subject> for Crews {
    fn as_ref(&self) -> &Subject {
        &self.subject
    }
}

impl Crews {
    fn new(subject: Subject) -> Result<Self> {
        let system = subject.system()?;
        let alone = Writer::new(system, Made::segment(0))?;
        let mut segments = 1..;
        let mut crew = |size: u64| {
            let segments = segments.by_ref().take(usize::try_from(size)?);
            segments
                .map(|segment| Writer::new(system, Made::segment(segment)))
                .collect::<Result<Vec<_>>>()
        };
        let groups = CREWS.into_iter().map(&mut crew).collect::<Result<_>>()?;
        Ok(Self {
            subject,
            alone,
            groups,
        })
    }

    fn finish(mut self) -> Result<()> {
        let system = self.subject.system()?;
        for writer in self.groups.into_iter().flatten().chain([self.alone]) {
            writer.verify(system)?;
        }
        self.subject.close()
    }
}

fn appends(
    lab: &Lab<'_>,
    section: &mut Section,
    promise: Promise,
    (rounds, limit): (usize, Limit),
) -> Result<()> {
    let name = section.workload;
    let subjects = lab.open(name, &Engine::ALL, promise)?;
    let mut crews: Vec<_> = subjects
        .into_iter()
        .map(Crews::new)
        .collect::<Result<_>>()?;
    let mut region = Region::create(&lab.folder(name)?)?;
    let entry = Made::segment(0).entry(0);
    let (cells, floor) = InTurn::new(lab, &mut crews, rounds).times_and_floor(
        |crews| crews.alone.run(limit),
        || {
            let times = limit.repeat(|| {
                let start = Instant::now();
                match promise {
                    Promise::Written => region.append(&entry)?,
                    Promise::Synced => region.append_synced(&entry)?,
                }
                Ok(start.elapsed())
            })?;
            region.read_back(&entry)?;
            Ok(times)
        },
    )?;
    let bare = match promise {
        Promise::Written => "bare write",
        Promise::Synced => "bare write and fdatasync",
    };
    section
        .rows
        .push(Row::new("1 thread", Unit::Time, cells).with_floor(bare, floor));
    for (place, size) in CREWS.into_iter().enumerate() {
        let rates = crew_rates(lab, &mut crews, place)?;
        let metric = format!("{size} threads");
        section.rows.push(Row::new(metric, Unit::PerSecond, rates));
    }
    crews.into_iter().try_for_each(Crews::finish)
}

/// How many appends a second all of a crew make together.
fn crew_rates(lab: &Lab<'_>, all: &mut [Crews], place: usize) -> Result<Vec<(Engine, Rounds)>> {
    let slice = Duration::from_millis(lab.pick(100, 400));
    let mut cells: Vec<_> = all
        .iter()
        .map(|crews| (crews.subject.engine, Rounds::default()))
        .collect();
    for _ in 0..lab.pick(3, 9) {
        for (crews, (engine, rounds)) in all.iter_mut().zip(&mut cells) {
            lab.tell(*engine);
            let crew = crews.groups.get_mut(place).ok_or("no such crew")?;
            rounds.push_figure(at_once(crew, slice)?);
        }
    }
    Ok(cells)
}

/// All writers at once, for a time: their appends a second.
fn at_once(writers: &mut [Writer], slice: Duration) -> Result<f64> {
    let limit = Limit {
        times: u64::MAX,
        time: slice,
    };
    let start = Instant::now();
    let appends = thread::scope(|scope| {
        let threads: Vec<_> = writers
            .iter_mut()
            .map(|writer| scope.spawn(move || writer.run(limit)))
            .collect();
        let mut appends = 0;
        for thread in threads {
            appends += thread.join().map_err(|_| "a writer panicked")??.len();
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(appends)
    })?;
    Ok(count(appends) / start.elapsed().as_secs_f64())
}
