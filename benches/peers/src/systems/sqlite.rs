//! `SQLite` in WAL mode: one row for each entry, and one transaction for each append.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sessiondb::{SegmentId, SessionId};

use super::{Appender, Each, LogId, Promise, System};
use crate::Result;
use crate::logs::{Logs, lines};

/// Rows of a kilobyte are too large for `WITHOUT ROWID`, by its documentation; those of the index are
/// what it is for.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        session BLOB NOT NULL, segment BLOB NOT NULL, idx INTEGER NOT NULL, json TEXT NOT NULL,
        PRIMARY KEY (session, segment, idx));
    CREATE TABLE IF NOT EXISTS traces (
        session BLOB NOT NULL, segment BLOB NOT NULL, idx INTEGER NOT NULL, json TEXT NOT NULL,
        PRIMARY KEY (session, segment, idx));
    CREATE TABLE IF NOT EXISTS segments (
        segment BLOB NOT NULL, session BLOB NOT NULL,
        PRIMARY KEY (segment, session)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS segments_of ON segments (session, segment);";
const TUNING: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA mmap_size = 2147483648;
    PRAGMA cache_size = -32768;
    PRAGMA temp_store = MEMORY;";

const IS_LISTED: &str = "SELECT 1 FROM segments WHERE segment = ?2 AND session = ?1";
const LIST: &str = "INSERT INTO segments (session, segment) VALUES (?1, ?2)";
const SESSION_OF: &str = "SELECT session FROM segments WHERE segment = ?1 LIMIT 1";
/// Walks the index backwards; each count is one step into the index of the entries.
const SESSIONS: &str = "
    SELECT session, sum((
        SELECT coalesce(max(idx) + 1, 0) FROM entries
        WHERE entries.session = segments.session AND entries.segment = segments.segment))
    FROM segments GROUP BY session ORDER BY session DESC LIMIT ?1";
const DELETE: [&str; 3] = [
    "DELETE FROM entries WHERE session = ?1",
    "DELETE FROM traces WHERE session = ?1",
    "DELETE FROM segments WHERE session = ?1",
];

/// The statements for the logs of one table.
struct Statements {
    insert: &'static str,
    /// Faster than `count(*)`, which reads the index of the whole log.
    count: &'static str,
    read: &'static str,
    fork: &'static str,
    truncate: &'static str,
}

macro_rules! statements {
    ($table:literal) => {
        Statements {
            insert: concat!(
                "INSERT INTO ",
                $table,
                " (session, segment, idx, json) VALUES (?1, ?2, ?3, ?4)"
            ),
            count: concat!(
                "SELECT coalesce(max(idx) + 1, 0) FROM ",
                $table,
                " WHERE session = ?1 AND segment = ?2"
            ),
            read: concat!(
                "SELECT json FROM ",
                $table,
                " WHERE session = ?1 AND segment = ?2 AND idx >= ?3 ORDER BY idx"
            ),
            fork: concat!(
                "INSERT INTO ",
                $table,
                " (session, segment, idx, json) SELECT session, ?3, idx, json FROM ",
                $table,
                " WHERE session = ?1 AND segment = ?2 AND idx < ?4"
            ),
            truncate: concat!(
                "DELETE FROM ",
                $table,
                " WHERE session = ?1 AND segment = ?2 AND idx >= ?3"
            ),
        }
    };
}

static ENTRIES: Statements = statements!("entries");
static TRACES: Statements = statements!("traces");

/// How it is set up.
pub(super) fn settings(promise: Promise) -> &'static str {
    match promise {
        Promise::Synced => {
            "WAL, synchronous FULL, mmap_size 2 GiB, cache_size 32 MiB, temp_store MEMORY"
        }
        Promise::Written => {
            "WAL, synchronous NORMAL, mmap_size 2 GiB, cache_size 32 MiB, temp_store MEMORY"
        }
    }
}

