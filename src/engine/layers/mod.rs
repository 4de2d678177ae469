//! One consistent state of an archive: the tables and the memtables on top of it. All reads pass here.

pub(crate) mod apply;
pub(crate) mod conditions;
pub(crate) mod heads;
mod last_used;
pub(crate) mod sharing;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Range};
use std::sync::Arc;

use crate::engine::fault::{Fault, Outcome};
use crate::engine::memtable::Memtable;
use crate::engine::memtable::extents::{ExtentAt, ExtentSource};
use crate::engine::model::held::Held;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::row::{Head, LogSize, ParentLink, SessionRow};
use crate::engine::model::run::Part;
use crate::engine::model::word_filter::Words;
use crate::engine::tables::{NameRange, TablesView};
use crate::ids::{SegmentId, SessionId};

/// The tables and the memtables on top of it, the oldest first.
#[derive(Clone)]
pub(crate) struct Layers {
    tables: Arc<TablesView>,
    memtables: Vec<Arc<Memtable>>,
}

/// A page of sessions, and the id below which the next one begins, if there is one.
pub(crate) type SessionPage = (Vec<(SessionId, SessionRow)>, Option<SessionId>);

impl Layers {
    pub(crate) fn new(
        tables: Arc<TablesView>,
        memtables: impl IntoIterator<Item = Arc<Memtable>>,
    ) -> Self {
        let memtables = memtables
            .into_iter()
            .filter(|memtable| !memtable.is_empty())
            .collect();
        Self { tables, memtables }
    }

    pub(crate) fn tables(&self) -> &TablesView {
        &self.tables
    }

    /// The same memtables on other tables, if these hold the same.
    pub(crate) fn on_tables_of(&self, other: &Self) -> Option<Self> {
        let is_same = self.tables.checkpointed() == other.tables.checkpointed();
        is_same.then(|| Self {
            tables: Arc::clone(&other.tables),
            memtables: self.memtables.clone(),
        })
    }

    /// The tables alone.
    pub(crate) fn without_journal(&self) -> Self {
        Self {
            tables: Arc::clone(&self.tables),
            memtables: Vec::new(),
        }
    }

    pub(crate) fn head(&self, session: SessionId, segment: SegmentId) -> Outcome<Option<Head>> {
        match self.find(|memtable| memtable.heads.get(&(session, segment))) {
            Some(head) => Ok(*head),
            None => self.tables.head(session, segment),
        }
    }

    /// The size of a log, or `None` if there is no such log.
    pub(crate) fn log_size(&self, log: &LogId) -> Outcome<Option<LogSize>> {
        let head = self.head(log.session, log.segment)?;
        Ok(head.and_then(|head| match log.kind {
            LogKind::Entries => head.exists.then_some(head.log),
            LogKind::Traces => (head.traces.entries > 0).then_some(head.traces),
        }))
    }

    /// The run that holds the entry with this index, which must be below the log's length, as far
    /// as the log has it; `wanted` are the entries that are read, now and after this one.
    pub(crate) fn part_holding(
        &self,
        log: &LogId,
        index: u64,
        wanted: &Range<u64>,
    ) -> Outcome<Part> {
        match self.held(log, index, wanted)? {
            Held::Whole(part) => Ok(part),
            Held::Cut(entry) => {
                let run = self.tables.put_together(entry)?;
                Ok(Part::of(Arc::new(run), &(index..index + 1)))
            }
        }
    }

    /// The same, but an entry that was cut is left in pieces.
    pub(crate) fn held(&self, log: &LogId, index: u64, wanted: &Range<u64>) -> Outcome<Held<Part>> {
        let (mut own, mut range) = (*log, 0..u64::MAX);
        while let Some(parent) = self.parent_of(&own)? {
            if index >= parent.len {
                range.start = parent.len;
                break;
            }
            must_descend(&own, parent, range.end)?;
            range.end = parent.len;
            own.segment = parent.segment;
        }
        self.own_part(&own, index, range, wanted)
    }

    fn parent_of(&self, log: &LogId) -> Outcome<Option<ParentLink>> {
        if log.kind == LogKind::Traces {
            return Ok(None);
        }
        let head = self.head(log.session, log.segment)?;
        Ok(head.and_then(|head| head.parent))
    }

