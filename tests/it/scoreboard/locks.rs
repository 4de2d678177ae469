//! The locks of a disk in memory, by whose handles they are held.

use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Range = (Bound<u64>, Bound<u64>);

#[derive(Debug, Default)]
pub(super) struct Locks(Mutex<Vec<Lock>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lock {
    owner: u64,
    from: u64,
    to: u64,
    exclusive: bool,
}

impl Locks {
    /// Takes a lock for its owner, unless another one keeps it out.
    pub(super) fn try_lock(&self, owner: u64, range: Range, exclusive: bool) -> bool {
        let wanted = Lock::on(owner, range, exclusive);
        let mut held = self.held();
        let is_free = !held.iter().any(|held| held.keeps_out(&wanted));
        if is_free {
            held.push(wanted);
        }
        is_free
    }

    pub(super) fn unlock(&self, owner: u64, range: Range) {
        let given = Lock::on(owner, range, true);
        let mut held = self.held();
        let at = held.iter().position(|held| {
            (held.owner, held.from, held.to) == (given.owner, given.from, given.to)
        });
        at.map(|at| held.swap_remove(at));
    }

    /// Whether somebody else has a lock there.
    pub(super) fn others_have(&self, owner: u64, range: Range) -> bool {
        let wanted = Lock::on(owner, range, true);
        self.held().iter().any(|held| held.keeps_out(&wanted))
    }

    /// Lets go of all that the owner has.
    pub(super) fn release(&self, owner: u64) {
        self.held().retain(|held| held.owner != owner);
    }

    fn held(&self) -> MutexGuard<'_, Vec<Lock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lock {
    fn on(owner: u64, (from, to): Range, exclusive: bool) -> Self {
        Self {
            owner,
            exclusive,
            from: match from {
                Bound::Included(from) => from,
                Bound::Excluded(from) => from + 1,
                Bound::Unbounded => 0,
            },
            to: match to {
                Bound::Included(to) => to + 1,
                Bound::Excluded(to) => to,
                Bound::Unbounded => u64::MAX,
            },
        }
    }

    fn keeps_out(&self, other: &Self) -> bool {
        self.owner != other.owner
            && (self.exclusive || other.exclusive)
            && self.from < other.to
            && other.from < self.to
    }
}
