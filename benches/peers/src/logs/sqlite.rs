//! Logs in `SQLite`: one row for each entry, by the same table as single appends.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use sessiondb::{SegmentId, SessionId};

use super::Logs;
use crate::Result;
use crate::systems::sqlite::{INSERT, READ, SCHEMA, connect};

/// As much as the export of an archive buffers.
const BUFFER_BYTES: usize = 256 << 10;
const FORK: &str = "INSERT INTO entries (session, segment, idx, json)
    SELECT session, ?3, idx, json FROM entries WHERE session = ?1 AND segment = ?2 AND idx < ?4";

/// The database's file in a folder.
pub(crate) fn path_in(dir: &Path) -> PathBuf {
    dir.join("archive.sqlite")
}

/// Opens the database in a folder, and makes it if it is not there.
pub(crate) fn open(dir: &Path, synchronous: &str) -> Result<Connection> {
    fs::create_dir_all(dir)?;
    let connection = connect(&path_in(dir), synchronous)?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

/// Folds the WAL into the database, and closes it.
pub(crate) fn close(connection: Connection) -> Result<()> {
    checkpoint(&connection)?;
    connection.close().map_err(|(_, error)| error.into())
}

/// Folds the WAL into the database, and empties it.
pub(crate) fn checkpoint(connection: &Connection) -> Result<()> {
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    match busy {
        0 => Ok(()),
        _ => Err("the WAL was not folded".into()),
    }
}

/// Adds an entry.
pub(crate) fn insert(
    connection: &Connection,
    (session, segment): (SessionId, SegmentId),
    index: i64,
    entry: &[u8],
) -> Result<()> {
    connection.prepare_cached(INSERT)?.execute(params![
        session.into_bytes(),
        segment.into_bytes(),
        index,
        str::from_utf8(entry)?
    ])?;
    Ok(())
}

/// Imports the logs into a new database, one transaction a file, and closes it.
pub(crate) fn import(logs: &Logs, dir: &Path) -> Result<()> {
    let mut connection = open(dir, "FULL")?;
    for file in &logs.files {
        let text = fs::read(file.path_in(&logs.folder))?;
        let transaction = connection.transaction()?;
        let lines = text.split(|byte| *byte == b'\n');
        for (index, line) in (0..).zip(lines.filter(|line| !line.is_empty())) {
            insert(&transaction, (file.session, file.segment), index, line)?;
        }
        transaction.commit()?;
    }
    close(connection)
}

/// Exports those of the logs that are in the database.
pub(crate) fn export(logs: &Logs, dir: &Path, out: &Path) -> Result<()> {
    let connection = open(dir, "FULL")?;
    for file in &logs.files {
        let writer = File::create(file.new_path_in(out)?)?;
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, writer);
        read(&connection, (file.session, file.segment), &mut |entry| {
            writer.write_all(entry)?;
            Ok(writer.write_all(b"\n")?)
        })?;
        writer.flush()?;
    }
    close(connection)
}

/// Hands each entry of a segment to `each`, in order.
pub(crate) fn read(
    connection: &Connection,
    (session, segment): (SessionId, SegmentId),
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(READ)?;
    let mut rows = statement.query(params![session.into_bytes(), segment.into_bytes()])?;
    while let Some(row) = rows.next()? {
        each(row.get_ref(0)?.as_str()?.as_bytes())?;
    }
    Ok(())
}

/// Copies the first `at` entries of a segment to another one.
pub(crate) fn fork(
    connection: &Connection,
    (session, segment): (SessionId, SegmentId),
    at: u64,
    to: SegmentId,
) -> Result<()> {
    let mut statement = connection.prepare_cached(FORK)?;
    let copied = statement.execute(params![
        session.into_bytes(),
        segment.into_bytes(),
        to.into_bytes(),
        i64::try_from(at)?
    ])?;
    if copied as u64 != at {
        return Err(format!("{copied} entries were copied, not {at}").into());
    }
    Ok(())
}

/// Removes the sessions, each in a transaction of its own.
pub(crate) fn delete(connection: &Connection, sessions: &[SessionId]) -> Result<()> {
    let mut statement = connection.prepare("DELETE FROM entries WHERE session = ?1")?;
    for session in sessions {
        if statement.execute([session.into_bytes()])? == 0 {
            return Err(format!("there was no session {session}").into());
        }
    }
    Ok(())
}

/// Writes what is left anew, and closes the database.
pub(crate) fn vacuum(dir: &Path) -> Result<()> {
    let connection = open(dir, "FULL")?;
    connection.execute_batch("VACUUM")?;
    close(connection)
}
