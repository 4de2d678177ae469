//! The systems under test behind one interface, so that every workload drives them the same way.

mod bare;
mod jsonl;
mod sessiondb;
pub(crate) mod sqlite;

use std::path::Path;

use crate::Result;

/// A place that holds segments of entries.
pub(crate) trait System: Send + Sync {
    /// A handle for one writer, with the preparations that a program would make once.
    fn appender(&self, segment: u64) -> Result<Box<dyn Appender>>;

    /// Appends many entries at once: how the archives of a workload are filled.
    fn append_many(&self, segment: u64, entries: &[Vec<u8>]) -> Result<()>;

    /// The number of entries, 0 if there is no such segment.
    fn count(&self, segment: u64) -> Result<u64>;

    /// The last entry.
    fn last(&self, segment: u64) -> Result<Vec<u8>>;

    /// Hands each entry to `each`, in order.
    fn read(&self, segment: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;

    /// Closes what is open, and reports what fails. Appenders have to be gone.
    fn close(self: Box<Self>) -> Result<()>;
}

/// One writer of one segment.
pub(crate) trait Appender: Send {
    /// Appends one entry, to the durability that the system is named after.
    fn append(&mut self, entry: &[u8]) -> Result<()>;
}

/// A system and the way it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Written,
    Synced,
    ExclusiveWritten,
    ExclusiveSynced,
    Jsonl,
    JsonlSync,
    Bare,
    SqliteNormal,
    SqliteFull,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Written,
        Self::Synced,
        Self::ExclusiveWritten,
        Self::ExclusiveSynced,
        Self::Jsonl,
        Self::JsonlSync,
        Self::Bare,
        Self::SqliteNormal,
        Self::SqliteFull,
    ];

    /// Its name in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Written => "sessiondb Written",
            Self::Synced => "sessiondb Synced",
            Self::ExclusiveWritten => "sessiondb Written, exclusive",
            Self::ExclusiveSynced => "sessiondb Synced, exclusive",
            Self::Jsonl => "JSONL open+write+close",
            Self::JsonlSync => "JSONL open+write+fdatasync+close",
            Self::Bare => "bare write+fdatasync",
            Self::SqliteNormal => "SQLite WAL NORMAL",
            Self::SqliteFull => "SQLite WAL FULL",
        }
    }

    /// Its name as a word: a file name and an argument of the child process.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Synced => "synced",
            Self::ExclusiveWritten => "exclusive-written",
            Self::ExclusiveSynced => "exclusive-synced",
            Self::Jsonl => "jsonl",
            Self::JsonlSync => "jsonl-sync",
            Self::Bare => "bare",
            Self::SqliteNormal => "sqlite-normal",
            Self::SqliteFull => "sqlite-full",
        }
    }

    /// The kind that `word` names.
    pub(crate) fn from_word(word: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| format!("there is no system {word:?}").into())
    }

    /// Opens the system with its files in `dir`, which must exist, and makes them if they are not
    /// there.
    pub(crate) fn open(self, dir: &Path) -> Result<Box<dyn System>> {
        use ::sessiondb::{Durability, Sharing};
        let archive = |durability, sharing| -> Result<Box<dyn System>> {
            Ok(Box::new(sessiondb::Sessiondb::open(
                dir, durability, sharing,
            )?))
        };
        match self {
            Self::Written => archive(Durability::Written, Sharing::Shared),
            Self::Synced => archive(Durability::Synced, Sharing::Shared),
            Self::ExclusiveWritten => archive(Durability::Written, Sharing::Exclusive),
            Self::ExclusiveSynced => archive(Durability::Synced, Sharing::Exclusive),
            Self::Jsonl => Ok(Box::new(jsonl::Jsonl::open(dir, false)?)),
            Self::JsonlSync => Ok(Box::new(jsonl::Jsonl::open(dir, true)?)),
            Self::Bare => Ok(Box::new(bare::Bare::open(dir)?)),
            Self::SqliteNormal => Ok(Box::new(sqlite::Sqlite::open(dir, "NORMAL")?)),
            Self::SqliteFull => Ok(Box::new(sqlite::Sqlite::open(dir, "FULL")?)),
        }
    }
}
