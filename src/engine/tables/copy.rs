//! Filling a new image with what a view of another one shows: each table in the order of its keys,
//! which fills pages best, and the runs of each log packed anew.

use std::borrow::Borrow;
use std::ops::Range;

use redb::{Key, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};

use crate::engine::fault::{Fault, Outcome};
use crate::engine::model::last_use::LastUse;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::table::Table;
use crate::engine::tables::log_table::LogTable;
use crate::engine::tables::open::{Image, Tables, WaitPolicy};
use crate::engine::tables::pack::Packer;
use crate::engine::tables::packing::Packing;
use crate::engine::tables::read::{
    TablesView, decode_head, decode_session, sound_index, sound_metadata, sound_name,
};
use crate::engine::tables::repeats::{Counts, Repeats};
use crate::engine::tables::schema::{HEADS, INDEX, METADATA, NAMES, SESSIONS, runs_of};
use crate::engine::tables::session_table::fill_index;
use crate::engine::tables::values::ValueTables;

/// Takes how much is done, of how much, in rows.
pub(crate) type Tell<'p> = &'p mut dyn FnMut(u64, u64);

impl Tables {
    /// Fills this image, which is new, with all that the view shows. Every row is verified on the
    /// way, so that no damage gets a checksum that matches.
    pub(crate) fn fill(&self, view: &TablesView, progress: Tell<'_>) -> Outcome<()> {
        let txn = self.begin_write(WaitPolicy::UntilTimeout)?;
        let total = view.row_count()?;
        let shares = self.packing.shares();
        let counts = if shares {
            view.count_values(|| progress(0, total))?
        } else {
            Counts::default()
        };
        let repeats = if shares {
            Repeats::counted(&counts)
        } else {
            Repeats::of_nothing()
        };
        let mut copy = Copy {
            view,
            txn: &txn,
            packing: self.packing,
            repeats: &repeats,
            values: ValueTables::open(&txn, shares, self.packing.level())?,
            done: 0,
            total,
            progress,
        };
        copy.runs(LogKind::Entries)?;
        copy.runs(LogKind::Traces)?;
        copy.values.finish()?;
        copy.rows(HEADS, Table::Heads, |(session, segment), row| {
            decode_head(session, segment, row).map(drop)
        })?;
        copy.sessions(self.by_use)?;
        copy.rows(INDEX, Table::Index, |(segment, session), row| {
            sound_index(segment, session, row)
        })?;
        copy.rows(METADATA, Table::Metadata, |session, row| {
            sound_metadata(session, row).map(drop)
        })?;
        copy.rows(NAMES, Table::Names, |name, row| {
            sound_name(name, row).map(drop)
        })?;
        (copy.progress)(total, total);
        drop(copy);
        Ok(self.commit(txn)?)
    }

    /// Gives the space at the end of the image back that no page needs. Only for an image that
    /// has no name yet: after power loss in the midst of it redb would look for the commit that
    /// counts by the checksums of pages that were never written, and such pages are not let
    /// through to it.
    pub(crate) fn trim(&mut self) -> Outcome<()> {
        if let Image::Writable(db) = &mut self.image {
            db.compact()?;
        }
        Ok(())
    }
}

struct Copy<'c> {
    view: &'c TablesView,
    txn: &'c WriteTransaction,
    packing: Packing,
    repeats: &'c Repeats<'c>,
    values: ValueTables<'c>,
    done: u64,
    total: u64,
    progress: Tell<'c>,
}

impl Copy<'_> {
    /// The runs of all logs of a kind.
    fn runs(&mut self, kind: LogKind) -> Outcome<()> {
        let rows = self.view.txn.open_table(runs_of(kind))?.len()?;
        let mut found = 0;
        self.view.for_each_head(|session, segment, head| {
            let log = LogId {
                session,
                segment,
                kind,
            };
            let head = head?;
            let (own_start, end) = match kind {
                LogKind::Entries => (head.own_start(), head.log.entries),
                LogKind::Traces => (0, head.traces.entries),
            };
            found += self.log(&log, own_start..end)?;
            Ok(())
        })?;
        self.view.watch.complete(Table::Heads)?;
        if found == rows {
            return Ok(());
        }
        let place = runs_of(kind).to_string();
        let message = format!("{rows} runs are there, and the segments lead to {found}");
        Err(Fault::damaged(place, message))
    }

    /// The runs of a log, whose own entries are those in the range. Returns how many there were.
    fn log(&mut self, log: &LogId, own: Range<u64>) -> Outcome<u64> {
        if own.is_empty() {
            return Ok(0);
        }
        let mut to = LogTable::open(self.txn, log.kind, self.packing.filters())?;
        let values = &mut self.values;
        let sink = to.sink(log, values);
        let mut packer = Packer::new(self.packing, self.repeats, *log, own.start, sink);
        let (mut rows, mut end) = (0, own.start);
        self.view.for_each_run_of(log, |found| {
            if found.first != end {
                return Err(missing(log, end));
            }
            let run = found.run?;
            end = run.end();
            packer.extend(run.entries().iter())?;
            rows += found.rows;
            self.done += found.rows;
            (self.progress)(self.done, self.total);
            Ok(())
        })?;
        if end != own.end {
            return Err(missing(log, end));
        }
        packer.finish()?;
        Ok(rows)
    }

    /// The sessions, and of them their index if there is to be one.
    fn sessions(&mut self, by_use: bool) -> Outcome<()> {
        let mut places = Vec::new();
        self.rows(SESSIONS, Table::Sessions, |session, row| {
            let row = decode_session(session, row)?;
            if by_use {
                places.push(LastUse::new(row.updated_ms, session));
            }
            Ok(())
        })?;
        if by_use {
            places.sort_unstable();
            fill_index(self.txn, &places)?;
        }
        Ok(())
    }

    /// All rows of another table, each verified by `check`.
    fn rows<K: Key + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, &'static [u8]>,
        table: Table,
        mut check: impl for<'k> FnMut(K::SelfType<'k>, &[u8]) -> Outcome<()>,
    ) -> Outcome<()>
    where
        for<'k> K::SelfType<'k>: Borrow<K::SelfType<'k>>,
    {
        let mut to = self.txn.open_table(definition)?;
        for row in self.view.txn.open_table(definition)?.iter()? {
            let (key, value) = row?;
            check(key.value(), value.value())?;
            to.insert(key.value(), value.value())?;
            if table == Table::Heads {
                self.done += 1;
                (self.progress)(self.done, self.total);
            }
        }
        Ok(self.view.watch.complete(table)?)
    }
}

fn missing(log: &LogId, entry: u64) -> Fault {
    Fault::damaged(format!("{log}, entry {entry}"), "its run is missing")
}
