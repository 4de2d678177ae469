//! Reading the tables in one consistent state. Every row is verified before it is believed.

use std::ops::{Bound, Range};
use std::sync::Arc;

use redb::{
    Key, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition,
    TableError,
};
use uuid::Uuid;

use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::process::Process;
use crate::engine::model::held::{CutEntry, Held};
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::row::{Head, SessionRow, unseal};
use crate::engine::model::run::Run;
use crate::engine::model::run_row::{RunRow, damaged};
use crate::engine::model::table::Table;
use crate::engine::redb_format::verify::{Pin, Watch};
use crate::engine::tables::groups::RecentGroups;
use crate::engine::tables::run_cache::RecentRuns;
use crate::engine::tables::runs::{Fetch, FoundRun, each_run, put_together, run_up_to};
use crate::engine::tables::schema::{
    Checkpointed, HEADS, INDEX, META, METADATA, NAMES, SESSIONS, pair_bytes, run_key, runs_of,
};
use crate::ids::{SegmentId, SessionId};

/// From one name to another.
pub(crate) type NameRange<'n> = (Bound<&'n str>, Bound<&'n str>);

/// One consistent state of the tables.
pub(crate) struct TablesView {
    pub(super) txn: Arc<ReadTransaction>,
    process: Process,
    checkpointed: Checkpointed,
    pub(super) watch: Arc<Watch>,
    recent: RecentRuns,
    pub(super) groups: RecentGroups,
    /// Lets the watch and the tables know how long this view lives.
    held: Arc<(Pin, Arc<()>)>,
}

impl Drop for TablesView {
    fn drop(&mut self) {
        if !self.process.is_this() {
            // Ending it would give back what the parent holds, and wait for its threads.
            std::mem::forget((Arc::clone(&self.txn), Arc::clone(&self.held)));
        }
    }
}

impl TablesView {
    pub(super) fn new(
        txn: ReadTransaction,
        process: Process,
        watch: Arc<Watch>,
        recent: RecentRuns,
        held: (Pin, Arc<()>),
    ) -> Outcome<Self> {
        let checkpointed = Checkpointed::read(&txn.open_table(META)?)?;
        Ok(Self {
            txn: Arc::new(txn),
            process,
            checkpointed,
            watch,
            recent,
            groups: RecentGroups::default(),
            held: Arc::new(held),
        })
    }

