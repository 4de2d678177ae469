//! What a picker of sessions asks for: the newest, all, and the session that a segment is of.

use super::small_reads::repeat;
use super::{InTurn, Lab, READERS, expect};
use crate::Result;
use crate::entries::{Made, scramble, segment_id, session_id};
use crate::figures::{Row, Section, Unit, time};
use crate::systems::{Engine, LogId, System};

const SESSIONS: u64 = 10_000;
const ENTRIES: u64 = 4;
const ENTRY_BYTES: usize = 256;
const PAGE: usize = 50;

pub(super) fn list(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let note = format!(
        "{SESSIONS} sessions of one segment with {ENTRIES} entries. Listed are the id and the number \
         of entries of each session, newest first."
    );
    let mut section = Section::new(name, "Listing sessions", note);
    let mut subjects = lab.open_for_reads(name, &READERS)?;
    for subject in &mut subjects {
        lab.tell(subject.engine);
        (0..SESSIONS).try_for_each(|session| {
            made(session, ENTRY_BYTES).fill(subject.system()?, 0, ENTRIES)
        })?;
        subject.settle()?;
        made(17, ENTRY_BYTES).verify(subject.system()?, ENTRIES)?;
    }
    let rounds = lab.pick(3, 11);
    let all = usize::try_from(SESSIONS)?;
    for (metric, limit) in [("first 50", PAGE), ("all 10,000", all)] {
        let expected: Vec<_> = (0..SESSIONS)
            .rev()
            .take(limit)
            .map(|session| (session_id(session), ENTRIES))
            .collect();
        let times = lab.limit((50, 50), (500, 200));
        let cells = InTurn::new(lab, &mut subjects, rounds).times(|subject| {
            let read = |system: &dyn System| system.sessions(limit);
            repeat(times, subject, read, |found| *found == expected)
        })?;
        section.rows.push(Row::new(metric, Unit::Time, cells));
    }
    let mut asked = 0;
    let limit = lab.limit((200, 50), (1000, 200));
    let cells = InTurn::new(lab, &mut subjects, rounds).times(|subject| {
        let system = subject.system()?;
        limit.repeat(|| {
            asked += 1;
            let session = scramble(asked, SESSIONS);
            let start = std::time::Instant::now();
            let found = system.session_of(segment_id(session))?;
            let took = start.elapsed();
            let right = found == Some(session_id(session));
            expect(right, "the session of a segment is another one")?;
            Ok(took)
        })
    })?;
    section
        .rows
        .push(Row::new("session of a segment", Unit::Time, cells));
    for subject in &mut subjects {
        subject.close()?;
    }
    let first = section.rows.first();
    if let Some(ours) = first.and_then(|row| row.of(Engine::Sessiondb)) {
        let median = ours.median();
        section.at_most("first 50 of 10,000 sessions", median, 1e-3, time);
    }
    Ok(section)
}

/// The one segment of a session.
pub(super) fn made(session: u64, entry_bytes: usize) -> Made {
    Made {
        log: LogId {
            session: session_id(session),
            segment: segment_id(session),
            traces: false,
        },
        number: session,
        entry_bytes,
    }
}
