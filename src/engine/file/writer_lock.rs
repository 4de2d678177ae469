//! The writer lock: it keeps other processes that share the file from writing.

use std::ops::Bound;
use std::time::Duration;

use redb::StorageBackend;

use super::ArchiveFile;
use super::locks::{Polled, WRITER_LOCK, poll};
use super::shared_page::SharedPage;
use crate::engine::failpoints::{Bug, seeded};
use crate::engine::file::Awaited;
use crate::error::StoreError;

/// Keeps other processes from writing.
pub(crate) struct WriterLock<'f> {
    file: &'f ArchiveFile,
    held: bool,
    /// The shared page, if nobody has written since this open file did.
    pub(crate) current: Option<SharedPage>,
    /// Whether the writer before died while it changed the tables.
    pub(crate) is_updating: bool,
}

impl Drop for WriterLock<'_> {
    fn drop(&mut self) {
        if self.held {
            let byte = Bound::Included(WRITER_LOCK);
            // A lock that cannot be released goes when the file is closed.
            let _ = self.file.backend.unlock_range(byte, byte);
        }
    }
}

impl ArchiveFile {
    /// Keeps the other processes that share the file from writing until the lock is dropped.
    pub(crate) fn lock_writer(&self) -> Result<WriterLock<'_>, StoreError> {
        if !self.shared || seeded(Bug::SkipWriterLock) {
            return Ok(WriterLock {
                file: self,
                held: false,
                current: None,
                is_updating: false,
            });
        }
        let byte = Bound::Included(WRITER_LOCK);
        let attempt = || self.backend.try_lock_range(byte, byte);
        match poll(self.lock_timeout, attempt).map_err(|err| self.no_lock(err))? {
            Polled::Acquired(waited) => {
                let mut lock = WriterLock {
                    file: self,
                    held: true,
                    current: None,
                    is_updating: false,
                };
                let shared_page = self.shared_page().map_err(|err| self.failed(&err))?;
                if waited > Duration::ZERO {
                    let holder = shared_page.holder.living();
                    self.events.waited(self.path(), holder, waited);
                }
                lock.is_updating = shared_page.is_updating();
                lock.current = (shared_page.writer == self.writer).then_some(shared_page);
                if shared_page.holder != self.signature {
                    // For those who wait for the lock: a failure costs them the name, no more.
                    let _ = SharedPage::set_holder(self.storage(), self.signature);
                }
                Ok(lock)
            }
            Polled::TimedOut(waited) => Err(self.busy(waited, Awaited::WriterLock)),
        }
    }
}
