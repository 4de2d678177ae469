//! The systems under test behind one interface, so that every workload drives them the same way.

mod bare;
mod fjall;
mod jsonl;
mod lmdb;
mod redb;
mod rows;
mod sessiondb;
mod sqlite;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use ::sessiondb::entry::SegmentState;
use ::sessiondb::{Durability, LogEntry, SegmentId, SessionId, Sharing};

pub(crate) use self::bare::Region;
use crate::Result;
use crate::logs::Logs;

/// One log of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LogId {
    pub(crate) session: SessionId,
    pub(crate) segment: SegmentId,
    /// Whether it is the log of its traces.
    pub(crate) traces: bool,
}

/// What a reader does with each entry.
pub(crate) type Each<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

/// A place that holds the logs of sessions.
pub(crate) trait System: Send + Sync {
    /// A handle for one writer, with the preparations that a program would make once.
    fn appender(&self, log: LogId) -> Result<Box<dyn Appender>>;

    /// Appends many entries as one change, as far as the system knows such.
    fn append_many(&self, log: LogId, entries: &[Vec<u8>]) -> Result<()>;

    /// The number of entries, 0 if there is no such log.
    fn count(&self, log: LogId) -> Result<u64>;

    /// Hands each entry to `each`, in order.
    fn read(&self, log: LogId, each: Each<'_>) -> Result<()>;

    /// Hands each entry to `each` as a value, in order.
    fn read_typed(&self, log: LogId, each: &mut dyn FnMut(LogEntry) -> Result<()>) -> Result<()> {
        self.read(log, &mut |entry| each(decode(entry)?))
    }

    /// What the entries of a segment add up to.
    fn restore(&self, log: LogId) -> Result<SegmentState> {
        let mut state = SegmentState::default();
        self.read_typed(log, &mut |entry| {
            state.apply(entry);
            Ok(())
        })?;
        Ok(state)
    }

    /// Hands the last `count` entries to `each`, in order, or all if there are fewer.
    fn last(&self, log: LogId, count: u64, each: Each<'_>) -> Result<()>;

    /// The sessions with the highest ids, at most `limit`, the highest first, each with the number
    /// of entries of all its segments. Sessions that have traces alone are not asked for.
    fn sessions(&self, limit: usize) -> Result<Vec<(SessionId, u64)>>;

    /// The session that has the segment.
    fn session_of(&self, segment: SegmentId) -> Result<Option<SessionId>>;

    /// Makes a new segment `to` of the same session of the first `at` entries of `from`.
    fn fork(&self, from: LogId, at: u64, to: SegmentId) -> Result<()>;

    /// Leaves the first `len` entries of a log that has at least as many.
    fn truncate(&self, log: LogId, len: u64) -> Result<()>;

    /// Removes a session with all its segments.
    fn delete_session(&self, session: SessionId) -> Result<()>;

    /// Puts whole logs into the system, a file as one change.
    fn import(&self, logs: &Logs) -> Result<()> {
        for file in &logs.files {
            self.append_many(file.log(), &logs.entries(file)?)?;
        }
        Ok(())
    }

    /// Writes the logs that it holds of those as files again, without waiting for the disk.
    fn export(&self, logs: &Logs, out: &Path) -> Result<()> {
        for file in &logs.files {
            let target = File::create(file.new_path_in(out)?)?;
            let mut target = BufWriter::with_capacity(256 << 10, target);
            self.read(file.log(), &mut |entry| {
                target.write_all(entry)?;
                Ok(target.write_all(b"\n")?)
            })?;
            target.flush()?;
        }
        Ok(())
    }

    /// Closes what is open, and reports what fails. Appenders have to be gone. After it all that
    /// the system wants to be on the disk is there, its log of changes folded into its tables where it
    /// does so.
    fn close(self: Box<Self>) -> Result<()>;
}

/// Decodes an entry in the fastest way that `serde_json` has: from text that was checked as a whole.
pub(crate) fn decode(entry: &[u8]) -> Result<LogEntry> {
    Ok(serde_json::from_str(str::from_utf8(entry)?)?)
}

/// One writer of one log.
pub(crate) trait Appender: Send {
    /// Appends one entry, to the promise that the system was opened with.
    fn append(&mut self, entry: &[u8]) -> Result<()>;
}

/// What an append that has returned survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// The death of the process.
    Written,
    /// The loss of power.
    Synced,
}

impl Promise {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Written, Self::Synced];

