//! Checkpoints: how what is in the journal gets into the tables, one epoch or all of it, and what goes
//! straight there.

use std::io;
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use crate::engine::commit::state::{Frozen, State};
use crate::engine::commit::{Committer, Done};
use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::carried::LockTimeout;
use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::wipe;
use crate::engine::memtable::Memtable;
use crate::engine::model::op::Op;
use crate::engine::model::row::LogSize;
use crate::engine::redb_format::guard::guarded;
use crate::engine::tables::{CheckpointError, Checkpointed, Hold, Tables, WaitPolicy};
use crate::error::StoreError;

const NO_FREE_PAGES: &str = "it has no free pages for what is in its journal, and is not made longer \
     for that; compact once more after a checkpoint, or when nobody else has it open";

impl Committer {
    /// Checkpoints the whole journal into the tables.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        let _writers = self.writers()?;
        let _lock = self.lock_writer()?;
        self.attempt(|| self.checkpoint_all())
    }

    /// Checkpoints the whole journal into the tables. Whoever calls this has both locks of a writer.
    fn checkpoint_all(&self) -> Outcome<()> {
        let mut state = self.state();
        self.refused(state.refresh(&self.sources, true))?;
        if state.is_checkpointed()? {
            return Ok(());
        }
        drop(state);
        self.put_into_tables(Vec::new(), || Ok(())).map(drop)
    }

    /// Checkpoints the whole journal into the tables, makes its bytes zero, and keeps everybody from
    /// changing the tables. From then on whoever looks reads the tables anew. `hindered`, which is told
    /// whether the journal is empty, tells why nothing may be done, and then nothing is. `alone` makes
    /// the tables ready where no other process has them open.
    pub(crate) fn hold_without_journal(
        &self,
        hindered: impl FnOnce(bool) -> Outcome<Option<String>>,
        alone: impl FnOnce(&Tables) -> Outcome<()>,
    ) -> Result<Result<Hold, String>, StoreError> {
        let _writers = self.writers()?;
        let _lock = self.lock_writer()?;
        self.attempt_unchanged(|| {
            let mut state = self.state();
            self.refused(state.refresh(&self.sources, true))?;
            let is_checkpointed = state.is_checkpointed()?;
            // This is no reader to wait for.
            state.let_go();
            drop(state);
            if let Some(who) = hindered(is_checkpointed)? {
                return Ok(Err(who));
            }
            if self.sources.file.is_shared() {
                let checkpointed = self.sources.file.without_growth(|| self.checkpoint_all());
                match checkpointed {
                    Err(fault) if fault.is_no_room() => {
                        return Ok(Err(NO_FREE_PAGES.to_owned()));
                    }
                    checkpointed => checkpointed?,
                }
            } else {
                self.checkpoint_all()?;
                self.state().forget();
                alone(&*self.sources.tables()?)?;
            }
            let tables = self.sources.tables()?;
            let hold = tables.hold()?;
            let mut state = self.state();
            self.refused(state.refresh(&self.sources, true))?;
            let epoch = state.position()?.epoch;
            // A reader that meets a zero where it expects a frame looks at the generation after
            // that, and begins anew.
            state.begin_update(&self.sources)?;
            self.zero_journal()?;
            let file = &self.sources.file;
            file.shared_page()?.count_compaction(file.storage())?;
            state.end_update(&self.sources, epoch)?;
            state.forget();
            Ok(Ok(hold))
        })
    }

    /// Whoever calls this has begun the update, and the tables hold the whole journal.
    pub(crate) fn zero_journal(&self) -> Outcome<()> {
        if seeded(Bug::KeepJournal) {
            return Ok(());
        }
        Ok(wipe::zero(
            self.sources.file.storage(),
            self.sources.file.journal(),
        )?)
    }

    /// Ends the open epoch and begins the next one in the other half, once that is free.
    pub(crate) fn begin_epoch<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
    ) -> Outcome<MutexGuard<'s, State>> {
        if let Some(frozen) = state.frozen().cloned() {
            drop(state);
            self.checkpoint_epoch(&frozen, WaitPolicy::UntilTimeout)?;
            state = self.state();
            state.load(&self.sources, true)?;
        }
        if state.frozen().is_some() {
            return Err(Fault::damaged(
                "journal",
                "an epoch that was checkpointed is not in the tables",
            ));
        }
        state.freeze()?;
        let epoch = state.position()?.epoch;
        state.end_update(&self.sources, epoch)?;
        if let Some(frozen) = state.frozen() {
            self.tasks.checkpoint(Arc::clone(frozen));
        }
        Ok(state)
    }

    /// Checkpoints the open epoch with the ops on top of it into the tables, and all before it. Then
    /// does what is to follow before others go on.
    pub(crate) fn put_into_tables(
        &self,
        ops: Vec<Op>,
        then: impl FnOnce() -> Outcome<()>,
    ) -> Outcome<Done> {
        let mut state = self.state();
        self.refused(state.refresh(&self.sources, true))?;
        if let Some(frozen) = state.frozen().cloned() {
            drop(state);
            self.checkpoint_epoch(&frozen, WaitPolicy::UntilTimeout)?;
            state = self.state();
            state.load(&self.sources, true)?;
        }
        let (from, mut to) = state.span_of_open()?;
        let frame = to.frames;
        to.frames += u64::from(!ops.is_empty());
        let told = state.outlines(&ops);
        let (memtable, lengths) = self.refused(state.applied(ops))?;
        state.begin_update(&self.sources)?;
        drop(state);
        let checkpointed = self
            .sources
            .tables()
            .and_then(|tables| self.put_in(&tables, &memtable, from, to, WaitPolicy::UntilTimeout))
            .and_then(|()| then());
        let mut state = self.state();
        match &checkpointed {
            Ok(()) => {
                state.end_update(&self.sources, to.epoch + 1)?;
                if to.frames > frame {
                    state.tell(frame, &told, &lengths);
                }
                state.forget();
                self.syncs.all_synced();
            }
            Err(fault) if fault.is_lock_timeout() || fault.is_of_a_source() => {
                state.end_update(&self.sources, to.epoch)?;
            }
            Err(_) => state.forget(),
        }
        drop(state);
        let checkpointed = checkpointed.map_err(|fault| {
            if self.lacks_room(&fault) {
                return self.found_no_room(fault, from);
            }
            fault
        });
        checkpointed.map(|()| Done {
            lengths,
            frame,
            ticket: None,
        })
    }

    /// Checkpoints an epoch that has ended into the tables, unless that has been done.
    pub(crate) fn checkpoint_epoch(&self, frozen: &Frozen, wait: WaitPolicy) -> Outcome<()> {
        // As long as this has it, nobody opens it anew, which forgets what failed.
        let tables = self.sources.tables()?;
        let checkpointed = guarded(self.sources.file.watch(), || {
            self.put_in(&tables, &frozen.memtable, frozen.from, frozen.to, wait)
        });
        if let Err(fault) = checkpointed {
            if self.lacks_room(&fault) {
                // The epoch is in the journal as before, and nobody's change is in doubt.
                return Err(self.without_room(&fault));
            }
            if !fault.is_lock_timeout() {
                self.poison_for(&fault);
            }
            return Err(fault);
        }
        Ok(())
    }

    fn put_in(
        &self,
        tables: &Tables,
        memtable: &Memtable,
        from: Checkpointed,
        to: Checkpointed,
        wait: WaitPolicy,
    ) -> Outcome<()> {
        let _folding = match (wait, self.checkpointing.try_lock()) {
            (_, Ok(checkpointing)) => checkpointing,
            (_, Err(TryLockError::Poisoned(poisoned))) => poisoned.into_inner(),
            (WaitPolicy::None, Err(TryLockError::WouldBlock)) => {
                return Err(io::Error::from(LockTimeout).into());
            }
            (WaitPolicy::UntilTimeout, Err(TryLockError::WouldBlock)) => self
                .checkpointing
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        };
        self.sources.file.must_be_in_place()?;
        let begun = || self.sources.file.sign_checkpoint();
        let start = Instant::now();
        let checkpointed = tables.checkpoint(memtable, from, to, wait, begun);
        self.sources.file.unsign_checkpoint();
        match checkpointed {
            Ok(Ok(())) => {
                let LogSize { entries, bytes } = memtable.size();
                let events = &self.sources.file.events;
                events.checkpointed(&self.path, entries, bytes, start.elapsed());
                Ok(self.sources.file.must_be_in_place()?)
            }
            Ok(Err(found)) if found.epoch >= to.epoch => Ok(()),
            Ok(Err(found)) => Err(Fault::damaged(
                "journal",
                format!(
                    "epoch {} was to follow {}, and {} is there",
                    to.epoch, from.epoch, found.epoch
                ),
            )),
            // Of a commit that waited in vain nobody knows how far it came.
            Err(CheckpointError::Unknown(fault)) if fault.is_lock_timeout() => {
                Err(io::Error::other("a commit waited too long for another process").into())
            }
            Err(CheckpointError::Refused(fault) | CheckpointError::Unknown(fault)) => Err(fault),
        }
    }

    /// Lets the state see that an epoch is in the tables.
    pub(crate) fn reload_state(&self) {
        let mut state = self.state();
        if guarded(self.sources.file.watch(), || {
            state.load(&self.sources, false)
        })
        .is_err()
        {
            // Whoever uses it next gets the error.
            state.forget();
        }
    }
}
