//! How an archive is opened.

use std::path::Path;
use std::time::Duration;

use super::durability::Durability;
use super::handle::Archive;
use crate::engine::{self, Creation, DEFAULT_JOURNAL_BYTES, EngineOptions, Superblock};
use crate::error::StoreError;

/// Whether other processes may have the archive open at the same time.
///
/// ```
/// assert_eq!(sessiondb::Sharing::default(), sessiondb::Sharing::Shared);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sharing {
    /// Any number of processes read and write. Needs byte-range locks, which local file systems
    /// on Linux, macOS and Windows have.
    #[default]
    Shared,
    /// A writer excludes every other process; readers share the file with each other. Works
    /// where there are no byte-range locks, and takes the whole-file lock in their place.
    Exclusive,
}

const DEFAULT_CACHE_BYTES: usize = 4 << 20;

/// How an archive is opened: made by [`Archive::options`].
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("agent.sessiondb");
/// use std::time::Duration;
///
/// let archive = sessiondb::Archive::options()
///     .create_new(true)
///     .lock_timeout(Duration::from_secs(1))
///     .open(&path)?;
/// # drop(archive);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one that is switched on or off by itself"
)]
pub struct ArchiveOptions {
    create: bool,
    create_new: bool,
    read_only: bool,
    sharing: Sharing,
    durability: Durability,
    cache_bytes: usize,
    lock_timeout: Duration,
    sync_interval: Duration,
    word_filters: bool,
}

impl Archive {
    /// Opens the archive at `path`, or makes it if it is not there.
    ///
    /// # Errors
    ///
    /// Those of [`ArchiveOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open(path)
    }

    /// Options for opening an archive.
    pub fn options() -> ArchiveOptions {
        ArchiveOptions::new()
    }

    /// An archive in memory, which ends with its last handle.
    ///
    /// # Errors
    ///
    /// Those of a write, though none is known to happen.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::options().in_memory()
    }
}

impl ArchiveOptions {
    fn new() -> Self {
        Self {
            create: true,
            create_new: false,
            read_only: false,
            sharing: Sharing::default(),
            durability: Durability::default(),
            cache_bytes: DEFAULT_CACHE_BYTES,
            lock_timeout: Duration::from_secs(5),
            sync_interval: Duration::from_millis(50),
            word_filters: true,
        }
    }

    /// Whether the archive is made if it is not there. Default: true.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether the archive must be made by this open and not be there before. Default: false.
    #[must_use]
    pub fn create_new(mut self, create_new: bool) -> Self {
        self.create_new = create_new;
        self
    }

    /// Whether the handle only reads; the archive must be there. Default: false.
    ///
    /// Nothing is written, so read access is enough, also where the last writer died: all that
    /// was acknowledged is there.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Who else may have the archive open. Default: [`Sharing::Shared`].
    #[must_use]
    pub fn sharing(mut self, sharing: Sharing) -> Self {
        self.sharing = sharing;
        self
    }

    /// What an append that returns `Ok` has survived. Default: [`Durability::Synced`]; traces are
    /// [`Durability::Written`] unless [`Log::with_durability`](crate::Log::with_durability) says
    /// otherwise.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The memory for cached pages, in bytes, and as much besides, at most 4 MiB, for what was unpacked
    /// last. Default: 4 MiB, since the system caches the file too and the time of a read goes into
    /// unpacking; `cargo bench --bench memory` compares sizes. Of several handles on one archive in one
    /// process the first decides.
    #[must_use]
    pub fn cache_bytes(mut self, cache_bytes: usize) -> Self {
        self.cache_bytes = cache_bytes;
        self
    }

    /// How long a call waits for another process before it fails with [`StoreError::Busy`].
    /// Default: 5 seconds. Of several handles on one archive in one process the first decides.
    #[must_use]
    pub fn lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }

    /// The longest time until what was only written is synced in the background, also while the
    /// journal is folded into the tables. Default: 50 ms. [`Duration::MAX`] leaves it to
    /// [`Archive::sync`] and to closing.
    /// Of several handles on one archive in one process the first decides.
    #[must_use]
    pub fn sync_interval(mut self, sync_interval: Duration) -> Self {
        self.sync_interval = sync_interval;
        self
    }

    /// Whether an archive that is made keeps a filter of the words of each run of entries, by which a search
    /// reads only where they may be ([`LogSnapshot::with_words`](super::LogSnapshot::with_words)). Default: yes. They took
    /// 4 KiB of the file for a real log of 1 MiB, and 7.5 KiB for each MiB of generated ones (`docs/benchmarks.md`, "Search"),
    /// and 29 % of the processor time of an import. An archive that is there stays as it is; one of before word filters gets them
    /// when it is compacted.
    #[must_use]
    pub fn word_filters(mut self, word_filters: bool) -> Self {
        self.word_filters = word_filters;
        self
    }

    /// Opens the archive. If this process has it open already in the same way (shared or
    /// exclusive, for reading or for writing), this is one more handle on the same store.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the file is not there and not to be made, is there and should be
    /// made, or the operating system refuses; [`StoreError::NotAnArchive`],
    /// [`StoreError::UnsupportedVersion`] and [`StoreError::Damaged`] for a file that cannot be
    /// used, which is left as it was; [`StoreError::Busy`] if another process keeps it to itself;
    /// [`StoreError::NoLocks`] if the file system has no byte-range locks, which
    /// [`Sharing::Exclusive`] does without.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Archive, StoreError> {
        let creation = match self {
            Self {
                create_new: true, ..
            } => Creation::Always(self.new_file()),
            Self {
                read_only: true, ..
            }
            | Self { create: false, .. } => Creation::Never,
            _ => Creation::IfMissing(self.new_file()),
        };
        let engine = engine::open(path.as_ref(), creation, self.for_engine())?;
        Ok(Archive::new(engine, self.durability))
    }

    fn in_memory(self) -> Result<Archive, StoreError> {
        let options = EngineOptions {
            shared: false,
            ..self.for_engine()
        };
        let engine = engine::Engine::in_memory(self.new_file(), options)?;
        Ok(Archive::new(engine.into(), self.durability))
    }

    /// What is at the beginning of an archive that is made.
    fn new_file(&self) -> Superblock {
        Superblock::new(DEFAULT_JOURNAL_BYTES).with_word_filters(self.word_filters)
    }

    fn for_engine(&self) -> EngineOptions {
        EngineOptions {
            read_only: self.read_only,
            shared: self.sharing == Sharing::Shared,
            cache_bytes: self.cache_bytes,
            lock_timeout: self.lock_timeout,
            sync_interval: self.sync_interval,
            background: true,
        }
    }
}
