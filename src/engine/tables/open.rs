//! The open image: views of it, and changes to it by commits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use redb::{
    Builder, ConcurrencyMode, Database, ReadOnlyDatabase, ReadableDatabase, StorageBackend,
};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::process::Process;
use crate::engine::memtable::Memtable;
use crate::engine::model::table::Table;
use crate::engine::redb_format::verify::{Pin, Watch};
use crate::engine::tables::backend::{ImageBackend, anew};
use crate::engine::tables::checkpoint;
use crate::engine::tables::packing::Packing;
use crate::engine::tables::read::TablesView;
use crate::engine::tables::repeats::Recent;
use crate::engine::tables::run_cache::RecentRuns;
use crate::engine::tables::schema::{
    CHECKPOINTED, Checkpointed, FILTERS, GROUPS, HEADS, INDEX, META, METADATA, NAMES, RUNS,
    SESSIONS, SESSIONS_BY_USE, TRACES, VALUES,
};
use crate::engine::tables::unclosed::Unclosed;

/// The most bytes of unpacked runs that a view keeps: four runs of 1 MiB.
const MOST_RECENT_BYTES: usize = 4 << 20;

/// How an image is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TablesOptions {
    pub(crate) cache_bytes: usize,
    pub(crate) shared: bool,
    pub(crate) read_only: bool,
    /// How what is checkpointed is packed.
    pub(crate) packing: Packing,
    /// Whether sessions are indexed by their last use.
    pub(crate) by_use: bool,
}

/// An open image.
pub(crate) struct Tables {
    pub(super) image: Image,
    pub(super) packing: Packing,
    pub(super) by_use: bool,
    /// Whether other processes may have it open too.
    shared: bool,
    commits: Mutex<()>,
    recent_values: Recent,
    /// How many bytes of unpacked runs a view keeps.
    recent_bytes: usize,
    watch: Arc<Watch>,
    process: Process,
    /// Held by each view that was made since this was last taken.
    views: Mutex<Arc<()>>,
    /// Held by those before.
    earlier_views: Mutex<Vec<Weak<()>>>,
}

pub(super) enum Image {
    Writable(Box<Database>),
    ReadOnly(Box<ReadOnlyDatabase>),
}

impl Tables {
    /// Writes a new image, with all tables, into empty storage.
    pub(crate) fn create(
        backend: ImageBackend,
        options: TablesOptions,
        checkpointed: Checkpointed,
    ) -> Outcome<Self> {
        let watch = backend.watch();
        let image = builder(options).create_with_backend(backend)?;
        let tables = Self::new(Image::Writable(Box::new(image)), options, watch);
        let txn = tables.begin_write(WaitPolicy::UntilTimeout)?;
        txn.open_table(RUNS)?;
        txn.open_table(TRACES)?;
        txn.open_table(HEADS)?;
        txn.open_table(SESSIONS)?;
        txn.open_table(INDEX)?;
        txn.open_table(METADATA)?;
        txn.open_table(NAMES)?;
        if options.packing.filters() {
            txn.open_table(FILTERS)?;
        }
        if options.packing.shares() {
            txn.open_table(VALUES)?;
            txn.open_table(GROUPS)?;
        }
        if options.by_use {
            txn.open_table(SESSIONS_BY_USE)?;
        }
        txn.open_table(META)?
            .insert(CHECKPOINTED, checkpointed.encode().as_slice())?;
        tables.commit(txn)?;
        Ok(tables)
    }

    /// Opens an image that is there.
    pub(crate) fn open(backend: ImageBackend, options: TablesOptions) -> Outcome<Self> {
        let watch = backend.watch();
        let image = if options.read_only {
            Image::ReadOnly(Box::new(
                builder(options).open_read_only_with_backend(Unclosed::new(backend))?,
            ))
        } else if backend.len()? == 0 {
            return Err(Fault::damaged("database image", "the file ends before it"));
        } else {
            Image::Writable(Box::new(builder(options).create_with_backend(backend)?))
        };
        Ok(Self::new(image, options, watch))
    }

