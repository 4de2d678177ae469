//! The file below everything: superblock, notes page, atomic creation, the writer lock, and the
//! backend that shows redb the part of the file that is its image.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{BackendError, StorageBackend};

use super::base::{Base, BaseOptions};
use super::fault::{Outcome, named};
use super::superblock::{IMAGE_OFFSET, NOTES_OFFSET, Superblock};
use crate::store::StoreError;

/// Locks from here on belong to redb; below stand the bytes of the file.
const LOCK_BASE: u64 = 1 << 62;
/// Held by the process that writes. Of the bytes that redb leaves to its backend
/// (`2^62 + 896 .. 2^62 + 1024`) its own file backend uses the first two.
const WRITER_LOCK: u64 = LOCK_BASE + 1000;

/// An open archive file.
#[derive(Debug)]
pub(crate) struct ArchiveFile {
    backend: Arc<dyn StorageBackend>,
    path: PathBuf,
    lock_timeout: Duration,
    shared: bool,
}

impl ArchiveFile {
    /// Opens the file that is there and reads its superblock.
    pub(crate) fn open(
        path: &Path,
        read_only: bool,
        shared: bool,
        lock_timeout: Duration,
    ) -> Result<(Self, Superblock), StoreError> {
        let file = open_regular(path, read_only)?;
        let backend = FileBackend::new(file).map_err(|err| StoreError::NotAnArchive {
            path: path.to_owned(),
            reason: err.to_string(),
        })?;
        let path = path.to_owned();
        let this = Self {
            backend: Arc::new(backend),
            path,
            lock_timeout,
            shared,
        };
        let superblock = Superblock::read(&*this.backend, &this.path)?;
        Ok((this, superblock))
    }

    /// A file in memory.
    pub(crate) fn in_memory(superblock: &Superblock) -> Result<Self, StoreError> {
        let this = Self {
            backend: Arc::new(InMemoryBackend::new()),
            path: PathBuf::from(":memory:"),
            lock_timeout: Duration::ZERO,
            shared: false,
        };
        superblock.write(&*this.backend)?;
        Ok(this)
    }

    /// Any storage in place of a file.
    #[cfg(test)]
    pub(crate) fn on(backend: Arc<dyn StorageBackend>) -> Self {
        let path = PathBuf::from("test.sessiondb");
        Self {
            backend,
            path,
            lock_timeout: Duration::ZERO,
            shared: false,
        }
    }

    #[cfg(test)]
    pub(crate) fn superblock(&self) -> Result<Superblock, StoreError> {
        Superblock::read(&*self.backend, &self.path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The part of the file that redb has.
    pub(crate) fn image(&self) -> ImageBackend {
        ImageBackend {
            file: Arc::clone(&self.backend),
            lock_timeout: self.lock_timeout,
        }
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    /// Keeps the other processes that share the file from writing until the guard is dropped.
    pub(crate) fn lock_writer(&self) -> Result<WriterLock<'_>, StoreError> {
        if !self.shared {
            return Ok(WriterLock {
                file: self,
                held: false,
            });
        }
        let byte = Bound::Included(WRITER_LOCK);
        let attempt = || self.backend.try_lock_range(byte, byte);
        match poll(self.lock_timeout, attempt).map_err(|err| named(&self.path, &err.into()))? {
            Polled::Acquired => {
                self.note_writer();
                Ok(WriterLock {
                    file: self,
                    held: true,
                })
            }
            Polled::TimedOut(waited) => Err(self.busy(waited)),
        }
    }

    /// The error of a call that waited in vain for another process.
    pub(crate) fn busy(&self, waited: Duration) -> StoreError {
        let mut page = [0; 4];
        let holder = match self.backend.read(NOTES_OFFSET, &mut page) {
            Ok(()) => Some(u32::from_le_bytes(page)).filter(|pid| *pid != 0),
            Err(_) => None,
        };
        StoreError::Busy {
            path: self.path.clone(),
            holder,
            waited,
        }
    }

    /// Leaves this process's id in the notes page for those who wait. Advice only: a failure
    /// costs no more than a less telling error in another process.
    fn note_writer(&self) {
        let mut page = [0; 4];
        let pid = std::process::id().to_le_bytes();
        if self.backend.read(NOTES_OFFSET, &mut page).is_ok() && page != pid {
            let _ = self.backend.write(NOTES_OFFSET, &pid);
        }
    }
}

/// Opens a regular file; anything else is not an archive, and opening it might even wait.
fn open_regular(path: &Path, read_only: bool) -> Result<File, StoreError> {
    let refuse = |reason: &str| StoreError::NotAnArchive {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    if path.as_os_str().is_empty() {
        return Err(refuse("the path is empty"));
    }
    let metadata = std::fs::metadata(path).map_err(|err| named(path, &err))?;
    if metadata.is_dir() {
        return Err(refuse("it is a directory"));
    }
    if !metadata.is_file() {
        return Err(refuse("it is not a regular file"));
    }
    let file = OpenOptions::new().read(true).write(!read_only).open(path);
    Ok(file.map_err(|err| named(path, &err))?)
}

/// Keeps other processes from writing.
pub(crate) struct WriterLock<'f> {
    file: &'f ArchiveFile,
    held: bool,
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

/// Writes a new archive and publishes it under `path` if nothing is there. Until then it has
/// another name, so that at `path` there is never less than a whole archive.
pub(crate) fn create(path: &Path, superblock: &Superblock) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| StoreError::NotAnArchive {
        path: path.to_owned(),
        reason: "the path has no file name".to_owned(),
    })?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.new", uuid::Uuid::now_v7()));
    let temporary = folder.join(temporary);
    let result = write_new(&temporary, superblock).and_then(|()| publish(&temporary, path));
    // After a successful publication this removes the second name of the same file.
    let _ = std::fs::remove_file(&temporary);
    result?;
    sync_folder(folder)
}

fn write_new(temporary: &Path, superblock: &Superblock) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .open(temporary)
        .map_err(|err| named(temporary, &err))?;
    let path = temporary.to_owned();
    let backend = FileBackend::new(file).map_err(|err| io::Error::other(err.to_string()))?;
    let file = ArchiveFile {
        backend: Arc::new(backend),
        path,
        lock_timeout: Duration::ZERO,
        shared: false,
    };
    let written: Outcome<()> = (|| {
        superblock.write(&*file.backend)?;
        let options = BaseOptions {
            cache_bytes: 1 << 20,
            shared: false,
            read_only: false,
        };
        Base::create(file.image(), options)?.close()?;
        Ok(file.backend.sync_data()?)
    })();
    written.map_err(|fault| fault.at(temporary))
}

