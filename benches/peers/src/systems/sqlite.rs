//! `SQLite` in WAL mode: one row for each entry, and one transaction for each append.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, params};

use super::{Appender, System};
use crate::Result;
use crate::entries::{segment_id, session_id};

pub(crate) const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS entries (
    session BLOB NOT NULL,
    segment BLOB NOT NULL,
    idx INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (session, segment, idx))";
pub(crate) const INSERT: &str =
    "INSERT INTO entries (session, segment, idx, json) VALUES (?1, ?2, ?3, ?4)";
/// Faster than `count(*)`, which reads the index of the whole segment.
const COUNT: &str =
    "SELECT coalesce(max(idx) + 1, 0) FROM entries WHERE session = ?1 AND segment = ?2";
const LAST: &str =
    "SELECT json FROM entries WHERE session = ?1 AND segment = ?2 ORDER BY idx DESC LIMIT 1";
pub(crate) const READ: &str =
    "SELECT json FROM entries WHERE session = ?1 AND segment = ?2 ORDER BY idx";

pub(super) struct Sqlite {
    path: PathBuf,
    synchronous: &'static str,
    connection: Mutex<Connection>,
}

impl Sqlite {
    pub(super) fn open(dir: &Path, synchronous: &'static str) -> Result<Self> {
        let path = dir.join("archive.sqlite");
        let connection = connect(&path, synchronous)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            path,
            synchronous,
            connection: Mutex::new(connection),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of its own for each writer, as `SQLite` wants it for concurrent use.
pub(crate) fn connect(path: &Path, synchronous: &str) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(60))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    Ok(connection)
}

impl System for Sqlite {
    fn appender(&self, segment: u64) -> Result<Box<dyn Appender>> {
        let count = self.count(segment)?;
        Ok(Box::new(RowAppender {
            connection: connect(&self.path, self.synchronous)?,
            segment,
            next: i64::try_from(count)?,
        }))
    }

    fn append_many(&self, segment: u64, entries: &[Vec<u8>]) -> Result<()> {
        let first = i64::try_from(self.count(segment)?)?;
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for (index, entry) in (first..).zip(entries) {
            insert(&transaction, segment, index, entry)?;
        }
        Ok(transaction.commit()?)
    }

    fn count(&self, segment: u64) -> Result<u64> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(COUNT)?;
        Ok(u64::try_from(
            statement.query_row(key(segment), |row| row.get::<_, i64>(0))?,
        )?)
    }

    fn last(&self, segment: u64) -> Result<Vec<u8>> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(LAST)?;
        let json: String = statement.query_row(key(segment), |row| row.get(0))?;
        Ok(json.into_bytes())
    }

    fn read(&self, segment: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(READ)?;
        let mut rows = statement.query(key(segment))?;
        while let Some(row) = rows.next()? {
            each(row.get_ref(0)?.as_str()?.as_bytes())?;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        let connection = self
            .connection
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        connection.close().map_err(|(_, error)| error.into())
    }
}

struct RowAppender {
    connection: Connection,
    segment: u64,
    next: i64,
}

impl Appender for RowAppender {
    fn append(&mut self, entry: &[u8]) -> Result<()> {
        insert(&self.connection, self.segment, self.next, entry)?;
        self.next += 1;
        Ok(())
    }
}

/// The ids of the session and of the segment.
fn key(segment: u64) -> [[u8; 16]; 2] {
    [session_id().into_bytes(), segment_id(segment).into_bytes()]
}

fn insert(connection: &Connection, segment: u64, index: i64, entry: &[u8]) -> Result<()> {
    let [session, segment] = key(segment);
    let json = str::from_utf8(entry)?;
    connection
        .prepare_cached(INSERT)?
        .execute(params![session, segment, index, json])?;
    Ok(())
}