    fn new(image: Image, options: TablesOptions, watch: Arc<Watch>) -> Self {
        Self {
            image,
            packing: options.packing,
            by_use: options.by_use,
            shared: options.shared,
            commits: Mutex::default(),
            recent_values: Recent::default(),
            recent_bytes: options.cache_bytes.min(MOST_RECENT_BYTES),
            watch,
            process: Process::current(),
            views: Mutex::default(),
            earlier_views: Mutex::default(),
        }
    }

    /// One consistent state.
    pub(crate) fn view(&self) -> Outcome<TablesView> {
        // Taken first: a view that is just being made counts as one that was there before.
        let held = Arc::clone(&lock(&self.views));
        let (pin, txn) = self.begin_read()?;
        let recent = RecentRuns::new(self.recent_bytes);
        let watch = Arc::clone(&self.watch);
        TablesView::new(txn, self.process.clone(), watch, recent, (pin, held))
    }

    /// Begins to read the newest commit, and keeps its roots.
    fn begin_read(&self) -> Outcome<(Pin, redb::ReadTransaction)> {
        loop {
            let _uncommitted = self.hold_commits();
            let pin = self.watch.pin();
            let txn = anew(|| {
                Ok(match &self.image {
                    Image::Writable(db) => db.begin_read()?,
                    Image::ReadOnly(db) => db.begin_read()?,
                })
            })?;
            if pin.is_of_newest() {
                return Ok((pin, txn));
            }
        }
    }

    pub(super) fn commit(&self, txn: redb::WriteTransaction) -> Result<(), redb::CommitError> {
        let _unread = self.hold_commits();
        txn.commit()
    }

