//! One open archive file in this process, and its threads.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::engine::commit::background as keeper;
use crate::engine::commit::background::Keeper;
use crate::engine::commit::{Core, Done};
use crate::engine::fault::system;
use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::identity as file_id;
use crate::engine::file::identity::{FileId, MAX_REPLACEMENTS};
use crate::engine::file::superblock::{DEFAULT_JOURNAL_BYTES, Superblock};
use crate::engine::file::temporary;
use crate::engine::file::{ArchiveFile, Awaited};
use crate::engine::journal::CutOff;
use crate::engine::model::op::Op;
use crate::engine::redb_format::guard::guarded;
use crate::engine::redb_format::page;
use crate::engine::salvage;
use crate::engine::salvage::{Found, Table};
use crate::engine::tables::pack::Packing;
use crate::engine::tables::unclosed::end_on_a_page;
use crate::engine::tables::{Absorbed, Base, BaseOptions};
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
    keeper: Option<Keeper>,
    pub(crate) core: Arc<Core>,
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
            let base = open_base(&file, &superblock, options)?;
            // The locks that came with the base keep the file at its path from here on.
            if let Some(base) = base {
                return Self::opened(file, base, &superblock, options);
            }
        }
        Err(file_id::never_the_same(path))
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
        let (file, superblock) = ArchiveFile::over(storage, path, shared, lock_timeout)?;
        let base = open_base(&file, &superblock, options)?;
        // Storage has no name that another could take.
        let base = base.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Self::opened(file, base, &superblock, options)
    }

    fn opened(
        file: ArchiveFile,
        base: Base,
        superblock: &Superblock,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        let engine = Self::new(file, base, superblock, options)?;
        // What is damaged shows now, and not when an agent is in the middle of its work.
        engine.core.layers()?;
        Ok(engine)
    }

    /// A new archive in memory.
    pub(crate) fn in_memory(options: EngineOptions) -> Result<Self, StoreError> {
        let superblock = Superblock::new(DEFAULT_JOURNAL_BYTES);
        let file = ArchiveFile::in_memory(&superblock)?;
        let absorbed = Absorbed::none(&superblock);
        let base = Base::create(file.image(), base_options(options, &superblock), absorbed);
        let base = base.map_err(|fault| fault.at(file.path()))?;
        Self::new(file, base, &superblock, options)
    }

    pub(crate) fn new(
        file: ArchiveFile,
        base: Base,
        superblock: &Superblock,
        options: EngineOptions,
    ) -> Result<Self, StoreError> {
        let EngineOptions {
            sync_interval,
            background,
            ..
        } = options;
        let base_options = base_options(options, superblock);
        let core = Core::new(file, base, superblock, base_options, sync_interval);
        let core = Arc::new(core);
        let keeper = background.then(|| Keeper::start(&core)).transpose()?;
        Ok(Self {
            keeper,
            core,
            options,
        })
    }

    /// Does one fold that is due, if there is one, in place of the thread.
    #[cfg(feature = "_testing")]
    pub(crate) fn run_background(&self) -> bool {
        keeper::fold_now(&self.core)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.core.path
    }

    pub(crate) fn format_version(&self) -> u32 {
        self.core.format_version
    }

    /// Fails in a process that was forked from the one that opened the file.
    pub(crate) fn must_be_here(&self) -> Result<(), StoreError> {
        self.core.must_be_here()
    }

    /// The file that is open; `None` if it is none.
    pub(crate) fn file_id(&self) -> Option<&FileId> {
        self.core.sources.file.id()
    }

    pub(crate) fn archive_id(&self) -> Uuid {
        self.core.archive_id
    }

    pub(crate) fn file_bytes(&self) -> Result<u64, StoreError> {
        self.core.must_be_here()?;
        Ok(self.core.file_bytes()?)
    }

    /// Reads and verifies the superblock again.
    pub(crate) fn read_superblock(&self) -> Result<(), StoreError> {
        self.core.must_be_here()?;
        Superblock::read(self.core.sources.file.storage(), self.path()).map(drop)
    }

    /// Where the journal ends although there are frames behind, if it does.
    pub(crate) fn journal_cut_off(&self) -> Outcome<Option<CutOff>> {
        self.core.journal_cut_off()
    }

    /// The number of pages of the image.
    pub(crate) fn image_pages(&self) -> Outcome<u64> {
        let file = &self.core.sources.file;
        Ok(file.len()?.saturating_sub(file.image_offset()) / page::PAGE_LEN)
    }

    /// Verifies the checksum of every page that the tables are in, as of the last commit. Calls
    /// `each` for every page, with what table and byte of the file it is if it is damaged and its
    /// rows do not show it. Whoever calls this holds an older view, so that no page is used
    /// again meanwhile.
    pub(crate) fn check_pages(&self, each: &mut dyn FnMut(Option<(Table, u64)>)) -> Outcome<()> {
        salvage::check_pages(&self.core.sources.file, each)
    }

    /// What can be read of the tables without redb. For an archive that redb does not read.
    pub(crate) fn read_tables(&self) -> Outcome<Found> {
        salvage::read_tables(&self.core.sources.file)
    }

    /// Calls what reads the tables, and turns a panic of redb into a fault.
    pub(crate) fn guarded<T>(&self, call: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        guarded(self.core.sources.file.watch(), call)
    }

    /// How many changes there have been. Grows with each.
    pub(crate) fn version(&self) -> Result<u64, StoreError> {
        self.core.must_be_here()?;
        self.core.frames()
    }

    /// Waits until there have been other than `version` changes, or the time is up.
    pub(crate) fn wait_for_change(
        &self,
        version: u64,
        timeout: Duration,
    ) -> Result<u64, StoreError> {
        const PAUSE: Duration = Duration::from_millis(10);
        self.core.must_be_here()?;
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if self.core.may_have_more_than(version)? {
                let now = self.version()?;
                if now != version {
                    return Ok(now);
                }
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) => return Ok(version),
                Some(left) => std::thread::sleep(PAUSE.min(left)),
                None => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Makes changes that need no look at the state before.
    pub(crate) fn write(&self, synced: bool, ops: impl Into<Vec<Op>>) -> Result<Done, StoreError> {
        self.core.must_be_here()?;
        if synced {
            return self.core.write_synced(ops.into());
        }
        let done = self.core.write(ops.into())?;
        self.core.settle_later(&done);
        Ok(done)
    }

    /// Makes the first of some changes whose conditions hold, and returns which one that was.
    pub(crate) fn write_first(
        &self,
        synced: bool,
        choices: [Vec<Op>; 2],
    ) -> Result<usize, StoreError> {
        let (which, done) = self.core.write_first(choices)?;
        self.settle(synced, &done)?;
        Ok(which)
    }

    pub(crate) fn settle(&self, synced: bool, done: &Done) -> Result<(), StoreError> {
        if synced {
            return self.core.settle(done);
        }
        self.core.settle_later(done);
        Ok(())
    }

    /// Whether the change has been synced.
    pub(crate) fn is_synced(&self, done: &Done) -> bool {
        self.core.is_synced(done)
    }

    /// Waits until all that this process has written is synced.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.core.must_be_here()?;
        self.core.sync()
    }

    /// Folds the whole journal into the tables.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        self.core.must_be_here()?;
        self.core.checkpoint()
    }

    /// Syncs what is not, closes the file and reports what fails; dropping it does the same in
    /// silence.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        self.core.must_be_here()?;
        let Self { keeper, core, .. } = self;
        drop(keeper);
        Arc::into_inner(core).map_or(Ok(()), Core::close)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("path", &self.core.path)
            .finish_non_exhaustive()
    }
}

/// Opens the tables, with the locks that come with that. `None` if the file is no longer the one
/// at its path: what is written to it would be lost.
fn open_base(
    file: &ArchiveFile,
    superblock: &Superblock,
    options: EngineOptions,
) -> Result<Option<Base>, StoreError> {
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
            Base::open(file.image(), base_options(options, superblock))
        });
        drop(writer);
        if !file.is_at_its_path() {
            return Ok(None);
        }
        if opened.is_ok() {
            file.note_len()?;
        }
        if !read_only && opened.is_ok() {
            file.settle_name()?;
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

pub(crate) fn base_options(options: EngineOptions, superblock: &Superblock) -> BaseOptions {
    BaseOptions {
        packing: Packing::of_checkpoints(superblock.compressed),
        cache_bytes: options.cache_bytes,
        shared: options.shared,
        read_only: options.read_only,
    }
}
