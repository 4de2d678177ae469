//! One open archive file: the way of a change from the caller to the journal; from there a checkpoint takes
//! it to the tables. Locks are taken in this order: writers, writer lock of the file, state or checkpoints.

pub(crate) mod background;
pub(crate) mod checkpoint;
pub(crate) mod close;
mod crowd;
pub(crate) mod feed;
pub(crate) mod follow;
pub(crate) mod group_commit;
pub(crate) mod group_sync;
mod health;
pub(crate) mod reopen;
pub(crate) mod sources;
pub(crate) mod state;
pub(crate) mod tasks;
mod waiters;

use std::io;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use self::group_commit::GroupCommit;
use self::group_sync::GroupSync;
use self::sources::Sources;
use self::state::State;
use self::tasks::Tasks;
use self::waiters::Waiters;
use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::Outcome;
use crate::engine::fault::system::named;
use crate::engine::file::ArchiveFile;
use crate::engine::file::superblock::Superblock;
use crate::engine::file::writer_lock::WriterLock;
use crate::engine::journal::{CutOff, Frame, codec};
use crate::engine::layers::Layers;
use crate::engine::model::op::Op;
use crate::engine::redb_format::guard::guarded;
use crate::engine::tables::{Tables, TablesOptions};
use crate::error::StoreError;

/// One open archive file in this process, without its background worker.
pub(crate) struct Committer {
    pub(crate) sources: Sources,
    tables_options: TablesOptions,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) path: Arc<Path>,
    pub(crate) archive_id: Uuid,
    pub(crate) format_version: u32,
    sync_interval: Duration,
    read_only: bool,
    /// Orders the writers of this process.
    writers: Mutex<()>,
    /// How many wait for that.
    waiting_writers: AtomicUsize,
    state: Mutex<State>,
    checkpointing: Mutex<()>,
    syncs: GroupSync,
    pub(crate) waiters: Waiters,
    /// How many follow what changes.
    followers: AtomicUsize,
    group: GroupCommit<Vec<Op>, Result<Done, StoreError>>,
    /// Why nobody may write any more.
    poisoned: OnceLock<String>,
}

/// How often a read is tried again whose tables redb gave up meanwhile, each time for a failure of its own.
pub(crate) const MOST_TRIES: usize = 16;

/// A change that may be made.
pub(crate) struct Choice<'c> {
    /// Draws it from the state.
    pub(crate) ops: Box<dyn FnOnce(Layers) -> Vec<Op> + 'c>,
    /// Whether it goes past the journal, of which no byte is left.
    pub(crate) past_journal: bool,
}

/// What a change did.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// What each op leaves; see [`Memtable::apply`](crate::engine::memtable::Memtable::apply).
    pub(crate) lengths: Vec<u64>,
    /// The number of the frame that holds the change.
    pub(crate) frame: u64,
    /// What to wait for until it is synced; `None` if it is.
    ticket: Option<u64>,
}

impl Committer {
    pub(crate) fn new(
        file: ArchiveFile,
        tables: Tables,
        superblock: &Superblock,
        tables_options: TablesOptions,
        sync_interval: Duration,
    ) -> Self {
        Self {
            tables_options,
            path: file.path().into(),
            sources: Sources::new(file, tables, superblock.journal_bytes),
            tasks: Arc::default(),
            archive_id: superblock.archive_id,
            format_version: superblock.version,
            sync_interval,
            read_only: tables_options.read_only,
            writers: Mutex::default(),
            waiting_writers: AtomicUsize::new(0),
            state: Mutex::new(State::new()),
            checkpointing: Mutex::default(),
            syncs: GroupSync::default(),
            waiters: Waiters::default(),
            followers: AtomicUsize::new(0),
            group: GroupCommit::default(),
            poisoned: OnceLock::new(),
        }
    }

