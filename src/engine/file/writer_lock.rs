//! The writer lock: it keeps other processes that share the file from writing.

use std::ops::Bound;
use std::sync::atomic::Ordering;
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
    /// How many of this process have had it without a pause; nobody else has written since the first.
    pub(crate) turns: u32,
    /// The shared page, if nobody has written since this open file did.
    pub(crate) current: Option<SharedPage>,
    /// Whether the writer before died while it changed the tables.
    pub(crate) is_updating: bool,
}

/// How often the lock goes from one writer of a process to the next before other processes get a chance.
const MOST_TURNS: u32 = 32;

impl Drop for WriterLock<'_> {
    fn drop(&mut self) {
        if self.held {
            self.file.release_writer_lock();
        }
    }
}

impl WriterLock<'_> {
    /// Leaves it locked for the next writer of this process, unless there have been many already. Whoever
    /// calls this orders the writers of this process, and knows that there is a next one.
    pub(crate) fn keep(mut self) {
        if self.held && self.turns < MOST_TURNS {
            self.held = false;
            self.file.kept_lock.store(self.turns, Ordering::Release);
        }
    }
}

impl ArchiveFile {
    fn release_writer_lock(&self) {
        let byte = Bound::Included(WRITER_LOCK);
        // A lock that cannot be released goes when the file is closed.
        let _ = self.backend.unlock_range(byte, byte);
    }

    /// Releases the lock if it was left locked for the one who calls this.
    pub(crate) fn release_kept_lock(&self) {
        if self.kept_lock.swap(0, Ordering::Acquire) > 0 {
            self.release_writer_lock();
        }
    }

    /// Keeps the other processes that share the file from writing until the lock is dropped.
    pub(crate) fn lock_writer(&self) -> Result<WriterLock<'_>, StoreError> {
        if !self.shared || seeded(Bug::SkipWriterLock) {
            return Ok(WriterLock {
                file: self,
                held: false,
                turns: 1,
                current: None,
                is_updating: false,
            });
        }
        let turns = self.kept_lock.swap(0, Ordering::Acquire);
        if turns > 0 {
            return Ok(WriterLock {
                file: self,
                held: true,
                turns: turns + 1,
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
                    turns: 1,
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
