//! The part of the file that is redb's, as its storage. Pages are verified as they are read, waits
//! for a lock end at the deadline, and redb's lock on its header is nobody's: who reads looks at the
//! header until it holds. `docs/format.md` has the argument, under Locks.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::{BackendError, StorageBackend};

use super::fault::Outcome;
use super::file::{ArchiveFile, Polled, READER_LOCKS, Syncs, poll};
use super::held::Held;
use super::page::{HEADER_LEN, Header, Slot};
use super::seeded::{Bug, seeded};
use super::system::{self, LockTimeout};
use super::verify::Watch;

/// One look may show parts of several states, if it took long enough. What three in a row show
/// alike was there at the second.
const LOOKS: u32 = 3;
/// Only somebody who writes without end could overtake a reader so often.
const ATTEMPTS: u32 = 1000;

/// What redb has of the file.
#[derive(Debug)]
pub(crate) struct ImageBackend {
    file: Arc<dyn StorageBackend>,
    lock_timeout: Duration,
    /// Whether other processes may have the file open.
    shared: bool,
    offset: u64,
    watch: Arc<Watch>,
    syncs: Arc<Syncs>,
    /// As redb read it last.
    header: Mutex<Vec<u8>>,
}

/// A commit was made while the header was looked at, and the look counts for nothing.
#[derive(Debug, thiserror::Error)]
#[error("the tables changed while a reader was beginning")]
pub(crate) struct Overtaken;

/// Begins again as long as commits of others overtake it.
pub(crate) fn anew<T>(begin: impl Fn() -> Outcome<T>) -> Outcome<T> {
    for _ in 0..ATTEMPTS {
        match begin() {
            Err(fault) if fault.is_overtaken() => {}
            done => return done,
        }
    }
    Err(io::Error::from(LockTimeout).into())
}

impl ArchiveFile {
    /// The part of the file that redb has.
    pub(crate) fn image(&self) -> ImageBackend {
        ImageBackend {
            file: Arc::<Held>::clone(&self.backend),
            lock_timeout: self.lock_timeout,
            shared: self.shared,
            offset: self.image_offset,
            watch: Arc::clone(&self.watch),
            syncs: Arc::clone(&self.syncs),
            header: Mutex::default(),
        }
    }
}

impl ImageBackend {
    pub(crate) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    /// The same image, of a file in whose place `of` puts another; it is told where in the file
    /// the image begins.
    pub(crate) fn of_file(
        self,
        of: impl FnOnce(Arc<dyn StorageBackend>, u64) -> Arc<dyn StorageBackend>,
    ) -> Self {
        let file = of(Arc::clone(&self.file), self.offset);
        Self { file, ..self }
    }

    fn wait(&self, attempt: impl Fn() -> Result<bool, BackendError>) -> Result<(), BackendError> {
        match poll(self.lock_timeout, attempt)? {
            Polled::Acquired => Ok(()),
            Polled::TimedOut(_) => Err(BackendError::Io(LockTimeout.into())),
        }
    }

    /// Reads the header as it was at a moment, beside others who may be writing it.
    fn read_header(&self, out: &mut [u8]) -> io::Result<()> {
        self.file.read(self.offset, out)?;
        if !self.shared || out.len() < HEADER_LEN {
            return Ok(());
        }
        let mut alike = 1;
        for _ in 0..ATTEMPTS {
            if alike == LOOKS {
                return Ok(());
            }
            let before = out.to_vec();
            self.file.read(self.offset, out)?;
            alike = if before == out { alike + 1 } else { 1 };
        }
        Err(LockTimeout.into())
    }

    fn seen(&self) -> MutexGuard<'_, Vec<u8>> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> io::Result<[u8; HEADER_LEN]> {
        let mut header = [0; HEADER_LEN];
        self.file.read(self.offset, &mut header)?;
        Ok(header)
    }

    /// Fails unless the commit that redb read of was still the last one now, when the lock of its
    /// readers is held.
    fn look_again(&self) -> io::Result<()> {
        if seeded(Bug::LookOnce) {
            return Ok(());
        }
        let seen = published(&self.seen());
        for _ in 1..LOOKS {
            if published(&self.look()?) != seen {
                return Err(io::Error::other(Overtaken));
            }
        }
        Ok(())
    }

    fn is_of_header(&self, start: Bound<u64>, end: Bound<u64>) -> bool {
        let header = (Bound::Included(0), Bound::Excluded(HEADER_LEN as u64));
        self.shared && (start, end) == header && !seeded(Bug::LockHeader)
    }
}

/// The commit that the header tells a reader of.
fn published(header: &[u8]) -> Option<Slot> {
    let header = Header::parse(header).ok()?;
    Some(header.published().clone()).filter(|slot| slot.sound)
}

impl StorageBackend for ImageBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.len()?.saturating_sub(self.offset))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let read = |offset, out: &mut [u8]| match offset {
            0 => self.read_header(out),
            offset => self.file.read(self.offset + offset, out),
        };
        self.watch.read(offset, out, &read)?;
        if self.shared && offset == 0 {
            out.clone_into(&mut self.seen());
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.watch.cut(len);
        self.file.set_len(self.offset + len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.sync(&*self.file)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let write = |data: &[u8]| self.file.write(self.offset + offset, data);
        self.watch.write(offset, data, write)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if self.is_of_header(start, end) {
            return Ok(true);
        }
        self.file
            .try_lock_range(start, end)
            .map_err(system::of_lock)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        if self.is_of_header(start, end) {
            return Ok(true);
        }
        let locked = self
            .file
            .try_lock_shared_range(start, end)
            .map_err(system::of_lock)?;
        let reads = matches!(start, Bound::Included(byte) if byte >= READER_LOCKS);
        if locked
            && self.shared
            && reads
            && let Err(err) = self.look_again()
        {
            self.unlock_range(start, end)?;
            return Err(BackendError::Io(err));
        }
        Ok(locked)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.wait(|| self.try_lock_range(start, end))
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.wait(|| self.try_lock_shared_range(start, end))
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.is_of_header(start, end) {
            return Ok(());
        }
        self.file.unlock_range(start, end).map_err(system::of_lock)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file
            .query_lock_range(start, end)
            .map_err(system::of_lock)
    }
}