    /// A run of a log's own entries that holds the one with this index, without those whose index
    /// is not in the range, since there a layer above has others.
    fn own_part(
        &self,
        log: &LogId,
        index: u64,
        mut range: Range<u64>,
        wanted: &Range<u64>,
    ) -> Outcome<Held<Part>> {
        let mut own = *log;
        for memtable in self.memtables.iter().rev() {
            let Some(extents) = memtable.logs.get(&own) else {
                continue;
            };
            let Some(extent) = extents.holding(index) else {
                let place = format!("{log}, entry {index}");
                return Err(Fault::damaged(place, "its run is missing"));
            };
            range.start = range.start.max(extent.first);
            range.end = range.end.min(extent.end);
            match &extent.source {
                ExtentSource::Run(run) => {
                    return Ok(Held::Whole(Part::of(Arc::clone(run), &range)));
                }
                ExtentSource::Large(_) => {
                    let place = format!("{log}, entry {index}");
                    return Err(Fault::damaged(place, "it is not stored yet"));
                }
                ExtentSource::Below(segment) => own.segment = *segment,
            }
        }
        let wanted = wanted.start.max(range.start)..wanted.end.min(range.end);
        Ok(match self.tables.held(&own, index, &wanted)? {
            Held::Whole(run) => Held::Whole(Part::of(run, &range)),
            Held::Cut(entry) => Held::Cut(entry),
        })
    }

    /// The bytes of some of a log's own entries.
    pub(crate) fn bytes_between(&self, log: &LogId, range: Range<u64>) -> Outcome<u64> {
        for (below, memtable) in self.memtables.iter().enumerate().rev() {
            if let Some(extents) = memtable.logs.get(log) {
                let below = Self {
                    tables: Arc::clone(&self.tables),
                    memtables: self.memtables.iter().take(below).cloned().collect(),
                };
                return below.bytes_of(extents.between(range), log);
            }
        }
        self.tables.bytes_between(log, range)
    }

    /// The bytes of extents of a log that lie on these layers.
    pub(crate) fn bytes_of(
        &self,
        extents: impl Iterator<Item = ExtentAt>,
        log: &LogId,
    ) -> Outcome<u64> {
        let mut bytes = 0;
        for extent in extents {
            bytes += match &extent.source {
                ExtentSource::Run(run) => run.bytes_between(extent.range()),
                ExtentSource::Large(entry) => entry.0.len(),
                ExtentSource::Below(segment) => {
                    let segment = *segment;
                    self.bytes_between(&LogId { segment, ..*log }, extent.range())?
                }
            };
        }
        Ok(bytes)
    }

    /// Of a segment's own entries, those beside which all the words may stand: ranges that follow each other,
    /// each of one run where that is known.
    pub(crate) fn with_words(&self, log: &LogId, words: &Words) -> Outcome<Vec<Range<u64>>> {
        let Some(size) = self.log_size(log)? else {
            return Ok(Vec::new());
        };
        let own_start = self.parent_of(log)?.map_or(0, |parent| parent.len);
        self.own_with_words(self.memtables.len(), log, own_start..size.entries, words)
    }

    /// The same, of what is in the tables and the first few memtables.
    fn own_with_words(
        &self,
        memtables: usize,
        log: &LogId,
        range: Range<u64>,
        words: &Words,
    ) -> Outcome<Vec<Range<u64>>> {
        for (below, memtable) in self.memtables.iter().enumerate().take(memtables).rev() {
            let Some(extents) = memtable.logs.get(log) else {
                continue;
            };
            let mut found = Vec::new();
            for extent in extents.between(range) {
                match &extent.source {
                    ExtentSource::Run(_) | ExtentSource::Large(_) => found.push(extent.range()),
                    ExtentSource::Below(segment) => {
                        let segment = *segment;
                        let log = LogId { segment, ..*log };
                        found.extend(self.own_with_words(below, &log, extent.range(), words)?);
                    }
                }
            }
            return Ok(found);
        }
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.tables.with_words(log, range, words)
    }

