//! What was found of an archive: its segments by their heads and runs, and what the journal makes
//! of them. Entries stay in the file; of each run is kept where it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::rows::{Place, Proved, ProvedRun, Table};
use super::walk::{Lost, Row, RowAt};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogKind, OriginRecord};
use crate::engine::model::row::{ParentLink, SessionRow};
use crate::engine::model::run::Run;
use crate::engine::model::shared_value::ValueName;
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
        /// Whether some values of it are stored elsewhere.
        shares: bool,
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
    pub(super) fn shorten_parent(&mut self, len: u64) {
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
            let (count, shares) = (run.count, run.shares);
            let source = Source::Rows {
                rows,
                segment,
                shares,
            };
            self.runs.insert(*first, RunAt { count, source });
        }
    }

    pub(super) fn set(&mut self, entries: Entries) {
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

    pub(super) fn append(&mut self, entries: Entries) {
        match self.len {
            Some(len) => {
                self.len = Some(len + entries.len());
                self.put(len, entries);
            }
            None => self.unplaced.push(Arc::new(Run::new(0, entries))),
        }
    }

    /// Cuts the log off. Tells whether it can have been that long.
    pub(super) fn truncate(&mut self, len: u64) -> bool {
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

/// Where shared values are.
#[derive(Debug, Default)]
pub(super) struct ValuesAt {
    /// The rows of each group, by the numbers that they stand under.
    pub(super) groups: BTreeMap<Uuid, BTreeMap<u64, RowAt>>,
    /// The groups that have a value, once their heads have been read.
    pub(super) homes: HashMap<ValueName, Vec<Uuid>>,
}

/// What was found of an archive.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) segments: BTreeMap<(SessionId, SegmentId), FoundSegment>,
    pub(crate) metadata: BTreeMap<SessionId, Vec<u8>>,
    /// The sessions that have no segments yet, as their rows or the journal tell.
    pub(crate) begun: BTreeMap<SessionId, SessionRow>,
    pub(crate) names: BTreeMap<String, Vec<u8>>,
    pub(super) values: ValuesAt,
    pub(crate) checkpointed: Option<Checkpointed>,
    pub(crate) lost: Vec<Lost>,
    /// What else is to be said, in words.
    pub(crate) remarks: Vec<String>,
    headed: BTreeSet<(SessionId, SegmentId)>,
    pub(super) deleted_sessions: BTreeSet<SessionId>,
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
            Proved::Group(group, number) => {
                let rows = self.values.groups.entry(group).or_default();
                rows.insert(number, row.at);
            }
            Proved::Checkpointed(checkpointed) => self.checkpointed = Some(checkpointed),
            Proved::Session(session, row) if row.heads == 0 => {
                self.begun.insert(session, row);
            }
            Proved::Session(..) | Proved::Value(_) => {}
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

    /// The sessions without segments that are nothing but begun, and when they were made and changed.
    pub(crate) fn without_segments(&self) -> impl Iterator<Item = (SessionId, (u64, u64))> {
        let begun = self.begun.iter();
        let alone = begun.filter(|(session, _)| !self.goes_on(**session));
        alone.map(|(session, row)| (*session, (row.created_ms, row.updated_ms)))
    }

    /// Whether there is any segment of the session.
    pub(super) fn goes_on(&self, session: SessionId) -> bool {
        let range = (session, Uuid::nil())..=(session, Uuid::max());
        let mut segments = self.segments.range(range);
        segments.any(|(_, found)| found.is_there())
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

pub(super) fn may_hold(lost: &[Lost], table: Table, place: Place) -> bool {
    lost.iter().any(|lost| lost.may_hold(table, place, place))
}

/// Whether runs of a log from this index on may be in what was lost.
pub(super) fn may_hold_runs(
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
