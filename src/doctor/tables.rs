//! The tables row by row: every head against its runs, every sum, index and name.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::filters::Filters;
use super::findings::Findings;
use super::links::Links;
use super::problem::{EntryRange, Part, Problem};
use super::uses;
use super::values::ValueUses;
use crate::engine::{
    Fault, FoundRun, Head, LogId, LogKind, LogSize, Outcome, SessionRow, TablesView,
};
use crate::ids::{SegmentId, SessionId};

/// Checks every row of every table.
pub(super) fn check(base: &TablesView, findings: &mut Findings<'_>) -> Outcome<()> {
    let values = ValueUses::default();
    Tables {
        base,
        findings,
        values,
    }
    .all()
}

struct Tables<'t, 'c> {
    base: &'t TablesView,
    findings: &'t mut Findings<'c>,
    values: ValueUses,
}

impl Tables<'_, '_> {
    fn all(&mut self) -> Outcome<()> {
        self.heads()?;
        self.stray_runs(LogKind::Entries)?;
        self.stray_runs(LogKind::Traces)?;
        self.stray_filters()?;
        std::mem::take(&mut self.values).check(self.base, self.findings)?;
        self.stray_index()?;
        self.stray_sessions()?;
        uses::check(self.base, self.findings)?;
        self.metadata()?;
        self.names()
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
                self.findings.problem(problem);
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
        self.findings.meter.add(1);
        match head {
            Ok(head) => {
                sums.add(&head);
                self.segment(session, segment, &head)
            }
            Err(fault) => {
                let problem = Problem::new(Part::Heads, "").of_segment(session, segment);
                self.findings.note(fault, problem)
            }
        }
    }

    fn segment(&mut self, session: SessionId, segment: SegmentId, head: &Head) -> Outcome<()> {
        self.findings.report.segments += u64::from(head.exists);
        let own_start = head.own_start();
        self.findings.verified(LogKind::Entries, own_start);
        for (kind, from, size) in [
            (LogKind::Entries, own_start, head.log),
            (LogKind::Traces, 0, head.traces),
        ] {
            let log = LogId {
                session,
                segment,
                kind,
            };
            self.log(&log, from, &size)?;
        }
        let problem = Problem::new(Part::Index, "").of_segment(session, segment);
        match self.base.is_indexed(segment, session) {
            Ok(indexed) if indexed == head.exists => {}
            Ok(_) => self
                .findings
                .problem(problem.saying("it does not agree with the segment's head")),
            Err(fault) => self.findings.note(fault, problem)?,
        }
        Ok(())
    }

    /// A log's runs against its size; its own entries begin at `from`.
    fn log(&mut self, log: &LogId, from: u64, size: &LogSize) -> Outcome<()> {
        let mut seen = Seen {
            next: from,
            ..Seen::default()
        };
        let base = self.base;
        let mut filters = Filters::of(base, log)?;
        base.for_each_run_of(log, |found| {
            self.findings.meter.add(found.rows);
            if let Some(problem) = filters.problem(log, &found) {
                self.findings.problem(problem);
            }
            self.values.take(&found);
            self.run(log, found, &mut seen)
        })?;
        for problem in filters.left_over(log) {
            self.findings.problem(problem);
        }
        seen.damaged_until(size.entries.max(seen.next + 1), log, self.findings);
        let found = LogSize {
            entries: seen.next,
            bytes: seen.bytes,
        };
        if !seen.any_problem && found != *size {
            let (from, to) = (seen.next, size.entries);
            let message = format!(
                "its runs hold {} entries of {} bytes, and its head tells of {} entries of {} \
                 bytes",
                found.entries, found.bytes, size.entries, size.bytes
            );
            let range = EntryRange::new(from.min(to), from.max(to));
            self.findings.problem(Problem::of_log(log, range, message));
        }
        Ok(())
    }

