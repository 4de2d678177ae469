//! What histories do to entries that are shared, so that a row can tell that it was tried.

use super::History;
use super::state::State;
use super::step::Step;
use crate::scoreboard::row::{Dice, seed};

/// How many steps there were of each kind that sharing makes hard.
#[derive(Debug, Default, Clone, Copy)]
pub(in super::super) struct Tally {
    branches: u64,
    /// Branches whose entries another log shared already.
    branches_of_shared: u64,
    erased: u64,
    erased_shared: u64,
    redacted: u64,
    redacted_shared: u64,
    truncated_shared: u64,
    replaced_shared: u64,
    deleted_shared: u64,
    sessions_shared: u64,
    compacted_shared: u64,
}

impl Tally {
    pub(in super::super) fn add(&mut self, history: &History) {
        for (step, before) in history.steps.iter().zip(&history.states) {
            self.add_step(step, before);
        }
    }

    fn add_step(&mut self, step: &Step, before: &State) {
        let any_shared = |of: &dyn Fn(u8) -> bool| {
            let mut logs = before.logs.keys().filter(|place| of(place.session));
            logs.any(|place| before.is_shared(*place, 0))
        };
        match step {
            Step::Branch { from, len, .. } => {
                self.branches += 1;
                self.branches_of_shared += u64::from(*len > 0 && before.is_shared(*from, 0));
            }
            Step::Erase(place, range) => {
                self.erased += 1;
                self.erased_shared += u64::from(before.is_shared(*place, range.start));
            }
            Step::Redact(place, at) => {
                self.redacted += 1;
                self.redacted_shared += u64::from(before.is_shared(*place, *at));
            }
            Step::Truncate(place, len) => {
                self.truncated_shared += u64::from(before.is_shared(*place, *len));
            }
            Step::Replace(place, _) => {
                self.replaced_shared += u64::from(before.is_shared(*place, 0));
            }
            Step::DeleteLog(place) => {
                self.deleted_shared += u64::from(before.is_shared(*place, 0));
            }
            Step::DeleteSession(session) => {
                self.sessions_shared += u64::from(any_shared(&|of| of == *session));
            }
            Step::Compact => self.compacted_shared += u64::from(any_shared(&|_| true)),
            _ => {}
        }
    }

    /// Fails if one of them was met less often than that.
    pub(in super::super) fn must_be_at_least(&self, least: u64) {
        let Self {
            branches,
            branches_of_shared,
            erased,
            erased_shared,
            redacted,
            redacted_shared,
            truncated_shared,
            replaced_shared,
            deleted_shared,
            sessions_shared,
            compacted_shared,
        } = *self;
        let all = [
            branches,
            branches_of_shared,
            erased,
            erased_shared,
            redacted,
            redacted_shared,
            truncated_shared,
            replaced_shared,
            deleted_shared,
            sessions_shared,
            compacted_shared,
        ];
        assert!(all.iter().all(|times| *times >= least), "{self:?}");
    }
}

#[test]
fn histories_share_entries_and_cut_what_is_shared() {
    let mut tally = Tally::default();
    for number in 0..300 {
        tally.add(&History::random(&mut Dice::new(seed() + number), 40));
    }
    println!("300 histories: {tally:?}");
    tally.must_be_at_least(30);
}
