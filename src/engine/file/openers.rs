//! Who else has the file open.

use std::ops::Bound;

use redb::StorageBackend;

use crate::engine::file::ArchiveFile;
use crate::engine::file::locks::{LOCK_BASE, REDB_OPENERS};

impl ArchiveFile {
    /// Whether another process, or this one by another handle, has the file open just now. This
    /// one has let go of redb's locks.
    pub(crate) fn is_open_elsewhere(&self) -> bool {
        // Whoever has it for himself has locked the bytes of the file as well.
        let end = Bound::Excluded(LOCK_BASE + REDB_OPENERS);
        let others = self.backend.query_lock_range(Bound::Included(0), end);
        others.unwrap_or(false)
    }
}