    fn run(&mut self, log: &LogId, found: FoundRun, seen: &mut Seen) -> Outcome<()> {
        let first = found.first;
        seen.damaged_until(first, log, self.findings);
        if first > seen.next && !seen.after_damage {
            let range = EntryRange::new(seen.next, first);
            self.findings
                .problem(Problem::of_log(log, range, "their run is missing"));
            seen.any_problem = true;
        } else if first < seen.next {
            let range = EntryRange::new(first, seen.next);
            self.findings
                .problem(Problem::of_log(log, range, "two runs hold them"));
            seen.any_problem = true;
        }
        seen.after_damage = false;
        if !found.without.is_empty() {
            self.without_values(log, &found, seen);
            return Ok(());
        }
        match found.run {
            Ok(run) => {
                let verified = run.end() - first;
                self.findings.verified(log.kind, verified);
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

    /// A run of which just those entries are damaged that have a value which is lost.
    fn without_values(&mut self, log: &LogId, found: &FoundRun, seen: &mut Seen) {
        for (entry, message) in &found.without {
            let range = EntryRange::new(*entry, entry + 1);
            let problem = Problem::of_log(log, range, message.clone());
            self.findings.problem(problem);
        }
        let whole = found.count.saturating_sub(found.without.len() as u64);
        self.findings.verified(log.kind, whole);
        seen.any_problem = true;
        seen.next = found.first + found.count;
    }

    fn sums(&mut self, found: Option<(SessionId, SessionRow)>) -> Outcome<()> {
        let Some((session, found)) = found else {
            return Ok(());
        };
        self.findings.report.sessions += 1;
        let problem = Problem::new(Part::Sessions, "").of_session(session);
        match self.base.session(session) {
            Err(fault) => self.findings.note(fault, problem)?,
            Ok(None) => self
                .findings
                .problem(problem.saying("it has segments but is not listed")),
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
                    self.findings
                        .problem(problem.saying("its sums do not agree with its segments"));
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
                self.findings.problem(Problem::of_log(&log, range, message));
            }
            Ok(())
        })
    }

    /// Word filters of segments that are not there.
    fn stray_filters(&mut self) -> Outcome<()> {
        let base = self.base;
        base.for_each_filter_key(|log, first| {
            if matches!(base.head(log.session, log.segment), Ok(None)) {
                let message = "a word filter of a segment that is not there";
                let problem = Problem::of_filter(&log, EntryRange::from(first), message);
                self.findings.problem(problem);
            }
            Ok(())
        })
    }

    fn stray_index(&mut self) -> Outcome<()> {
        let base = self.base;
        base.for_each_index(|segment, session| {
            if matches!(base.head(session, segment), Ok(None)) {
                let message = "it names the segment, which is not there";
                self.findings
                    .problem(Problem::new(Part::Index, message).of_segment(session, segment));
            }
            Ok(())
        })
    }

    fn stray_sessions(&mut self) -> Outcome<()> {
        let base = self.base;
        base.for_each_session(|session, row| {
            if !matches!(base.has_heads(session), Ok(false)) {
                return Ok(());
            }
            self.findings.report.sessions += 1;
            let problem = Problem::new(Part::Sessions, "").of_session(session);
            match row {
                Ok(row) if row.heads > 0 => self
                    .findings
                    .problem(problem.saying("it is listed, and its segments are missing")),
                // Damaged metadata is reported as such.
                Ok(_) if matches!(base.metadata(session), Ok(None)) => self
                    .findings
                    .problem(problem.saying("it is listed and has neither segments nor metadata")),
                Ok(_) => {}
                Err(fault) => self.findings.note(fault, problem)?,
            }
            Ok(())
        })
    }

    fn metadata(&mut self) -> Outcome<()> {
        let base = self.base;
        base.for_each_metadata(|session, json| {
            let problem = Problem::new(Part::Metadata, "").of_session(session);
            match json {
                Err(fault) => self.findings.note(fault, problem.clone())?,
                Ok(json) => self.json::<Map<String, Value>>(&json, problem.clone()),
            }
            if matches!(base.session(session), Ok(None)) {
                self.findings
                    .problem(problem.saying("the session is not there"));
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
                Err(Fault::Damaged { message, .. }) => self.findings.problem(about(&message)),
                Err(fault) => return Err(fault),
                Ok(json) => {
                    // A note may be any JSON.
                    let parsed = if name.starts_with(crate::engine::NOTE_MARK) {
                        serde_json::from_slice::<IgnoredAny>(&json).map(drop)
                    } else {
                        serde_json::from_slice::<Map<String, Value>>(&json).map(drop)
                    };
                    if let Err(err) = parsed {
                        self.findings.problem(about(&err.to_string()));
                    }
                }
            }
            Ok(())
        })
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self, json: &[u8], problem: Problem) {
        if let Err(err) = serde_json::from_slice::<T>(json) {
            self.findings.problem(problem.saying(err.to_string()));
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
    fn damaged_until(&mut self, end: u64, log: &LogId, findings: &mut Findings<'_>) {
        if let Some(message) = self.damaged.take() {
            let range = EntryRange::new(self.next, end.max(self.next + 1));
            findings.problem(Problem::of_log(log, range, message));
            self.after_damage = true;
        }
    }
}
