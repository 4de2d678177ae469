//! The writing half of a recovery: what was found, under the ids that it had.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::problem::{EntryRange, Part, Problem};
use super::recovered::{RecoverReport, RecoveredLog, RecoveredPart};
use crate::archive::origin_of;
use crate::engine::{
    self, Creation, Engine, EngineOptions, FoundLog, FoundOrigin, FoundSegment, LogId, LogKind, Op,
    OriginRecord, ParentLink, Run, Salvaged, parents_first,
};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId, new_segment_id, now_ms};

/// So many bytes are written as one change: more than the journal takes, so that they go straight
/// into the tables.
const CHANGE_BYTES: usize = 4 << 20;

/// Writes all that was found into the new archive at `path`.
pub(super) fn restore(
    salvaged: &Salvaged,
    path: &Path,
    report: &mut RecoverReport,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    let options = EngineOptions {
        read_only: false,
        shared: false,
        cache_bytes: 32 << 20,
        lock_timeout: Duration::from_secs(5),
        sync_interval: Duration::from_secs(3600),
        background: true,
    };
    let engine = engine::open(path, Creation::Never, options)?;
    let total = salvaged.row_bytes();
    let mut restore = Restore {
        salvaged,
        engine: &engine,
        report,
        ops: Vec::new(),
        pending: 0,
        done: 0,
        total,
        restored: HashMap::new(),
        progress,
    };
    restore.all()?;
    engine.checkpoint()?;
    progress(total, total);
    Arc::into_inner(engine).map_or(Ok(()), |engine| engine.close().map(drop))
}

struct Restore<'r> {
    salvaged: &'r Salvaged,
    engine: &'r Engine,
    report: &'r mut RecoverReport,
    ops: Vec<Op>,
    /// Bytes of the entries in `ops`.
    pending: usize,
    done: u64,
    total: u64,
    /// How many entries of their own numbers the segments have by now.
    restored: HashMap<(SessionId, SegmentId), u64>,
    progress: &'r mut dyn FnMut(u64, u64),
}

/// When a log was made and last written to, and where it came from.
struct Facts {
    created_ms: u64,
    updated_ms: u64,
    origin: Option<OriginRecord>,
}

