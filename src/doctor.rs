//! Checking an archive: every checksum, every head against its runs, every sum, index and name.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::archive::Archive;
use crate::engine::{BaseView, Extent, Fault, Head, Layers, LogId, LogKind, Outcome, SessionRow};
use crate::ids::{SegmentId, SessionId};
use crate::names::PodRecord;
use crate::store::StoreError;

/// How far a check has come, in rows of the database.
///
/// ```
/// let mut last = None;
/// sessiondb::Archive::in_memory()?.check(&mut |progress| last = Some(progress))?;
/// assert!(last.is_none_or(|progress| progress.done == progress.total));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckProgress {
    /// Rows checked.
    pub done: u64,
    /// Rows there are.
    pub total: u64,
}

/// What a check found.
///
/// ```
/// let report = sessiondb::Archive::in_memory()?.check(&mut |_| {})?;
/// assert!(report.is_clean());
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Sessions looked at.
    pub sessions: u64,
    /// Segments that have a log.
    pub segments: u64,
    /// Entries whose bytes were verified.
    pub entries: u64,
    /// Trace entries whose bytes were verified.
    pub traces: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One thing that is wrong with an archive.
///
/// ```
/// let report = sessiondb::Archive::in_memory()?.check(&mut |_| {})?;
/// for problem in &report.problems {
///     eprintln!("{}: {}", problem.place, problem.message);
/// }
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The session, segment and entries, or the part of the archive.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

impl Archive {
    /// Reads all of the archive as of now and verifies it, while others may write. Memory does
    /// not grow with the archive.
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot), and [`StoreError::Damaged`] where damage of the
    /// database keeps the check from going on. All other damage is in the report.
    pub fn check(
        &self,
        progress: &mut dyn FnMut(CheckProgress),
    ) -> Result<CheckReport, StoreError> {
        self.snapshot()?
            .view()
            .read(|layers| Check::new(layers, progress)?.run())
    }
}

struct Check<'c> {
    layers: &'c Layers,
    base: &'c BaseView,
    progress: &'c mut dyn FnMut(CheckProgress),
    done: u64,
    total: u64,
    report: CheckReport,
}

impl<'c> Check<'c> {
    fn new(layers: &'c Layers, progress: &'c mut dyn FnMut(CheckProgress)) -> Outcome<Self> {
        let base = layers.base();
        let total = base.row_count()?;
        Ok(Self {
            layers,
            base,
            progress,
            done: 0,
            total,
            report: CheckReport::default(),
        })
    }

    fn run(mut self) -> Outcome<CheckReport> {
        for part in [Self::heads, Self::strays, Self::records, Self::journal] {
            if let Err(fault) = part(&mut self) {
                self.note(fault)?;
            }
        }
        for page in self.base.damaged_pages() {
            self.problem(page.place, &page.message)?;
        }
        Ok(self.report)
    }

    /// Every head against its runs, and every session's sums against its heads.
    fn heads(&mut self) -> Outcome<()> {
        let mut current: Option<(SessionId, SessionRow)> = None;
        self.base.for_each_head(|session, segment, head| {
            if current.as_ref().is_some_and(|(id, _)| *id != session) {
                self.sums(current.take())?;
            }
            let (_, sums) = current.get_or_insert_with(|| (session, SessionRow::default()));
            self.step(1);
            match head {
                Ok(head) => {
                    sums.add(&head);
                    self.segment(session, segment, &head)?;
                }
                Err(fault) => self.note(fault)?,
            }
            Ok(())
        })?;
        self.sums(current)
    }

    fn segment(&mut self, session: SessionId, segment: SegmentId, head: &Head) -> Outcome<()> {
        self.report.segments += u64::from(head.exists);
        let log = |kind| LogId {
            session,
            segment,
            kind,
        };
        self.report.entries += self.log(&log(LogKind::Entries), &head.log)?;
        self.report.traces += self.log(&log(LogKind::Traces), &head.traces)?;
        match self.base.is_indexed(segment, session) {
            Ok(indexed) if indexed == head.exists => Ok(()),
            Ok(_) => self.problem(
                format!("session {session}, segment {segment}"),
                "the index by segment does not agree with its head",
            ),
            Err(fault) => self.note(fault),
        }
    }

    /// A log's runs against its extent. Returns the number of entries verified.
    fn log(&mut self, log: &LogId, extent: &Extent) -> Outcome<u64> {
        let (mut next, mut bytes, mut verified) = (0, 0, 0);
        let mut faults = Vec::new();
        let mut rows = 0;
        self.base.for_each_run_of(log, |first, run| {
            rows += 1;
            if first != next {
                faults.push(missing(log, next, first));
            }
            match run {
                Ok(run) => {
                    verified += run.end() - first;
                    bytes += run.entries().entry_bytes();
                    next = run.end();
                }
                Err(fault) => {
                    faults.push(fault);
                    next = first;
                }
            }
        })?;
        self.step(rows);
        let found = Extent {
            entries: next,
            bytes,
        };
        if faults.is_empty() && found != *extent {
            faults.push(Fault::damaged(
                log.to_string(),
                format!(
                    "its runs hold {next} entries of {bytes} bytes, and its head tells of {} \
                     entries of {} bytes",
                    extent.entries, extent.bytes
                ),
            ));
        }
        faults.into_iter().try_for_each(|fault| self.note(fault))?;
        Ok(verified)
    }

