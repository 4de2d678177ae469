//! Who else has the file open, and making an archive of the format before one of this.

use std::ops::Bound;

use redb::{BackendError, StorageBackend};

use crate::engine::file::locks::{LOCK_BASE, Polled, REDB_OPENERS, poll};
use crate::engine::file::superblock::Superblock;
use crate::engine::file::{ArchiveFile, Awaited};
use crate::error::StoreError;

/// Of what redb locks, the bytes of which everybody who has the file open holds one.
const OPENERS: (Bound<u64>, Bound<u64>) = (
    Bound::Included(LOCK_BASE),
    Bound::Excluded(LOCK_BASE + REDB_OPENERS),
);

impl ArchiveFile {
    /// Whether another process, or this one by another handle, has the file open just now. This
    /// one has let go of redb's locks.
    pub(crate) fn is_open_elsewhere(&self) -> bool {
        let (start, end) = OPENERS;
        self.backend.query_lock_range(start, end).unwrap_or(false)
    }

    /// Makes an archive of the format before, whose locks are others, one of this, so that no build
    /// that knows those opens it any more. Nobody has it open meanwhile.
    pub(crate) fn take_over(&self) -> Result<(), StoreError> {
        let (start, end) = OPENERS;
        let attempt = || match self.backend.try_lock_range(start, end) {
            // Without locks there is nobody else: only exclusive mode works there.
            Err(BackendError::Unsupported) if !self.shared => Ok(true),
            locked => locked,
        };
        match poll(self.lock_timeout, attempt).map_err(|err| self.no_lock(err))? {
            Polled::Acquired(_) => {}
            Polled::TimedOut(waited) => return Err(self.busy(waited, Awaited::Tables)),
        }
        let taken = Superblock::read(self.storage(), self.path()).and_then(|superblock| {
            let renewed = superblock.of_this_format();
            if renewed != superblock {
                let written = renewed.write_page(self.storage());
                let synced = written.and_then(|()| self.storage().sync_data());
                synced.map_err(|err| self.failed(&err))?;
            }
            Ok(())
        });
        // A lock that cannot be released goes when the file is closed, which is now.
        let _ = self.backend.unlock_range(start, end);
        taken
    }
}
