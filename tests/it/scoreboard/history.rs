//! Histories of changes to an archive, the state that each leaves, and an archive's state read
//! back.

/// The entries of steps.
mod entry;
/// Steps, drawn.
mod generator;
/// What an archive holds.
mod state;
/// The changes themselves.
mod step;
/// How often steps meet what is shared.
pub(super) mod tally;

use std::collections::BTreeSet;

use sessiondb::Durability;

use self::entry::{is_redacted, is_tombstone};
use self::generator::random_durability;
pub(super) use self::generator::{SHORT_KINDS, fold_steps, random_step, short_steps};
pub(super) use self::state::State;
pub(super) use self::step::{Step, play};
use super::row::Dice;

/// Steps, and the state before each and after the last.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) steps: Vec<Step>,
    pub(super) states: Vec<State>,
    /// What `append` promises where a step does not say.
    pub(super) durability: Durability,
}

impl History {
    pub(super) fn of(steps: Vec<Step>, durability: Durability) -> Self {
        let mut state = State::default();
        let mut states = vec![state.clone()];
        for step in &steps {
            state.apply(step);
            states.push(state.clone());
        }
        Self {
            steps,
            states,
            durability,
        }
    }

    /// One more step.
    pub(super) fn push(&mut self, step: Step) {
        let mut state = self.states.last().cloned().unwrap_or_default();
        state.apply(&step);
        self.states.push(state);
        self.steps.push(step);
    }

    pub(super) fn random_durability(dice: &mut Dice) -> Durability {
        random_durability(dice)
    }

    pub(super) fn random(dice: &mut Dice, len: usize) -> Self {
        let durability = random_durability(dice);
        let (mut steps, mut state) = (Vec::new(), State::default());
        while steps.len() < len {
            let step = random_step(dice, &state, steps.len());
            state.apply(&step);
            steps.push(step);
        }
        Self::of(steps, durability)
    }

    /// The state before two steps, between them and after them.
    pub(super) fn of_two(before: &State, first: &Step, second: &Step) -> [State; 3] {
        let mut between = before.clone();
        between.apply(first);
        let mut after = between.clone();
        after.apply(second);
        [before.clone(), between, after]
    }

    /// The entries that have been there, and are not after this step.
    pub(super) fn gone_after(&self, step: usize) -> Vec<&str> {
        let mut gone: BTreeSet<&str> = self.states[..=step]
            .iter()
            .flat_map(State::entries)
            .collect();
        for entry in self.states[step + 1].entries() {
            gone.remove(entry);
        }
        gone.retain(|entry| !is_tombstone(entry) && !is_redacted(entry));
        gone.into_iter().collect()
    }

    /// Whether the step, once it has returned, is on the disk with all before it.
    pub(super) fn is_synced(&self, step: usize) -> bool {
        match &self.steps[step] {
            Step::Append(_, _, durability) => *durability == Durability::Synced,
            Step::Erase(..)
            | Step::Redact(..)
            | Step::Sync
            | Step::Checkpoint
            | Step::Compact
            | Step::Reopen => true,
            Step::Background => false,
            // As durable as the most durable of its logs; traces are only written.
            Step::Batch(parts) => {
                self.durability == Durability::Synced && parts.iter().any(|(place, _)| !place.trace)
            }
            _ => self.durability == Durability::Synced,
        }
    }
}
