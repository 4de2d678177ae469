//! What each operation costs in a store of more and more entries, and how that grows.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::list::made;
use super::{InTurn, Lab, STORES, Subject, expect};
use crate::Result;
use crate::entries::{Limit, segment_id};
use crate::figures::{Rounds, Row, Section, Unit, count, growth_metric, slope_metric, times};
use crate::logs::files;
use crate::systems::{Engine, LogId};

/// Entries of each segment, which is the only one of its session.
const SEGMENT: u64 = 100;
const ENTRY_BYTES: usize = 256;

/// An operation on the store that has this many sessions; what it is done to differs from `turn` to
/// turn.
type Operation = fn(&mut Subject, sessions: u64, turn: u64) -> Result<Duration>;

const OPERATIONS: [(&str, Operation); 8] = [
    ("append", append),
    ("count", count_entries),
    ("last 20", last),
    ("first 50 sessions", list),
    ("session of a segment", session_of),
    ("fork", fork),
    ("truncate", truncate),
    ("open", open),
];

pub(super) fn growth(lab: &Lab<'_>, name: &'static str) -> Result<Section> {
    let sizes: &[u64] = if lab.quick {
        &[10_000, 30_000, 100_000]
    } else {
        &[10_000, 100_000, 1_000_000, 5_000_000]
    };
    let note = format!(
        "Stores of more and more entries of {ENTRY_BYTES} bytes in sessions of {SEGMENT}. Appends go \
         to ten sessions in turn, all else meets sessions all over the store. Slope: the cost grows with the number of \
         entries to this power; 0 is no growth, 1 is twice the cost for twice the entries. What is \
         written survives the process, in redb the loss of power."
    );
    let mut section = Section::new(name, "Growth", note);
    let mut subjects = lab.open_for_reads(name, &STORES)?;
    let mut curves = vec![vec![Vec::new(); STORES.len()]; OPERATIONS.len()];
    let mut filled = 0;
    for &size in sizes {
        let sessions = size / SEGMENT;
        for subject in &mut subjects {
            lab.tell(subject.engine);
            for session in filled..sessions {
                made(session, ENTRY_BYTES).fill(subject.system()?, 0, SEGMENT)?;
            }
            subject.settle()?;
        }
        // Filling the last one takes so long that the system may have forgotten the first.
        for subject in &subjects {
            files::warm(&subject.dir)?;
        }
        filled = sessions;
        for ((operation, each), curves) in OPERATIONS.into_iter().zip(&mut curves) {
            let cells = measure(lab, &mut subjects, sessions, each)?;
            for ((_, rounds), curve) in cells.iter().zip(curves) {
                curve.push((count(size), rounds.median()));
            }
            let metric = growth_metric(operation, size);
            section.rows.push(Row::new(metric, Unit::Time, cells));
        }
    }
    for ((operation, _), curves) in OPERATIONS.into_iter().zip(curves) {
        let slopes = curves.iter().map(|curve| Rounds::once(slope(curve)));
        let row = Row::new(
            slope_metric(operation),
            Unit::Slope,
            STORES.into_iter().zip(slopes),
        );
        section.rows.push(row);
    }
    let rows = &section.rows;
    let append = |size| {
        let metric = growth_metric("append", size);
        let row = rows.iter().find(|row| row.metric == metric);
        row.and_then(|row| row.of(Engine::Sessiondb))
            .map_or(f64::NAN, Rounds::median)
    };
    if let [first, .., last] = sizes {
        let growth = append(*last) / append(*first);
        let what = format!("Written append, archive of {last} entries / of {first}");
        section.at_most(what, growth, 1.2, times);
    }
    verify(&mut subjects, filled)?;
    Ok(section)
}

fn measure(
    lab: &Lab<'_>,
    subjects: &mut [Subject],
    sessions: u64,
    operation: Operation,
) -> Result<Vec<(Engine, Rounds)>> {
    let limit: Limit = lab.limit((50, 40), (300, 150));
    let mut turn = 0;
    InTurn::new(lab, subjects, lab.pick(3, 7)).times(|subject| {
        limit.repeat(|| {
            turn += 1;
            operation(subject, sessions, turn)
        })
    })
}

/// Some other session in each turn.
fn pick(sessions: u64, turn: u64) -> u64 {
    crate::entries::scramble(turn, sessions)
}

/// A log of a session beside the one that it was filled with, so that that stays as it was.
fn beside(session: u64, segment: u64) -> LogId {
    LogId {
        segment: segment_id((1 << 40) + segment),
        ..made(session, ENTRY_BYTES).log
    }
}