/// Writes what is left anew, and folds the WAL.
pub(super) fn reclaim(dir: &Path) -> Result<()> {
    let connection = connect(&path_in(dir), Promise::Synced)?;
    connection.execute_batch("VACUUM")?;
    if checkpoint(&connection)? {
        close(connection)
    } else {
        Err("SQLite is in use: the WAL was not folded".into())
    }
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join("archive.sqlite")
}

pub(super) struct Sqlite {
    path: PathBuf,
    promise: Promise,
    connection: Mutex<Connection>,
}

impl Sqlite {
    pub(super) fn open(dir: &Path, promise: Promise) -> Result<Self> {
        let path = path_in(dir);
        let connection = connect(&path, promise)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            path,
            promise,
            connection: Mutex::new(connection),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        let locked = self.connection.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }

    fn append_rows<'a>(
        &self,
        log: LogId,
        entries: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<()> {
        change(&mut self.connection(), |change| {
            let first = count(change, log)?;
            if !is_listed(change, log)? {
                list(change, log)?;
            }
            let mut rows = (first..).zip(entries);
            rows.try_for_each(|(index, entry)| insert(change, log, index, entry))
        })
    }
}

/// A connection of its own for each writer, as `SQLite` wants it for concurrent use.
fn connect(path: &Path, promise: Promise) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(60))?;
    connection.execute_batch(TUNING)?;
    let synchronous = match promise {
        Promise::Synced => "FULL",
        Promise::Written => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Folds the WAL into the database, and empties it. Returns whether nobody was in the way.
fn checkpoint(connection: &Connection) -> Result<bool> {
    let busy = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], busy)? == 0)
}

fn close(connection: Connection) -> Result<()> {
    connection.close().map_err(|(_, error)| error.into())
}

impl System for Sqlite {
    fn appender(&self, log: LogId) -> Result<Box<dyn Appender>> {
        let connection = connect(&self.path, self.promise)?;
        Ok(Box::new(RowAppender {
            next: count(&connection, log)?,
            is_listed: is_listed(&connection, log)?,
            connection,
            log,
        }))
    }

    fn append_many(&self, log: LogId, entries: &[Vec<u8>]) -> Result<()> {
        self.append_rows(log, entries.iter().map(Vec::as_slice))
    }

    fn count(&self, log: LogId) -> Result<u64> {
        Ok(u64::try_from(count(&self.connection(), log)?)?)
    }

    fn read(&self, log: LogId, each: Each<'_>) -> Result<()> {
        read_from(&self.connection(), log, 0, each)
    }

    fn last(&self, log: LogId, wanted: u64, each: Each<'_>) -> Result<()> {
        let connection = self.connection();
        let first = count(&connection, log)?.saturating_sub_unsigned(wanted);
        read_from(&connection, log, first, each)
    }

