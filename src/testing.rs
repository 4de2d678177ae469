//! The seam of the crash tests: an archive over any storage, its background work by hand, and bugs
//! to be switched on. Not part of the public API; the feature `_testing` is for the crate's own
//! tests alone.
#![doc(hidden)]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::archive::{Archive, Durability};
use crate::engine;
pub use crate::engine::{
    BackendError, Bug, StorageBackend, decode_run, encode_run, entries_in, filter_may_have,
    filter_of_run_may_have, journal_frames, read_values, recode_ops, scan_journal, seed,
    share_values,
};
use crate::error::StoreError;

/// How storage is opened.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// Whether nothing is ever written.
    pub read_only: bool,
    /// Whether other handles write to the same storage, which then needs locks.
    pub shared: bool,
    /// What an append has survived when it returns.
    pub durability: Durability,
    /// How long to wait for a lock.
    pub lock_timeout: Duration,
    /// Whether a thread does what is due in the background. Without one, see [`run_background`].
    pub background: bool,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            read_only: false,
            shared: false,
            durability: Durability::Synced,
            lock_timeout: Duration::ZERO,
            background: false,
        }
    }
}

/// Opens the archive that the storage holds.
pub fn open(storage: Arc<dyn StorageBackend>, opening: Opening) -> Result<Archive, StoreError> {
    let options = engine::EngineOptions {
        read_only: opening.read_only,
        shared: opening.shared,
        cache_bytes: 1 << 20,
        lock_timeout: opening.lock_timeout,
        sync_interval: Duration::from_secs(3600),
        background: opening.background,
    };
    let engine = engine::Engine::over(storage, Path::new("test.sessiondb"), options)?;
    Ok(Archive::new(Arc::new(engine), opening.durability))
}

/// Does what is due in the background: at most one fold. Tells whether there was one.
pub fn run_background(archive: &Archive) -> bool {
    archive.engine().run_background()
}

/// Where an archive is made, step by step.
pub trait Place {
    /// A new file without content, under a name that nobody opens.
    fn new_file(&self) -> io::Result<Arc<dyn StorageBackend>>;
    /// Gives the file its name, which must be free.
    fn publish(&self) -> io::Result<()>;
    /// Gives the file the name of the one that it replaces, which loses it.
    fn replace(&self) -> io::Result<()>;
    /// Takes the first name away.
    fn remove_first_name(&self) -> io::Result<()>;
    /// Makes the names survive power loss.
    fn sync(&self) -> io::Result<()>;
}

struct Inner<'p>(&'p dyn Place);

impl engine::Place for Inner<'_> {
    fn new_file(&self) -> io::Result<Arc<dyn StorageBackend>> {
        self.0.new_file()
    }

    fn publish(&self) -> io::Result<()> {
        self.0.publish()
    }

    fn replace(&self) -> io::Result<()> {
        self.0.replace()
    }

    fn remove_first_name(&self) -> io::Result<()> {
        self.0.remove_first_name()
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

/// Makes an archive in the place, with a journal of that length.
pub fn create_in(place: &dyn Place, journal_bytes: u64) -> Result<(), StoreError> {
    let superblock = engine::Superblock::new(journal_bytes);
    engine::create_in(&Inner(place), Path::new("test.sessiondb"), &superblock)
}

/// Writes a fresh copy of the archive in the place and lets it replace the archive.
pub fn compact_into(archive: &Archive, place: &dyn Place) -> Result<(), StoreError> {
    engine::compact_into(archive.engine(), &Inner(place))
}

/// Writes a fresh copy of the archive into memory, which can be opened again and again.
pub fn compact_in_memory(archive: &Archive) -> Result<Arc<dyn StorageBackend>, StoreError> {
    engine::compact_in_memory(archive.engine())
}

/// Makes an archive file with a journal of that length: 16 KiB is the shortest.
pub fn create_file(path: &Path, journal_bytes: u64) -> Result<(), StoreError> {
    engine::create(path, &engine::Superblock::new(journal_bytes))
}

/// Makes an archive in memory, with a journal of that length, that can be opened again and again.
pub fn create_in_memory(journal_bytes: u64) -> Result<Arc<dyn StorageBackend>, StoreError> {
    engine::create_in_memory(&engine::Superblock::new(journal_bytes))
}
