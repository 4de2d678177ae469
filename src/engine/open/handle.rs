//! One open archive file in this process, and its threads.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::change::Change;
#[cfg(feature = "_testing")]
use crate::engine::commit::background;
use crate::engine::commit::background::BackgroundWorker;
use crate::engine::commit::close::Ended;
use crate::engine::commit::{Committer, Done};
use crate::engine::fault::{Fault, Outcome, system};
#[cfg(feature = "tracing")]
use crate::engine::file::events::Events;
use crate::engine::file::identity::{self, FileId, MAX_REPLACEMENTS};
use crate::engine::file::superblock::Superblock;
use crate::engine::file::{ArchiveFile, Awaited, surroundings, temporary};
use crate::engine::journal::CutOff;
use crate::engine::model::op::Op;
use crate::engine::redb_format::guard::guarded;
use crate::engine::redb_format::page;
use crate::engine::salvage::{self, Found, Table};
use crate::engine::tables::packing::Packing;
use crate::engine::tables::unclosed::end_on_a_page;
use crate::engine::tables::{Checkpointed, Tables, TablesOptions};
use crate::error::StoreError;

/// How a file is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineOptions {
    pub(crate) read_only: bool,
    pub(crate) shared: bool,
    pub(crate) cache_bytes: usize,
    pub(crate) lock_timeout: Duration,
    pub(crate) sync_interval: Duration,
    /// Whether a thread does what nobody waits for; without it, see `run_background`.
    pub(crate) background: bool,
}

/// One open archive file in this process.
pub(crate) struct Engine {
    // Declared, and so ended, before what it works on.
    worker: Option<BackgroundWorker>,
    pub(crate) committer: Arc<Committer>,
    pub(crate) options: EngineOptions,
}

impl Engine {
    /// Opens the archive at `path`.
    pub(crate) fn open(path: &Path, options: EngineOptions) -> Result<Self, StoreError> {
        let EngineOptions {
            read_only,
            shared,
            lock_timeout,
            ..
        } = options;
        if !read_only {
            temporary::sweep(path);
        }
        for _ in 0..MAX_REPLACEMENTS {
            let (file, superblock) = ArchiveFile::open(path, read_only, shared, lock_timeout)?;
            if !read_only && !superblock.has_these_locks() {
                file.take_over()?;
                continue;
            }
            let tables = open_tables(&file, &superblock, options)?;
            // The locks that came with the tables keep the file at its path from here on.
            if let Some(tables) = tables {
                return Self::opened(file, tables, &superblock, options);
            }
        }
        Err(identity::never_the_same(path))
    }

