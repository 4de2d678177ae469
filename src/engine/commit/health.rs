//! Whether an archive takes writes, and what becomes of it when a call failed: refused, poisoned, or as
//! it was.

use std::time::Instant;

use super::Committer;
use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::Awaited;
use crate::engine::file::events::Events;
use crate::engine::redb_format::guard::guarded;
use crate::error::StoreError;

impl Committer {
    /// Fails if nothing can be written through this handle.
    pub(crate) fn writable(&self) -> Result<(), StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly {
                path: self.path.to_path_buf(),
                reason: "it cannot be written to through this handle".to_owned(),
            });
        }
        Ok(())
    }

    pub(super) fn healthy(&self) -> Result<(), StoreError> {
        if let Some(displaced) = self.sources.file.displaced() {
            return Err(displaced.at(&self.path));
        }
        match self.poisoned.get() {
            Some(cause) if !seeded(Bug::WriteAfterFailure) => Err(self.poisoned_by(cause.clone())),
            _ => match self.sources.file.watch().first() {
                Some(damage) => Err(self.poisoned_by(damage.to_string())),
                None => Ok(()),
            },
        }
    }

    /// Does what may fail half way, and poisons the archive if that leaves the outcome unknown.
    pub(crate) fn attempt<T>(&self, call: impl FnOnce() -> Outcome<T>) -> Result<T, StoreError> {
        let start = Instant::now();
        match guarded(self.sources.file.watch(), call) {
            Ok(done) => Ok(done),
            Err(Fault::Store(err)) => Err(err),
            Err(fault) if fault.is_lock_timeout() => {
                Err(self.sources.file.busy(start.elapsed(), Awaited::Tables))
            }
            Err(fault) => Err(self.poison(fault)),
        }
    }

    /// The same for a call that changes nothing of what the archive holds.
    pub(crate) fn attempt_unchanged<T>(
        &self,
        call: impl FnOnce() -> Outcome<T>,
    ) -> Result<T, StoreError> {
        self.attempt(|| {
            call().map_err(|fault| {
                if self.lacks_room(&fault) {
                    return self.without_room(&fault);
                }
                fault
            })
        })
    }

    /// Damage that was found before anything was written leaves nothing in doubt, and what is
    /// not damaged can still be written to.
    pub(super) fn refused<T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        outcome.map_err(|fault| match fault {
            Fault::Damaged { .. } => fault.at(&self.path).into(),
            fault => fault,
        })
    }

    pub(super) fn poison(&self, fault: Fault) -> StoreError {
        self.look_for_the_file();
        let err = match self.sources.file.displaced() {
            Some(displaced) => displaced.at(&self.path),
            None => fault.at(&self.path),
        };
        self.poison_because(err.to_string());
        match err {
            StoreError::Io(source) => StoreError::OutcomeUnknown {
                path: self.path.to_path_buf(),
                source,
            },
            err => err,
        }
    }

    pub(super) fn poison_for(&self, fault: &Fault) {
        self.look_for_the_file();
        self.poison_because(fault.to_string());
    }

    /// A call may have failed since the file is no longer what it was, and then that is what is told.
    fn look_for_the_file(&self) {
        let _ = self.sources.file.must_be_in_place();
    }

    /// Takes no more writes from here on.
    pub(crate) fn poison_because(&self, cause: String) {
        self.poisoned.get_or_init(|| {
            Events::poisoned(&self.path, &cause);
            cause
        });
    }

    pub(super) fn explain(&self, fault: Fault, since: Instant) -> StoreError {
        if fault.is_lock_timeout() {
            self.sources.file.busy(since.elapsed(), Awaited::Tables)
        } else {
            fault.at(&self.path)
        }
    }

    /// The error of a write that is refused for what failed before.
    pub(super) fn poisoned_by(&self, cause: String) -> StoreError {
        StoreError::Poisoned {
            path: self.path.to_path_buf(),
            cause,
        }
    }
}
