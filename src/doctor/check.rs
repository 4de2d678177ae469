//! `check`: every checksum, every head against its runs, every sum, index and name.
//!
//! Where redb cannot read on, pages are read without it, so that damage does not end a check.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::links::Links;
use super::problem::{EntryRange, Part, Problem};
use super::recover::problem_of;
use crate::archive::Archive;
use crate::engine::{
    BaseView, Engine, Extent, Fault, Found, Head, Layers, LogId, LogKind, Outcome, SessionRow,
    Table,
};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// So many problems are listed; of those beyond only the number is kept.
const MAX_PROBLEMS: usize = 1000;

/// How far a check has come, in pages and rows of the database.
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
    /// Pages and rows checked.
    pub done: u64,
    /// Pages and rows there are.
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
    /// How many things are wrong.
    pub problems_found: u64,
    /// What is wrong: the first 1,000.
    pub problems: Vec<Problem>,
    /// What may be the trace of damage, and as well of a power loss that did no harm.
    pub notes: Vec<Problem>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems_found == 0
    }
}

impl Archive {
    /// Reads all of the archive as of now and verifies it, while others may write. Memory does
    /// not grow with the archive: of many problems the first 1,000 are listed.
    ///
    /// Damage does not end the check. Where the database cannot be read to its end, its pages are
    /// read one by one; then memory grows with the number of rows.
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot), and [`StoreError::Io`] if the operating system
    /// refuses to read. Damage is in the report.
    pub fn check(
        &self,
        progress: &mut dyn FnMut(CheckProgress),
    ) -> Result<CheckReport, StoreError> {
        let snapshot = self.snapshot()?;
        // While it lives no page of the tables is used again.
        let layers = snapshot.view().read(|layers| Ok(layers.clone()))?;
        let mut check = Check::new(&layers, progress);
        let engine = self.engine();
        let checked = check.file(engine).and_then(|()| {
            let before = check.report.clone();
            engine.guarded(|| check.tables()).or_else(|fault| {
                if fault.is_lock_timeout() {
                    return Err(fault);
                }
                check.report = before;
                check.without_redb(&engine.read_tables()?);
                if check.report.is_clean() && check.damaged_pages.is_empty() {
                    check.problem(Problem::new(Part::Database, fault.to_string()));
                }
                Ok(())
            })
        });
        checked.map_err(|fault| fault.at(self.path()))?;
        check.pages();
        check.finish();
        Ok(check.report)
    }
}

struct Check<'c> {
    layers: &'c Layers,
    base: &'c BaseView,
    progress: &'c mut dyn FnMut(CheckProgress),
    done: u64,
    total: u64,
    report: CheckReport,
    /// Those whose damage the rows do not show: the table and the byte of the file.
    damaged_pages: Vec<(Table, u64)>,
}

impl<'c> Check<'c> {
    fn new(layers: &'c Layers, progress: &'c mut dyn FnMut(CheckProgress)) -> Self {
        Self {
            layers,
            base: layers.base(),
            progress,
            done: 0,
            total: 0,
            report: CheckReport::default(),
            damaged_pages: Vec::new(),
        }
    }

    /// Superblock, journal, and the checksums of the pages that the tables are in.
    fn file(&mut self, engine: &Engine) -> Outcome<()> {
        match engine.read_superblock() {
            Ok(()) => {}
            Err(StoreError::Io(err)) => return Err(err.into()),
            Err(err) => self.problem(Problem::new(Part::Superblock, words_of(err))),
        }
        let rows = engine.guarded(|| self.base.row_count()).unwrap_or(0);
        let pages = engine.image_pages()?;
        self.total = rows + pages;
        if let Ok(Some(cut)) = engine.guarded(|| engine.journal_cut_off()) {
            let message = format!(
                "epoch {}, frame {}: it was torn by power loss, or damaged since; it and the {} \
                 whole ones behind it do not count",
                cut.epoch, cut.frame, cut.frames_behind
            );
            self.report.notes.push(Problem::new(Part::Journal, message));
        }
        let mut visited = 0;
        let checked = engine.check_pages(&mut |damage| {
            visited += 1;
            self.done = visited.min(pages);
            self.damaged_pages.extend(damage);
            (self.progress)(CheckProgress {
                done: self.done,
                total: self.total,
            });
        });
        checked.or_else(|fault| self.note(fault, Problem::new(Part::Database, "")))?;
        self.done = pages;
        Ok(())
    }

