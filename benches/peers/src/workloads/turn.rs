//! What an agent appends in one turn: seven entries one by one, as a session has them, and the traces
//! of a streamed answer.

use std::time::{Duration, Instant};

use super::{InTurn, Lab, Subject, expect};
use crate::Result;
use crate::entries::{Made, Writer, log, traces};
use crate::figures::{Row, Section, Unit};
use crate::systems::{Appender, Engine, Promise, Region};

/// Entries of a plain turn.
const TURN: usize = 7;
/// As long as the traces of a streamed answer are.
const TRACE_BYTES: usize = 200;
/// Traces of one streamed answer.
const STREAM: u64 = 50;

pub(super) fn turn(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let note = format!(
        "A turn: {TURN} entries of whole sessions, each appended in a call of its own. Traces: \
         {STREAM} of {TRACE_BYTES} bytes, which survive the process, in the trace log of a segment."
    );
    let mut section = Section::new(name, "A turn of an agent", note);
    for promise in Promise::ALL {
        section.rows.push(turns(lab, name, promise)?);
    }
    section.rows.push(streams(lab, name)?);
    Ok(section)
}

/// A system with a writer that is given the entries of sessions, from the front again at their end.
struct Agent<'a> {
    subject: Subject,
    appender: Box<dyn Appender>,
    entries: &'a [Vec<u8>],
    written: usize,
}

impl AsRef<Subject> for Agent<'_> {
    fn as_ref(&self) -> &Subject {
        &self.subject
    }
}

impl Agent<'_> {
    /// Appends the entries of a turn, and returns how long that took.
    fn turn(&mut self) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..TURN {
            let entry = self.entries.get(self.written % self.entries.len());
            self.appender.append(entry.ok_or("no such entry")?)?;
            self.written += 1;
        }
        Ok(start.elapsed())
    }

    fn finish(self) -> Result<()> {
        let (mut subject, mut index) = (self.subject, 0);
        drop(self.appender);
        subject.system()?.read(log(0), &mut |found| {
            let entry = self.entries.get(index % self.entries.len());
            index += 1;
            expect(
                entry.is_some_and(|entry| entry == found),
                "an entry of a turn is not what was written",
            )
        })?;
        expect(index == self.written, "entries of turns are missing")?;
        subject.close()
    }
}

fn turns(lab: &Lab<'_>, name: &str, promise: Promise) -> Result<Row> {
    let entries = lab.entries(2_000_000, usize::MAX)?;
    let limit = match promise {
        Promise::Written => lab.limit((50, 100), (200, 300)),
        Promise::Synced => lab.limit((10, 100), (30, 300)),
    };
    let part = format!("{name}/{}", promise.name());
    let mut agents = Vec::new();
    for subject in lab.open(&part, &Engine::ALL, promise)? {
        agents.push(Agent {
            appender: subject.system()?.appender(log(0))?,
            subject,
            entries: &entries,
            written: 0,
        });
    }
    let mut region = Region::create(&lab.folder(&part)?)?;
    let mut next = 0;
    let (cells, floor) = InTurn::new(lab, &mut agents, lab.pick(5, 15)).times_and_floor(
        |agent| limit.repeat(|| agent.turn()),
        || {
            let times = limit.repeat(|| {
                let start = Instant::now();
                for _ in 0..TURN {
                    let entry = entries.get(next % entries.len()).ok_or("no such entry")?;
                    next += 1;
                    match promise {
                        Promise::Written => region.append(entry)?,
                        Promise::Synced => region.append_synced(entry)?,
                    }
                }
                Ok(start.elapsed())
            })?;
            let last = entries.get((next - 1) % entries.len());
            region.read_back(last.ok_or("no such entry")?)?;
            Ok(times)
        },
    )?;
    agents.into_iter().try_for_each(Agent::finish)?;
    let floor_name = match promise {
        Promise::Written => "bare writes",
        Promise::Synced => "bare writes, each with fdatasync",
    };
    let metric = format!("turn, {}", promise.name());
    Ok(Row::new(metric, Unit::Time, cells).with_floor(floor_name, floor))
}

/// A system with a writer of traces.
struct Tracer {
    subject: Subject,
    writer: Writer,
}

impl AsRef<Subject> for Tracer {
    fn as_ref(&self) -> &Subject {
        &self.subject
    }
}

fn streams(lab: &Lab<'_>, name: &str) -> Result<Row> {
    let limit = lab.limit((10, 100), (50, 300));
    let made = Made {
        log: traces(0),
        number: 0,
        entry_bytes: TRACE_BYTES,
    };
    let mut tracers = Vec::new();
    for subject in lab.open(&format!("{name}/traces"), &Engine::ALL, Promise::Written)? {
        let writer = Writer::new(subject.system()?, made)?;
        tracers.push(Tracer { subject, writer });
    }
    let cells = InTurn::new(lab, &mut tracers, lab.pick(5, 15))
        .times(|tracer| limit.repeat(|| (0..STREAM).map(|_| tracer.writer.append()).sum()))?;
    for mut tracer in tracers {
        tracer.writer.verify(tracer.subject.system()?)?;
        tracer.subject.close()?;
    }
    Ok(Row::new("traces, written", Unit::Time, cells))
}