    /// Opens the archive that the storage holds.
    #[cfg(feature = "_testing")]
    pub(crate) fn over(
        storage: Arc<dyn redb::StorageBackend>,
        path: &Path,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        let EngineOptions {
            shared,
            lock_timeout,
            ..
        } = options;
        let open = |storage| ArchiveFile::over(storage, path, shared, lock_timeout);
        let (mut file, mut superblock) = open(Arc::clone(&storage))?;
        if !options.read_only && !superblock.has_these_locks() {
            file.take_over()?;
            (file, superblock) = open(storage)?;
        }
        let tables = open_tables(&file, &superblock, options)?;
        // Storage has no name that another could take.
        let tables = tables.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))?;
        Self::opened(file, tables, &superblock, options)
    }

    fn opened(
        file: ArchiveFile,
        tables: Tables,
        superblock: &Superblock,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        let engine = Self::new(file, tables, superblock, options)?;
        // What is damaged shows now, and not when an agent is in the middle of its work.
        engine.committer.layers()?;
        #[cfg(feature = "tracing")]
        engine.tell_opened();
        Ok(engine)
    }

    /// Says that it is open, what a process that ended early left in the journal, and where it lies.
    #[cfg(feature = "tracing")]
    fn tell_opened(&self) {
        let path = self.path();
        Events::opened(path, self.options.read_only);
        match self.committer.frames_in_journal() {
            Ok(0) | Err(_) => {}
            Ok(changes) => Events::recovered(path, changes),
        }
        if let Some(place) = surroundings::harm(path) {
            Events::unsafe_place(path, &place);
        }
    }

    /// What may harm the file where it lies, in words.
    pub(crate) fn place_warning(&self) -> Option<String> {
        self.file_id().and_then(|_| surroundings::harm(self.path()))
    }

    /// A new archive in memory.
    pub(crate) fn in_memory(
        superblock: Superblock,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        let file = ArchiveFile::in_memory(&superblock)?;
        let checkpointed = Checkpointed::none(&superblock);
        let tables = Tables::create(
            file.image(),
            tables_options(options, &superblock),
            checkpointed,
        );
        let tables = tables.map_err(|fault| fault.at(file.path()))?;
        Self::new(file, tables, &superblock, options)
    }

    pub(crate) fn new(
        file: ArchiveFile,
        tables: Tables,
        superblock: &Superblock,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        let EngineOptions {
            sync_interval,
            background,
            ..
        } = options;
        let tables_options = tables_options(options, superblock);
        let committer = Committer::new(file, tables, superblock, tables_options, sync_interval);
        let committer = Arc::new(committer);
        let worker = background
            .then(|| BackgroundWorker::start(&committer))
            .transpose()?;
        Ok(Self {
            worker,
            committer,
            options,
        })
    }

    /// Does one checkpoint that is due, if there is one, in place of the thread.
    #[cfg(feature = "_testing")]
    pub(crate) fn run_background(&self) -> bool {
        background::checkpoint_now(&self.committer)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.committer.path
    }

    pub(crate) fn format_version(&self) -> u32 {
        self.committer.format_version
    }

    /// Fails in a process that was forked from the one that opened the file.
    pub(crate) fn must_be_here(&self) -> Result<(), StoreError> {
        self.committer.must_be_here()
    }

    /// The file that is open; `None` if it is none.
    pub(crate) fn file_id(&self) -> Option<&FileId> {
        self.committer.sources.file.id()
    }

    pub(crate) fn archive_id(&self) -> Uuid {
        self.committer.archive_id
    }

    pub(crate) fn file_bytes(&self) -> Result<u64, StoreError> {
        self.committer.must_be_here()?;
        Ok(self.committer.file_bytes()?)
    }

    /// Reads and verifies the superblock again.
    pub(crate) fn read_superblock(&self) -> Result<(), StoreError> {
        self.committer.must_be_here()?;
        Superblock::read(self.committer.sources.file.storage(), self.path()).map(drop)
    }

    /// Where the journal ends although there are frames behind, if it does.
    pub(crate) fn journal_cut_off(&self) -> Outcome<Option<CutOff>> {
        self.committer.journal_cut_off()
    }

    /// The number of pages of the image.
    pub(crate) fn image_pages(&self) -> Outcome<u64> {
        let file = &self.committer.sources.file;
        Ok(file.len()?.saturating_sub(file.image_offset()) / page::PAGE_LEN)
    }

    /// Verifies the checksum of every page that the tables are in, as of the last commit. Calls
    /// `each` for every page, with what table and byte of the file it is if it is damaged and its
    /// rows do not show it. Whoever calls this holds an older view, so that no page is used
    /// again meanwhile.
    pub(crate) fn check_pages(&self, each: &mut dyn FnMut(Option<(Table, u64)>)) -> Outcome<()> {
        salvage::check_pages(&self.committer.sources.file, each)
    }

    /// What can be read of the tables without redb. For an archive that redb does not read.
    pub(crate) fn read_tables(&self) -> Outcome<Found> {
        salvage::read_tables(&self.committer.sources.file)
    }

    /// Calls what reads the tables, and turns a panic of redb into a fault.
    pub(crate) fn guarded<T>(&self, call: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        guarded(self.committer.sources.file.watch(), call)
    }

    /// How many changes there have been. Grows with each.
    pub(crate) fn version(&self) -> Result<u64, StoreError> {
        self.committer.must_be_here()?;
        self.committer.frames()
    }

    /// Waits until there have been other than `version` changes, or the time is up.
    pub(crate) fn wait_for_change(
        &self,
        version: u64,
        timeout: Duration,
    ) -> Result<u64, StoreError> {
        self.committer.must_be_here()?;
        self.committer.wait_for_frame(version, timeout)
    }

    /// Begins to follow what changes; the place of the next change.
    pub(crate) fn follow(&self) -> Result<u64, StoreError> {
        self.committer.must_be_here()?;
        self.committer.follow()
    }

    /// The changes from that place on, and the place behind them. Waits for one until the time is up
    /// or it is cancelled.
    pub(crate) fn next_changes(
        &self,
        place: u64,
        timeout: Duration,
        cancelled: &AtomicBool,
    ) -> Result<(Vec<Change>, u64), StoreError> {
        self.committer.must_be_here()?;
        self.committer.next_changes(place, timeout, cancelled)
    }

    /// Ends following.
    pub(crate) fn unfollow(&self) {
        self.committer.unfollow();
    }

    /// Lets those who wait for a change look again.
    pub(crate) fn wake_followers(&self) {
        self.committer.waiters.wake();
    }

    /// Makes changes that need no look at the state before.
    pub(crate) fn write(&self, synced: bool, ops: impl Into<Vec<Op>>) -> Result<Done, StoreError> {
        self.committer.must_be_here()?;
        if synced {
            return self.committer.write_synced(ops.into());
        }
        let done = self.committer.write(ops.into())?;
        self.committer.sync_later(&done);
        Ok(done)
    }

    pub(crate) fn finish(&self, synced: bool, done: &Done) -> Result<(), StoreError> {
        if synced {
            return self.committer.wait_for(done);
        }
        self.committer.sync_later(done);
        Ok(())
    }

    /// Whether the change has been synced.
    pub(crate) fn is_synced(&self, done: &Done) -> bool {
        self.committer.is_synced(done)
    }

    /// Waits until all that this process has written is synced.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.committer.must_be_here()?;
        self.committer.sync()
    }

    /// Checkpoints the whole journal into the tables.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        self.committer.must_be_here()?;
        self.committer.checkpoint()
    }

    /// Syncs what is not, closes the file and reports what fails; dropping it does the same in
    /// silence.
    /// `None` if somebody in this process holds it yet.
    pub(crate) fn close(self) -> Result<Option<Ended>, StoreError> {
        self.committer.must_be_here()?;
        let Self {
            worker, committer, ..
        } = self;
        drop(worker);
        Arc::into_inner(committer).map(Committer::close).transpose()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("path", &self.committer.path)
            .finish_non_exhaustive()
    }
}