    pub(crate) fn session(&self, session: SessionId) -> Outcome<Option<SessionRow>> {
        match self.find(|memtable| memtable.sessions.get(&session)) {
            Some(row) => Ok(*row),
            None => self.tables.session(session),
        }
    }

    /// Some sessions with ids below `before`, in descending order, from about `limit` rows.
    pub(crate) fn sessions_before(
        &self,
        before: Option<SessionId>,
        limit: usize,
    ) -> Outcome<SessionPage> {
        let page = self.tables.sessions_before(before, limit)?;
        let next = page
            .last()
            .filter(|_| page.len() == limit)
            .map(|(session, _)| *session);
        let from = next.unwrap_or_default();
        let mut changes = BTreeMap::new();
        for memtable in &self.memtables {
            let rows = memtable.sessions.range(from..);
            let rows = rows.take_while(|(id, _)| before.is_none_or(|before| **id < before));
            changes.extend(rows.map(|(session, row)| (*session, *row)));
        }
        if changes.is_empty() {
            return Ok((page, next));
        }
        let rows = page.into_iter().map(|(session, row)| (session, Some(row)));
        let mut rows: BTreeMap<_, _> = rows.collect();
        rows.extend(changes);
        let rows = rows.into_iter().rev();
        Ok((
            rows.filter_map(|(session, row)| Some((session, row?)))
                .collect(),
            next,
        ))
    }

    /// The heads of a session in descending order of the segments' ids.
    pub(crate) fn heads(&self, session: SessionId) -> Outcome<Vec<(SegmentId, Head)>> {
        let heads = self.tables.heads(session)?;
        let mut heads: BTreeMap<_, _> = heads
            .into_iter()
            .map(|(segment, head)| (segment, Some(head)))
            .collect();
        for memtable in &self.memtables {
            heads.extend(memtable.heads_of(session));
        }
        let heads = heads.into_iter().rev();
        Ok(heads
            .filter_map(|(segment, head)| Some((segment, head?)))
            .collect())
    }

    /// The session with the lowest id among those that hold the segment's log.
    pub(crate) fn session_of(&self, segment: SegmentId) -> Outcome<Option<SessionId>> {
        let found = self.segments_between(segment, segment, 1)?;
        Ok(found.first().map(|(_, session)| *session))
    }

    /// Up to `limit` sessions with an id from `low` to `high`, ascending.
    pub(crate) fn sessions_between(
        &self,
        low: SessionId,
        high: SessionId,
        limit: usize,
    ) -> Outcome<Vec<SessionId>> {
        // As many more as the memtables may have removed.
        let changed = self
            .memtables
            .iter()
            .map(|memtable| memtable.sessions.len())
            .sum::<usize>();
        let found = self
            .tables
            .sessions_between(low, high, limit.saturating_add(changed))?;
        let mut found: BTreeSet<_> = found.into_iter().collect();
        for memtable in &self.memtables {
            for (session, row) in memtable.sessions.range(low..=high) {
                set(&mut found, *session, row.is_some());
            }
        }
        Ok(found.into_iter().take(limit).collect())
    }

    /// Up to `limit` segments that have a log and an id from `low` to `high`, ascending, with
    /// their sessions.
    pub(crate) fn segments_between(
        &self,
        low: SegmentId,
        high: SegmentId,
        limit: usize,
    ) -> Outcome<Vec<(SegmentId, SessionId)>> {
        let changed = self
            .memtables
            .iter()
            .map(|memtable| memtable.heads.len())
            .sum::<usize>();
        let found = self
            .tables
            .segments_between(low, high, limit.saturating_add(changed))?;
        let mut found: BTreeSet<_> = found.into_iter().collect();
        for memtable in &self.memtables {
            for ((session, segment), head) in &memtable.heads {
                if (low..=high).contains(segment) {
                    let exists = head.is_some_and(|head| head.exists);
                    set(&mut found, (*segment, *session), exists);
                }
            }
        }
        Ok(found.into_iter().take(limit).collect())
    }

    pub(crate) fn metadata(&self, session: SessionId) -> Outcome<Option<Vec<u8>>> {
        match self.find(|memtable| memtable.metadata.get(&session)) {
            Some(json) => Ok(json.clone()),
            None => self.tables.metadata(session),
        }
    }

