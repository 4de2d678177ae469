//! Syncs of the file: one at a time, none after one that failed, and a mark if one does.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use redb::StorageBackend;

use super::events::Sum;
use super::shared_page::SharedPage;
use crate::engine::failpoints::{Bug, seeded};

/// The syncs of an open file, by whomever, one at a time: the system tells of a write that failed
/// only once, and whoever syncs after that, or beside it, would take it for done.
#[derive(Debug, Default)]
pub(crate) struct Syncs {
    any_failed: Mutex<bool>,
    pub(crate) sum: Sum,
}

impl Syncs {
    pub(crate) fn has_failed(&self) -> bool {
        let any_failed = self.any_failed.lock();
        *any_failed.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sync(&self, file: &dyn StorageBackend) -> io::Result<()> {
        let any_failed = self.any_failed.lock();
        let mut any_failed = any_failed.unwrap_or_else(PoisonError::into_inner);
        if *any_failed && !seeded(Bug::SyncAfterFailure) {
            return Err(io::Error::other("an earlier sync of the file failed"));
        }
        let begun = Instant::now();
        let synced = sync_or_mark(file).inspect_err(|_| *any_failed = true);
        self.sum.add(begun.elapsed());
        synced
    }
}

/// Syncs. Should that fail, the system may hold pages for synced that never reached the disk: a
/// mark is left, and the next open writes them again. If even the mark fails there is no more to
/// be done here, and the error is on its way to the caller in any case.
fn sync_or_mark(file: &dyn StorageBackend) -> io::Result<()> {
    if seeded(Bug::SkipSync) {
        return Ok(());
    }
    file.sync_data().inspect_err(|_| {
        if !seeded(Bug::ForgetFailedSync) {
            let _ = SharedPage::set_sync_failed(file, true);
        }
    })
}