    /// Its name in tables and on command lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Synced => "synced",
        }
    }
}

/// Whose figures a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Engine {
    /// An archive that other processes may open, too: the default.
    Sessiondb,
    /// An archive for one process.
    Exclusive,
    Jsonl,
    Sqlite,
    Lmdb,
    Fjall,
    Redb,
}

impl Engine {
    /// All of them, in the order of the columns.
    pub(crate) const ALL: [Self; 7] = [
        Self::Sessiondb,
        Self::Exclusive,
        Self::Jsonl,
        Self::Sqlite,
        Self::Lmdb,
        Self::Fjall,
        Self::Redb,
    ];

    /// Its name in tables, charts and on command lines, without blanks.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sessiondb => "sessiondb",
            Self::Exclusive => "sessiondb-exclusive",
            Self::Jsonl => "JSONL",
            Self::Sqlite => "SQLite",
            Self::Lmdb => "LMDB",
            Self::Fjall => "fjall",
            Self::Redb => "redb",
        }
    }

    /// The engine with that name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|engine| engine.name() == name)
            .ok_or_else(|| format!("there is no system {name:?}").into())
    }

    /// Whether it is what the others are compared with.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Sessiondb | Self::Exclusive)
    }

    /// Whether several processes can have it open.
    pub(crate) fn is_shared(self) -> bool {
        !matches!(self, Self::Exclusive | Self::Fjall | Self::Redb)
    }

    /// Whether it can be asked for that promise: plain redb loses what is not synced with its
    /// process.
    pub(crate) fn promises(self, promise: Promise) -> bool {
        self != Self::Redb || promise == Promise::Synced
    }

    /// How it is set up for that promise, as its documentation advises: printed in the header.
    pub(crate) fn settings(self, promise: Promise) -> &'static str {
        match self {
            Self::Sessiondb => sessiondb::settings(promise, Sharing::Shared),
            Self::Exclusive => sessiondb::settings(promise, Sharing::Exclusive),
            Self::Jsonl => jsonl::settings(promise),
            Self::Sqlite => sqlite::settings(promise),
            Self::Lmdb => lmdb::settings(promise),
            Self::Fjall => fjall::settings(promise),
            Self::Redb => redb::settings(promise),
        }
    }

    /// Opens the system with its files in `dir`, which is made if it is not there.
    pub(crate) fn open(self, dir: &Path, promise: Promise) -> Result<Box<dyn System>> {
        fs::create_dir_all(dir)?;
        let archive = |sharing| -> Result<Box<dyn System>> {
            let durability = match promise {
                Promise::Written => Durability::Written,
                Promise::Synced => Durability::Synced,
            };
            let opened = sessiondb::Sessiondb::open(dir, durability, sharing)?;
            Ok(Box::new(opened))
        };
        match self {
            Self::Sessiondb => archive(Sharing::Shared),
            Self::Exclusive => archive(Sharing::Exclusive),
            Self::Jsonl => Ok(Box::new(jsonl::Jsonl::new(dir, promise))),
            Self::Sqlite => Ok(Box::new(sqlite::Sqlite::open(dir, promise)?)),
            Self::Lmdb => Ok(Box::new(rows::Rows(lmdb::Lmdb::open(dir, promise)?))),
            Self::Fjall => Ok(Box::new(rows::Rows(fjall::Fjall::open(dir, promise)?))),
            Self::Redb => Ok(Box::new(rows::Rows(redb::Redb::open(dir)?))),
        }
    }

    /// Gives the space of what was removed back to the file system, as far as the system can; nobody
    /// has it open.
    pub(crate) fn reclaim(self, dir: &Path) -> Result<()> {
        match self {
            Self::Sessiondb | Self::Exclusive => sessiondb::reclaim(dir),
            Self::Jsonl => Ok(()),
            Self::Sqlite => sqlite::reclaim(dir),
            Self::Lmdb => lmdb::reclaim(dir),
            Self::Fjall => fjall::reclaim(dir),
            Self::Redb => redb::reclaim(dir),
        }
    }
}

impl Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
