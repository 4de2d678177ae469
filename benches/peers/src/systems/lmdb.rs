//! LMDB through heed, one named database for each table.

use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::time::Duration;

use heed::types::Bytes;
use heed::{
    CommitOrAbort, CommitToken, CompactionOption, Database, Env, EnvFlags, EnvOpenOptions,
    OnCommit, RoTxn, RwTxn, WithTls,
};

use super::Promise;
use super::rows::{Changes, Kv, Order, Snapshot, Table, Tables, walk_rows};
use crate::Result;

/// Address space, not memory nor disk.
const MAP_BYTES: usize = 64 << 30;
/// Longer than a close takes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// The name of LMDB's own for its file in a folder.
const FILE: &str = "data.mdb";

/// How it is set up. `MDB_NOMETASYNC` is not enough for `Written`: it still syncs once a commit.
pub(super) fn settings(promise: Promise) -> &'static str {
    match promise {
        Promise::Synced => "defaults, map 64 GiB: fsync at each commit",
        Promise::Written => {
            "MDB_NOSYNC, map 64 GiB: a loss of power may corrupt it, not only lose what came last"
        }
    }
}

/// Copies it compacted, as `mdb_copy -c` does, and puts the copy in its place.
pub(super) fn reclaim(dir: &Path) -> Result<()> {
    let lmdb = Lmdb::open(dir, Promise::Synced)?;
    let copy = dir.join("compacted.mdb");
    let file = lmdb.env.copy_to_path(&copy, CompactionOption::Enabled)?;
    file.sync_all()?;
    lmdb.close()?;
    Ok(std::fs::rename(copy, dir.join(FILE))?)
}

type Rows = Database<'static, Bytes, Bytes>;

#[derive(Clone)]
pub(super) struct Lmdb {
    env: Env,
    tables: Tables<Rows>,
}

impl Lmdb {
    pub(super) fn open(dir: &Path, promise: Promise) -> Result<Self> {
        let env = open_env(dir, promise)?;
        let tables = open_tables(&env)?;
        Ok(Self { env, tables })
    }
}

#[expect(
    unsafe_code,
    reason = "the file is mapped: nothing but LMDB may write to it, and nothing else does while a \
              benchmark runs; without syncs a loss of power may corrupt it, and then it is not used"
)]
fn open_env(dir: &Path, promise: Promise) -> Result<Env> {
    let mut options = EnvOpenOptions::new();
    options.map_size(MAP_BYTES).max_dbs(4);
    // SAFETY: as the reason above says.
    unsafe {
        if promise == Promise::Written {
            options.flags(EnvFlags::NO_SYNC);
        }
        Ok(options.open(dir)?)
    }
}

/// Opens the tables without a write, if they are there.
fn open_tables(env: &Env) -> Result<Tables<Rows>> {
    let opened = env.open_databases_and_commit(env.read_txn()?, |opener, txn| {
        let tables = Tables::try_new(|table| opener.open_database(txn, Some(table.name())))?;
        heed::Result::Ok(CommitOrAbort::<_, ()>::Commit(tables))
    })?;
    let opened = opened.commit().ok_or("no tables were opened")?;
    if let Ok(tables) = Tables::try_new(|table| opened.of(table).ok_or(())) {
        return Ok(tables);
    }
    let created = env.create_databases_and_commit(env.write_txn()?, |opener, txn| {
        let tables = Tables::try_new(|table| opener.create_database(txn, Some(table.name())))?;
        heed::Result::Ok(CommitOrAbort::<_, ()>::Commit(tables))
    })?;
    Ok(created.commit().ok_or("no tables were made")?)
}

impl<D: OnCommit> OnCommit for Tables<D> {
    type Committed = Tables<D::Committed>;

    fn on_commit(self, token: &CommitToken) -> Self::Committed {
        self.map(|database| database.on_commit(token))
    }
}

impl Kv for Lmdb {
    type Snapshot<'a> = Reading<'a>;

    fn snapshot(&self) -> Result<Reading<'_>> {
        Ok(Reading {
            txn: self.env.read_txn()?,
            tables: &self.tables,
        })
    }

    fn write(&self, change: impl FnOnce(&mut dyn Changes) -> Result<()>) -> Result<()> {
        let mut writing = Writing {
            txn: self.env.write_txn()?,
            tables: &self.tables,
        };
        change(&mut writing)?;
        Ok(writing.txn.commit()?)
    }

    fn close(self) -> Result<()> {
        self.env.force_sync()?;
        let closing = self.env.prepare_for_closing();
        if closing.wait_timeout(CLOSE_TIMEOUT) {
            Ok(())
        } else {
            Err("LMDB is still open: an appender is left".into())
        }
    }
}

pub(super) struct Reading<'a> {
    txn: RoTxn<'a, WithTls>,
    tables: &'a Tables<Rows>,
}

impl Snapshot for Reading<'_> {
    fn get<T>(
        &self,
        table: Table,
        key: &[u8],
        with: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        let value = self.tables.of(table).get(&self.txn, key)?;
        value.map(with).transpose()
    }

    fn walk(
        &self,
        table: Table,
        range: (&[u8], &[u8]),
        order: Order,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let table = self.tables.of(table);
        let bounds = bounds(range);
        let mut each = |row: heed::Result<(&[u8], &[u8])>| {
            let (key, value) = row?;
            each(key, value)
        };
        match order {
            Order::Forwards => walk_rows(table.range(&self.txn, &bounds)?, &mut each),
            Order::Backwards => walk_rows(table.rev_range(&self.txn, &bounds)?, &mut each),
        }
    }
}

struct Writing<'a> {
    txn: RwTxn<'a>,
    tables: &'a Tables<Rows>,
}

impl Changes for Writing<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.tables.of(table).put(&mut self.txn, key, value)?)
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.tables.of(table).delete(&mut self.txn, key)?;
        Ok(())
    }

    fn remove_range(&mut self, table: Table, range: (&[u8], &[u8])) -> Result<()> {
        let table = self.tables.of(table);
        table.delete_range(&mut self.txn, &bounds(range))?;
        Ok(())
    }
}

fn bounds<'a>((from, to): (&'a [u8], &'a [u8])) -> (Bound<&'a [u8]>, Bound<&'a [u8]>) {
    (Bound::Included(from), Bound::Included(to))
}
