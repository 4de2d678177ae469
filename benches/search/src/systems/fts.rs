//! SQLite FTS5: one row for each text, which stays out of the database itself.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::{Ask, How, System, id_of};
use crate::Result;
use crate::items::texts;
use crate::logs::Logs;

/// So many logs come in with one commit.
const LOGS_A_COMMIT: usize = 500;

pub(super) struct Fts {
    path: PathBuf,
}

impl Fts {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join("fts5.sqlite"),
        }
    }
}

impl System for Fts {
    fn name(&self) -> &'static str {
        "SQLite FTS5"
    }

    fn build(&mut self, logs: &Logs) -> Result<()> {
        let mut database = Connection::open(&self.path)?;
        database.pragma_update(None, "cache_size", -262_144)?;
        database.execute_batch(
            "CREATE VIRTUAL TABLE texts USING fts5(text, content='', tokenize=\"unicode61 tokenchars '_'\")",
        )?;
        for (batch, paths) in logs.files.chunks(LOGS_A_COMMIT).enumerate() {
            let changes = database.transaction()?;
            {
                let mut insert =
                    changes.prepare("INSERT INTO texts(rowid, text) VALUES (?1, ?2)")?;
                for (log, path) in (batch * LOGS_A_COMMIT..).zip(paths) {
                    texts(path, &mut |item, text| {
                        let id = i64::try_from(id_of(log, item)?)?;
                        insert.execute(params![id, text])?;
                        Ok(())
                    })?;
                }
            }
            changes.commit()?;
        }
        database.execute("INSERT INTO texts(texts) VALUES ('optimize')", [])?;
        database.close().map_err(|(_, error)| error)?;
        Ok(())
    }

    fn len_bytes(&self) -> Result<u64> {
        Ok(self.path.metadata()?.len())
    }

    fn can(&self, how: How) -> bool {
        how == How::Word
    }

    fn scans(&self, _how: How) -> bool {
        false
    }

    fn count(&self, ask: &Ask) -> Result<u64> {
        let database = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut found = database.prepare("SELECT rowid FROM texts WHERE texts MATCH ?1")?;
        let mut rows = found.query([format!("\"{}\"", ask.pattern)])?;
        let mut hits = 0;
        while let Some(row) = rows.next()? {
            row.get::<_, i64>(0)?;
            hits += 1;
        }
        Ok(hits)
    }
}
