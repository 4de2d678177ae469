//! The part of the file that is redb's, as its storage. Pages are verified as they are read, waits
//! for a lock end at the deadline, and redb's lock on its header is nobody's: who reads looks at the
//! header until it holds. `docs/format.md` has the argument, under Locks.

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::{BackendError, StorageBackend};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::carried::{LockTimeout, Overtaken};
use crate::engine::fault::failures::{Failure, Failures};
use crate::engine::fault::{Outcome, system};
use crate::engine::file::ArchiveFile;
use crate::engine::file::held::Held;
use crate::engine::file::locks::{Polled, READER_LOCKS, WRITER_LOCK, poll};
use crate::engine::file::syncs::Syncs;
use crate::engine::redb_format::page::{HEADER_LEN, Header, Slot};
use crate::engine::redb_format::verify::Watch;

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
    failures: Arc<Failures>,
    /// Whether it may not become longer for now.
    capped: Arc<AtomicBool>,
    /// Those that redb has; the file may have others.
    locks: Mutex<Vec<LockRange>>,
    /// For an image that is only read, although redb may write: set when it is open.
    unsynced: Option<Arc<AtomicBool>>,
}

type LockRange = (Bound<u64>, Bound<u64>);

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
            failures: Arc::clone(&self.failures),
            capped: Arc::clone(&self.capped),
            locks: Mutex::default(),
            unsynced: None,
        }
    }

    /// The same for reading after a failure. What redb writes while it opens it is not synced, and
    /// once `opened` is set it writes nothing.
    pub(crate) fn image_to_read(&self, opened: &Arc<AtomicBool>) -> ImageBackend {
        ImageBackend {
            unsynced: Some(Arc::clone(opened)),
            ..self.image()
        }
    }

    /// Calls what may not make the file longer: where redb would, it finds the disk full.
    pub(crate) fn without_growth<T>(&self, call: impl FnOnce() -> T) -> T {
        /// Also if the call panics.
        struct Uncap<'f>(&'f AtomicBool);
        impl Drop for Uncap<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Release);
            }
        }
        self.capped.store(true, Ordering::Release);
        let _uncap = Uncap(&self.capped);
        call()
    }

    /// What made redb give the image up that is open now.
    pub(crate) fn image_failure(&self) -> Option<Failure> {
        self.failures.get()
    }

    /// Says that the image that is open now cannot be used.
    pub(crate) fn note_failure(&self) {
        self.failures.note(&io::ErrorKind::Other.into());
    }

    /// Forgets what is known of an image that has been given up.
    pub(crate) fn begin_image_anew(&self) {
        self.failures.forget();
        self.watch.cut(0);
    }
}

impl ImageBackend {
    /// Takes note of what redb takes for a reason to give the image up.
    fn noted<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|err| self.failures.note(err))
    }

    fn may_write(&self) -> io::Result<()> {
        match &self.unsynced {
            Some(opened) if opened.load(Ordering::Acquire) => Err(io::Error::other(
                "nothing is written after a failure until the archive is opened again",
            )),
            _ => Ok(()),
        }
    }

    fn locks(&self) -> MutexGuard<'_, Vec<LockRange>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether other processes may have the file open.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

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
            Polled::Acquired(_) => Ok(()),
            Polled::TimedOut(_) => Err(BackendError::Io(LockTimeout.into())),
        }
    }

    /// Takes a lock, unless somebody else has it, and remembers it. redb's lock on its header is not
    /// taken.
    fn take_lock(
        &self,
        range: LockRange,
        attempt: impl Fn() -> Result<bool, BackendError>,
    ) -> Result<bool, BackendError> {
        if self.is_of_header(range.0, range.1) {
            return Ok(true);
        }
        let locked = attempt().map_err(system::of_lock)?;
        if locked {
            self.locks().push(range);
        }
        Ok(locked)
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

/// In exclusive mode redb locks the bytes of the file too. In their place stands the writer lock, so that
/// others can read who has it on a system that keeps them from reading what is locked.
fn without_bytes(start: Bound<u64>, end: Bound<u64>) -> LockRange {
    match (start, end) {
        (Bound::Unbounded, Bound::Included(_) | Bound::Excluded(_)) => {
            (Bound::Included(WRITER_LOCK), end)
        }
        // Where no part of a file can be locked, all of it is.
        range => range,
    }
}

/// The commit that the header tells a reader of.
fn published(header: &[u8]) -> Option<Slot> {
    let header = Header::parse(header).ok()?;
    Some(header.published().clone()).filter(|slot| slot.sound)
}

impl StorageBackend for ImageBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.noted(self.file.len())?.saturating_sub(self.offset))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let read = |offset, out: &mut [u8]| match offset {
            0 => self.read_header(out),
            offset => self.file.read(self.offset + offset, out),
        };
        self.noted(self.watch.read(offset, out, &read))?;
        if self.shared && offset == 0 {
            out.clone_into(&mut self.seen());
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.noted(self.may_write())?;
        if self.capped.load(Ordering::Acquire) && len > self.len()? {
            let err = io::Error::new(io::ErrorKind::StorageFull, "the file may not grow now");
            return self.noted(Err(err));
        }
        self.watch.cut(len);
        self.noted(self.file.set_len(self.offset + len))
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.unsynced.is_some() {
            return Ok(());
        }
        self.noted(self.syncs.sync(&*self.file))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let write = |data: &[u8]| self.file.write(self.offset + offset, data);
        self.noted(self.may_write())?;
        self.noted(self.watch.write(offset, data, write))
    }

    /// Lets go of redb's locks. The file stays open, and with it the writer lock.
    fn close(&self) -> io::Result<()> {
        for (start, end) in std::mem::take(&mut *self.locks()) {
            // A lock that cannot be released goes when the file is closed.
            let _ = self.file.unlock_range(start, end);
        }
        Ok(())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let (start, end) = without_bytes(start, end);
        self.take_lock((start, end), || self.file.try_lock_range(start, end))
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        let (start, end) = without_bytes(start, end);
        let attempt = || self.file.try_lock_shared_range(start, end);
        let locked = self.take_lock((start, end), attempt)?;
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
        let (start, end) = without_bytes(start, end);
        if self.is_of_header(start, end) {
            return Ok(());
        }
        // Without waiting: in a child, a thread may hold it that is not there. What stays in the list
        // is released once more when the image is closed.
        if let Ok(mut locks) = self.locks.try_lock()
            && let Some(at) = locks.iter().position(|lock| *lock == (start, end))
        {
            locks.swap_remove(at);
        }
        self.file.unlock_range(start, end).map_err(system::of_lock)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let (start, end) = without_bytes(start, end);
        self.file
            .query_lock_range(start, end)
            .map_err(system::of_lock)
    }
}
