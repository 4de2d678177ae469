//! Appends without a pause, long enough for many checkpoints: the mean shows what comes in bursts.

use super::{InTurn, Lab, Subject};
use crate::Result;
use crate::entries::{Made, Writer};
use crate::figures::{Row, Section, Unit, time};
use crate::systems::{Engine, Promise};

/// Segments that are written to in turn.
const SEGMENTS: u64 = 10;

/// A system with its writers.
struct Many {
    subject: Subject,
    writers: Vec<Writer>,
}

impl AsRef<Subject> for Many {
    fn as_ref(&self) -> &Subject {
        &self.subject
    }
}

pub(super) fn sustained(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let rounds = lab.pick(3, 9);
    let limit = lab.limit((1000, 400), (3000, 4000));
    let note = format!(
        "Entries of 1 KiB that survive the process, to {SEGMENTS} segments in turn, {} in a row \
         without a pause: what a store does behind its writers is part of the mean.",
        limit.times * SEGMENTS
    );
    let mut section = Section::new(name, "Appends without a pause", note);
    let mut all = Vec::new();
    for subject in lab.open(name, &Engine::ALL, Promise::Written)? {
        let system = subject.system()?;
        let writers = (0..SEGMENTS)
            .map(|segment| Writer::new(system, Made::segment(segment)))
            .collect::<Result<_>>()?;
        all.push(Many { subject, writers });
    }
    let cells = InTurn::new(lab, &mut all, rounds).times(|many| {
        let mut times = Vec::new();
        limit.repeat(|| {
            let mut sum = std::time::Duration::ZERO;
            for writer in &mut many.writers {
                let took = writer.append()?;
                times.push(took);
                sum += took;
            }
            Ok(sum)
        })?;
        Ok(times)
    })?;
    for mut many in all {
        let system = many.subject.system()?;
        for writer in many.writers {
            writer.verify(system)?;
        }
        many.subject.close()?;
    }
    let medians = Row::new("median", Unit::Time, cells.clone());
    let ours = medians.of(Engine::Sessiondb).ok_or("no archive")?;
    section.at_most("p99 of Written appends in a row", ours.p99(), 1e-3, time);
    let means = cells
        .into_iter()
        .map(|(engine, rounds)| (engine, rounds.into_means()));
    section.rows = vec![Row::new("mean", Unit::Time, means), medians];
    Ok(section)
}
