//! What was found of an archive: its segments by their heads and runs, and what the journal makes
//! of them. Entries stay in the file; of each run is kept where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::rows::{Place, Proved, ProvedRun, Table};
use super::walk::{Lost, Row, RowAt};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind, OriginRecord};
use crate::engine::model::op::Op;
use crate::engine::model::row::{ParentLink, SessionRow};
use crate::engine::model::run::Run;
use crate::engine::tables::Checkpointed;
use crate::ids::{SegmentId, SessionId};

/// Where some consecutive entries of a log are.
#[derive(Debug, Clone)]
pub(crate) struct RunAt {
    /// How many of the entries count.
    pub(crate) count: u64,
    pub(crate) source: Source,
}

/// Where a run is read from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Its rows, which name this segment.
    Rows {
        rows: Vec<RowAt>,
        segment: SegmentId,
    },
    /// It may hold more than what counts.
    Memory(Arc<Run>),
}

/// What was found of one log.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoundLog {
    /// By the index of the first entry.
    pub(crate) runs: BTreeMap<u64, RunAt>,
    /// The length of the log, if that is certain.
    pub(crate) len: Option<u64>,
    /// Entries that were appended when the length was not known.
    pub(crate) unplaced: Vec<Arc<Run>>,
    /// The rows of runs and of their chunks that were found, until they are put together.
    pub(super) rows: BTreeMap<u64, (ProvedRun, RowAt)>,
}

/// What was found of one segment.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoundSegment {
    /// Whether it has a log, and not traces alone.
    pub(crate) exists: bool,
    pub(crate) log: FoundLog,
    pub(crate) traces: FoundLog,
    pub(crate) created_ms: Option<u64>,
    pub(crate) updated_ms: Option<u64>,
    pub(crate) origin: FoundOrigin,
    /// With which segment it shares its first entries, as long as these are at the same places.
    pub(crate) parent: Option<ParentLink>,
}

/// Where a segment came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum FoundOrigin {
    /// It is to be taken from the first entry.
    #[default]
    Unknown,
    Known(Option<OriginRecord>),
}

impl FoundSegment {
    pub(super) fn log_mut(&mut self, kind: LogKind) -> &mut FoundLog {
        match kind {
            LogKind::Entries => &mut self.log,
            LogKind::Traces => &mut self.traces,
        }
    }

    /// Takes note that the log is cut off after `len` entries.
    fn shorten_parent(&mut self, len: u64) {
        if let Some(parent) = &mut self.parent {
            parent.len = parent.len.min(len);
        }
        self.parent = self.parent.filter(|parent| parent.len > 0);
    }

    /// Whether there is anything of it.
    pub(crate) fn is_there(&self) -> bool {
        self.exists || !self.traces.is_empty()
    }
}

impl FoundLog {
    fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.unplaced.is_empty() && self.len.is_none_or(|len| len == 0)
    }

    fn has_entries(&self) -> bool {
        !self.runs.is_empty() || !self.unplaced.is_empty()
    }

    /// The runs by the index of their first entry, but for those that claim the same entries,
    /// which cannot all be right.
    pub(crate) fn runs_without_overlap(&self) -> impl Iterator<Item = (u64, &RunAt)> {
        let ends = |(first, run): (&u64, &RunAt)| first + run.count;
        self.runs.iter().filter_map(move |(first, run)| {
            let before = self.runs.range(..first).next_back();
            let after = self.runs.range(first + 1..).next();
            let alone = before.is_none_or(|before| ends(before) <= *first)
                && after.is_none_or(|(next, _)| first + run.count <= *next);
            alone.then_some((*first, run))
        })
    }

    /// How many entries were found, and between which indexes others are missing; `None` if it
    /// is not known how far.
    pub(crate) fn log_size(&self) -> (u64, Vec<(u64, Option<u64>)>) {
        let (mut next, mut there, mut missing) = (0, 0, Vec::new());
        for (first, run) in self.runs_without_overlap() {
            if first > next {
                missing.push((next, Some(first)));
            }
            next = first + run.count;
            there += run.count;
        }
        if self.len.is_none_or(|len| next < len) {
            missing.push((next, self.len));
        }
        (there, missing)
    }

    /// The index behind the last entry that was found.
    pub(crate) fn end(&self) -> u64 {
        self.runs
            .last_key_value()
            .map_or(0, |(first, run)| first + run.count)
    }

    /// Puts the rows together to runs, of those that are all there.
    fn join(&mut self, segment: SegmentId) {
        let rows = std::mem::take(&mut self.rows);
        for (first, (run, row)) in &rows {
            let chunks = (first + 1..=first + run.more).map(|number| rows.get(&number));
            let chunks: Option<Vec<_>> = chunks.collect();
            let Some(chunks) = chunks.filter(|_| run.count > 0) else {
                continue;
            };
            let chunks = chunks.into_iter().map(|(_, row)| row.clone());
            let rows = std::iter::once(row.clone()).chain(chunks).collect();
            let (count, source) = (run.count, Source::Rows { rows, segment });
            self.runs.insert(*first, RunAt { count, source });
        }
    }

    fn set(&mut self, entries: Entries) {
        *self = Self {
            len: Some(entries.len()),
            ..Self::default()
        };
        self.put(0, entries);
    }

    fn put(&mut self, first: u64, entries: Entries) {
        if !entries.is_empty() {
            let run = Run::new(first, entries);
            let count = run.entries().len();
            let source = Source::Memory(Arc::new(run));
            self.runs.insert(first, RunAt { count, source });
        }
    }

    fn append(&mut self, entries: Entries) {
        match self.len {
            Some(len) => {
                self.len = Some(len + entries.len());
                self.put(len, entries);
            }
            None => self.unplaced.push(Arc::new(Run::new(0, entries))),
        }
    }

    /// Cuts the log off. Tells whether it can have been that long.
    fn truncate(&mut self, len: u64) -> bool {
        if self.len.is_some_and(|now| now < len) {
            return false;
        }
        self.len = Some(len);
        self.unplaced.clear();
        self.runs.retain(|first, _| *first < len);
        if let Some(mut last) = self.runs.last_entry() {
            let first = *last.key();
            let run = last.get_mut();
            run.count = run.count.min(len - first);
        }
        true
    }
}

