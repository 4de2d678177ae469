//! The changes of a batch, some of which can only be decided once it is committed.

use std::fmt;
use std::sync::Arc;

use super::snapshot::Snapshot;
use crate::engine::{Expect, Op, Undecided};
use crate::error::StoreError;

/// Decides what to change, given the archive as it is when the batch is committed.
type Decision = Box<dyn FnOnce(&Snapshot) -> Result<Vec<Op>, StoreError> + Send>;

/// Changes in their order.
#[derive(Default)]
pub(super) struct Steps {
    ops: Vec<Op>,
    /// Each of them takes its place before the op of that number.
    decisions: Vec<(usize, Decision)>,
}

impl Steps {
    pub(super) fn push(&mut self, op: Op) {
        self.ops.push(op);
    }

    pub(super) fn push_decision(
        &mut self,
        decide: impl FnOnce(&Snapshot) -> Result<Vec<Op>, StoreError> + Send + 'static,
    ) {
        self.decisions.push((self.ops.len(), Box::new(decide)));
    }

    /// The ops, if nothing is left to be decided.
    pub(super) fn into_ops(self) -> Result<Vec<Op>, Self> {
        if self.decisions.is_empty() {
            return Ok(self.ops);
        }
        Err(self)
    }

    /// Decides what is left. All decisions are made on the state before the batch. One that fails
    /// becomes an op that refuses, so that conditions before it count first.
    pub(super) fn decide(self, now: &Snapshot) -> Vec<Op> {
        let mut decided = Vec::with_capacity(self.ops.len() + self.decisions.len());
        let mut ops = self.ops.into_iter();
        let mut taken = 0;
        for (place, decide) in self.decisions {
            decided.extend(ops.by_ref().take(place - taken));
            taken = place;
            match decide(now) {
                Ok(ops) => decided.extend(ops),
                Err(err) => decided.push(Op::Expect(Expect::Decided(Undecided(Arc::new(err))))),
            }
        }
        decided.extend(ops);
        decided
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steps")
            .field("ops", &self.ops)
            .field("decisions", &self.decisions.len())
            .finish()
    }
}
