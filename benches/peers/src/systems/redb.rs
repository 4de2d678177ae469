//! redb used plainly: one row and one durable commit for each entry.

use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    AccessGuard, Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase,
    StorageError, TableDefinition, TableError, WriteTransaction,
};

use super::Promise;
use super::rows::{Changes, Kv, Order, Snapshot, Table, Tables, walk_rows};
use crate::Result;

/// How it is set up.
pub(super) fn settings(_: Promise) -> &'static str {
    "defaults (cache 1 GiB, quick-repair off), Durability::Immediate: one commit for each append"
}

/// Compacts it until that gives nothing back.
pub(super) fn reclaim(dir: &Path) -> Result<()> {
    let mut database = Database::open(path_in(dir))?;
    while database.compact()? {}
    Ok(database.close()?)
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join("archive.redb")
}

fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

#[derive(Clone)]
pub(super) struct Redb(Arc<Database>);

impl Redb {
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let store = Self(Arc::new(Database::create(path_in(dir))?));
        store.create_tables()?;
        Ok(store)
    }

    /// Makes the tables, unless they are there.
    fn create_tables(&self) -> Result<()> {
        match self.0.begin_read()?.open_table(definition(Table::Sessions)) {
            Ok(_) => return Ok(()),
            Err(TableError::TableDoesNotExist(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let txn = self.0.begin_write()?;
        Tables::try_new(|table| txn.open_table(definition(table)).map(drop))?;
        Ok(txn.commit()?)
    }
}

impl Kv for Redb {
    type Snapshot<'a> = Reading;

    fn snapshot(&self) -> Result<Reading> {
        Ok(Reading {
            txn: self.0.begin_read()?,
            tables: Tables::default(),
        })
    }

    fn write(&self, change: impl FnOnce(&mut dyn Changes) -> Result<()>) -> Result<()> {
        let mut txn = self.0.begin_write()?;
        txn.set_durability(Durability::Immediate)?;
        change(&mut Writing {
            txn: &txn,
            tables: Tables::default(),
        })?;
        Ok(txn.commit()?)
    }

    fn close(self) -> Result<()> {
        let database = Arc::into_inner(self.0).ok_or("redb is still open: an appender is left")?;
        Ok(database.close()?)
    }
}

type Opened = OnceCell<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// A read transaction, with the tables that it has come across.
pub(super) struct Reading {
    txn: ReadTransaction,
    tables: Tables<Opened>,
}

impl Reading {
    fn table(&self, table: Table) -> Result<&ReadOnlyTable<&'static [u8], &'static [u8]>> {
        let opened = self.tables.of(table);
        if let Some(opened) = opened.get() {
            return Ok(opened);
        }
        let new = self.txn.open_table(definition(table))?;
        Ok(opened.get_or_init(|| new))
    }
}

type Row<'a> = (
    AccessGuard<'a, &'static [u8]>,
    AccessGuard<'a, &'static [u8]>,
);

impl Snapshot for Reading {
    fn get<T>(
        &self,
        table: Table,
        key: &[u8],
        with: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let value = self.table(table)?.get(key)?;
        value.map(|value| with(value.value())).transpose()
    }

    fn walk(
        &self,
        table: Table,
        (from, to): (&[u8], &[u8]),
        order: Order,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let rows = self.table(table)?.range(from..=to)?;
        let each = |row: Result<Row<'_>, StorageError>| {
            let (key, value) = row?;
            each(key.value(), value.value())
        };
        match order {
            Order::Forwards => walk_rows(rows, each),
            Order::Backwards => walk_rows(rows.rev(), each),
        }
    }
}

/// A write transaction, with the tables that it has come across.
struct Writing<'a> {
    txn: &'a WriteTransaction,
    tables: Tables<Option<redb::Table<'a, &'static [u8], &'static [u8]>>>,
}

impl<'a> Writing<'a> {
    fn table(
        &mut self,
        table: Table,
    ) -> Result<&mut redb::Table<'a, &'static [u8], &'static [u8]>> {
        let opened = self.tables.of_mut(table);
        let new = match opened.take() {
            Some(opened) => opened,
            None => self.txn.open_table(definition(table))?,
        };
        Ok(opened.insert(new))
    }
}

impl Changes for Writing<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.table(table)?.insert(key, value)?;
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.table(table)?.remove(key)?;
        Ok(())
    }

    fn remove_range(&mut self, table: Table, (from, to): (&[u8], &[u8])) -> Result<()> {
        Ok(self.table(table)?.retain_in(from..=to, |_, _| false)?)
    }
}
