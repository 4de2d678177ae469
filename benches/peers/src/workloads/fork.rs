//! Forks at the end of a long segment: how long one takes, and how many bytes.

use std::time::Instant;

use super::{InTurn, Lab, STORES, expect};
use crate::Result;
use crate::entries::{log, segment_id};
use crate::figures::{Rounds, Row, Section, Unit, count, per_cent};
use crate::logs::files;
use crate::systems::{Engine, Promise};

const SEGMENT_BYTES: usize = 10_000_000;

pub(super) fn fork(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let bytes = lab.pick(SEGMENT_BYTES / 3, SEGMENT_BYTES);
    let entries = lab.entries(bytes, usize::MAX)?;
    let note = format!(
        "A new segment of all {} entries, {:.0} MB, of another. Bytes: by how much the pages in use \
         have grown for each fork, when the space that is free was given back before and after.",
        entries.len(),
        count(bytes) / 1e6
    );
    let mut section = Section::new(name, "Forks", note);
    for promise in Promise::ALL {
        let (times, bytes) = forks(lab, name, promise, &entries)?;
        section.rows.push(times);
        if promise == Promise::Synced {
            let (bytes, file_bytes) = bytes;
            // The rows of a short segment are few beside what each fork needs.
            if let (false, Some(ours)) = (lab.quick, bytes.of(Engine::Sessiondb)) {
                let growth = ours.median() * 100.0 / file_bytes;
                section.at_most("growth by 100 forks", growth, 0.01, per_cent);
            }
            section.rows.push(bytes);
        }
    }
    Ok(section)
}

/// The times, and the bytes for each fork beside those of the archive's file before.
fn forks(
    lab: &Lab<'_>,
    name: &str,
    promise: Promise,
    entries: &[Vec<u8>],
) -> Result<(Row, (Row, f64))> {
    let part = format!("{name}/{}", promise.name());
    let mut subjects = lab.open(&part, &STORES, promise)?;
    let (mut before, mut file_bytes) = (Vec::new(), f64::NAN);
    for subject in &mut subjects {
        lab.tell(subject.engine);
        subject.system()?.append_many(log(0), entries)?;
        before.push(subject.used_bytes()?);
        if subject.engine == Engine::Sessiondb {
            file_bytes = count(files::size(&subject.dir)?.0);
        }
    }
    // The branches of an archive are cheap: more of them, or what they take is not seen.
    let forks = |engine: Engine| if engine.is_ours() { 10 } else { 1 };
    let rounds = lab.pick(3, 10);
    let mut made = vec![0; subjects.len()];
    let cells = InTurn::new(lab, &mut subjects, rounds).times(|subject| {
        let place = STORES
            .iter()
            .filter(|engine| engine.promises(promise))
            .position(|engine| *engine == subject.engine);
        let made = place
            .and_then(|place| made.get_mut(place))
            .ok_or("no such system")?;
        let mut times = Vec::new();
        for _ in 0..forks(subject.engine) {
            *made += 1;
            let start = Instant::now();
            subject
                .system()?
                .fork(log(0), entries.len() as u64, segment_id(*made))?;
            times.push(start.elapsed());
        }
        Ok(times)
    })?;
    let mut grown = Vec::new();
    for ((subject, before), made) in subjects.iter_mut().zip(before).zip(made) {
        lab.tell(subject.engine);
        let after = subject.used_bytes()?;
        let each = count(after.saturating_sub(before)) / count(made);
        grown.push((subject.engine, Rounds::once(each)));
        for fork in [1, made] {
            let mut expected = entries.iter();
            subject.system()?.read(log(fork), &mut |found| {
                let right = expected.next().is_some_and(|entry| entry == found);
                expect(right, "an entry of a fork is not what was forked")
            })?;
            expect(expected.next().is_none(), "entries of a fork are missing")?;
        }
        subject.close()?;
    }
    let times = Row::new(format!("fork, {}", promise.name()), Unit::Time, cells);
    Ok((times, (Row::new("bytes", Unit::Bytes, grown), file_bytes)))
}