/// To some sessions in turn, as agents that are at work do.
fn append(subject: &mut Subject, sessions: u64, turn: u64) -> Result<Duration> {
    const AT_ONCE: u64 = 10;
    let log = beside(turn % AT_ONCE * sessions / AT_ONCE, 0);
    let entry = made(0, ENTRY_BYTES).entry(turn);
    let mut appender = subject.system()?.appender(log)?;
    let start = Instant::now();
    appender.append(&entry)?;
    Ok(start.elapsed())
}

fn count_entries(subject: &mut Subject, sessions: u64, turn: u64) -> Result<Duration> {
    let log = made(pick(sessions, turn), ENTRY_BYTES).log;
    let start = Instant::now();
    let found = subject.system()?.count(log)?;
    let took = start.elapsed();
    expect(found == SEGMENT, "the count is wrong")?;
    Ok(took)
}

fn last(subject: &mut Subject, sessions: u64, turn: u64) -> Result<Duration> {
    const PAGE: u64 = 20;
    let made = made(pick(sessions, turn), ENTRY_BYTES);
    let mut found = Vec::new();
    let start = Instant::now();
    subject.system()?.last(made.log, PAGE, &mut |entry| {
        found.push(entry.to_vec());
        Ok(())
    })?;
    let took = start.elapsed();
    let expected = (SEGMENT - PAGE..SEGMENT).map(|index| made.entry(index));
    expect(expected.eq(found), "an entry is not what was written")?;
    Ok(took)
}

fn list(subject: &mut Subject, sessions: u64, _turn: u64) -> Result<Duration> {
    const PAGE: usize = 50;
    let start = Instant::now();
    let found = black_box(subject.system()?.sessions(PAGE)?);
    let took = start.elapsed();
    let newest = (0..sessions).rev().take(PAGE);
    let newest = newest.map(|session| made(session, ENTRY_BYTES).log.session);
    let found = found.into_iter().map(|(session, _)| session);
    expect(newest.eq(found), "a session is missing")?;
    Ok(took)
}

fn session_of(subject: &mut Subject, sessions: u64, turn: u64) -> Result<Duration> {
    let log = made(pick(sessions, turn), ENTRY_BYTES).log;
    let start = Instant::now();
    let found = subject.system()?.session_of(log.segment)?;
    let took = start.elapsed();
    expect(found == Some(log.session), "it is another session")?;
    Ok(took)
}

/// A fork in a session that is there only meanwhile: forks that stay would change what is measured next.
fn fork(subject: &mut Subject, sessions: u64, turn: u64) -> Result<Duration> {
    let system = subject.system()?;
    let source = made(sessions, ENTRY_BYTES);
    let to = beside(sessions, turn);
    source.fill(system, 0, SEGMENT)?;
    let start = Instant::now();
    system.fork(source.log, SEGMENT, to.segment)?;
    let took = start.elapsed();
    expect(system.count(to)? == SEGMENT, "the fork is not as long")?;
    system.delete_session(to.session)?;
    Ok(took)
}

fn truncate(subject: &mut Subject, sessions: u64, turn: u64) -> Result<Duration> {
    let system = subject.system()?;
    let made = made(pick(sessions, turn), ENTRY_BYTES);
    system.append_many(made.log, &[made.entry(SEGMENT), made.entry(SEGMENT + 1)])?;
    let start = Instant::now();
    system.truncate(made.log, SEGMENT)?;
    let took = start.elapsed();
    expect(system.count(made.log)? == SEGMENT, "the count is wrong")?;
    Ok(took)
}

/// Until it answers.
fn open(subject: &mut Subject, sessions: u64, turn: u64) -> Result<Duration> {
    let log = made(pick(sessions, turn), ENTRY_BYTES).log;
    subject.close()?;
    let start = Instant::now();
    subject.reopen()?;
    let found = subject.system()?.count(log)?;
    let took = start.elapsed();
    expect(found == SEGMENT, "the count is wrong")?;
    Ok(took)
}

/// All segments are as they were filled: a few of them entry by entry, all by their counts.
fn verify(subjects: &mut [Subject], sessions: u64) -> Result<()> {
    for subject in subjects {
        let system = subject.system()?;
        for session in 0..sessions {
            let made = made(session, ENTRY_BYTES);
            match session % 97 {
                0 => made.verify(system, SEGMENT)?,
                _ => expect(system.count(made.log)? == SEGMENT, "the count is wrong")?,
            }
        }
        subject.close()?;
    }
    Ok(())
}

/// The power of the number of entries that the cost grows with: a line through the logarithms, by
/// least squares.
fn slope(curve: &[(f64, f64)]) -> f64 {
    let points: Vec<_> = curve.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean =
        |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count(points.len());
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let along = points
        .iter()
        .map(|(x, _)| (x - mean_x).powi(2))
        .sum::<f64>();
    let together = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y));
    together.sum::<f64>() / along
}