    fn tables(&mut self) -> Outcome<()> {
        self.heads()?;
        self.stray_runs(LogKind::Entries)?;
        self.stray_runs(LogKind::Traces)?;
        self.stray_index()?;
        self.stray_sessions()?;
        self.metadata()?;
        self.names()?;
        self.journal()
    }

    /// What can be told of tables that redb cannot read to their end, or cannot read at all.
    fn without_redb(&mut self, found: &Found) {
        for lost in &found.lost {
            self.problem(problem_of(lost));
            self.damaged_pages.retain(|(_, at)| lost.at != Some(*at));
        }
        let mut sessions = BTreeSet::new();
        for ((session, segment), found) in &found.segments {
            sessions.insert(*session);
            self.report.segments += u64::from(found.exists);
            for (kind, log) in [
                (LogKind::Entries, &found.log),
                (LogKind::Traces, &found.traces),
            ] {
                let id = LogId {
                    session: *session,
                    segment: *segment,
                    kind,
                };
                let (there, missing) = log.extent();
                self.verified(kind, there);
                for (from, to) in missing {
                    let range = EntryRange { from, to };
                    self.problem(Problem::of_log(&id, range, "they cannot be read"));
                }
            }
        }
        self.report.sessions = sessions.len() as u64;
    }

    fn verified(&mut self, kind: LogKind, entries: u64) {
        match kind {
            LogKind::Entries => self.report.entries += entries,
            LogKind::Traces => self.report.traces += entries,
        }
    }

    /// Every head against its runs, and every session's sums against its heads.
    fn heads(&mut self) -> Outcome<()> {
        let mut current: Option<(SessionId, SessionRow)> = None;
        let mut links = Links::default();
        let base = self.base;
        base.for_each_head(|session, segment, head| {
            if current.as_ref().is_some_and(|(id, _)| *id != session) {
                self.links(current.as_ref(), &mut links);
                self.sums(current.take())?;
            }
            let (_, sums) = current.get_or_insert_with(|| (session, SessionRow::default()));
            links.take(segment, head.as_ref());
            self.head(session, segment, head, sums)
        })?;
        self.links(current.as_ref(), &mut links);
        self.sums(current)
    }

    /// Every base of a session's segments against the head of the segment that it names.
    fn links(&mut self, session: Option<&(SessionId, SessionRow)>, links: &mut Links) {
        let links = std::mem::take(links);
        if let Some((session, _)) = session {
            for problem in links.problems(*session) {
                self.problem(problem);
            }
        }
    }

    fn head(
        &mut self,
        session: SessionId,
        segment: SegmentId,
        head: Outcome<Head>,
        sums: &mut SessionRow,
    ) -> Outcome<()> {
        self.step(1);
        match head {
            Ok(head) => {
                sums.add(&head);
                self.segment(session, segment, &head)
            }
            Err(fault) => {
                let problem = Problem::new(Part::Heads, "").of_segment(session, segment);
                self.note(fault, problem)
            }
        }
    }

    fn segment(&mut self, session: SessionId, segment: SegmentId, head: &Head) -> Outcome<()> {
        self.report.segments += u64::from(head.exists);
        let own_start = head.own_start();
        self.verified(LogKind::Entries, own_start);
        for (kind, from, extent) in [
            (LogKind::Entries, own_start, head.log),
            (LogKind::Traces, 0, head.traces),
        ] {
            let log = LogId {
                session,
                segment,
                kind,
            };
            self.log(&log, from, &extent)?;
        }
        let problem = Problem::new(Part::Index, "").of_segment(session, segment);
        match self.base.is_indexed(segment, session) {
            Ok(indexed) if indexed == head.exists => {}
            Ok(_) => self.problem(problem.saying("it does not agree with the segment's head")),
            Err(fault) => self.note(fault, problem)?,
        }
        Ok(())
    }

