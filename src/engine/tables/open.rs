//! The open image: views of it, and changes to it by commits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use redb::{
    Builder, ConcurrencyMode, Database, ReadOnlyDatabase, ReadableDatabase, StorageBackend,
};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::process::Process;
use crate::engine::memtable::Tail;
use crate::engine::model::table::Table;
use crate::engine::redb_format::verify::{Pin, Watch};
use crate::engine::tables::absorb;
use crate::engine::tables::backend::{ImageBackend, anew};
use crate::engine::tables::pack::Packing;
use crate::engine::tables::read::BaseView;
use crate::engine::tables::run_cache::RecentRuns;
use crate::engine::tables::schema::{
    ABSORBED, Absorbed, HEADS, INDEX, META, METADATA, NAMES, RUNS, SESSIONS, TRACES,
};
use crate::engine::tables::unclosed::Unclosed;

/// How an image is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BaseOptions {
    pub(crate) cache_bytes: usize,
    pub(crate) shared: bool,
    pub(crate) read_only: bool,
    /// How what is folded in is packed.
    pub(crate) packing: Packing,
}

/// An open image.
pub(crate) struct Base {
    pub(super) image: Image,
    pub(super) packing: Packing,
    /// Whether other processes may have it open too.
    shared: bool,
    commits: Mutex<()>,
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

impl Base {
    /// Writes a new image, with all tables, into empty storage.
    pub(crate) fn create(
        backend: ImageBackend,
        options: BaseOptions,
        absorbed: Absorbed,
    ) -> Outcome<Self> {
        let watch = backend.watch();
        let image = builder(options).create_with_backend(backend)?;
        let base = Self::new(Image::Writable(Box::new(image)), options, watch);
        let txn = base.begin_write(Patience::UntilTimeout)?;
        txn.open_table(RUNS)?;
        txn.open_table(TRACES)?;
        txn.open_table(HEADS)?;
        txn.open_table(SESSIONS)?;
        txn.open_table(INDEX)?;
        txn.open_table(METADATA)?;
        txn.open_table(NAMES)?;
        txn.open_table(META)?
            .insert(ABSORBED, absorbed.encode().as_slice())?;
        base.commit(txn)?;
        Ok(base)
    }

    /// Opens an image that is there.
    pub(crate) fn open(backend: ImageBackend, options: BaseOptions) -> Outcome<Self> {
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

    fn new(image: Image, options: BaseOptions, watch: Arc<Watch>) -> Self {
        Self {
            image,
            packing: options.packing,
            shared: options.shared,
            commits: Mutex::default(),
            recent_bytes: options.cache_bytes / 8,
            watch,
            process: Process::current(),
            views: Mutex::default(),
            earlier_views: Mutex::default(),
        }
    }

    /// One consistent state.
    pub(crate) fn view(&self) -> Outcome<BaseView> {
        // Taken first: a view that is just being made counts as one that was there before.
        let held = Arc::clone(&lock(&self.views));
        let (pin, txn) = self.begin_read()?;
        let recent = RecentRuns::new(self.recent_bytes);
        let watch = Arc::clone(&self.watch);
        BaseView::new(txn, self.process.clone(), watch, recent, (pin, held))
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
    pub(crate) fn settle_pages(&self) -> Outcome<()> {
        self.commit(self.begin_write(Patience::UntilTimeout)?)?;
        Ok(self.commit(self.begin_write(Patience::UntilTimeout)?)?)
    }

    /// Keeps everybody from changing the tables until it is dropped.
    pub(crate) fn hold(self: &Arc<Self>) -> Outcome<Hold> {
        let txn = self.begin_write(Patience::UntilTimeout)?;
        let base = Arc::clone(self);
        Ok(Hold { txn, _base: base })
    }

    /// Folds the tail into the tables, whole or not at all, and sets how much
    /// of the journal is in them. Only if `from` is still what that was; else tells what it is.
    /// Calls `begun` once it has the tables to itself.
    pub(crate) fn absorb(
        &self,
        tail: &Tail,
        from: Absorbed,
        to: Absorbed,
        patience: Patience,
        begun: impl FnOnce(),
    ) -> Result<Result<(), Absorbed>, AbsorbError> {
        let txn = self.begin_write(patience).map_err(AbsorbError::Refused)?;
        begun();
        match self.absorb_into(&txn, tail, from, to) {
            Ok(Ok(())) => {
                self.commit(txn)
                    .map_err(|err| AbsorbError::Unknown(err.into()))?;
                Ok(Ok(()))
            }
            Ok(Err(found)) => {
                txn.abort()
                    .map_err(|err| AbsorbError::Refused(err.into()))?;
                Ok(Err(found))
            }
            Err(fault) => Err(AbsorbError::Refused(match txn.abort() {
                // It fails because of what failed before, which says why.
                Ok(()) | Err(redb::StorageError::PreviousIo) => fault,
                Err(err) => err.into(),
            })),
        }
    }

    /// Settles whether the last commit of a process that died counts, so that every view shows
    /// the same from now on. Until a writer has been there, redb shows the commit before to those
    /// that have the image open, since the last one may not be on the disk yet.
    pub(crate) fn settle(&self) -> Outcome<()> {
        Ok(self.begin_write(Patience::UntilTimeout)?.abort()?)
    }

    fn absorb_into(
        &self,
        txn: &redb::WriteTransaction,
        tail: &Tail,
        from: Absorbed,
        to: Absorbed,
    ) -> Outcome<Result<(), Absorbed>> {
        let mut meta = txn.open_table(META)?;
        let found = Absorbed::read(&meta)?;
        if found != from {
            return Ok(Err(found));
        }
        meta.insert(ABSORBED, to.encode().as_slice())?;
        if seeded(Bug::DoNotFold) {
            return Ok(Ok(()));
        }
        absorb::absorb(txn, tail, self.packing, || self.view())?;
        self.must_be_whole(tail)?;
        Ok(Ok(()))
    }

    /// A page that is written again gets a checksum that matches. Where rows may be missing from
    /// it, nobody would notice any more.
    fn must_be_whole(&self, tail: &Tail) -> Outcome<()> {
        let changed = [
            (Table::Heads, !tail.heads.is_empty()),
            (Table::Index, !tail.heads.is_empty()),
            (Table::Sessions, !tail.sessions.is_empty()),
            (Table::Metadata, !tail.metadata.is_empty()),
            (Table::Names, !tail.names.is_empty()),
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

    pub(super) fn begin_write(&self, patience: Patience) -> Outcome<redb::WriteTransaction> {
        match &self.image {
            Image::Writable(db) => {
                let mut txn = match patience {
                    Patience::UntilTimeout => db.begin_write()?,
                    Patience::None => db.try_begin_write()?,
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
    _base: Arc<Base>,
}

impl Hold {
    /// Lets them be changed again, and reports what fails.
    pub(crate) fn release(self) -> Outcome<()> {
        Ok(self.txn.abort()?)
    }
}

/// How long to wait for another process that is writing to the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as the lock timeout says.
    UntilTimeout,
    /// Not at all.
    None,
}

/// Why a tail was not folded in.
#[derive(Debug)]
pub(crate) enum AbsorbError {
    /// Nothing was changed.
    Refused(Fault),
    /// The commit failed; whether it took effect is not known.
    Unknown(Fault),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn builder(options: BaseOptions) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    builder.set_concurrency_mode(if options.shared {
        ConcurrencyMode::MultiWriter
    } else {
        ConcurrencyMode::ExclusiveWriter
    });
    builder
}
