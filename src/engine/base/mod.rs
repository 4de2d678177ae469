//! The base: the redb tables. This folder is the only place that names them.

mod absorb;
mod copy;
mod read;
mod recent;
mod runs;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use redb::{
    Builder, ConcurrencyMode, Database, ReadOnlyDatabase, ReadableDatabase, StorageBackend,
    TableDefinition,
};
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::image::{ImageBackend, anew};
use super::op::{LogId, LogKind};
use super::pack::Packing;
use super::process::Process;
use super::row::{Reader, Table, seal, unseal};
use super::seeded::{Bug, seeded};
use super::superblock::Superblock;
use super::tail::Tail;
use super::unclosed::Unclosed;
use super::verify::{Content, Pin, Watch};
pub(crate) use copy::Progress;
pub(crate) use read::BaseView;
use recent::RecentRuns;

type RunKey = (Uuid, Uuid, u64);
type SegmentKey = (Uuid, Uuid);

/// Runs of entries by session, segment and the index of their first entry.
const RUNS: TableDefinition<'_, RunKey, &[u8]> = TableDefinition::new("runs");
/// The same for traces.
const TRACES: TableDefinition<'_, RunKey, &[u8]> = TableDefinition::new("traces");
/// Heads by session and segment.
const HEADS: TableDefinition<'_, SegmentKey, &[u8]> = TableDefinition::new("heads");
/// Sums over the heads of a session.
const SESSIONS: TableDefinition<'_, Uuid, &[u8]> = TableDefinition::new("sessions");
/// Segments that have a log, by segment and session.
const INDEX: TableDefinition<'_, SegmentKey, &[u8]> = TableDefinition::new("segment_index");
/// JSON metadata by session.
const METADATA: TableDefinition<'_, Uuid, &[u8]> = TableDefinition::new("metadata");
/// JSON records by name.
const NAMES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("names");

/// What the archive knows of itself; see [`Absorbed`].
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const ABSORBED: &str = "absorbed";

/// How much of the journal is in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Absorbed {
    /// The last epoch that is.
    pub(crate) epoch: u64,
    /// How many frames there have been up to its end.
    pub(crate) frames: u64,
    /// The checksum of its last frame, to which the next epoch's first is chained.
    pub(crate) chain: u64,
}

impl Absorbed {
    /// That of a new archive.
    pub(crate) fn none(superblock: &Superblock) -> Self {
        Self {
            epoch: 0,
            frames: 0,
            chain: superblock.first_chain(),
        }
    }

    fn encode(self) -> Vec<u8> {
        let content: Vec<u8> = [self.epoch, self.frames, self.chain]
            .iter()
            .flat_map(|field| field.to_le_bytes())
            .collect();
        seal(Table::Meta, ABSORBED.as_bytes(), &content)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self, String> {
        let mut fields = Reader::new(unseal(Table::Meta, ABSORBED.as_bytes(), row)?);
        Ok(Self {
            epoch: fields.u64()?,
            frames: fields.u64()?,
            chain: fields.u64()?,
        })
    }

    fn read(table: &impl redb::ReadableTable<&'static str, &'static [u8]>) -> Outcome<Self> {
        let row = table.get(ABSORBED)?;
        let row =
            row.ok_or_else(|| Fault::damaged("meta", "the state of the journal is missing"))?;
        Self::decode(row.value()).map_err(|message| Fault::damaged("meta", message))
    }
}

/// The name of one of these tables, and what its rows are.
pub(super) fn content_of(name: &[u8]) -> Option<(&'static str, Content)> {
    let content = match name {
        b"runs" => ("runs", Content::Runs(LogKind::Entries)),
        b"traces" => ("traces", Content::Runs(LogKind::Traces)),
        b"heads" => ("heads", Content::Rows(Table::Heads)),
        b"sessions" => ("sessions", Content::Rows(Table::Sessions)),
        b"segment_index" => ("segment_index", Content::Rows(Table::Index)),
        b"metadata" => ("metadata", Content::Rows(Table::Metadata)),
        b"names" => ("names", Content::Rows(Table::Names)),
        b"meta" => ("meta", Content::Rows(Table::Meta)),
        _ => return None,
    };
    Some(content)
}

fn runs_of(kind: LogKind) -> TableDefinition<'static, RunKey, &'static [u8]> {
    match kind {
        LogKind::Entries => RUNS,
        LogKind::Traces => TRACES,
    }
}

fn run_key(log: &LogId, first: u64) -> RunKey {
    (log.session, log.segment, first)
}

fn pair_bytes(first: Uuid, second: Uuid) -> [u8; 32] {
    let mut key = [0; 32];
    let (left, right) = key.split_at_mut(16);
    left.copy_from_slice(first.as_bytes());
    right.copy_from_slice(second.as_bytes());
    key
}

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
    image: Image,
    packing: Packing,
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

enum Image {
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

    fn commit(&self, txn: redb::WriteTransaction) -> Result<(), redb::CommitError> {
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

    fn begin_write(&self, patience: Patience) -> Outcome<redb::WriteTransaction> {
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
