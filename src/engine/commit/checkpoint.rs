//! Folding: how what is in the journal gets into the tables, one epoch or all of it, and what goes
//! straight there.

use std::io;
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};

use crate::engine::commit::state::{Closed, State};
use crate::engine::commit::{Core, Done};
use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::carried::LockTimeout;
use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::wipe as scrub;
use crate::engine::memtable::Tail;
use crate::engine::model::op::Op;
use crate::engine::redb_format::guard::guarded;
use crate::engine::tables::{AbsorbError, Absorbed, Base, Hold, Patience};
use crate::error::StoreError;

const NO_FREE_PAGES: &str = "it has no free pages for what is in its journal, and is not made longer \
     for that; compact once more after a checkpoint, or when nobody else has it open";

impl Core {
    /// Folds the whole journal into the tables.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        let _writers = self.writers()?;
        let _lock = self.lock_writer()?;
        self.attempt(|| self.fold_all())
    }

    /// Folds the whole journal into the tables. Whoever calls this has both locks of a writer.
    fn fold_all(&self) -> Outcome<()> {
        let mut state = self.state();
        self.refused(state.refresh(&self.sources, true))?;
        if state.is_folded()? {
            return Ok(());
        }
        drop(state);
        self.put_into_tables(Vec::new(), || Ok(())).map(drop)
    }

    /// Folds the whole journal into the tables, makes its bytes zero, and keeps everybody from
    /// changing the tables. From then on whoever looks reads the tables anew. `hindered`, which is told
    /// whether the journal is empty, tells why nothing may be done, and then nothing is. `alone` makes
    /// the tables ready where no other process has them open.
    pub(crate) fn hold_without_journal(
        &self,
        hindered: impl FnOnce(bool) -> Outcome<Option<String>>,
        alone: impl FnOnce(&Base) -> Outcome<()>,
    ) -> Result<Result<Hold, String>, StoreError> {
        let _writers = self.writers()?;
        let _lock = self.lock_writer()?;
        self.attempt_unchanged(|| {
            let mut state = self.state();
            self.refused(state.refresh(&self.sources, true))?;
            let is_folded = state.is_folded()?;
            // This is no reader to wait for.
            state.let_go();
            drop(state);
            if let Some(who) = hindered(is_folded)? {
                return Ok(Err(who));
            }
            if self.sources.file.is_shared() {
                let folded = self.sources.file.without_growth(|| self.fold_all());
                match folded {
                    Err(fault) if fault.is_no_room() => {
                        return Ok(Err(NO_FREE_PAGES.to_owned()));
                    }
                    folded => folded?,
                }
            } else {
                self.fold_all()?;
                self.state().forget();
                alone(&*self.sources.base()?)?;
            }
            let base = self.sources.base()?;
            let hold = base.hold()?;
            let mut state = self.state();
            self.refused(state.refresh(&self.sources, true))?;
            let epoch = state.position()?.epoch;
            // A reader that meets a zero where it expects a frame looks at the generation after
            // that, and begins anew.
            state.unsettle(&self.sources)?;
            self.zero_journal()?;
            state.settle(&self.sources, epoch)?;
            state.forget();
            Ok(Ok(hold))
        })
    }

    /// Whoever calls this has unsettled the state, and the tables hold the whole journal.
    pub(crate) fn zero_journal(&self) -> Outcome<()> {
        if seeded(Bug::KeepJournal) {
            return Ok(());
        }
        Ok(scrub::zero(
            self.sources.file.storage(),
            self.sources.file.journal(),
        )?)
    }

    /// Ends the open epoch and begins the next one in the other half, once that is free.
    pub(crate) fn begin_epoch<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
    ) -> Outcome<MutexGuard<'s, State>> {
        if let Some(closed) = state.closed().cloned() {
            drop(state);
            self.fold(&closed, Patience::UntilTimeout)?;
            state = self.state();
            state.load(&self.sources, true)?;
        }
        if state.closed().is_some() {
            return Err(Fault::damaged(
                "journal",
                "an epoch that was folded is not in the tables",
            ));
        }
        state.close_epoch()?;
        let epoch = state.position()?.epoch;
        state.settle(&self.sources, epoch)?;
        if let Some(closed) = state.closed() {
            self.jobs.fold(Arc::clone(closed));
        }
        Ok(state)
    }

    /// Folds the open epoch with the ops on top of it into the tables, and all before it. Then
    /// does what is to follow before others go on.
    pub(crate) fn put_into_tables(
        &self,
        ops: Vec<Op>,
        then: impl FnOnce() -> Outcome<()>,
    ) -> Outcome<Done> {
        let mut state = self.state();
        self.refused(state.refresh(&self.sources, true))?;
        if let Some(closed) = state.closed().cloned() {
            drop(state);
            self.fold(&closed, Patience::UntilTimeout)?;
            state = self.state();
            state.load(&self.sources, true)?;
        }
        let (from, mut to) = state.span_of_open()?;
        let frame = to.frames;
        to.frames += u64::from(!ops.is_empty());
        let (tail, lengths) = self.refused(state.applied(ops))?;
        state.unsettle(&self.sources)?;
        drop(state);
        let absorbed = self
            .sources
            .base()
            .and_then(|base| self.absorb(&base, &tail, from, to, Patience::UntilTimeout))
            .and_then(|()| then());
        let mut state = self.state();
        match &absorbed {
            Ok(()) => {
                state.settle(&self.sources, to.epoch + 1)?;
                state.forget();
                self.syncs.all_synced();
            }
            Err(fault) if fault.is_lock_timeout() => state.settle(&self.sources, to.epoch)?,
            Err(_) => state.forget(),
        }
        drop(state);
        let absorbed = absorbed.map_err(|fault| {
            if self.lacks_room(&fault) {
                return self.found_no_room(fault, from);
            }
            fault
        });
        absorbed.map(|()| Done {
            lengths,
            frame,
            ticket: None,
        })
    }

    /// Folds an epoch that has ended into the tables, unless that has been done.
    pub(crate) fn fold(&self, closed: &Closed, patience: Patience) -> Outcome<()> {
        // As long as this has it, nobody opens it anew, which forgets what failed.
        let base = self.sources.base()?;
        let folded = guarded(self.sources.file.watch(), || {
            self.absorb(&base, &closed.tail, closed.from, closed.to, patience)
        });
        if let Err(fault) = folded {
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

    fn absorb(
        &self,
        base: &Base,
        tail: &Tail,
        from: Absorbed,
        to: Absorbed,
        patience: Patience,
    ) -> Outcome<()> {
        let _folding = match (patience, self.folding.try_lock()) {
            (_, Ok(folding)) => folding,
            (_, Err(TryLockError::Poisoned(poisoned))) => poisoned.into_inner(),
            (Patience::None, Err(TryLockError::WouldBlock)) => {
                return Err(io::Error::from(LockTimeout).into());
            }
            (Patience::UntilTimeout, Err(TryLockError::WouldBlock)) => {
                self.folding.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        self.sources.file.must_be_in_place()?;
        let begun = || self.sources.file.sign_fold();
        let absorbed = base.absorb(tail, from, to, patience, begun);
        self.sources.file.unsign_fold();
        match absorbed {
            Ok(Ok(())) => Ok(self.sources.file.must_be_in_place()?),
            Ok(Err(found)) if found.epoch >= to.epoch => Ok(()),
            Ok(Err(found)) => Err(Fault::damaged(
                "journal",
                format!(
                    "epoch {} was to follow {}, and {} is there",
                    to.epoch, from.epoch, found.epoch
                ),
            )),
            // Of a commit that waited in vain nobody knows how far it came.
            Err(AbsorbError::Unknown(fault)) if fault.is_lock_timeout() => {
                Err(io::Error::other("a commit waited too long for another process").into())
            }
            Err(AbsorbError::Refused(fault) | AbsorbError::Unknown(fault)) => Err(fault),
        }
    }

    /// Lets the state see that an epoch is in the tables.
    pub(crate) fn look_again(&self) {
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
