//! The runs of logs on their way into the tables, and the word filters beside them: no run goes without its filter.

use std::ops::RangeInclusive;

use redb::{Table as Rows, WriteTransaction};

use crate::engine::fault::Outcome;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::row::seal;
use crate::engine::model::shared_value::ValueName;
use crate::engine::model::table::Table;
use crate::engine::tables::packing::{PackedRun, RunSink};
use crate::engine::tables::runs::each_stored;
use crate::engine::tables::schema::{FILTERS, RunKey, run_key, run_key_bytes, runs_of};
use crate::engine::tables::values::ValueTables;

/// The table of runs of one kind, open to be changed.
pub(super) struct LogTable<'t> {
    pub(super) runs: Rows<'t, RunKey, &'static [u8]>,
    /// That of their filters, if the archive has some.
    filters: Option<Rows<'t, RunKey, &'static [u8]>>,
}

impl<'t> LogTable<'t> {
    pub(super) fn open(txn: &'t WriteTransaction, kind: LogKind, filters: bool) -> Outcome<Self> {
        let has_filters = filters && kind == LogKind::Entries;
        Ok(Self {
            runs: txn.open_table(runs_of(kind))?,
            filters: has_filters.then(|| txn.open_table(FILTERS)).transpose()?,
        })
    }

    /// Stores a run; of its values in `values`.
    pub(super) fn put(
        &mut self,
        log: &LogId,
        run: PackedRun,
        values: &mut ValueTables<'_>,
    ) -> Outcome<()> {
        values.add(run.values)?;
        for (number, row) in &run.rows {
            self.runs.insert(run_key(log, *number), row.as_slice())?;
        }
        if let (Some(filters), Some(filter), Some((first, _))) =
            (&mut self.filters, &run.filter, run.rows.first())
        {
            let row = seal(Table::Filters, &run_key_bytes(log, *first), filter);
            filters.insert(run_key(log, *first), row.as_slice())?;
        }
        Ok(())
    }

    /// What stores runs of a log, and in `values` their values.
    pub(super) fn sink<'s>(
        &'s mut self,
        log: &LogId,
        values: &'s mut ValueTables<'t>,
    ) -> LogSink<'s, 't> {
        LogSink {
            table: self,
            log: *log,
            values,
        }
    }

    /// Takes the rows of a log with these numbers out, but those that `keep` says. They are those of whole runs.
    pub(super) fn remove(
        &mut self,
        log: &LogId,
        numbers: RangeInclusive<u64>,
        keep: impl Fn(u64) -> bool,
        values: &mut ValueTables<'_>,
    ) -> Outcome<()> {
        if values.are_there() {
            each_stored(&self.runs, log, numbers.clone(), |stored| {
                if let Ok(stored) = stored.map_err(drop)
                    && !keep(stored.first())
                {
                    values.release(&stored.names());
                }
                Ok(())
            })?;
        }
        let range = || run_key(log, *numbers.start())..=run_key(log, *numbers.end());
        self.runs.retain_in(range(), |key, _| keep(key.2))?;
        if let Some(filters) = &mut self.filters {
            filters.retain_in(range(), |key, _| keep(key.2))?;
        }
        Ok(())
    }
}

/// Stores the runs of one log.
pub(super) struct LogSink<'s, 't> {
    table: &'s mut LogTable<'t>,
    log: LogId,
    values: &'s mut ValueTables<'t>,
}

impl RunSink for LogSink<'_, '_> {
    fn value(&mut self, name: ValueName, value: Vec<u8>) -> Outcome<()> {
        self.values.add_new(name, value)
    }

    fn run(&mut self, run: PackedRun) -> Outcome<()> {
        self.table.put(&self.log, run, self.values)
    }
}