    /// Fails in a process that was forked from the one that opened the file. What is asked of an
    /// engine asks this first: a lock may be held by a thread that the child does not have.
    pub(crate) fn must_be_here(&self) -> Result<(), StoreError> {
        if self.sources.file.held().is_of_this_process() {
            return Ok(());
        }
        Err(StoreError::Forked {
            path: self.path.to_path_buf(),
            parent: self.sources.file.held().process().id(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state as of now.
    pub(crate) fn layers(&self) -> Result<Layers, StoreError> {
        self.with_state(State::layers)
    }

    /// How many frames there have been.
    pub(crate) fn frames(&self) -> Result<u64, StoreError> {
        self.with_state(|state| Ok(state.position()?.frame))
    }

    /// How many of them are in the journal alone, the bytes of those in the half that is written to, and
    /// whether the other half waits for a checkpoint.
    pub(crate) fn in_journal(&self) -> Result<(u64, u64, bool), StoreError> {
        self.with_state(|state| {
            let is_due = state.frozen().is_some();
            Ok((state.frames_in_journal()?, state.position()?.offset, is_due))
        })
    }

    /// How many of them are in the journal alone.
    #[cfg(feature = "tracing")]
    pub(crate) fn frames_in_journal(&self) -> Result<u64, StoreError> {
        self.with_state(|state| state.frames_in_journal())
    }

    fn with_state<T>(&self, look: impl Fn(&mut State) -> Outcome<T>) -> Result<T, StoreError> {
        let start = Instant::now();
        let mut tries = 0..MOST_TRIES;
        loop {
            self.revive()?;
            match self.look_at_state(&look) {
                // A checkpoint found no room meanwhile, as in the background, and redb gave the image up.
                Err(fault) if fault.is_of_an_earlier_read() && tries.next().is_some() => {}
                seen => return seen.map_err(|fault| self.explain(fault, start)),
            }
        }
    }

    /// The same for a writer.
    fn with_state_now<T>(&self, look: impl Fn(&mut State) -> Outcome<T>) -> Result<T, StoreError> {
        let start = Instant::now();
        let seen = self.look_at_state(&look);
        seen.map_err(|fault| self.explain(fault, start))
    }

    fn look_at_state<T>(&self, look: &impl Fn(&mut State) -> Outcome<T>) -> Outcome<T> {
        let seen = guarded(self.sources.file.watch(), || {
            let mut state = self.state();
            state.refresh(&self.sources, false)?;
            look(&mut state)
        });
        self.tasks.release_when_idle();
        seen
    }

    /// Where the journal ends although there are frames behind, if it does.
    pub(crate) fn journal_cut_off(&self) -> Outcome<Option<CutOff>> {
        guarded(self.sources.file.watch(), || {
            let mut state = self.state();
            state.refresh(&self.sources, false)?;
            let end = state.position()?;
            Ok(self
                .sources
                .journal
                .cut_off_at(self.sources.file.storage(), &end)?)
        })
    }

    /// Whether other processes may have changed what this one does not have yet.
    fn may_be_behind(&self) -> Result<bool, StoreError> {
        let state = self.state();
        let behind = guarded(self.sources.file.watch(), || {
            state.may_be_behind(&self.sources)
        });
        behind.map_err(|fault| fault.at(&self.path))
    }

    /// Makes the changes that `decide` draws from the state, all or none; no other writer comes
    /// in between.
    pub(crate) fn commit<R>(
        &self,
        decide: impl FnOnce(Layers) -> Result<(Vec<Op>, R), StoreError>,
    ) -> Result<(R, Done), StoreError> {
        let _writers = self.writers()?;
        let lock = self.lock_writer()?;
        let (ops, decided) = self.decided(decide)?;
        Ok((decided, self.put(ops, &lock)?))
    }

    /// Makes changes as [`commit`](Self::commit) does, but past the journal: they go into the
    /// tables with what it holds, and its bytes are made zero. Returns what `decide` did once that
    /// is synced.
    pub(crate) fn commit_without_journal<R>(
        &self,
        decide: impl FnOnce(Layers) -> Result<(Vec<Op>, R), StoreError>,
    ) -> Result<R, StoreError> {
        let _writers = self.writers()?;
        let lock = self.lock_writer()?;
        let (ops, decided) = self.decided(decide)?;
        self.put_past_journal(ops, &lock)?;
        Ok(decided)
    }

    /// What the caller decides, who may have forked meanwhile.
    fn decided<D>(
        &self,
        decide: impl FnOnce(Layers) -> Result<D, StoreError>,
    ) -> Result<D, StoreError> {
        let decided = decide(self.with_state_now(State::layers)?);
        self.must_be_here()?;
        decided
    }

    /// Makes the first of two changes if its conditions hold, else the other one; no other writer
    /// comes in between. Returns whether it was the first.
    pub(crate) fn write_either(
        &self,
        first: Choice<'_>,
        otherwise: Choice<'_>,
    ) -> Result<(bool, Done), StoreError> {
        let _writers = self.writers()?;
        let lock = self.lock_writer()?;
        match self.put_choice(first, &lock) {
            Err(
                StoreError::Conflict { .. }
                | StoreError::ConditionFailed { .. }
                | StoreError::NoteChanged { .. },
            ) => Ok((false, self.put_choice(otherwise, &lock)?)),
            done => Ok((true, done?)),
        }
    }

    fn put_choice(&self, choice: Choice<'_>, lock: &WriterLock<'_>) -> Result<Done, StoreError> {
        let ops = self.decided(|layers| Ok((choice.ops)(layers)))?;
        if choice.past_journal {
            return self.put_past_journal(ops, lock);
        }
        self.put(ops, lock)
    }

    /// Puts the ops into the tables, with what the journal holds, and makes its bytes zero.
    fn put_past_journal(&self, ops: Vec<Op>, lock: &WriterLock<'_>) -> Result<Done, StoreError> {
        if ops.iter().all(Op::is_condition) {
            return self.put(ops, lock);
        }
        let done = self.attempt(|| {
            // In one step, so that a call that is refused has changed nothing.
            let done = self.put_into_tables(ops, || self.zero_journal())?;
            self.sources.file.sync()?;
            Ok(done)
        });
        self.waiters.wake();
        done
    }

    /// Makes changes that need no look at the state before, and returns once they are synced.
    pub(crate) fn write_synced(&self, ops: Vec<Op>) -> Result<Done, StoreError> {
        let done = self.group.run(ops, |group| self.write_group(group));
        done.unwrap_or_else(|| {
            let cause = "the thread that wrote for several panicked meanwhile";
            Err(self.poison(io::Error::other(cause).into()))
        })
    }

    /// Makes the changes of several threads, each all or none, with one turn at the file and one
    /// sync.
    pub(crate) fn write_group(&self, group: Vec<Vec<Op>>) -> Vec<Result<Done, StoreError>> {
        let size = group.len();
        let turn = self
            .writers()
            .and_then(|writers| Ok((writers, self.lock_writer()?)));
        let (writers, lock) = match turn {
            Ok(turn) => turn,
            Err(err) => return vec![Err(err); size],
        };
        let written = self.put_all(group.into(), &lock);
        drop(lock);
        drop(writers);
        let last = written
            .iter()
            .flatten()
            .filter_map(|done| done.ticket)
            .max();
        match last.map_or(Ok(()), |ticket| self.wait_synced(ticket)) {
            Ok(()) => written,
            Err(err) => {
                let failed = |done: Result<Done, _>| done.and_then(|_| Err(err.clone()));
                written.into_iter().map(failed).collect()
            }
        }
    }

    /// Waits until the change is synced.
    pub(crate) fn wait_for(&self, done: &Done) -> Result<(), StoreError> {
        done.ticket
            .map_or(Ok(()), |ticket| self.wait_synced(ticket))
    }

    /// Lets the worker sync the change.
    pub(crate) fn sync_later(&self, done: &Done) {
        if done.ticket.is_some() {
            self.tasks.sync_within(self.sync_interval);
        }
    }

    pub(crate) fn is_synced(&self, done: &Done) -> bool {
        done.ticket
            .is_none_or(|ticket| self.syncs.is_synced(ticket))
    }

    /// Waits until all that this process has written is synced.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        if self.syncs.is_all_synced() {
            return Ok(());
        }
        self.wait_synced(self.syncs.written())
    }

    fn wait_synced(&self, ticket: u64) -> Result<(), StoreError> {
        if seeded(Bug::AcknowledgeEarly) {
            return Ok(());
        }
        self.syncs
            .wait(ticket, || self.sources.file.sync())
            .map_err(|err| self.poison(err.into()))
    }

    /// Keeps other processes from writing, with what one that died has left put in order: redb
    /// shows its last commit to nobody before a writer has been there.
    fn lock_writer(&self) -> Result<WriterLock<'_>, StoreError> {
        let lock = self.sources.file.lock_writer()?;
        self.revive_as_writer()?;
        if lock.is_updating && !seeded(Bug::LeaveUndecided) {
            self.attempt(|| self.sources.tables()?.decide_last_commit())?;
        }
        Ok(lock)
    }

    /// Puts the ops into one frame of the journal or, where they are too many for that, into the
    /// tables. Whoever calls this has both locks of a writer.
    fn put(&self, ops: Vec<Op>, lock: &WriterLock<'_>) -> Result<Done, StoreError> {
        let done = self.put_frame(ops, lock);
        self.waiters.wake();
        done
    }

    fn put_frame(&self, ops: Vec<Op>, lock: &WriterLock<'_>) -> Result<Done, StoreError> {
        if ops.is_empty() {
            return Ok(Done {
                lengths: Vec::new(),
                frame: 0,
                ticket: None,
            });
        }
        // A change before this one, of the same group, may have found no room.
        self.revive_as_writer()?;
        let content: usize = ops.iter().map(codec::content_bytes).sum();
        let is_large = ops.iter().any(Op::is_large);
        if is_large || !self.sources.journal.can_hold(content as u64) {
            // A frame would be another copy of it, for nothing.
            return self.attempt(|| self.put_into_tables(ops, || Ok(())));
        }
        if ops.iter().all(Op::is_condition) {
            return self.check(ops, lock);
        }
        let mut frame = Frame::with_capacity(ops.iter().map(codec::len_estimate).sum());
        for op in &ops {
            codec::encode(op, frame.buffer());
        }
        self.attempt(|| {
            if self.sources.journal.can_hold(frame.payload().len() as u64) {
                self.put_into_journal(ops, &mut frame, lock)
            } else {
                self.put_into_tables(ops, || Ok(()))
            }
        })
    }

    /// Looks whether conditions hold, with nothing to be written.
    fn check(&self, conditions: Vec<Op>, lock: &WriterLock<'_>) -> Result<Done, StoreError> {
        let lengths = self.attempt(|| {
            let mut state = self.state();
            self.refused(state.refresh_to_write(&self.sources, lock))?;
            self.refused(state.apply(conditions))
        })?;
        Ok(Done {
            lengths,
            frame: 0,
            ticket: None,
        })
    }

    fn put_into_journal(
        &self,
        ops: Vec<Op>,
        frame: &mut Frame,
        lock: &WriterLock<'_>,
    ) -> Outcome<Done> {
        let mut state = self.state();
        self.refused(state.refresh_to_write(&self.sources, lock))?;
        let needed = frame.payload().len() as u64 + self.kept_free(&state, &ops);
        if !self.sources.journal.has_room_at(&state.position()?, needed) {
            state = self.begin_epoch(state)?;
        }
        let lengths = self.refused(state.apply(ops))?;
        let at = state.position()?;
        self.tasks.release_when_idle();
        match self
            .sources
            .journal
            .write(self.sources.file.storage(), &at, frame)
        {
            Ok(behind) => state.advance(behind),
            Err(err) => {
                state.forget();
                return Err(err.into());
            }
        }
        Ok(Done {
            lengths,
            frame: at.frame,
            ticket: Some(self.syncs.written()),
        })
    }

    /// What has to stay free behind these ops in the half that is written to.
    fn kept_free(&self, state: &State, ops: &[Op]) -> u64 {
        if state.frozen().is_none() || ops.iter().all(Op::is_deletion) {
            return 0;
        }
        self.sources.journal.reserve()
    }

    pub(crate) fn file_bytes(&self) -> io::Result<u64> {
        self.sources
            .file
            .len()
            .map_err(|err| named(&self.path, &err))
    }
}