/// Opens the tables, with the locks that come with that. `None` if the file is no longer the one
/// at its path: what is written to it would be lost.
fn open_tables(
    file: &ArchiveFile,
    superblock: &Superblock,
    options: EngineOptions,
) -> Result<Option<Tables>, StoreError> {
    let EngineOptions {
        read_only,
        lock_timeout,
        ..
    } = options;
    if !read_only {
        file.mend_failed_sync()?;
    }
    let start = Instant::now();
    loop {
        // redb waits for a peer's write transaction without end; this lock has a deadline.
        let writer = if read_only {
            None
        } else {
            let lock = file.lock_writer()?;
            end_on_a_page(file).map_err(|err| system::of_file(file.path(), &err))?;
            Some(lock)
        };
        let opened = guarded(file.watch(), || {
            Tables::open(file.image(), tables_options(options, superblock))
        });
        drop(writer);
        if !file.is_at_its_path() {
            return Ok(None);
        }
        if opened.is_ok() {
            file.note_len()?;
        }
        if !read_only && opened.is_ok() {
            file.finish_name()?;
        }
        match opened {
            Err(fault) if fault.is_lock_timeout() => {
                if start.elapsed() >= lock_timeout {
                    return Err(file.busy(start.elapsed(), Awaited::Tables));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(fault) if fault.is_of_disorder() && file.says_that_it_was_closed()? => {
                let message = "the archive was closed, and this does not tell its length or how \
                               its last commit was made; opening it for writing looks at all of it";
                let fault = Fault::damaged("header of the database image", message);
                return Err(file.explain(fault));
            }
            opened => return opened.map(Some).map_err(|fault| file.explain(fault)),
        }
    }
}

pub(crate) fn tables_options(options: EngineOptions, superblock: &Superblock) -> TablesOptions {
    TablesOptions {
        packing: Packing::of_checkpoints(superblock),
        by_use: superblock.has_sessions_by_use(),
        cache_bytes: options.cache_bytes,
        shared: options.shared,
        read_only: options.read_only,
    }
}