    pub(crate) fn name(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        match self.find(|memtable| memtable.names.get(name)) {
            Some(json) => Ok(json.clone()),
            None => self.tables.name(name),
        }
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> Outcome<Vec<String>> {
        self.names_in((Bound::Unbounded, Bound::Unbounded))
    }

    /// The names in the range, sorted.
    pub(crate) fn names_in(&self, range: NameRange<'_>) -> Outcome<Vec<String>> {
        let mut names: BTreeSet<_> = self.tables.names_in(range)?.into_iter().collect();
        for memtable in &self.memtables {
            for (name, record) in memtable.names.range::<str, _>(range) {
                set(&mut names, name.clone(), record.is_some());
            }
        }
        Ok(names.into_iter().collect())
    }

    /// What the uppermost memtable that has it says.
    fn find<'t, T>(&'t self, look: impl Fn(&'t Memtable) -> Option<&'t T>) -> Option<&'t T> {
        self.memtables
            .iter()
            .rev()
            .find_map(|memtable| look(memtable))
    }
}

fn set<T: Ord>(found: &mut BTreeSet<T>, item: T, there: bool) {
    if there {
        found.insert(item);
    } else {
        found.remove(&item);
    }
}

/// Each parent of a chain shares fewer entries than the one before, or the chain may not end.
pub(crate) fn must_descend(log: &LogId, parent: ParentLink, before: u64) -> Outcome<()> {
    if parent.len < before {
        return Ok(());
    }
    let message = format!(
        "it shares {} entries where {before} had been shared",
        parent.len
    );
    Err(Fault::damaged(format!("{log}, head"), message))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::engine::file::superblock::{DEFAULT_JOURNAL_BYTES, Superblock};
    use crate::engine::model::entries::Entries;
    use crate::engine::model::op::Op;
    use crate::engine::open::handle::{Engine, EngineOptions};

    const OPTIONS: EngineOptions = EngineOptions {
        read_only: false,
        shared: false,
        cache_bytes: 1 << 20,
        lock_timeout: Duration::from_secs(1),
        sync_interval: Duration::from_secs(1),
        background: false,
    };

    /// Heads with checksums that match can still be made to name each other.
    #[test]
    fn bases_that_lead_in_a_circle_are_damage() {
        let engine = Engine::in_memory(Superblock::new(DEFAULT_JOURNAL_BYTES), OPTIONS).unwrap();
        let session = Uuid::from_u128(1);
        let log = |number| LogId {
            session,
            segment: Uuid::from_u128(number),
            kind: LogKind::Entries,
        };
        let head = |parent: u128| Head {
            exists: true,
            log: LogSize {
                entries: 5,
                bytes: 0,
            },
            parent: Some(ParentLink {
                segment: Uuid::from_u128(parent),
                len: 5,
            }),
            branches: 1,
            ..Head::default()
        };
        let mut circle = Memtable::default();
        for (number, parent) in [(1, 2), (2, 1), (3, 3)] {
            let segment = Uuid::from_u128(number);
            circle.heads.insert((session, segment), Some(head(parent)));
        }
        let mut layers = engine.committer.layers().unwrap();
        layers.memtables.push(Arc::new(circle));
        let is_damage = |outcome: Outcome<()>| matches!(outcome, Err(Fault::Damaged { .. }));
        for number in 1..=3 {
            assert!(is_damage(
                layers.part_holding(&log(number), 2, &(2..3)).map(drop)
            ));
            let branch = Op::Branch {
                session,
                from: log(number).segment,
                len: 4,
                to: log(9).segment,
                origin: None,
                at_ms: 1,
            };
            let mut memtable = Memtable::default();
            assert!(is_damage(memtable.apply(&layers, branch).map(drop)));
            let mut entries = Entries::default();
            entries.push(b"1");
            let erase = Op::Erase {
                log: log(number),
                first: 2,
                entries,
                at_ms: 1,
            };
            assert!(is_damage(memtable.apply(&layers, erase).map(drop)));
        }
    }
}