/// What was found of an archive.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) segments: BTreeMap<(SessionId, SegmentId), FoundSegment>,
    pub(crate) metadata: BTreeMap<SessionId, Vec<u8>>,
    /// The sessions that have no segments yet, as their rows or the journal tell.
    pub(crate) begun: BTreeMap<SessionId, SessionRow>,
    pub(crate) names: BTreeMap<String, Vec<u8>>,
    pub(crate) checkpointed: Option<Checkpointed>,
    pub(crate) lost: Vec<Lost>,
    /// What else is to be said, in words.
    pub(crate) remarks: Vec<String>,
    headed: BTreeSet<(SessionId, SegmentId)>,
    deleted_sessions: BTreeSet<SessionId>,
}

impl Found {
    /// Takes in a row of the tables.
    pub(crate) fn take(&mut self, row: Row) {
        match row.proved {
            Proved::Run(run) => {
                let id = (run.log.session, run.log.segment);
                let segment = self.segments.entry(id).or_default();
                let rows = &mut segment.log_mut(run.log.kind).rows;
                rows.insert(run.number, (run, row.at));
            }
            Proved::Head(session, segment, head) => {
                self.headed.insert((session, segment));
                let found = self.segments.entry((session, segment)).or_default();
                found.exists = head.exists;
                found.created_ms = Some(head.created_ms);
                found.updated_ms = Some(head.updated_ms);
                found.origin = FoundOrigin::Known(head.origin);
                found.log.len = Some(head.log.entries);
                found.traces.len = Some(head.traces.entries);
                found.parent = head.parent;
            }
            Proved::Index(segment, session) => {
                self.segments.entry((session, segment)).or_default().exists = true;
            }
            Proved::Metadata(session, json) => drop(self.metadata.insert(session, json)),
            Proved::Name(name, json) => drop(self.names.insert(name, json)),
            Proved::Checkpointed(checkpointed) => self.checkpointed = Some(checkpointed),
            Proved::Session(session, row) if row.heads == 0 => {
                self.begun.insert(session, row);
            }
            Proved::Session(..) => {}
        }
    }

    /// Draws from the runs what the heads that are lost would have said.
    pub(crate) fn complete(&mut self) {
        for ((_, segment), found) in &mut self.segments {
            found.log.join(*segment);
            found.traces.join(*segment);
        }
        let lost = &self.lost;
        for ((session, segment), found) in &mut self.segments {
            if self.headed.contains(&(*session, *segment)) {
                continue;
            }
            found.exists |= !found.log.runs.is_empty();
            for kind in [LogKind::Entries, LogKind::Traces] {
                let log = found.log_mut(kind);
                let end = log.end();
                let may_go_on = may_hold_runs(lost, *session, *segment, kind, end);
                log.len = (!may_go_on).then_some(end);
            }
        }
        self.share();
        for ((session, segment), found) in &mut self.segments {
            for kind in [LogKind::Entries, LogKind::Traces] {
                let log = found.log_mut(kind);
                let len = log.len.unwrap_or(u64::MAX);
                if log.end() > len {
                    self.remarks.push(format!(
                        "session {session}, segment {segment}: there are runs behind its last \
                         entry, {len}; they were left out"
                    ));
                    log.truncate(len);
                }
            }
        }
    }

