//! What an agent needs to go on with a segment: all its entries decoded, and the state that they add
//! up to.

use std::time::Instant;

use sessiondb::entry::SegmentState;

use super::{InTurn, Lab, READERS, expect};
use crate::Result;
use crate::child::{Child, Job, Store};
use crate::entries::log;
use crate::figures::{Rounds, Row, Section, Unit, count};
use crate::systems::decode;
use crate::talk;

const ENTRIES: usize = 2000;

pub(super) fn restore(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let entries = talk::entries(ENTRIES)?;
    let bytes: usize = entries.iter().map(Vec::len).sum();
    let note = format!(
        "{} entries of the kinds of an agent's log, {:.1} MB together, decoded and replayed to the state of the segment. \
         Memory: the most that a fresh process had resident (VmHWM) that opens the store and does \
         that; pages of files that it has mapped count.",
        entries.len(),
        count(bytes) / 1e6
    );
    let mut section = Section::new(name, "Restoring a segment", note);
    let mut subjects = lab.open_for_reads(name, &READERS)?;
    for subject in &mut subjects {
        subject.system()?.append_many(log(0), &entries)?;
        subject.settle()?;
    }
    let expected = replayed(&entries)?;
    let (times, floor) = InTurn::new(lab, &mut subjects, lab.pick(5, 15)).times_and_floor(
        |subject| {
            let start = Instant::now();
            let state = subject.system()?.restore(log(0))?;
            let took = start.elapsed();
            expect(state == expected, "the state is another one")?;
            Ok(vec![took])
        },
        || {
            let start = Instant::now();
            let state = replayed(&entries)?;
            let took = start.elapsed();
            drop(state);
            Ok(vec![took])
        },
    )?;
    let mut peaks = Vec::new();
    for subject in &mut subjects {
        subject.close()?;
        let store = Store {
            engine: subject.engine,
            promise: subject.promise,
            dir: &subject.dir,
        };
        let (found, kib) = Child::start(Job::Restore, store)?.result()?;
        expect(found == entries.len() as u64, "entries are missing")?;
        peaks.push((subject.engine, Rounds::once(count(kib) * 1024.0)));
    }
    let entries = Rounds::once(count(bytes));
    section.rows = vec![
        Row::new("2,000 entries", Unit::Time, times)
            .with_floor("serde_json and replay from memory", floor),
        Row::new("memory", Unit::Bytes, peaks).with_floor("the entries", entries),
    ];
    Ok(section)
}

fn replayed(entries: &[Vec<u8>]) -> Result<SegmentState> {
    let mut state = SegmentState::default();
    for entry in entries {
        state.apply(decode(entry)?);
    }
    Ok(state)
}