    /// A table that older archives do not have.
    pub(super) fn table_if_there<K: Key + 'static>(
        &self,
        definition: TableDefinition<'static, K, &'static [u8]>,
    ) -> Outcome<Option<ReadOnlyTable<K, &'static [u8]>>> {
        match self.txn.open_table(definition) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(err) => Err(err.into()),
        }
    }

    /// What a look into the table found. That there is nothing is believed only if none of the
    /// table's pages that have been read is damaged.
    pub(super) fn found<T>(&self, table: Table, found: Option<T>) -> Outcome<Option<T>> {
        if found.is_none() {
            self.watch.complete(table)?;
        }
        Ok(found)
    }

    /// A list of rows of the table, which is believed only under the same condition.
    pub(super) fn listed<T>(&self, table: Table, rows: Vec<T>) -> Outcome<Vec<T>> {
        self.watch.complete(table)?;
        Ok(rows)
    }

    /// How much of the journal is in the tables.
    pub(crate) fn checkpointed(&self) -> Checkpointed {
        self.checkpointed
    }

    pub(crate) fn head(&self, session: SessionId, segment: SegmentId) -> Outcome<Option<Head>> {
        let table = self.txn.open_table(HEADS)?;
        let row = table.get((session, segment))?;
        let head = row.map(|row| decode_head(session, segment, row.value()));
        self.found(Table::Heads, head.transpose()?)
    }

    /// The run that holds the entry with this index, which must be below the log's length: all of
    /// it, or a front part with the entries that are wanted, this one among them. It is kept for
    /// the next read if this one leaves some of it.
    pub(crate) fn run_holding(
        &self,
        log: &LogId,
        index: u64,
        wanted: &Range<u64>,
    ) -> Outcome<Arc<Run>> {
        match self.held(log, index, wanted)? {
            Held::Whole(run) => Ok(run),
            Held::Cut(entry) => self.put_together(entry).map(Arc::new),
        }
    }

    /// An entry that was cut, as the run that it is.
    pub(crate) fn put_together(&self, entry: CutEntry) -> Outcome<Run> {
        put_together(entry, &|names| self.values(names))
    }

    /// The same as [`run_holding`](Self::run_holding), but an entry that was cut is left in pieces.
    pub(crate) fn held(
        &self,
        log: &LogId,
        index: u64,
        wanted: &Range<u64>,
    ) -> Outcome<Held<Arc<Run>>> {
        if let Some(run) = self.recent.holding(log, index) {
            return Ok(Held::Whole(run));
        }
        let table = self.txn.open_table(runs_of(log.kind))?;
        let stored = run_up_to(&table, log, index)?.ok_or_else(|| missing(log, index))?;
        let numbers = stored.row()?.range();
        if numbers.end <= index {
            return Err(missing(log, index));
        }
        if let Some(entry) = stored.cut_entry()? {
            return Ok(Held::Cut(entry));
        }
        // Who comes back for the rest of a run may do so again.
        let fetch: Fetch<'_> = &|names| self.values(names);
        let unpacked = if self.recent.has_part_of(log, &numbers) {
            stored.unpack(fetch)
        } else {
            stored.unpack_part(wanted, fetch)
        };
        let run = Arc::new(match unpacked {
            // A value that is lost is damage of those entries alone that have it.
            Err(Fault::Damaged { .. }) if stored.row()?.shares() => {
                stored.unpack_around(index, fetch)?
            }
            unpacked => unpacked?,
        });
        if numbers.start < wanted.start || wanted.end < numbers.end {
            self.recent.keep(log, &run);
        }
        Ok(Held::Whole(run))
    }

    /// The bytes of the entries with these indexes, which must be below the log's length. Unpacks
    /// runs that are not in the range as a whole; of the others their rows say it.
    pub(crate) fn bytes_between(&self, log: &LogId, range: Range<u64>) -> Outcome<u64> {
        let table = self.txn.open_table(runs_of(log.kind))?;
        let (mut next, mut bytes) = (range.start, 0);
        while next < range.end {
            let stored = run_up_to(&table, log, next)?.ok_or_else(|| missing(log, next))?;
            let row = stored.row()?;
            let numbers = row.range();
            if numbers.end <= next {
                return Err(missing(log, next));
            }
            bytes += if range.start <= numbers.start && numbers.end <= range.end {
                row.entry_bytes()
            } else {
                let run = stored.unpack(&|names| self.values(names))?;
                run.bytes_between(range.clone())
            };
            next = numbers.end;
        }
        Ok(bytes)
    }

    /// Which of a log's runs there are, by the numbers of their entries.
    pub(super) fn spans_of(&self, log: &LogId) -> Outcome<Vec<Range<u64>>> {
        let table = self.txn.open_table(runs_of(log.kind))?;
        let mut spans = Vec::new();
        for row in table.range(run_key(log, 0)..=run_key(log, u64::MAX))? {
            let (key, value) = row?;
            let number = key.value().2;
            let row = RunRow::parse(value.value());
            let row = row.map_err(|message| damaged(log, number, message))?;
            row.must_be(log, number)?;
            spans.extend((!row.is_chunk()).then(|| row.range()));
        }
        Ok(spans)
    }

    pub(crate) fn session(&self, session: SessionId) -> Outcome<Option<SessionRow>> {
        let table = self.txn.open_table(SESSIONS)?;
        let row = table.get(session)?;
        let found = row.map(|row| decode_session(session, row.value()));
        self.found(Table::Sessions, found.transpose()?)
    }

    /// Up to `limit` sessions with ids below `before`, in descending order.
    pub(crate) fn sessions_before(
        &self,
        before: Option<SessionId>,
        limit: usize,
    ) -> Outcome<Vec<(SessionId, SessionRow)>> {
        let table = self.txn.open_table(SESSIONS)?;
        let rows = match before {
            Some(before) => table.range(..before)?,
            None => table.range::<Uuid>(..)?,
        };
        let mut sessions = Vec::with_capacity(limit);
        for row in rows.rev().take(limit) {
            let (key, value) = row?;
            let session = key.value();
            sessions.push((session, decode_session(session, value.value())?));
        }
        self.listed(Table::Sessions, sessions)
    }

    /// The heads of a session in descending order of the segments' ids.
    pub(crate) fn heads(&self, session: SessionId) -> Outcome<Vec<(SegmentId, Head)>> {
        let table = self.txn.open_table(HEADS)?;
        let rows = table.range((session, Uuid::nil())..=(session, Uuid::max()))?;
        let heads = rows.rev().map(|row| {
            let (key, value) = row?;
            let segment = key.value().1;
            Ok((segment, decode_head(session, segment, value.value())?))
        });
        self.listed(Table::Heads, heads.collect::<Outcome<_>>()?)
    }

    /// Sessions with an id from `low` to `high`, ascending.
    pub(crate) fn sessions_between(
        &self,
        low: SessionId,
        high: SessionId,
        limit: usize,
    ) -> Outcome<Vec<SessionId>> {
        let table = self.txn.open_table(SESSIONS)?;
        let rows = table.range(low..=high)?.take(limit);
        let sessions = rows.map(|row| Ok(row?.0.value()));
        self.listed(Table::Sessions, sessions.collect::<Outcome<_>>()?)
    }

    /// Segments that have a log and an id from `low` to `high`, ascending, with their sessions.
    pub(crate) fn segments_between(
        &self,
        low: SegmentId,
        high: SegmentId,
        limit: usize,
    ) -> Outcome<Vec<(SegmentId, SessionId)>> {
        let table = self.txn.open_table(INDEX)?;
        let rows = table.range((low, Uuid::nil())..=(high, Uuid::max()))?;
        let segments = rows.take(limit).map(|row| {
            let (key, value) = row?;
            let (segment, session) = key.value();
            sound_index(segment, session, value.value())?;
            Ok((segment, session))
        });
        self.listed(Table::Index, segments.collect::<Outcome<_>>()?)
    }

    pub(crate) fn metadata(&self, session: SessionId) -> Outcome<Option<Vec<u8>>> {
        let table = self.txn.open_table(METADATA)?;
        let row = table.get(session)?;
        let json = row.map(|row| sound_metadata(session, row.value()));
        self.found(Table::Metadata, json.transpose()?)
    }

    pub(crate) fn name(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        let table = self.txn.open_table(NAMES)?;
        let row = table.get(name)?;
        let json = row.map(|row| sound_name(name, row.value()));
        self.found(Table::Names, json.transpose()?)
    }

    /// Those in the range, sorted.
    pub(crate) fn names_in(&self, range: NameRange<'_>) -> Outcome<Vec<String>> {
        let table = self.txn.open_table(NAMES)?;
        let rows = table.range::<&str>(range)?;
        let names = rows.map(|row| Ok(row?.0.value().to_owned()));
        self.listed(Table::Names, names.collect::<Outcome<_>>()?)
    }

    /// The runs and heads together, as a measure of the work that a check has.
    pub(crate) fn row_count(&self) -> Outcome<u64> {
        let runs = self.txn.open_table(runs_of(LogKind::Entries))?.len()?;
        let traces = self.txn.open_table(runs_of(LogKind::Traces))?.len()?;
        let heads = self.txn.open_table(HEADS)?.len()?;
        Ok(runs + traces + heads)
    }

    /// Calls `each` with the runs of a log in their order.
    pub(crate) fn for_each_run_of(
        &self,
        log: &LogId,
        each: impl FnMut(FoundRun) -> Outcome<()>,
    ) -> Outcome<()> {
        let table = self.txn.open_table(runs_of(log.kind))?;
        each_run(&table, log, &|names| self.values(names), each)
    }

    /// Calls `each` with the log and the first index of every run of this kind, in key order,
    /// without reading the runs.
    pub(crate) fn for_each_run_key(
        &self,
        kind: LogKind,
        mut each: impl FnMut(LogId, u64) -> Outcome<()>,
    ) -> Outcome<()> {
        let table = self.txn.open_table(runs_of(kind))?;
        for row in table.iter()? {
            let (session, segment, first) = row?.0.value();
            each(
                LogId {
                    session,
                    segment,
                    kind,
                },
                first,
            )?;
        }
        Ok(())
    }

    /// Calls `each` with every head, in ascending order of session and segment.
    pub(crate) fn for_each_head(
        &self,
        mut each: impl FnMut(SessionId, SegmentId, Outcome<Head>) -> Outcome<()>,
    ) -> Outcome<()> {
        let table = self.txn.open_table(HEADS)?;
        for row in table.iter()? {
            let (key, value) = row?;
            let (session, segment) = key.value();
            each(
                session,
                segment,
                decode_head(session, segment, value.value()),
            )?;
        }
        Ok(())
    }

    /// Whether the session has a head.
    pub(crate) fn has_heads(&self, session: SessionId) -> Outcome<bool> {
        let table = self.txn.open_table(HEADS)?;
        let mut heads = table.range((session, Uuid::nil())..=(session, Uuid::max()))?;
        Ok(heads.next().transpose()?.is_some())
    }

    /// Whether the index has the segment in the session.
    pub(crate) fn is_indexed(&self, segment: SegmentId, session: SessionId) -> Outcome<bool> {
        let table = self.txn.open_table(INDEX)?;
        let row = table.get((segment, session))?;
        let found = row.map(|row| sound_index(segment, session, row.value()));
        Ok(self.found(Table::Index, found.transpose()?)?.is_some())
    }

    /// Calls `each` with every entry of the index.
    pub(crate) fn for_each_index(
        &self,
        mut each: impl FnMut(SegmentId, SessionId) -> Outcome<()>,
    ) -> Outcome<()> {
        let table = self.txn.open_table(INDEX)?;
        for row in table.iter()? {
            let (segment, session) = row?.0.value();
            each(segment, session)?;
        }
        Ok(())
    }

    /// Calls `each` with every session and its row of sums.
    pub(crate) fn for_each_session(
        &self,
        mut each: impl FnMut(SessionId, Outcome<SessionRow>) -> Outcome<()>,
    ) -> Outcome<()> {
        let table = self.txn.open_table(SESSIONS)?;
        for row in table.iter()? {
            let (key, value) = row?;
            let session = key.value();
            each(session, decode_session(session, value.value()))?;
        }
        Ok(())
    }

    /// Calls `each` with the metadata of every session that has some.
    pub(crate) fn for_each_metadata(
        &self,
        mut each: impl FnMut(SessionId, Outcome<Vec<u8>>) -> Outcome<()>,
    ) -> Outcome<()> {
        let table = self.txn.open_table(METADATA)?;
        for row in table.iter()? {
            let (key, value) = row?;
            let session = key.value();
            each(session, sound_metadata(session, value.value()))?;
        }
        Ok(())
    }

    /// Calls `each` with every name and its record.
    pub(crate) fn for_each_name(
        &self,
        mut each: impl FnMut(&str, Outcome<Vec<u8>>) -> Outcome<()>,
    ) -> Outcome<()> {
        let table = self.txn.open_table(NAMES)?;
        for row in table.iter()? {
            let (key, value) = row?;
            let name = key.value();
            each(name, sound_name(name, value.value()))?;
        }
        Ok(())
    }
}

