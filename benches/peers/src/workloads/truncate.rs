//! Cutting off the end of a segment, as an agent does to take back an empty turn.

use std::time::Instant;

use super::{InTurn, Lab, expect};
use crate::Result;
use crate::entries::{Made, entry};
use crate::figures::{Row, Section, Unit};
use crate::systems::{Engine, Promise};

const ENTRIES: u64 = 2000;
/// What is appended, and cut off again.
const TAKEN_BACK: u64 = 2;

pub(super) fn truncate(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let note = format!(
        "A segment of {ENTRIES} entries of 1 KiB to which {TAKEN_BACK} are appended, which is not \
         measured, and cut off again, which is."
    );
    let mut section = Section::new(name, "Cutting off the last two entries", note);
    let made = Made::segment(0);
    let added: Vec<_> = (0..TAKEN_BACK)
        .map(|index| entry(1, index, made.entry_bytes))
        .collect();
    for promise in Promise::ALL {
        let part = format!("{name}/{}", promise.name());
        let mut subjects = lab.open(&part, &Engine::ALL, promise)?;
        for subject in &mut subjects {
            made.fill(subject.system()?, 0, ENTRIES)?;
            subject.settle()?;
        }
        let limit = lab.limit((20, 100), (100, 300));
        let cells = InTurn::new(lab, &mut subjects, lab.pick(4, 15)).times(|subject| {
            let system = subject.system()?;
            limit.repeat(|| {
                system.append_many(made.log, &added)?;
                let start = Instant::now();
                system.truncate(made.log, ENTRIES)?;
                let took = start.elapsed();
                expect(system.count(made.log)? == ENTRIES, "the count is wrong")?;
                Ok(took)
            })
        })?;
        for subject in &mut subjects {
            made.verify(subject.system()?, ENTRIES)?;
            subject.close()?;
        }
        section
            .rows
            .push(Row::new(promise.name(), Unit::Time, cells));
    }
    Ok(section)
}
