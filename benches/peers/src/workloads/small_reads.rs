//! What a caller looks at often in a long segment: how long it is, and its last entries.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::{InTurn, Lab, READERS, Subject, expect};
use crate::Result;
use crate::entries::{Limit, Made};
use crate::figures::{Row, Section, Unit, time};
use crate::systems::{Engine, System};

const LONG: u64 = 100_000;
const PAGE: u64 = 20;

pub(super) fn small_reads(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let long = lab.pick(LONG / 5, LONG);
    let note = format!(
        "A segment of {long} entries of 1 KiB, of a store that was closed and opened again; read \
         again and again."
    );
    let mut section = Section::new(name, "Small reads of a long segment", note);
    let made = Made::segment(0);
    let mut subjects = lab.open_for_reads(name, &READERS)?;
    for subject in &mut subjects {
        lab.tell(subject.engine);
        made.fill(subject.system()?, 0, long)?;
        subject.settle()?;
        made.verify(subject.system()?, long)?;
    }
    let limit = lab.limit((300, 60), (2000, 200));
    let rounds = lab.pick(3, 11);
    let counts = InTurn::new(lab, &mut subjects, rounds).times(|subject| {
        let count = |system: &dyn System| system.count(made.log);
        repeat(limit, subject, count, |count| *count == long)
    })?;
    let counts = Row::new("count", Unit::Time, counts);
    let lasts = |subjects: &mut [Subject], metric, many: u64| -> Result<Row> {
        let expected: Vec<_> = (long - many..long).map(|index| made.entry(index)).collect();
        let (cells, floor) = InTurn::new(lab, subjects, rounds).times_and_floor(
            |subject| last(limit, subject, made, &expected),
            || {
                limit.repeat(|| {
                    let start = Instant::now();
                    black_box(expected.clone());
                    Ok(start.elapsed())
                })
            },
        )?;
        Ok(Row::new(metric, Unit::Time, cells).with_floor("memcpy", floor))
    };
    let one = lasts(&mut subjects, "last entry", 1)?;
    let page = lasts(&mut subjects, "last 20", PAGE)?;
    for subject in &mut subjects {
        subject.close()?;
    }
    if let (Some(count), Some(last)) = (counts.of(Engine::Sessiondb), one.of(Engine::Sessiondb)) {
        section.at_most("count of a long segment", count.median(), 5e-6, time);
        section.at_most("last entry of a long segment", last.median(), 50e-6, time);
    }
    section.rows = vec![counts, one, page];
    Ok(section)
}

/// Reads the last entries into buffers of the caller's, as one that shows them would.
fn last(
    limit: Limit,
    subject: &Subject,
    made: Made,
    expected: &[Vec<u8>],
) -> Result<Vec<Duration>> {
    let read = |system: &dyn System| {
        let mut found = Vec::with_capacity(expected.len());
        system.last(made.log, expected.len() as u64, &mut |entry| {
            found.push(entry.to_vec());
            Ok(())
        })?;
        Ok(found)
    };
    repeat(limit, subject, read, |found| found == expected)
}

/// Times a read again and again until the limit; every result has to be right.
pub(super) fn repeat<T>(
    limit: Limit,
    subject: &Subject,
    read: impl Fn(&dyn System) -> Result<T>,
    right: impl Fn(&T) -> bool,
) -> Result<Vec<Duration>> {
    let system = subject.system()?;
    limit.repeat(|| {
        let start = Instant::now();
        let value = black_box(read(system)?);
        let took = start.elapsed();
        expect(right(&value), "a read gave something else than was written")?;
        Ok(took)
    })
}
