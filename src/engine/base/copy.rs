//! Filling a new image with what a view of another one shows: each table in the order of its keys,
//! which fills pages best, and the runs of each log packed anew.

use std::borrow::Borrow;

use redb::{Key, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};

use super::read::{decode_head, decode_session, sound_index, sound_metadata, sound_name};
use super::{
    Base, BaseView, HEADS, INDEX, Image, METADATA, NAMES, Patience, SESSIONS, run_key, runs_of,
};
use crate::engine::fault::{Fault, Outcome};
use crate::engine::op::{LogId, LogKind};
use crate::engine::row::{Extent, Head, Table};
use crate::engine::run::{Entries, Run};

/// Takes how much is done, of how much, in rows.
pub(crate) type Progress<'p> = &'p mut dyn FnMut(u64, u64);

impl Base {
    /// Fills this image, which is new, with all that the view shows. Every row is verified on the
    /// way, so that no damage gets a checksum that matches.
    pub(crate) fn fill(&self, view: &BaseView, progress: Progress<'_>) -> Outcome<()> {
        let txn = self.begin_write(Patience::UntilTimeout)?;
        let total = view.row_count()?;
        let mut copy = Copy {
            view,
            txn: &txn,
            done: 0,
            total,
            progress,
        };
        copy.runs(LogKind::Entries)?;
        copy.runs(LogKind::Traces)?;
        copy.rows(HEADS, Table::Heads, |(session, segment), row| {
            decode_head(session, segment, row).map(drop)
        })?;
        copy.rows(SESSIONS, Table::Sessions, |session, row| {
            decode_session(session, row).map(drop)
        })?;
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
        Ok(txn.commit()?)
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
    view: &'c BaseView,
    txn: &'c WriteTransaction,
    done: u64,
    total: u64,
    progress: Progress<'c>,
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
            found += self.log(&log, extent_of(&head?, kind))?;
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

    /// The runs of a log. Returns how many there were.
    fn log(&mut self, log: &LogId, extent: Extent) -> Outcome<u64> {
        if extent.entries == 0 {
            return Ok(0);
        }
        let mut to = self.txn.open_table(runs_of(log.kind))?;
        let mut packer = Packer::new(0, |run| {
            to.insert(run_key(log, run.first()), run.encode(log).as_slice())?;
            Ok(())
        });
        let (mut rows, mut end) = (0, 0);
        self.view.for_each_run_of(log, |first, run| {
            if first != end {
                return Err(missing(log, end));
            }
            let run = run?;
            end = run.end();
            run.entries()
                .iter()
                .try_for_each(|entry| packer.push(entry))?;
            rows += 1;
            self.done += 1;
            (self.progress)(self.done, self.total);
            Ok(())
        })?;
        if end != extent.entries {
            return Err(missing(log, end));
        }
        packer.finish()?;
        Ok(rows)
    }

    /// All rows of another table, each verified by `check`.
    fn rows<K: Key + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, &'static [u8]>,
        table: Table,
        check: impl for<'k> Fn(K::SelfType<'k>, &[u8]) -> Outcome<()>,
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

/// Puts entries into runs that are as full as can be.
struct Packer<P> {
    run: Run,
    put: P,
}

impl<P: FnMut(&Run) -> Outcome<()>> Packer<P> {
    fn new(first: u64, put: P) -> Self {
        let run = Run::new(first, Entries::default());
        Self { run, put }
    }

    fn push(&mut self, entry: &[u8]) -> Outcome<()> {
        if !self.run.has_room_for(entry.len()) {
            (self.put)(&self.run)?;
            self.run = Run::new(self.run.end(), Entries::default());
        }
        self.run.push(entry);
        Ok(())
    }

    fn finish(mut self) -> Outcome<()> {
        if self.run.entries().is_empty() {
            return Ok(());
        }
        (self.put)(&self.run)
    }
}

fn extent_of(head: &Head, kind: LogKind) -> Extent {
    match kind {
        LogKind::Entries => head.log,
        LogKind::Traces => head.traces,
    }
}

fn missing(log: &LogId, entry: u64) -> Fault {
    Fault::damaged(format!("{log}, entry {entry}"), "its run is missing")
}