    /// Keeps readers and commits apart where redb does not: alone with the image it shows a commit
    /// to readers some time after it has written it, and else by the header that it writes.
    fn hold_commits(&self) -> Option<MutexGuard<'_, ()>> {
        (!self.shared).then(|| lock(&self.commits))
    }

    /// What the views hold that there are by now, and none that comes after.
    pub(crate) fn views_so_far(&self) -> Weak<()> {
        let mut views = lock(&self.views);
        let so_far = Arc::downgrade(&std::mem::take(&mut *views));
        let mut earlier = lock(&self.earlier_views);
        earlier.retain(|views| views.strong_count() > 0);
        earlier.push(Weak::clone(&so_far));
        so_far
    }

    /// Whether there is any view now.
    pub(crate) fn has_views(&self) -> bool {
        Arc::strong_count(&lock(&self.views)) > 1
            || lock(&self.earlier_views)
                .iter()
                .any(|views| views.strong_count() > 0)
    }

    /// Commits without a change, by which redb takes pages back that nobody reads any more, and
    /// puts on the disk what it otherwise does only in memory behind a commit, where no other
    /// process has the image open: it moves its own tables to other pages, which no header tells
    /// of before the next commit. If nobody else commits, and no view is older than the last
    /// commit, nothing is left to be done behind these.
    pub(crate) fn release_pages(&self) -> Outcome<()> {
        self.commit(self.begin_write(WaitPolicy::UntilTimeout)?)?;
        Ok(self.commit(self.begin_write(WaitPolicy::UntilTimeout)?)?)
    }

    /// Keeps everybody from changing the tables until it is dropped.
    pub(crate) fn hold(self: &Arc<Self>) -> Outcome<Hold> {
        let txn = self.begin_write(WaitPolicy::UntilTimeout)?;
        let tables = Arc::clone(self);
        Ok(Hold { txn, _base: tables })
    }

    /// Checkpoints the memtable into the tables, whole or not at all, and sets how much
    /// of the journal is in them. Only if `from` is still what that was; else tells what it is.
    /// Calls `begun` once it has the tables to itself.
    pub(crate) fn checkpoint(
        &self,
        memtable: &Memtable,
        from: Checkpointed,
        to: Checkpointed,
        wait: WaitPolicy,
        begun: impl FnOnce(),
    ) -> Result<Result<(), Checkpointed>, CheckpointError> {
        let txn = self.begin_write(wait).map_err(CheckpointError::Refused)?;
        begun();
        match self.checkpoint_into(&txn, memtable, from, to) {
            Ok(Ok(())) => {
                self.commit(txn)
                    .map_err(|err| CheckpointError::Unknown(err.into()))?;
                Ok(Ok(()))
            }
            Ok(Err(found)) => {
                txn.abort()
                    .map_err(|err| CheckpointError::Refused(err.into()))?;
                Ok(Err(found))
            }
            Err(fault) => Err(CheckpointError::Refused(match txn.abort() {
                // It fails because of what failed before, which says why.
                Ok(()) | Err(redb::StorageError::PreviousIo) => fault,
                Err(err) => err.into(),
            })),
        }
    }

    /// Decides whether the last commit of a process that died counts, so that every view shows
    /// the same from now on. Until a writer has been there, redb shows the commit before to those
    /// that have the image open, since the last one may not be on the disk yet.
    pub(crate) fn decide_last_commit(&self) -> Outcome<()> {
        Ok(self.begin_write(WaitPolicy::UntilTimeout)?.abort()?)
    }

    fn checkpoint_into(
        &self,
        txn: &redb::WriteTransaction,
        memtable: &Memtable,
        from: Checkpointed,
        to: Checkpointed,
    ) -> Outcome<Result<(), Checkpointed>> {
        let mut meta = txn.open_table(META)?;
        let found = Checkpointed::read(&meta)?;
        if found != from {
            return Ok(Err(found));
        }
        meta.insert(CHECKPOINTED, to.encode().as_slice())?;
        if seeded(Bug::DoNotFold) {
            return Ok(Ok(()));
        }
        let (packing, by_use, recent) = (self.packing, self.by_use, &self.recent_values);
        checkpoint::checkpoint(txn, memtable, packing, by_use, recent, || self.view())?;
        self.must_be_whole(memtable)?;
        Ok(Ok(()))
    }

    /// A page that is written again gets a checksum that matches. Where rows may be missing from
    /// it, nobody would notice any more.
    fn must_be_whole(&self, memtable: &Memtable) -> Outcome<()> {
        let changed = [
            (Table::Heads, !memtable.heads.is_empty()),
            (Table::Index, !memtable.heads.is_empty()),
            (Table::Sessions, !memtable.sessions.is_empty()),
            (Table::SessionsByUse, !memtable.sessions.is_empty()),
            (Table::Metadata, !memtable.metadata.is_empty()),
            (Table::Names, !memtable.names.is_empty()),
            (Table::Meta, true),
        ];
        for (table, _) in changed.into_iter().filter(|(_, changed)| *changed) {
            self.watch.complete(table)?;
        }
        Ok(())
    }

    /// Closes the image and reports what fails.
    pub(crate) fn close(self) -> Outcome<()> {
        match self.image {
            Image::Writable(db) => Ok(db.close()?),
            Image::ReadOnly(db) => Ok(db.close()?),
        }
    }

    pub(super) fn begin_write(&self, wait: WaitPolicy) -> Outcome<redb::WriteTransaction> {
        match &self.image {
            Image::Writable(db) => {
                let mut txn = match wait {
                    WaitPolicy::UntilTimeout => db.begin_write()?,
                    WaitPolicy::None => db.try_begin_write()?,
                };
                // So that opening after a crash takes milliseconds, whatever the size.
                txn.set_quick_repair(true);
                Ok(txn)
            }
            Image::ReadOnly(_) => Err(Fault::damaged(
                "database image",
                "a write reached a read-only image",
            )),
        }
    }
}

/// The tables, which nobody changes.
pub(crate) struct Hold {
    txn: redb::WriteTransaction,
    /// Not closed before the transaction has ended.
    _base: Arc<Tables>,
}

impl Hold {
    /// Lets them be changed again, and reports what fails.
    pub(crate) fn release(self) -> Outcome<()> {
        Ok(self.txn.abort()?)
    }
}

/// How long to wait for another process that is writing to the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitPolicy {
    /// As long as the lock timeout says.
    UntilTimeout,
    /// Not at all.
    None,
}

/// Why a memtable was not checkpointed.
#[derive(Debug)]
pub(crate) enum CheckpointError {
    /// Nothing was changed.
    Refused(Fault),
    /// The commit failed; whether it took effect is not known.
    Unknown(Fault),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn builder(options: TablesOptions) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    builder.set_concurrency_mode(if options.shared {
        ConcurrencyMode::MultiWriter
    } else {
        ConcurrencyMode::ExclusiveWriter
    });
    builder
}