impl Restore<'_> {
    fn all(&mut self) -> Result<(), StoreError> {
        let found = &self.salvaged.found;
        let mut last = None;
        let ids = found.segments.keys().copied();
        for (session, segment) in parents_first(ids, |id| found.parent_of(id)) {
            let Some(segment_found) = found.segments.get(&(session, segment)) else {
                continue;
            };
            if segment_found.is_there() {
                self.segment(session, segment, segment_found)?;
                self.report.sessions += u64::from(last != Some(session));
                last = Some(session);
            }
        }
        let begun: BTreeMap<_, _> = found.without_segments().collect();
        for (session, json) in &found.metadata {
            self.metadata(*session, json, begun.get(session).copied())?;
        }
        for (name, json) in &found.names {
            let (name, json) = (name.clone(), json.clone());
            self.change(Op::SetName { name, json }, 0)?;
        }
        self.flush()
    }

    /// Stores the metadata of a session; `begun` says when it was made and changed, if it has no segments.
    fn metadata(
        &mut self,
        session: SessionId,
        json: &[u8],
        begun: Option<(u64, u64)>,
    ) -> Result<(), StoreError> {
        if !self.salvaged.found.has_session(session) {
            self.report.sessions += 1;
            if begun.is_none() {
                let message = "none of its segments could be read; it was stored by itself";
                let problem = Problem::new(Part::Metadata, message).of_session(session);
                self.report.problems.push(problem);
            }
        }
        let (created_ms, updated_ms) = begun.unwrap_or_else(|| (now_ms(), 0));
        for op in Op::set_metadata(session, json.to_vec(), created_ms, updated_ms) {
            self.change(op, 0)?;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        session: SessionId,
        segment: SegmentId,
        found: &FoundSegment,
    ) -> Result<(), StoreError> {
        let log = |kind| LogId {
            session,
            segment,
            kind,
        };
        let own = log(LogKind::Entries);
        let facts = self.facts(&own, found);
        let mut own_len = 0;
        if found.exists {
            self.report.segments += 1;
            let shared = self.shared(session, found);
            let begin = Op::begin(own, shared, facts.origin, facts.created_ms);
            self.change(begin, 0)?;
            own_len = self.log(&own, &found.log, shared.map_or(0, |base| base.len), &facts)?;
            self.restored.insert((session, segment), own_len);
        }
        let traces = log(LogKind::Traces);
        let traces_len = self.log(&traces, &found.traces, 0, &facts)?;
        if found.exists {
            self.touch(own, own_len, &facts)
        } else if traces_len > 0 {
            self.touch(traces, traces_len, &facts)
        } else {
            Ok(())
        }
    }

    /// With which segment, restored as far as that, this one shares its first entries.
    fn shared(&self, session: SessionId, found: &FoundSegment) -> Option<ParentLink> {
        let base = found.parent?;
        let id = (session, base.segment);
        let parent = self.salvaged.found.segments.get(&id)?;
        let is_whole = self.restored.get(&id).is_some_and(|len| *len >= base.len);
        (is_whole && found.log.shares(&parent.log, base.len)).then_some(base)
    }

    /// Writes the entries of a log, but for the first `shared` that it has already, up to the
    /// first that is missing, and those behind it into segments of their own. Returns how many
    /// it has now.
    fn log(
        &mut self,
        log: &LogId,
        found: &FoundLog,
        shared: u64,
        facts: &Facts,
    ) -> Result<u64, StoreError> {
        let mut target = Target::own(*log);
        let mut outcome = RecoveredLog {
            session: log.session,
            segment: log.segment,
            traces: log.kind == LogKind::Traces,
            recovered: shared,
            total: found.len,
            missing: Vec::new(),
            parts: Vec::new(),
        };
        let (mut next, mut own_len) = (shared, shared);
        for (first, at) in found.runs_without_overlap() {
            let Some((first, at)) = at.from(first, shared) else {
                continue;
            };
            let run = match self.salvaged.run(log, first, &at) {
                Ok(run) => run,
                Err(message) => {
                    let problem =
                        Problem::of_log(log, EntryRange::new(first, first + at.count), message);
                    self.report.problems.push(problem);
                    continue;
                }
            };
            if first > next {
                outcome.missing.push(EntryRange::new(next, first));
                target = Target::part(log, Some(first), &mut outcome.parts);
            }
            next = run.end();
            self.append(&mut target, &run, facts, &mut outcome)?;
            if target.log.segment == log.segment {
                own_len = next;
            }
        }
        match found.len {
            Some(len) if len > next => outcome.missing.push(EntryRange::new(next, len)),
            None => outcome.missing.push(EntryRange {
                from: next,
                to: None,
            }),
            _ => {}
        }
        if !found.unplaced.is_empty() {
            target = Target::part(log, None, &mut outcome.parts);
            for run in &found.unplaced {
                self.append(&mut target, run, facts, &mut outcome)?;
            }
        }
        self.count(log.kind, outcome.recovered);
        if outcome.recovered > 0 || outcome.total != Some(0) || log.kind == LogKind::Entries {
            self.report.logs.push(outcome);
        }
        Ok(own_len)
    }

    fn append(
        &mut self,
        target: &mut Target,
        run: &Run,
        facts: &Facts,
        outcome: &mut RecoveredLog,
    ) -> Result<(), StoreError> {
        let entries = run.entries().clone();
        let (count, len) = (entries.len(), entries.payload().len());
        outcome.recovered += count;
        if let Some(part) = target.part.and_then(|at| outcome.parts.get_mut(at)) {
            part.entries += count;
        }
        let append = Op::Append {
            log: target.log,
            expected: None,
            entries,
            origin: None,
            at_ms: facts.created_ms,
        };
        self.change(append, len)
    }

    /// Sets the time of the last change, which no other op sets alone.
    fn touch(&mut self, log: LogId, len: u64, facts: &Facts) -> Result<(), StoreError> {
        let at_ms = facts.updated_ms;
        if at_ms <= facts.created_ms {
            return Ok(());
        }
        let [append, truncate] = Op::touch(log, len, at_ms);
        self.ops.push(append);
        self.change(truncate, 0)
    }

    /// What the head says, or else the first entry, or else the id.
    fn facts(&self, log: &LogId, found: &FoundSegment) -> Facts {
        let start = || {
            let at = found.log.runs.get(&0)?;
            let run = self.salvaged.run(log, 0, at).ok()?;
            run.entries().iter().next().map(<[u8]>::to_vec)
        };
        let start = match (found.origin, found.created_ms) {
            (FoundOrigin::Known(_), Some(_)) => None,
            _ => start(),
        };
        let start = start.as_deref();
        let created_ms = found
            .created_ms
            .or_else(|| ts_of(start?))
            .or_else(|| ms_of(log.segment))
            .unwrap_or_else(now_ms);
        Facts {
            created_ms,
            updated_ms: found.updated_ms.unwrap_or(created_ms),
            origin: match found.origin {
                FoundOrigin::Known(origin) => origin,
                FoundOrigin::Unknown => start.and_then(origin_of),
            },
        }
    }

    fn count(&mut self, kind: LogKind, recovered: u64) {
        match kind {
            LogKind::Entries => self.report.entries += recovered,
            LogKind::Traces => self.report.traces += recovered,
        }
    }

    fn change(&mut self, op: Op, len: usize) -> Result<(), StoreError> {
        self.ops.push(op);
        self.pending += len;
        self.done += len as u64;
        (self.progress)(self.done, self.total.max(self.done));
        if self.pending >= CHANGE_BYTES || self.ops.len() >= 10_000 {
            return self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.pending = 0;
        let ops = std::mem::take(&mut self.ops);
        self.engine.write(false, ops).map(drop)
    }
}

/// Where the next entries of a log go.
struct Target {
    log: LogId,
    /// Which of the parts, if it is not the log itself.
    part: Option<usize>,
}

impl Target {
    fn own(log: LogId) -> Self {
        Self { log, part: None }
    }

    fn part(log: &LogId, from: Option<u64>, parts: &mut Vec<RecoveredPart>) -> Self {
        let segment = new_segment_id();
        parts.push(RecoveredPart {
            from,
            entries: 0,
            segment,
        });
        Self {
            log: LogId { segment, ..*log },
            part: Some(parts.len() - 1),
        }
    }
}

/// The time that an entry tells of itself.
fn ts_of(entry: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Stamped {
        ts: u64,
    }
    serde_json::from_slice(entry).map(|Stamped { ts }| ts).ok()
}

/// The time that an id was made.
fn ms_of(segment: SegmentId) -> Option<u64> {
    let (seconds, nanos) = segment.get_timestamp()?.to_unix();
    seconds
        .checked_mul(1000)?
        .checked_add(u64::from(nanos) / 1_000_000)
}