    /// A log's runs against its extent; its own entries begin at `from`.
    fn log(&mut self, log: &LogId, from: u64, extent: &Extent) -> Outcome<()> {
        let mut seen = Seen {
            next: from,
            ..Seen::default()
        };
        let base = self.base;
        base.for_each_run_of(log, |found| {
            self.step(found.rows);
            self.run(log, found.first, found.run, &mut seen)
        })?;
        seen.damaged_until(extent.entries.max(seen.next + 1), log, self);
        let found = Extent {
            entries: seen.next,
            bytes: seen.bytes,
        };
        if !seen.any_problem && found != *extent {
            let (from, to) = (seen.next, extent.entries);
            let message = format!(
                "its runs hold {} entries of {} bytes, and its head tells of {} entries of {} \
                 bytes",
                found.entries, found.bytes, extent.entries, extent.bytes
            );
            let range = EntryRange::new(from.min(to), from.max(to));
            self.problem(Problem::of_log(log, range, message));
        }
        Ok(())
    }

    fn run(
        &mut self,
        log: &LogId,
        first: u64,
        run: Outcome<crate::engine::Run>,
        seen: &mut Seen,
    ) -> Outcome<()> {
        seen.damaged_until(first, log, self);
        if first > seen.next && !seen.after_damage {
            let range = EntryRange::new(seen.next, first);
            self.problem(Problem::of_log(log, range, "their run is missing"));
            seen.any_problem = true;
        } else if first < seen.next {
            let range = EntryRange::new(first, seen.next);
            self.problem(Problem::of_log(log, range, "two runs hold them"));
            seen.any_problem = true;
        }
        seen.after_damage = false;
        match run {
            Ok(run) => {
                let verified = run.end() - first;
                self.verified(log.kind, verified);
                seen.bytes += run.entries().entry_bytes();
                seen.next = run.end();
                Ok(())
            }
            Err(Fault::Damaged { message, .. }) => {
                seen.any_problem = true;
                seen.next = first;
                seen.damaged = Some(message);
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    fn sums(&mut self, found: Option<(SessionId, SessionRow)>) -> Outcome<()> {
        let Some((session, found)) = found else {
            return Ok(());
        };
        self.report.sessions += 1;
        let problem = Problem::new(Part::Sessions, "").of_session(session);
        match self.base.session(session) {
            Err(fault) => self.note(fault, problem)?,
            Ok(None) => self.problem(problem.saying("it has segments but is not listed")),
            Ok(Some(stored)) => {
                // Times are kept over the deletion of a segment, so they may differ.
                let SessionRow {
                    created_ms,
                    updated_ms,
                    ..
                } = stored;
                let found = SessionRow {
                    created_ms,
                    updated_ms,
                    ..found
                };
                if stored != found {
                    self.problem(problem.saying("its sums do not agree with its segments"));
                }
            }
        }
        Ok(())
    }

    /// Runs of segments that are not there.
    fn stray_runs(&mut self, kind: LogKind) -> Outcome<()> {
        let mut current: Option<(LogId, bool)> = None;
        let base = self.base;
        base.for_each_run_key(kind, |log, first| {
            let known = match current {
                Some((id, known)) if id == log => known,
                // A damaged head has been reported.
                _ => base
                    .head(log.session, log.segment)
                    .map_or(true, |head| head.is_some()),
            };
            current = Some((log, known));
            if !known {
                let range = EntryRange::from(first);
                let message = "a run of a segment that is not there";
                self.problem(Problem::of_log(&log, range, message));
            }
            Ok(())
        })
    }

    fn stray_index(&mut self) -> Outcome<()> {
        let base = self.base;
        base.for_each_index(|segment, session| {
            if matches!(base.head(session, segment), Ok(None)) {
                let message = "it names the segment, which is not there";
                self.problem(Problem::new(Part::Index, message).of_segment(session, segment));
            }
            Ok(())
        })
    }

    fn stray_sessions(&mut self) -> Outcome<()> {
        let base = self.base;
        base.for_each_session(|session| {
            if matches!(base.has_heads(session), Ok(false)) {
                let message = "it is listed and has no segments";
                self.problem(Problem::new(Part::Sessions, message).of_session(session));
            }
            Ok(())
        })
    }

    fn metadata(&mut self) -> Outcome<()> {
        let base = self.base;
        base.for_each_metadata(|session, json| {
            let problem = Problem::new(Part::Metadata, "").of_session(session);
            match json {
                Err(fault) => self.note(fault, problem.clone())?,
                Ok(json) => self.json::<Map<String, Value>>(&json, problem.clone()),
            }
            if matches!(base.session(session), Ok(None)) {
                self.problem(problem.saying("the session is not there"));
            }
            Ok(())
        })
    }

    /// Names. One may well point to a session that is not there any more.
    fn names(&mut self) -> Outcome<()> {
        let base = self.base;
        base.for_each_name(|name, json| {
            let about = |message: &str| Problem::new(Part::Names, format!("{name:?}: {message}"));
            match json {
                Err(Fault::Damaged { message, .. }) => self.problem(about(&message)),
                Err(fault) => return Err(fault),
                Ok(json) => {
                    if let Err(err) = serde_json::from_slice::<Map<String, Value>>(&json) {
                        self.problem(about(&err.to_string()));
                    }
                }
            }
            Ok(())
        })
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self, json: &[u8], problem: Problem) {
        if let Err(err) = serde_json::from_slice::<T>(json) {
            self.problem(problem.saying(err.to_string()));
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

    fn pages(&mut self) {
        for (table, at) in std::mem::take(&mut self.damaged_pages) {
            let message = format!("the page at byte {at} does not have its checksum");
            self.problem(Problem::new(table.into(), message));
        }
    }

    fn finish(&mut self) {
        self.done = self.total;
        self.step(0);
    }

    fn step(&mut self, rows: u64) {
        self.done = (self.done + rows).min(self.total);
        (self.progress)(CheckProgress {
            done: self.done,
            total: self.total,
        });
    }

    /// Takes down damage as the problem that it is; any other fault ends the check.
    fn note(&mut self, fault: Fault, problem: Problem) -> Outcome<()> {
        match fault {
            Fault::Damaged { message, .. } => self.problem(problem.saying(message)),
            fault => return Err(fault),
        }
        Ok(())
    }

    fn problem(&mut self, problem: Problem) {
        self.report.problems_found += 1;
        if self.report.problems.len() < MAX_PROBLEMS {
            self.report.problems.push(problem);
        }
    }
}

/// What has been seen of a log.
#[derive(Default)]
struct Seen {
    next: u64,
    bytes: u64,
    any_problem: bool,
    /// What is wrong with the run that begins at `next`, if it is damaged.
    damaged: Option<String>,
    after_damage: bool,
}

impl Seen {
    /// Takes down a damaged run, which held the entries up to the next one's first.
    fn damaged_until(&mut self, end: u64, log: &LogId, check: &mut Check<'_>) {
        if let Some(message) = self.damaged.take() {
            let range = EntryRange::new(self.next, end.max(self.next + 1));
            check.problem(Problem::of_log(log, range, message));
            self.after_damage = true;
        }
    }
}

/// What is wrong, without the path and the part, which are said elsewhere.
fn words_of(err: StoreError) -> String {
    match err {
        StoreError::Damaged { message, .. } => message,
        err => err.to_string(),
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