    fn sums(&mut self, found: Option<(SessionId, SessionRow)>) -> Outcome<()> {
        let Some((session, found)) = found else {
            return Ok(());
        };
        self.report.sessions += 1;
        let place = || format!("session {session}");
        match self.base.session(session) {
            Err(fault) => self.note(fault),
            Ok(None) => self.problem(place(), "it has segments but is not listed"),
            Ok(Some(stored)) => {
                // Times are kept over the deletion of a segment, so they may differ.
                let SessionRow {
                    created_ms,
                    updated_ms,
                    ..
                } = stored;
                if stored
                    == (SessionRow {
                        created_ms,
                        updated_ms,
                        ..found
                    })
                {
                    return Ok(());
                }
                self.problem(place(), "its sums do not agree with its segments")
            }
        }
    }

    /// Rows that belong to nothing.
    fn strays(&mut self) -> Outcome<()> {
        for kind in [LogKind::Entries, LogKind::Traces] {
            let mut current: Option<(LogId, bool)> = None;
            self.base.for_each_run_key(kind, |log, first| {
                let known = match current {
                    Some((id, known)) if id == log => known,
                    // A damaged head has been reported.
                    _ => self
                        .base
                        .head(log.session, log.segment)
                        .map_or(true, |head| head.is_some()),
                };
                current = Some((log, known));
                if known {
                    return Ok(());
                }
                self.problem(
                    format!("{log}, entry {first}"),
                    "a run of a segment that is not there",
                )
            })?;
        }
        self.base
            .for_each_index(|segment, session| match self.base.head(session, segment) {
                Ok(None) => self.problem(
                    format!("session {session}, segment {segment}"),
                    "the index by segment names it, and it is not there",
                ),
                _ => Ok(()),
            })?;
        self.base.for_each_session(|session| {
            if self.base.heads(session).is_ok_and(|heads| heads.is_empty()) {
                self.problem(
                    format!("session {session}"),
                    "it is listed and has no segments",
                )?;
            }
            Ok(())
        })
    }

    /// Metadata and names.
    fn records(&mut self) -> Outcome<()> {
        for session in self.base.sessions_with_metadata()? {
            let place = format!("metadata of session {session}");
            match self.base.metadata(session) {
                Err(fault) => self.note(fault)?,
                Ok(json) => self.json::<Map<String, Value>>(place, json)?,
            }
            if self.base.session(session).is_ok_and(|row| row.is_none()) {
                let place = format!("metadata of session {session}");
                self.problem(place, "the session is not there")?;
            }
        }
        for name in self.base.names()? {
            match self.base.name(&name) {
                Err(fault) => self.note(fault)?,
                Ok(json) => self.json::<PodRecord>(format!("name {name:?}"), json)?,
            }
        }
        Ok(())
    }

    fn json<T: serde::de::DeserializeOwned>(
        &mut self,
        place: String,
        json: Option<Vec<u8>>,
    ) -> Outcome<()> {
        match serde_json::from_slice::<T>(&json.unwrap_or_default()) {
            Ok(_) => Ok(()),
            Err(err) => self.problem(place, &err.to_string()),
        }
    }

    /// What the journal adds to the tables, or takes away. Its frames were verified as they were
    /// read.
    fn journal(&mut self) -> Outcome<()> {
        let (all, tables) = (
            totals(self.layers)?,
            totals(&self.layers.without_journal())?,
        );
        let report = &mut self.report;
        let with_journal = |verified: u64, all: u64, tables: u64| {
            verified.saturating_add(all).saturating_sub(tables)
        };
        report.sessions = with_journal(report.sessions, all.0, tables.0);
        report.segments = with_journal(report.segments, all.1.segments, tables.1.segments);
        report.entries = with_journal(report.entries, all.1.entries, tables.1.entries);
        report.traces = with_journal(report.traces, all.1.traces, tables.1.traces);
        Ok(())
    }

    fn step(&mut self, rows: u64) {
        self.done = (self.done + rows).min(self.total);
        (self.progress)(CheckProgress {
            done: self.done,
            total: self.total,
        });
    }

    /// Takes down damage and goes on; any other fault ends the check.
    fn note(&mut self, fault: Fault) -> Outcome<()> {
        match fault {
            Fault::Damaged { place, message } => self.problem(place, &message),
            fault => Err(fault),
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "so that it can end the functions that note"
    )]
    fn problem(&mut self, place: String, message: &str) -> Outcome<()> {
        self.report.problems.push(Problem {
            place,
            message: message.to_owned(),
        });
        Ok(())
    }
}

fn missing(log: &LogId, from: u64, to: u64) -> Fault {
    if from < to {
        Fault::damaged(
            format!("{log}, entries {from} to {}", to - 1),
            "their run is missing",
        )
    } else {
        Fault::damaged(format!("{log}, entry {to}"), "two runs hold it")
    }
}

/// How many sessions there are, and their sums.
fn totals(layers: &Layers) -> Outcome<(u64, SessionRow)> {
    let (mut sessions, mut totals) = (0, SessionRow::default());
    let mut before = None;
    loop {
        let (page, next) = layers.sessions_before(before, 256)?;
        for (_, row) in page {
            sessions += 1;
            totals.segments += row.segments;
            totals.entries += row.entries;
            totals.traces += row.traces;
        }
        if next.is_none() {
            return Ok((sessions, totals));
        }
        before = next;
    }
}
