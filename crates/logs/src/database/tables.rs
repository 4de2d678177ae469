//! The tables of a database, whichever columns a version of the agent has.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, ToSql};
use sessiondb_agents::Cell;

use super::beside;

/// How long the agent may keep a database locked.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Tables {
    connection: Connection,
}

impl Tables {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let begun = || -> rusqlite::Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            prepare(&connection)?;
            Ok(connection)
        };
        let connection = match begun() {
            // In a folder that cannot be written to, SQLite reads a database in WAL mode only if it
            // may take it for one that never changes. Without a log beside it nobody changes it.
            Err(error) if is_locked_out(&error) && !beside(path).any(|file| file.exists()) => {
                unchanging(path)
            }
            begun => begun,
        };
        let connection = connection.map_err(|error| told(&error))?;
        Ok(Self { connection })
    }

    /// The names of a table's columns; none if there is no such table.
    pub(crate) fn columns(&self, table: &str) -> io::Result<Vec<String>> {
        let sql = "SELECT c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
                   WHERE t.type = 'table' AND t.name = ?1";
        let mut names = Vec::new();
        self.each(sql, &[&table], |row| {
            if let Some((_, Cell::Text(name))) = row.first() {
                names.push((*name).to_owned());
            }
        })?;
        Ok(names)
    }

    /// Whether the table has all of these columns.
    pub(crate) fn has(&self, table: &str, columns: &[&str]) -> io::Result<bool> {
        let there = self.columns(table)?;
        Ok(columns
            .iter()
            .all(|column| there.iter().any(|name| name == column)))
    }

    /// Calls `take` with each row of what is asked for.
    pub(crate) fn each(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        mut take: impl FnMut(&sessiondb_agents::Row<'_>),
    ) -> io::Result<()> {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare(sql)?;
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut rows = statement.query(values)?;
            while let Some(row) = rows.next()? {
                take(&cells(&names, row)?);
            }
            Ok(())
        };
        read().map_err(|error| told(&error))
    }

    /// Calls `read`, all of which sees the database as it is at one moment.
    pub(crate) fn at_once<T>(&self, read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let transaction = self.connection.unchecked_transaction();
        let _transaction = transaction.map_err(|error| told(&error))?;
        read()
    }
}

fn cells<'r>(names: &'r [String], row: &'r Row<'_>) -> rusqlite::Result<Vec<(&'r str, Cell<'r>)>> {
    let cell = |(at, name): (usize, &'r String)| {
        let cell = match row.get_ref(at)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Integer(number),
            ValueRef::Real(number) => Cell::Real(number),
            ValueRef::Text(text) | ValueRef::Blob(text) => {
                std::str::from_utf8(text).map_or(Cell::Null, Cell::Text)
            }
        };
        Ok((name.as_str(), cell))
    };
    names.iter().enumerate().map(cell).collect()
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    // What the database says of itself is not to be run.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

fn unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            other => {
                let _ = write!(uri, "%{other:02x}");
            }
        }
    }
    uri.push_str("?immutable=1");
    let connection = Connection::open_with_flags(uri, flags)?;
    prepare(&connection)?;
    Ok(connection)
}

fn is_locked_out(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    )
}

fn told(error: &rusqlite::Error) -> io::Error {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => io::ErrorKind::ResourceBusy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, format!("the database cannot be read: {error}"))
}

/// A whole number, or nothing as 0.
pub(super) fn number(cell: &Cell<'_>) -> u64 {
    match cell {
        Cell::Integer(number) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}