fn missing(log: &LogId, index: u64) -> Fault {
    Fault::damaged(format!("{log}, entry {index}"), "its run is missing")
}

pub(super) fn sound_metadata(session: SessionId, row: &[u8]) -> Outcome<Vec<u8>> {
    unseal(Table::Metadata, session.as_bytes(), row)
        .map(<[u8]>::to_vec)
        .map_err(|message| Fault::damaged(format!("metadata of {session}"), message))
}

pub(super) fn sound_name(name: &str, row: &[u8]) -> Outcome<Vec<u8>> {
    unseal(Table::Names, name.as_bytes(), row)
        .map(<[u8]>::to_vec)
        .map_err(|message| Fault::damaged(format!("name {name:?}"), message))
}

pub(super) fn sound_index(segment: SegmentId, session: SessionId, row: &[u8]) -> Outcome<()> {
    unseal(Table::Index, &pair_bytes(segment, session), row)
        .map(|_| ())
        .map_err(|message| Fault::damaged(format!("index of segment {segment}"), message))
}

pub(super) fn decode_head(session: SessionId, segment: SegmentId, row: &[u8]) -> Outcome<Head> {
    unseal(Table::Heads, &pair_bytes(session, segment), row)
        .and_then(Head::decode)
        .map_err(|message| {
            Fault::damaged(
                format!("session {session}, segment {segment}, head"),
                message,
            )
        })
}

pub(super) fn decode_session(session: SessionId, row: &[u8]) -> Outcome<SessionRow> {
    unseal(Table::Sessions, session.as_bytes(), row)
        .and_then(SessionRow::decode)
        .map_err(|message| Fault::damaged(format!("session {session}"), message))
}
