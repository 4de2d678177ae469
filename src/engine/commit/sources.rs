//! What an archive is read from: the file, the journal in it, and the tables on top of that.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::ArchiveFile;
use crate::engine::journal::Journal;
use crate::engine::tables::Tables;

/// The file of an open archive with what is in it.
pub(crate) struct Sources {
    // Declared, and so dropped, before the file whose locks it holds.
    pub(crate) tables: Mutex<Option<Arc<Tables>>>,
    pub(crate) file: ArchiveFile,
    pub(crate) journal: Journal,
}

impl Sources {
    pub(crate) fn new(file: ArchiveFile, tables: Tables, journal_bytes: u64) -> Self {
        Self {
            tables: Mutex::new(Some(Arc::new(tables))),
            journal: Journal::new(journal_bytes, file.salt()),
            file,
        }
    }

    /// The tables, unless they could not be opened again after a failure.
    pub(crate) fn tables(&self) -> Outcome<Arc<Tables>> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.clone().ok_or_else(not_open)
    }

    /// The same for who has this alone.
    pub(crate) fn tables_mut(&mut self) -> &mut Option<Arc<Tables>> {
        let tables = self.tables.get_mut();
        tables.unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_open() -> Fault {
    std::io::Error::other("its tables could not be opened again after a failure").into()
}
