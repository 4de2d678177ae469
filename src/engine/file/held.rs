//! The storage as the process that opened it has it. A child that was forked from that process has a copy of
//! everything above it, but the locks and the writing are the parent's: in the child it does nothing.

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, TryLockError};

use redb::{BackendError, StorageBackend};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::file::process::Process;

/// Storage that belongs to one process.
#[derive(Debug)]
pub(crate) struct Held {
    /// `None` in a child, where the file is closed.
    storage: RwLock<Option<Arc<dyn StorageBackend>>>,
    process: Process,
    /// Set once a child has noticed that it is one.
    abandoned: AtomicBool,
    /// Set once what stands there belongs to somebody else.
    sealed: AtomicBool,
    /// The length that it had, or that this process last gave it.
    set_len: AtomicU64,
    /// Nobody who has the archive open makes it shorter than that; 0 if that is not known.
    least_len: AtomicU64,
}

impl Held {
    pub(crate) fn new(storage: Arc<dyn StorageBackend>) -> Self {
        Self {
            storage: RwLock::new(Some(storage)),
            process: Process::current(),
            abandoned: AtomicBool::new(false),
            sealed: AtomicBool::new(false),
            set_len: AtomicU64::new(0),
            least_len: AtomicU64::new(0),
        }
    }

    /// The process that opened it.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Whether this is the process that opened it. If not, nothing is done here from now on, and the
    /// copy of the file descriptor is closed: the system keeps locks for as long as anybody has one.
    pub(crate) fn is_of_this_process(&self) -> bool {
        if seeded(Bug::ForgetFork) {
            return true;
        }
        if self.process.is_this() && !self.abandoned.load(Ordering::Relaxed) {
            return true;
        }
        self.abandoned.store(true, Ordering::Relaxed);
        // A thread that was reading or writing at the moment of the fork holds this for ever, since
        // the child does not have it. The descriptor then stays open until the child ends.
        match self.storage.try_write() {
            Ok(mut storage) => *storage = None,
            Err(TryLockError::Poisoned(poisoned)) => *poisoned.into_inner() = None,
            Err(TryLockError::WouldBlock) => {}
        }
        false
    }

    /// Takes down the length that it had when it was opened.
    pub(crate) fn note_len(&self, len: u64) {
        self.set_len.store(len, Ordering::Relaxed);
    }

    /// The length that this process found or last gave it; 0 if that is not known.
    pub(crate) fn len_as_set(&self) -> u64 {
        self.set_len.load(Ordering::Relaxed)
    }

    /// Takes down how long it is at least from now on.
    pub(crate) fn note_least_len(&self, len: u64) {
        self.least_len.store(len, Ordering::Relaxed);
    }

    /// Fails if something else has made it shorter, which nobody would see once it is longer again.
    fn must_not_be_cut_off(&self) -> io::Result<()> {
        let Some(last) = self.least_len.load(Ordering::Relaxed).checked_sub(1) else {
            return Ok(());
        };
        match self.read(last, &mut [0]) {
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => {
                Err(io::Error::other("the file was cut off while it was open"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses from now on whatever would change it.
    pub(crate) fn seal(&self) {
        self.sealed.store(true, Ordering::Relaxed);
    }

    fn must_not_be_sealed(&self) -> io::Result<()> {
        if self.sealed.load(Ordering::Relaxed) {
            return Err(io::Error::other("something else was written over the file"));
        }
        Ok(())
    }

    fn with<T, E: From<io::Error>>(
        &self,
        call: impl FnOnce(&dyn StorageBackend) -> Result<T, E>,
    ) -> Result<T, E> {
        let storage = self.storage.read().unwrap_or_else(PoisonError::into_inner);
        match &*storage {
            Some(storage) if !self.abandoned.load(Ordering::Relaxed) => call(&**storage),
            _ => Err(io::Error::other("the file was opened by the parent of this process").into()),
        }
    }

    /// The same for what gives something back, which is the parent's to give.
    fn release<E: From<io::Error>>(
        &self,
        call: impl FnOnce(&dyn StorageBackend) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.abandoned.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.with(call)
    }
}

/// A child that has not noticed yet has a copy of the descriptor, and would keep the locks.
impl Drop for Held {
    fn drop(&mut self) {
        if self.is_of_this_process() {
            // What cannot be released goes with the last descriptor.
            let _ = self.release(StorageBackend::close);
        }
    }
}

impl StorageBackend for Held {
    fn len(&self) -> io::Result<u64> {
        self.with(StorageBackend::len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|storage| storage.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.must_not_be_sealed()?;
        self.must_not_be_cut_off()?;
        self.with(|storage| storage.set_len(len))?;
        self.note_len(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(StorageBackend::sync_data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.must_not_be_sealed()?;
        self.with(|storage| storage.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.release(StorageBackend::close)
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.with(|storage| storage.try_lock_range(start, end))
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.with(|storage| storage.try_lock_shared_range(start, end))
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.with(|storage| storage.lock_range(start, end))
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.with(|storage| storage.lock_shared_range(start, end))
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.release(|storage| storage.unlock_range(start, end))
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.with(|storage| storage.query_lock_range(start, end))
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::FileBackend;

    use super::*;

    #[test]
    fn a_file_that_was_cut_off_is_not_made_longer() {
        let file = tempfile::tempfile().unwrap();
        let same = file.try_clone().unwrap();
        let held = Held::new(Arc::new(FileBackend::new(same).unwrap()));
        held.set_len(100).unwrap();
        held.note_least_len(60);
        held.set_len(60).unwrap();
        held.set_len(80).unwrap();
        file.set_len(59).unwrap();
        let refused = held.set_len(200).unwrap_err();
        assert!(refused.to_string().contains("cut off"), "{refused}");
        assert_eq!(file.metadata().unwrap().len(), 59);
    }
}
