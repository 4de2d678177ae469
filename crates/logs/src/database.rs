//! Sessions that agents keep in SQLite databases: each of them is one document here.
//!
//! A database is told by how it begins and by its tables. It is opened for reading alone, also while the
//! agent has it open, and each session is read as it is at one moment.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sessiondb_agents::Document;

use crate::notes::Stamp;

#[cfg(feature = "sqlite")]
mod goose;
#[cfg(feature = "sqlite")]
mod opencode;
#[cfg(feature = "sqlite")]
mod tables;

/// How every SQLite database begins.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// What SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Whether a file begins like a database.
pub(crate) fn is_database(path: &Path) -> bool {
    let mut head = [0; MAGIC.len()];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut head))
        .is_ok_and(|()| head == MAGIC)
}

/// Whether a file in a folder is named like a database.
pub(crate) fn is_named_so(path: &Path) -> bool {
    let end = path.extension().unwrap_or_default().to_ascii_lowercase();
    matches!(end.to_str(), Some("db" | "sqlite" | "sqlite3"))
}

/// The files that belong to the database at `path`.
pub(crate) fn beside(path: &Path) -> impl Iterator<Item = PathBuf> {
    BESIDE.iter().map(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    })
}

/// What a database was when all of its sessions had come in: the note `sessiondb/database/{path}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatabaseNote {
    /// Length, time and number of the database, and of what is written ahead of it.
    files: Vec<(u64, u64, String)>,
}

impl DatabaseNote {
    /// What it is now; `None` if it was written to so lately that its time does not tell.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let ahead = beside(path).next()?;
        let mut files = Vec::new();
        for file in [path, &ahead] {
            // An empty one says as much as none, and is left by those who only read.
            let stamp = match std::fs::metadata(file) {
                Ok(metadata) if metadata.len() > 0 => Stamp::of(&metadata),
                _ => continue,
            };
            if !stamp.settled {
                return None;
            }
            files.push((stamp.len_bytes, stamp.modified_ns, stamp.file));
        }
        Some(Self { files })
    }
}

/// A session in a database, as far as a list tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The agent's own id.
    pub(crate) id: String,
    /// When it was last written to, in milliseconds since the Unix epoch.
    updated_ms: u64,
    /// How many bytes its rows have.
    len_bytes: u64,
    /// What differs once any of its rows does.
    signature: String,
}

impl Listed {
    /// What tells whether the session is the same as when it was read.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            len_bytes: self.len_bytes,
            modified_ns: self.updated_ms.saturating_mul(1_000_000),
            file: self.signature.clone(),
            settled: true,
        }
    }

    /// How long ago it was last written to.
    pub(crate) fn age(&self) -> Duration {
        let updated = UNIX_EPOCH + Duration::from_millis(self.updated_ms);
        SystemTime::now()
            .duration_since(updated)
            .unwrap_or_default()
    }
}

/// A database of an agent's sessions.
pub(crate) trait Sessions {
    /// The agent's name.
    fn agent(&self) -> &'static str;

    fn list(&self) -> io::Result<Vec<Listed>>;

    fn read(&self, id: &str) -> io::Result<Document>;
}

/// Opens the database; `None` if it is that of no agent that is known.
#[cfg(feature = "sqlite")]
pub(crate) fn open(path: &Path) -> io::Result<Option<Box<dyn Sessions>>> {
    let tables = tables::Tables::open(path)?;
    Ok(if opencode::Opencode::is_in(&tables)? {
        Some(Box::new(opencode::Opencode(tables)))
    } else if goose::Goose::is_in(&tables)? {
        Some(Box::new(goose::Goose(tables)))
    } else {
        None
    })
}

/// Opens nothing: this build reads no databases.
#[cfg(not(feature = "sqlite"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
pub(crate) fn open(_: &Path) -> io::Result<Option<Box<dyn Sessions>>> {
    Ok(None)
}