    fn sessions(&self, limit: usize) -> Result<Vec<(SessionId, u64)>> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(SESSIONS)?;
        let mut rows = statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let mut sessions = Vec::new();
        while let Some(row) = rows.next()? {
            let session = SessionId::from_slice(row.get_ref(0)?.as_blob()?)?;
            sessions.push((session, u64::try_from(row.get::<_, i64>(1)?)?));
        }
        Ok(sessions)
    }

    fn session_of(&self, segment: SegmentId) -> Result<Option<SessionId>> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(SESSION_OF)?;
        let session = statement.query_row([segment.as_bytes()], |row| row.get::<_, [u8; 16]>(0));
        Ok(session.optional()?.map(SessionId::from_bytes))
    }

    fn fork(&self, from: LogId, at: u64, to: SegmentId) -> Result<()> {
        let to = LogId {
            segment: to,
            ..from
        };
        change(&mut self.connection(), |change| {
            list(change, to)?;
            let mut statement = change.prepare_cached(of(from).fork)?;
            let [session, segment] = ids(from);
            let at = i64::try_from(at)?;
            let copied = statement.execute(params![session, segment, to.segment.as_bytes(), at])?;
            if copied as u64 == at.unsigned_abs() {
                Ok(())
            } else {
                Err(format!("the segment has {copied} entries, not {at}").into())
            }
        })
    }

    fn truncate(&self, log: LogId, len: u64) -> Result<()> {
        change(&mut self.connection(), |change| {
            let (count, len) = (count(change, log)?, i64::try_from(len)?);
            if len > count {
                return Err(format!("the log has {count} entries, not {len}").into());
            }
            let [session, segment] = ids(log);
            let mut statement = change.prepare_cached(of(log).truncate)?;
            statement.execute(params![session, segment, len])?;
            Ok(())
        })
    }

    fn delete_session(&self, session: SessionId) -> Result<()> {
        change(&mut self.connection(), |change| {
            for delete in DELETE {
                change
                    .prepare_cached(delete)?
                    .execute([session.as_bytes()])?;
            }
            Ok(())
        })
    }

    fn import(&self, logs: &Logs) -> Result<()> {
        for file in &logs.files {
            self.append_rows(file.log(), lines(&logs.text(file)?))?;
        }
        Ok(())
    }

    /// If another process is in the way, the last one to close folds the WAL.
    fn close(self: Box<Self>) -> Result<()> {
        let connection = self.connection.into_inner();
        let connection = connection.unwrap_or_else(PoisonError::into_inner);
        checkpoint(&connection)?;
        close(connection)
    }
}

/// Nobody else writes the log, so the next index is kept here.
struct RowAppender {
    connection: Connection,
    log: LogId,
    next: i64,
    is_listed: bool,
}

impl Appender for RowAppender {
    fn append(&mut self, entry: &[u8]) -> Result<()> {
        if self.is_listed {
            insert(&self.connection, self.log, self.next, entry)?;
        } else {
            change(&mut self.connection, |change| {
                list(change, self.log)?;
                insert(change, self.log, self.next, entry)
            })?;
            self.is_listed = true;
        }
        self.next += 1;
        Ok(())
    }
}

/// Makes all changes in one transaction, which takes the lock for writing at once.
fn change(
    connection: &mut Connection,
    with: impl FnOnce(&Transaction<'_>) -> Result<()>,
) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    with(&transaction)?;
    Ok(transaction.commit()?)
}

fn of(log: LogId) -> &'static Statements {
    if log.traces { &TRACES } else { &ENTRIES }
}

fn ids(log: LogId) -> [[u8; 16]; 2] {
    [log.session.into_bytes(), log.segment.into_bytes()]
}

fn count(connection: &Connection, log: LogId) -> Result<i64> {
    let mut statement = connection.prepare_cached(of(log).count)?;
    Ok(statement.query_row(ids(log), |row| row.get(0))?)
}

/// Whether the log needs no row in the index, which is of segments that have entries.
fn is_listed(connection: &Connection, log: LogId) -> Result<bool> {
    Ok(log.traces || connection.prepare_cached(IS_LISTED)?.exists(ids(log))?)
}

fn list(connection: &Connection, log: LogId) -> Result<()> {
    connection.prepare_cached(LIST)?.execute(ids(log))?;
    Ok(())
}

fn insert(connection: &Connection, log: LogId, index: i64, entry: &[u8]) -> Result<()> {
    let [session, segment] = ids(log);
    let json = str::from_utf8(entry)?;
    let mut statement = connection.prepare_cached(of(log).insert)?;
    statement.execute(params![session, segment, index, json])?;
    Ok(())
}

fn read_from(connection: &Connection, log: LogId, first: i64, each: Each<'_>) -> Result<()> {
    let [session, segment] = ids(log);
    let mut statement = connection.prepare_cached(of(log).read)?;
    let mut rows = statement.query(params![session, segment, first])?;
    while let Some(row) = rows.next()? {
        each(row.get_ref(0)?.as_bytes()?)?;
    }
    Ok(())
}