    /// Applies a change that the journal holds.
    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Append {
                log,
                entries,
                origin,
                at_ms,
                ..
            } => self.append(&log, entries, origin, at_ms),
            Op::Replace {
                log,
                entries,
                origin,
                at_ms,
            } => self.replace(&log, entries, origin, at_ms),
            Op::Branch {
                session,
                from,
                len,
                to,
                origin,
                at_ms,
            } => {
                let log = |segment| LogId {
                    session,
                    segment,
                    kind: LogKind::Entries,
                };
                self.branch(log(from), log(to), len, origin, at_ms);
            }
            Op::Erase {
                log,
                first,
                entries,
                at_ms,
            } => self.erase(&log, first, entries, at_ms),
            Op::Truncate { log, len, at_ms } => self.truncate(&log, len, at_ms),
            Op::DeleteLog { log } => {
                let was_there = self.is_there(&log);
                self.delete_log(&log);
                self.end_session(log.session, was_there);
            }
            Op::DeleteSession { session } => self.delete_session(session),
            Op::SetMetadata {
                session,
                json,
                at_ms,
            } => self.set_metadata(session, json, at_ms),
            Op::SetName { name, json } => drop(self.names.insert(name, json)),
            Op::DeleteName { name } => drop(self.names.remove(&name)),
            // No frame holds one.
            Op::Expect(_) => {}
        }
    }

    fn append(&mut self, log: &LogId, entries: Entries, origin: Option<OriginRecord>, at_ms: u64) {
        if entries.is_empty() {
            return;
        }
        let segment = self.segment(log, at_ms);
        if log.kind == LogKind::Entries && !segment.exists {
            segment.exists = true;
            // A head that is lost may have named another.
            if segment.log.len == Some(0) {
                segment.origin = FoundOrigin::Known(origin);
            }
        }
        segment.log_mut(log.kind).append(entries);
    }

    fn replace(&mut self, log: &LogId, entries: Entries, origin: Option<OriginRecord>, at_ms: u64) {
        let was_there = self.is_there(log);
        if log.kind == LogKind::Entries {
            self.reparent(log, 0);
        }
        let segment = self.segment(log, at_ms);
        if log.kind == LogKind::Entries {
            segment.parent = None;
            segment.exists = true;
            segment.origin = FoundOrigin::Known(origin);
            segment.created_ms = Some(at_ms);
        }
        segment.log_mut(log.kind).set(entries);
        self.end_session(log.session, was_there);
    }

    fn truncate(&mut self, log: &LogId, len: u64, at_ms: u64) {
        let now = self.segments.get_mut(&(log.session, log.segment));
        if now.is_some_and(|found| found.log_mut(log.kind).len == Some(len)) {
            return;
        }
        let was_there = self.is_there(log);
        if log.kind == LogKind::Entries {
            self.reparent(log, len);
        }
        let segment = self.segment(log, at_ms);
        if log.kind == LogKind::Entries {
            segment.shorten_parent(len);
        }
        if !segment.log_mut(log.kind).truncate(len) {
            self.remarks.push(format!(
                "{log}: the journal cuts it off after {len} entries, and it has fewer; it was left \
                 as it is"
            ));
        }
        self.end_session(log.session, was_there);
    }

    /// The segment of a log that is written to.
    pub(super) fn segment(&mut self, log: &LogId, at_ms: u64) -> &mut FoundSegment {
        let found = self.changed(log);
        if !found.is_there() && found.log.len == Some(0) && found.traces.len == Some(0) {
            found.created_ms = Some(at_ms);
            found.updated_ms = None;
        }
        found.updated_ms = found.updated_ms.max(Some(at_ms));
        found
    }

    /// The segment of a log that is changed: empty if nothing was found of it and nothing of it can
    /// be lost.
    pub(super) fn changed(&mut self, log: &LogId) -> &mut FoundSegment {
        let (session, segment) = (log.session, log.segment);
        let is_new = self.deleted_sessions.contains(&session)
            || !may_hold(&self.lost, Table::Heads, (session, segment, 0));
        let len = |kind| {
            let unknown = !is_new && may_hold_runs(&self.lost, session, segment, kind, 0);
            (!unknown).then_some(0)
        };
        let (log_len, traces_len) = (len(LogKind::Entries), len(LogKind::Traces));
        self.segments.entry((session, segment)).or_insert_with(|| {
            let mut found = FoundSegment::default();
            (found.log.len, found.traces.len) = (log_len, traces_len);
            found
        })
    }

    fn delete_log(&mut self, log: &LogId) {
        if log.kind == LogKind::Entries {
            self.reparent(log, 0);
        }
        let segment = self.changed(log);
        segment.log_mut(log.kind).set(Entries::default());
        if log.kind == LogKind::Entries {
            segment.exists = false;
            segment.origin = FoundOrigin::Known(None);
            segment.parent = None;
        }
    }

    fn delete_session(&mut self, session: SessionId) {
        self.deleted_sessions.insert(session);
        let range = (session, Uuid::nil())..=(session, Uuid::max());
        for (_, segment) in self.segments.range_mut(range) {
            *segment = FoundSegment::default();
            segment.log.len = Some(0);
            segment.traces.len = Some(0);
            segment.origin = FoundOrigin::Known(None);
        }
        self.metadata.remove(&session);
        self.begun.remove(&session);
    }

    fn set_metadata(&mut self, session: SessionId, json: Vec<u8>, at_ms: u64) {
        let all = |segment, number| (session, segment, number);
        let (from, to) = (all(Uuid::nil(), 0), all(Uuid::max(), u64::MAX));
        let may_lack = |lost: &Lost| lost.may_hold(Table::Heads, from, to);
        if !self.goes_on(session) && !self.lost.iter().any(may_lack) {
            let row = self.begun.entry(session);
            let row = row.or_insert(SessionRow::begun(at_ms));
            row.updated_ms = row.updated_ms.max(at_ms);
        }
        self.metadata.insert(session, json);
    }

    /// Removes the metadata of a session that has lost the segment, which was there, and has nothing
    /// else.
    fn end_session(&mut self, session: SessionId, was_there: bool) {
        if was_there && !self.goes_on(session) {
            self.metadata.remove(&session);
            self.begun.remove(&session);
        }
    }

    /// The sessions without segments that are nothing but begun, and when they were made and changed.
    pub(crate) fn without_segments(&self) -> impl Iterator<Item = (SessionId, (u64, u64))> {
        let begun = self.begun.iter();
        let alone = begun.filter(|(session, _)| !self.goes_on(**session));
        alone.map(|(session, row)| (*session, (row.created_ms, row.updated_ms)))
    }

    /// Whether there is any segment of the session.
    fn goes_on(&self, session: SessionId) -> bool {
        let range = (session, Uuid::nil())..=(session, Uuid::max());
        let mut segments = self.segments.range(range);
        segments.any(|(_, found)| found.is_there())
    }

    fn is_there(&self, log: &LogId) -> bool {
        let found = self.segments.get(&(log.session, log.segment));
        found.is_some_and(FoundSegment::is_there)
    }

    /// Whether both tell the same of every log, of metadata and of names.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let segments = |found: &Self| {
            let there = found.segments.iter().filter(|(_, found)| found.is_there());
            let facts = there.map(|(id, found)| {
                let lengths = (found.exists, found.log.len, found.traces.len);
                (*id, lengths, found.updated_ms)
            });
            facts.collect::<Vec<_>>()
        };
        segments(self) == segments(other)
            && self.metadata == other.metadata
            && self.names == other.names
    }

    /// Whether nothing else is lost than a table.
    pub(crate) fn lacks_only(&self, table: Table) -> bool {
        self.lost.iter().all(|lost| lost.table == table)
    }

    /// Whether anything of the session was found but its metadata.
    pub(crate) fn has_session(&self, session: SessionId) -> bool {
        let range = (session, Uuid::nil())..=(session, Uuid::max());
        let mut segments = self.segments.range(range);
        segments.any(|(_, found)| found.exists || found.traces.has_entries())
    }
}

fn may_hold(lost: &[Lost], table: Table, place: Place) -> bool {
    lost.iter().any(|lost| lost.may_hold(table, place, place))
}

/// Whether runs of a log from this index on may be in what was lost.
fn may_hold_runs(
    lost: &[Lost],
    session: SessionId,
    segment: SegmentId,
    kind: LogKind,
    from: u64,
) -> bool {
    let table = Table::of_runs(kind);
    let (from, to) = ((session, segment, from), (session, segment, u64::MAX));
    lost.iter().any(|lost| lost.may_hold(table, from, to))
}
