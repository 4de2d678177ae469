//! Word filters as they stand in their table.

use std::ops::Range;

use redb::ReadableTable;

use crate::engine::fault::Outcome;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::row::unseal;
use crate::engine::model::table::Table;
use crate::engine::model::word_filter::{WordFilter, Words};
use crate::engine::tables::read::TablesView;
use crate::engine::tables::schema::{FILTERS, run_key, run_key_bytes};

impl TablesView {
    /// Of the entries of a log with these indexes, those in the tables beside which all the words may stand: the
    /// range of each run whose filter has them, and what has no filter.
    pub(crate) fn with_words(
        &self,
        log: &LogId,
        range: Range<u64>,
        words: &Words,
    ) -> Outcome<Vec<Range<u64>>> {
        let Some(table) = self.table_if_there(FILTERS)? else {
            return Ok(vec![range]);
        };
        let mut before = table.range(run_key(log, 0)..=run_key(log, range.start))?;
        let before = before.next_back().transpose()?;
        let start = before.map_or(0, |(key, _)| key.value().2);
        let (mut found, mut next) = (Vec::new(), range.start);
        for row in table.range(run_key(log, start)..run_key(log, range.end))? {
            let (key, value) = row?;
            let first = key.value().2;
            // One that cannot be read says nothing.
            let content = filter_content(log, first, value.value());
            let Ok(filter) = content.and_then(WordFilter::parse) else {
                continue;
            };
            let end = range.end.min(first.saturating_add(filter.count));
            if end <= next {
                continue;
            }
            if next < first {
                found.push(next..first);
            }
            if words.may_be_in(&filter) {
                found.push(first.max(next)..end);
            }
            next = end;
        }
        if next < range.end {
            found.push(next..range.end);
        }
        Ok(found)
    }

    /// Calls `each` with the content of the word filters of a log in their order.
    pub(crate) fn for_each_filter_of(
        &self,
        log: &LogId,
        mut each: impl FnMut(u64, Result<&[u8], String>) -> Outcome<()>,
    ) -> Outcome<()> {
        let Some(table) = self.table_if_there(FILTERS)? else {
            return Ok(());
        };
        for row in table.range(run_key(log, 0)..=run_key(log, u64::MAX))? {
            let (key, value) = row?;
            let first = key.value().2;
            each(first, filter_content(log, first, value.value()))?;
        }
        Ok(())
    }

    /// Calls `each` with the log and the first index of every run that has a word filter.
    pub(crate) fn for_each_filter_key(
        &self,
        mut each: impl FnMut(LogId, u64) -> Outcome<()>,
    ) -> Outcome<()> {
        let Some(table) = self.table_if_there(FILTERS)? else {
            return Ok(());
        };
        for row in table.iter()? {
            let (session, segment, first) = row?.0.value();
            let kind = LogKind::Entries;
            let log = LogId {
                session,
                segment,
                kind,
            };
            each(log, first)?;
        }
        Ok(())
    }
}

fn filter_content<'r>(log: &LogId, first: u64, row: &'r [u8]) -> Result<&'r [u8], String> {
    unseal(Table::Filters, &run_key_bytes(log, first), row)
}
