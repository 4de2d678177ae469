//! The end of an open archive: what is closed in which order, and what a child of the process leaves alone.

use std::sync::{Arc, PoisonError};

use super::Committer;
use super::state::State;
use crate::engine::fault::failures::Failure;
use crate::engine::fault::{Fault, is_no_room};
use crate::engine::redb_format::guard::guarded;
use crate::error::StoreError;

/// How a file was left when it was closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// Whether somebody else had it open.
    pub(crate) is_open_elsewhere: bool,
    /// Whether all that the journal held is in the tables.
    pub(crate) is_journal_empty: bool,
}

impl Committer {
    /// Checkpoints the journal, closes the file and reports what fails. A checkpoint that has to wait
    /// for another process is left to that one.
    pub(crate) fn close(mut self) -> Result<Ended, StoreError> {
        Ok(Ended {
            is_journal_empty: self.end()?,
            is_open_elsewhere: self.sources.file.is_open_elsewhere(),
        })
    }

    /// Returns whether the journal is empty now.
    fn end(&mut self) -> Result<bool, StoreError> {
        if self.sources.tables_mut().is_none() {
            return Ok(true);
        }
        if let Err(forked) = self.must_be_here() {
            self.abandon();
            return Err(forked);
        }
        // Who waits for the writer lock must not keep a compaction waiting for its view.
        if self.sources.file.is_shared() {
            self.state().let_go();
        }
        let all_synced = self.syncs.is_all_synced();
        let checkpointed = self.checkpoint();
        let is_journal_empty = checkpointed.is_ok();
        let checkpointed = match checkpointed {
            Err(StoreError::Busy { .. }) => self.sync(),
            // The journal has it, for which it has its space already.
            Err(StoreError::Io(err)) if is_no_room(&err) => self.sync(),
            Err(StoreError::ReadOnly { .. }) => Ok(()),
            Err(StoreError::Poisoned { .. }) if all_synced => Ok(()),
            // A checkpoint changes nothing of what the archive holds.
            Err(StoreError::OutcomeUnknown { source, .. }) if all_synced => Err(source.into()),
            checkpointed => checkpointed,
        };
        let released = self.release();
        checkpointed.and(released)?;
        Ok(is_journal_empty)
    }

    /// In a child, leaves what is the parent's as it is: to close it would wait for threads that are
    /// not there.
    fn abandon(&mut self) {
        std::mem::forget(self.sources.tables_mut().take());
        let state = self.state.get_mut();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        std::mem::forget(std::mem::replace(state, State::new()));
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.state().forget();
        // Nobody else has it, since nobody else has this.
        let Some(tables) = self.sources.tables_mut().take().and_then(Arc::into_inner) else {
            return Ok(());
        };
        // redb may write when it is closed, which is refused if something else stands there.
        let displaced = if self.read_only {
            None
        } else {
            self.sources.file.must_hold_the_archive().err()
        };
        let closed = guarded(self.sources.file.watch(), || tables.close());
        if let Some(err) = displaced {
            return Err(Fault::from(err).at(&self.path));
        }
        match self.sources.file.image_failure() {
            // As above: what closing would have put in order, the next open does.
            Some(Failure::NoRoom) if !self.sources.file.has_sync_failed() => Ok(()),
            _ => closed.map_err(|fault| match self.poisoned.get() {
                Some(cause) => self.poisoned_by(cause.clone()),
                None => fault.at(&self.path),
            }),
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        // What it leaves undone, the journal holds for the next open.
        let _ = self.end();
    }
}