/// Gives the file its name unless that name is taken.
fn publish(temporary: &Path, path: &Path) -> Result<(), StoreError> {
    match std::fs::hard_link(temporary, path) {
        Ok(()) => Ok(()),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Err(named(path, &err).into()),
        // A file system without hard links: the two steps are then not one.
        Err(_) if !path.exists() => {
            Ok(std::fs::rename(temporary, path).map_err(|err| named(path, &err))?)
        }
        Err(err) => Err(named(path, &err).into()),
    }
}

/// Makes the new name survive power loss.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|err| named(folder, &err))?;
    }
    Ok(())
}

/// Shows redb the part of the file from the image's offset on. Locks on bytes of the image move
/// with them; locks above stand where they are. Waiting for a lock ends at the deadline.
#[derive(Debug)]
pub(crate) struct ImageBackend {
    file: Arc<dyn StorageBackend>,
    lock_timeout: Duration,
}

impl ImageBackend {
    fn wait(&self, attempt: impl Fn() -> Result<bool, BackendError>) -> Result<(), BackendError> {
        match poll(self.lock_timeout, attempt)? {
            Polled::Acquired => Ok(()),
            Polled::TimedOut(_) => Err(BackendError::Io(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl StorageBackend for ImageBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.len()?.saturating_sub(IMAGE_OFFSET))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(IMAGE_OFFSET + offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(IMAGE_OFFSET + len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(IMAGE_OFFSET + offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let (start, end) = shifted(start, end);
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        let (start, end) = shifted(start, end);
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.wait(|| self.try_lock_range(start, end))
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.wait(|| self.try_lock_shared_range(start, end))
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        let (start, end) = shifted(start, end);
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let (start, end) = shifted(start, end);
        self.file.query_lock_range(start, end)
    }
}

fn shifted(start: Bound<u64>, end: Bound<u64>) -> (Bound<u64>, Bound<u64>) {
    if matches!(
        (start, end),
        (Bound::Included(0) | Bound::Unbounded, Bound::Unbounded)
    ) {
        return (start, end);
    }
    let shift = |at: u64| {
        if at < LOCK_BASE {
            at + IMAGE_OFFSET
        } else {
            at
        }
    };
    (start.map(shift), end.map(shift))
}

enum Polled {
    Acquired,
    TimedOut(Duration),
}

/// Tries until it succeeds or the time is up, first eagerly, then every millisecond.
fn poll(
    timeout: Duration,
    attempt: impl Fn() -> Result<bool, BackendError>,
) -> Result<Polled, BackendError> {
    let start = Instant::now();
    for round in 0_u32.. {
        if attempt()? {
            break;
        }
        let waited = start.elapsed();
        if waited >= timeout {
            return Ok(Polled::TimedOut(waited));
        }
        match round {
            0..50 => std::thread::yield_now(),
            50..100 => std::thread::sleep(Duration::from_micros(50)),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    Ok(Polled::Acquired)
}
