//! The runs of one view that were unpacked last, so that small reads near each other unpack once.
//!
//! They live and end with the view, whose tables nobody changes: what is replaced, cut off or
//! erased is so in another view, which begins with none.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::model::log_id::LogId;
use crate::engine::model::run::Run;

/// How many runs are kept at most, so that looking through them stays cheap.
const MAX_RUNS: usize = 16;

/// Unpacked runs, the one that was used last in front.
pub(super) struct RecentRuns {
    runs: Mutex<VecDeque<(LogId, Arc<Run>)>>,
    max_bytes: usize,
}

impl RecentRuns {
    /// Keeps up to that many bytes of unpacked runs.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            runs: Mutex::default(),
            max_bytes,
        }
    }

    /// The run that holds the entry with this index, if it is kept.
    pub(super) fn holding(&self, log: &LogId, index: u64) -> Option<Arc<Run>> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let at = runs
            .iter()
            .position(|(of, run)| of == log && run.numbers().contains(&index))?;
        let found = runs.remove(at)?;
        let run = Arc::clone(&found.1);
        runs.push_front(found);
        Some(run)
    }

    /// Whether a part of the run with these entries is kept.
    pub(super) fn has_part_of(&self, log: &LogId, numbers: &Range<u64>) -> bool {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter()
            .any(|(of, run)| of == log && numbers.contains(&run.first()))
    }

    /// Keeps the run, and lets go of what was not used for longest.
    pub(super) fn keep(&self, log: &LogId, run: &Arc<Run>) {
        if run.entries().memory_bytes() > self.max_bytes {
            return;
        }
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|(of, kept)| of != log || kept.first() != run.first());
        runs.push_front((*log, Arc::clone(run)));
        runs.truncate(MAX_RUNS);
        let mut bytes = 0;
        let fitting = runs.iter().take_while(|(_, run)| {
            bytes += run.entries().memory_bytes();
            bytes <= self.max_bytes
        });
        let fitting = fitting.count();
        runs.truncate(fitting);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::engine::model::entries::Entries;
    use crate::engine::model::log_id::LogKind;

    fn log(segment: u128) -> LogId {
        LogId {
            session: Uuid::nil(),
            segment: Uuid::from_u128(segment),
            kind: LogKind::Entries,
        }
    }

    fn run(first: u64, count: u64, len: usize) -> Arc<Run> {
        let mut entries = Entries::default();
        for _ in 0..count {
            entries.push(&vec![b'1'; len]);
        }
        Arc::new(Run::new(first, entries))
    }

    #[test]
    fn a_run_is_found_by_its_log_and_its_numbers_alone() {
        let recent = RecentRuns::new(1 << 20);
        recent.keep(&log(1), &run(5, 3, 10));
        assert!(recent.holding(&log(2), 6).is_none());
        for index in 0..10 {
            let found = recent.holding(&log(1), index);
            assert_eq!(found.is_some(), (5..8).contains(&index), "{index}");
        }
        recent.keep(&log(1), &run(5, 4, 10));
        assert!(recent.holding(&log(1), 8).is_some(), "the longer one");
        assert_eq!(recent.runs.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let recent = RecentRuns::new(10_000);
        for number in 1..=3 {
            recent.keep(&log(number), &run(0, 1, 3_000));
        }
        assert!(recent.holding(&log(1), 0).is_some());
        recent.keep(&log(4), &run(0, 1, 3_000));
        let kept = |number| recent.holding(&log(number), 0).is_some();
        assert_eq!([1, 2, 3, 4].map(kept), [true, false, true, true]);

        recent.keep(&log(5), &run(0, 1, 10_001));
        assert_eq!([1, 3, 4, 5].map(kept), [true, true, true, false]);
        for number in 10..40 {
            recent.keep(&log(number), &run(0, 1, 1));
        }
        assert_eq!(recent.runs.lock().unwrap().len(), MAX_RUNS);
    }
}
