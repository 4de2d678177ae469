//! fjall, one keyspace for each table.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use fjall::{
    Database, Guard, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable,
};

use super::Promise;
use super::rows::{Changes, Kv, Order, Snapshot, Table, Tables, walk_rows};
use crate::Result;

/// How it is set up. Values are kept with their keys, as by default: to separate them is advised for
/// large blobs, and makes reading slower.
pub(super) fn settings(promise: Promise) -> &'static str {
    match promise {
        Promise::Synced => {
            "defaults (lz4), cache 20 % of memory, PersistMode::SyncData at each commit"
        }
        Promise::Written => "defaults (lz4), cache 20 % of memory, PersistMode::Buffer",
    }
}

/// Writes out what is in memory, and compacts all tables.
pub(super) fn reclaim(dir: &Path) -> Result<()> {
    let store = Fjall::open(dir, Promise::Synced)?;
    for keyspace in store.keyspaces.iter() {
        keyspace.rotate_memtable_and_wait()?;
        keyspace.major_compact()?;
    }
    store.close()
}

#[derive(Clone)]
pub(super) struct Fjall {
    database: Database,
    keyspaces: Tables<Keyspace>,
    promise: Promise,
}

impl Fjall {
    pub(super) fn open(dir: &Path, promise: Promise) -> Result<Self> {
        let builder = Database::builder(dir).cache_size(memory_bytes()? / 5);
        let database = builder.open()?;
        let keyspaces = Tables::try_new(|table| {
            database.keyspace(table.name(), KeyspaceCreateOptions::default)
        })?;
        Ok(Self {
            database,
            keyspaces,
            promise,
        })
    }
}

/// The memory of the machine.
fn memory_bytes() -> Result<u64> {
    let info = fs::read_to_string("/proc/meminfo")?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|total| total.split_whitespace().next());
    let kib: u64 = kib.ok_or("/proc/meminfo has no MemTotal")?.parse()?;
    Ok(kib << 10)
}

impl Kv for Fjall {
    type Snapshot<'a> = Reading<'a>;

    fn snapshot(&self) -> Result<Reading<'_>> {
        Ok(Reading {
            snapshot: self.database.snapshot(),
            keyspaces: &self.keyspaces,
        })
    }

    fn write(&self, change: impl FnOnce(&mut dyn Changes) -> Result<()>) -> Result<()> {
        let mode = match self.promise {
            Promise::Written => PersistMode::Buffer,
            Promise::Synced => PersistMode::SyncData,
        };
        let mut writing = Writing {
            batch: self.database.batch().durability(Some(mode)),
            keyspaces: &self.keyspaces,
        };
        change(&mut writing)?;
        Ok(writing.batch.commit()?)
    }

    /// Its documentation's way for a single row.
    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.keyspaces.of(table).insert(key, value)?;
        if self.promise == Promise::Synced {
            self.database.persist(PersistMode::SyncData)?;
        }
        Ok(())
    }

    fn close(self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

pub(super) struct Reading<'a> {
    snapshot: fjall::Snapshot,
    keyspaces: &'a Tables<Keyspace>,
}

impl Snapshot for Reading<'_> {
    fn get<T>(
        &self,
        table: Table,
        key: &[u8],
        with: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let value = self.snapshot.get(self.keyspaces.of(table), key)?;
        value.map(|value| with(&value)).transpose()
    }

    fn walk(
        &self,
        table: Table,
        (from, to): (&[u8], &[u8]),
        order: Order,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let rows = self.snapshot.range(self.keyspaces.of(table), from..=to);
        let each = |row: Guard| {
            let (key, value) = row.into_inner()?;
            each(&key, &value)
        };
        match order {
            Order::Forwards => walk_rows(rows, each),
            Order::Backwards => walk_rows(rows.rev(), each),
        }
    }
}

struct Writing<'a> {
    batch: OwnedWriteBatch,
    keyspaces: &'a Tables<Keyspace>,
}

impl Changes for Writing<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.batch.insert(self.keyspaces.of(table), key, value);
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.batch.remove(self.keyspaces.of(table), key);
        Ok(())
    }

    /// There is no removal of ranges.
    fn remove_range(&mut self, table: Table, (from, to): (&[u8], &[u8])) -> Result<()> {
        let keyspace = self.keyspaces.of(table);
        for row in keyspace.range(from..=to) {
            self.batch.remove(keyspace, row.key()?);
        }
        Ok(())
    }
}
