//! The file below everything: open, in its place, and the one way to its bytes.

pub(crate) mod directory;
pub(crate) mod events;
pub(crate) mod flush;
pub(crate) mod held;
pub(crate) mod identity;
pub(crate) mod locks;
#[cfg(all(feature = "_testing", not(any(windows, target_os = "macos"))))]
mod mandatory;
pub(crate) mod names;
mod openers;
pub(crate) mod patience;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod shared_page;
pub(crate) mod storage;
pub(crate) mod superblock;
pub(crate) mod surroundings;
pub(crate) mod syncs;
pub(crate) mod temporary;
pub(crate) mod whereabouts;
pub(crate) mod wipe;
pub(crate) mod writer_lock;

use std::io;
use std::ops::{Bound, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redb::backends::InMemoryBackend;
use redb::{BackendError, StorageBackend};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::Fault;
use crate::engine::fault::carried::Displaced;
use crate::engine::fault::failures::Failures;
use crate::engine::fault::system::{self, named};
use crate::engine::file::directory::sync_names_beside;
use crate::engine::file::events::Events;
use crate::engine::file::held::Held;
use crate::engine::file::identity::FileId;
use crate::engine::file::locks::{LOCK_BASE, Polled, READER_LOCKS, WRITER_LOCK, poll};
use crate::engine::file::patience::until_readable;
use crate::engine::file::process::Signature;
use crate::engine::file::shared_page::SharedPage;
use crate::engine::file::storage::{open_regular, storage_of};
use crate::engine::file::superblock::{JOURNAL_OFFSET, Superblock};
use crate::engine::file::syncs::Syncs;
use crate::engine::file::whereabouts::Whereabouts;
use crate::engine::redb_format::page::{HEADER_LEN, Header};
use crate::engine::redb_format::verify::Watch;
use crate::error::StoreError;

/// An open archive file.
#[derive(Debug)]
pub(crate) struct ArchiveFile {
    pub(crate) backend: Arc<Held>,
    path: PathBuf,
    /// Where the file is; `None` for storage that is not a file.
    whereabouts: Option<Whereabouts>,
    /// What tells this archive from any other.
    mark: u64,
    displaced: OnceLock<Displaced>,
    /// What this process leaves in the shared page.
    signature: Signature,
    pub(crate) lock_timeout: Duration,
    pub(crate) shared: bool,
    pub(crate) image_offset: u64,
    pub(crate) watch: Arc<Watch>,
    pub(crate) syncs: Arc<Syncs>,
    pub(crate) events: Events,
    /// Which calls of redb failed, after which it reads and writes nothing more.
    pub(crate) failures: Arc<Failures>,
    /// Whether the image may not become longer for now.
    pub(crate) capped: Arc<AtomicBool>,
    /// The number of this open file.
    writer: u64,
    /// How many of this process have had the writer lock in a row, if it was left locked for the next.
    kept_lock: AtomicU32,
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
        let whereabouts = Whereabouts::of(&file, path).map_err(|err| named(path, &err))?;
        let storage = storage_of(file, path).map_err(|err| named(path, &err))?;
        let (mut this, superblock) = Self::over(storage, path, shared, lock_timeout)?;
        if !read_only {
            superblock.must_be_writable(path)?;
        }
        this.whereabouts = Some(whereabouts);
        Ok((this, superblock))
    }

    /// Any storage that holds an archive, with its superblock.
    pub(crate) fn over(
        backend: Arc<dyn StorageBackend>,
        path: &Path,
        shared: bool,
        lock_timeout: Duration,
    ) -> Result<(Self, Superblock), StoreError> {
        let (superblock, mark) = until_readable(lock_timeout, || {
            let superblock = Superblock::read(&*backend, path)?;
            // As it stands there, whatever else a later version may put into the page.
            let mark = SharedPage::mark_before(&*backend);
            Ok((superblock, mark.map_err(|err| system::of_file(path, &err))?))
        })?;
        let this = Self {
            mark,
            lock_timeout,
            shared,
            ..Self::on(backend, path, &superblock)
        };
        Ok((this, superblock))
    }

    /// A file in memory.
    pub(crate) fn in_memory(superblock: &Superblock) -> Result<Self, StoreError> {
        let this = Self::on(Arc::new(InMemoryBackend::new()), ":memory:", superblock);
        superblock.write(&*this.backend)?;
        Ok(this)
    }

    /// Any storage in place of a file that others may have open.
    pub(crate) fn on(
        backend: Arc<dyn StorageBackend>,
        path: impl Into<PathBuf>,
        superblock: &Superblock,
    ) -> Self {
        let image_offset = superblock.image_offset();
        let lock_timeout = Duration::ZERO;
        Self {
            backend: Arc::new(Held::new(backend)),
            path: path.into(),
            whereabouts: None,
            mark: superblock.mark(),
            displaced: OnceLock::new(),
            signature: Signature::of_this_process(),
            lock_timeout,
            shared: false,
            image_offset,
            watch: Arc::new(Watch::new(image_offset)),
            syncs: Arc::default(),
            events: Events::default(),
            failures: Arc::default(),
            capped: Arc::default(),
            writer: new_writer(),
            kept_lock: AtomicU32::new(0),
        }
    }

    /// The storage as this process has it.
    pub(crate) fn held(&self) -> &Arc<Held> {
        &self.backend
    }

    /// Where in the file redb's image begins.
    pub(crate) fn image_offset(&self) -> u64 {
        self.image_offset
    }

    /// The bytes of the file that are the journal.
    pub(crate) fn journal(&self) -> Range<u64> {
        JOURNAL_OFFSET..self.image_offset
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that the path led to; `None` for storage that is not a file.
    pub(crate) fn id(&self) -> Option<&FileId> {
        self.whereabouts.as_ref().map(Whereabouts::id)
    }

    /// Whether the path leads to this file, and not to one that has taken its place.
    pub(crate) fn is_at_its_path(&self) -> bool {
        self.whereabouts
            .as_ref()
            .is_none_or(Whereabouts::is_at_its_path)
    }

    /// Whether a sync failed, after which nobody knows what is on the disk.
    pub(crate) fn has_sync_failed(&self) -> bool {
        self.syncs.has_failed()
    }

    /// What has become of the file, once that was noticed: nothing is written to it any more.
    pub(crate) fn displaced(&self) -> Option<&Displaced> {
        self.displaced.get()
    }

    /// Fails if the path does not lead to the file any more, or something else stands in it. What is
    /// acknowledged after that would be found by nobody.
    pub(crate) fn must_be_in_place(&self) -> io::Result<()> {
        let Some(whereabouts) = &self.whereabouts else {
            return Ok(());
        };
        if seeded(Bug::ForgetPath) {
            return Ok(());
        }
        if let Some(displaced) = whereabouts.displaced() {
            return Err(self.displace(displaced));
        }
        self.must_hold_the_archive()
    }

    /// Fails if something else stands in the file.
    pub(crate) fn must_hold_the_archive(&self) -> io::Result<()> {
        if self.whereabouts.is_none() {
            return Ok(());
        }
        self.must_have_its_superblock()?;
        // Others who have it open may make it shorter, though not so short.
        let as_set = if self.shared {
            0
        } else {
            self.backend.len_as_set()
        };
        let last = as_set.max(self.image_offset + 1) - 1;
        // Not by asking for its length: a file system that is asked about a file has more to write
        // with the next change to it, which makes a sync slower by a tenth.
        self.not_cut_off(self.backend.read(last, &mut [0]))
    }

    /// Takes down how long it is, once nobody else can make it shorter.
    pub(crate) fn note_len(&self) -> Result<(), StoreError> {
        if self.whereabouts.is_some() {
            let len = self.backend.len().map_err(|err| self.failed(&err))?;
            self.backend.note_len(len);
            self.backend.note_least_len(self.image_offset + 1);
        }
        Ok(())
    }

    /// The shared page, if they are still those of this archive.
    pub(crate) fn shared_page(&self) -> io::Result<SharedPage> {
        let shared_page = self.not_cut_off(SharedPage::read(self.storage()))?;
        // Where no writer has left the mark there yet, it stands on the page before.
        if shared_page.mark != self.mark {
            self.must_have_its_superblock()?;
        }
        Ok(shared_page)
    }

    fn must_have_its_superblock(&self) -> io::Result<()> {
        let mark = self.not_cut_off(SharedPage::mark_before(self.storage()))?;
        if mark == self.mark || seeded(Bug::ForgetPath) {
            return Ok(());
        }
        Err(self.overwritten("something else was written over it while it was open"))
    }

    fn not_cut_off<T>(&self, read: io::Result<T>) -> io::Result<T> {
        read.map_err(|err| match err.kind() {
            io::ErrorKind::UnexpectedEof => self.overwritten("it was cut off while it was open"),
            _ => err,
        })
    }

    fn overwritten(&self, what: &str) -> io::Error {
        // What is there now is not ours to write to, not even to close it well.
        self.backend.seal();
        self.displace(Displaced::overwritten(what))
    }

    fn displace(&self, displaced: Displaced) -> io::Error {
        io::Error::other(self.displaced.get_or_init(|| displaced).clone())
    }

    /// The error of a call on the file.
    fn failed(&self, err: &io::Error) -> StoreError {
        system::of_file(&self.path, err)
    }

    /// Whether the image says that its last writer closed it.
    pub(crate) fn says_that_it_was_closed(&self) -> Result<bool, StoreError> {
        let mut header = [0; HEADER_LEN];
        let read = self.storage().read(self.image_offset, &mut header);
        read.map_err(|err| system::of_file(&self.path, &err))?;
        Ok(Header::parse(&header).is_ok_and(|header| !header.recovery_required))
    }

    /// What is known of the image's pages.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Puts on the disk what was written, and makes sure that it will be found there. That something
    /// was mounted over it, or that another machine took it away, the next checkpoint notices.
    pub(crate) fn sync(&self) -> io::Result<()> {
        // First, which is cheaper than when the processor has rested for the sync: what takes the file
        // away meanwhile could have come right after it.
        match &self.whereabouts {
            Some(whereabouts) if whereabouts.is_known_to_be_there() => {
                self.must_hold_the_archive()?;
            }
            _ => self.must_be_in_place()?,
        }
        self.syncs.sync(self.storage())
    }

    /// Superblock, shared page and journal as they stand.
    pub(crate) fn storage(&self) -> &dyn StorageBackend {
        &*self.backend
    }

    /// Whether other processes may have the file open.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    /// How long to wait for others.
    pub(crate) fn lock_timeout(&self) -> Duration {
        self.lock_timeout
    }

    /// Whether another process reads the tables as of a commit before this one.
    pub(crate) fn has_readers_before(&self, transaction: u64) -> Result<bool, BackendError> {
        if !self.shared || transaction == 0 {
            return Ok(false);
        }
        let range = (
            Bound::Included(READER_LOCKS),
            Bound::Excluded(READER_LOCKS + transaction),
        );
        self.backend.query_lock_range(range.0, range.1)
    }

    /// The error of a call that waited in vain for another process.
    pub(crate) fn busy(&self, waited: Duration, waited_for: Awaited) -> StoreError {
        let shared_page = SharedPage::read(self.storage()).unwrap_or_default();
        let holder = match waited_for {
            Awaited::WriterLock => shared_page.holder,
            Awaited::Tables => shared_page.checkpointer,
        };
        // This process stands there if the holder was stopped before it could sign.
        let own = self.backend.process().id();
        let holder = holder.living().filter(|pid| *pid != own);
        self.events.waited(&self.path, holder, waited);
        StoreError::Busy {
            path: self.path.clone(),
            holder,
            waited,
        }
    }

    /// The error of a lock that the system refused.
    fn no_lock(&self, err: BackendError) -> StoreError {
        self.explain(Fault::from(system::of_lock(err)))
    }

    /// The error that a caller of an open gets. That exclusive mode needs no locks is no help to one
    /// who asked for it.
    pub(crate) fn explain(&self, fault: Fault) -> StoreError {
        match fault.at(&self.path) {
            StoreError::NoLocks { path, source } if !self.shared => named(&path, &source).into(),
            err => err,
        }
    }

    /// Leaves word that this process is about to write to the tables. Advice only: a failure
    /// costs those who wait for it the name.
    pub(crate) fn sign_checkpoint(&self) {
        if self.shared {
            let _ = SharedPage::set_checkpointer(self.storage(), self.signature);
        }
    }

    /// Takes that back, unless another process has signed meanwhile.
    pub(crate) fn unsign_checkpoint(&self) {
        let own = |shared_page: SharedPage| shared_page.checkpointer == self.signature;
        if self.shared && self.shared_page().is_ok_and(own) {
            let _ = SharedPage::set_checkpointer(self.storage(), Signature::default());
        }
    }

    /// Leaves word that from now on this open file is the one that wrote last. Whoever does so
    /// holds the writer lock and knows all that was written before.
    pub(crate) fn sign(&self) -> io::Result<()> {
        SharedPage::set_writer(self.storage(), self.writer, self.mark)
    }

    /// A number for the frames of this open file.
    pub(crate) fn salt(&self) -> u32 {
        // The lower half, which is the random one.
        if seeded(Bug::ForgetSalt) {
            return 0;
        }
        u32::try_from(self.writer & u64::from(u32::MAX)).unwrap_or(u32::MAX)
    }

    /// Writes every page again if the last process saw a sync fail, after which the system may
    /// hold pages for synced that never reached the disk. Nobody writes meanwhile.
    pub(crate) fn mend_failed_sync(&self) -> Result<(), StoreError> {
        let file = self.storage();
        let failed = |err: io::Error| self.failed(&err);
        if !self.shared_page().map_err(failed)?.sync_failed {
            return Ok(());
        }
        let locks = [Bound::Included(WRITER_LOCK), Bound::Included(LOCK_BASE)];
        for (taken, byte) in locks.iter().enumerate() {
            let attempt = || match file.try_lock_range(*byte, *byte).map_err(system::of_lock) {
                // Without locks there is nobody else: only exclusive mode works there.
                Err(BackendError::Unsupported) if !self.shared => Ok(true),
                locked => locked,
            };
            let polled = poll(self.lock_timeout, attempt);
            if let Polled::TimedOut(waited) = polled.map_err(|err| self.no_lock(err))? {
                for byte in locks.iter().take(taken) {
                    file.unlock_range(*byte, *byte)
                        .map_err(|err| self.no_lock(err))?;
                }
                return Err(self.busy(waited, Awaited::WriterLock));
            }
        }
        let rewritten = self.rewrite();
        for byte in locks {
            match file.unlock_range(byte, byte).map_err(system::of_lock) {
                Err(BackendError::Unsupported) if !self.shared => {}
                unlocked => unlocked.map_err(|err| self.no_lock(err))?,
            }
        }
        rewritten.map_err(failed)
    }

    /// Syncs the folder if the process that gave the file its name may not have come to that.
    pub(crate) fn finish_name(&self) -> Result<(), StoreError> {
        let file = self.storage();
        let finish = || {
            if self.whereabouts.is_some() && self.shared_page()?.name_unsynced {
                sync_names_beside(&self.path)?;
                SharedPage::set_name_unsynced(file, false)?;
            }
            Ok(())
        };
        finish().map_err(|err: io::Error| self.failed(&err))
    }

    fn rewrite(&self) -> io::Result<()> {
        const CHUNK: u64 = 1 << 20;
        let file = self.storage();
        let len = file.len()?;
        let mut chunk = vec![0; 1 << 20];
        for start in (0..len).step_by(1 << 20) {
            let part = usize::try_from(CHUNK.min(len - start)).map_err(io::Error::other)?;
            let part = chunk.get_mut(..part).unwrap_or_default();
            file.read(start, part)?;
            file.write(start, part)?;
        }
        file.sync_data()?;
        SharedPage::set_sync_failed(file, false)
    }
}

/// A number that no other open file has.
fn new_writer() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}

/// What a call waited for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    WriterLock,
    /// redb's own locks.
    Tables,
}
