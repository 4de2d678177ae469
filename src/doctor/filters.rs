//! The word filters of a log against its runs: each has every word of its run, and none is left over.

use std::collections::BTreeMap;

use super::problem::{EntryRange, Problem};
use crate::engine::{Bits, FoundRun, LogId, LogKind, Outcome, TablesView, WordFilter, each_word};

/// What to do about a filter that is not as it should be.
const REMEDY: &str = "; a search may miss entries until `sessiondb compact` has made it anew";

/// The filters of one log that no run has been seen of yet.
#[derive(Default)]
pub(super) struct Filters {
    left: BTreeMap<u64, Result<Vec<u8>, String>>,
    bits: Bits,
}

impl Filters {
    pub(super) fn of(base: &TablesView, log: &LogId) -> Outcome<Self> {
        let mut filters = Self::default();
        if log.kind == LogKind::Entries {
            base.for_each_filter_of(log, |first, content| {
                filters.left.insert(first, content.map(<[u8]>::to_vec));
                Ok(())
            })?;
        }
        Ok(filters)
    }

    /// What is wrong with the filter of a run, if it has one.
    pub(super) fn problem(&mut self, log: &LogId, found: &FoundRun) -> Option<Problem> {
        let filter = self.left.remove(&found.first)?;
        // What is wrong with the run itself is said elsewhere.
        let run = found.run.as_ref().ok()?;
        let problem = |message: &str| {
            let range = EntryRange::new(run.first(), run.end());
            Problem::of_filter(log, range, format!("{message}{REMEDY}"))
        };
        let content = match filter {
            Ok(content) => content,
            Err(message) => return Some(problem(&format!("its word filter: {message}"))),
        };
        let filter = match WordFilter::parse(&content) {
            Ok(filter) => filter,
            Err(message) => return Some(problem(&format!("its word filter: {message}"))),
        };
        if (filter.run, filter.count) != (found.checksum, run.end() - run.first()) {
            return Some(problem("the word filter is that of another run"));
        }
        let (mut missing, known) = (0u64, filter.known());
        let escaped_twice = each_word(run.entries().payload(), &mut self.bits, |word| {
            missing += u64::from(!known.may_have(word));
        });
        if missing > 0 || (escaped_twice && !filter.knows_ascii_alone()) {
            return Some(problem("words of it are missing from the word filter"));
        }
        None
    }

    /// Those that no run was there for.
    pub(super) fn left_over(self, log: &LogId) -> impl Iterator<Item = Problem> {
        self.left.into_keys().map(|first| {
            let message = "a word filter of a run that is not there";
            Problem::of_filter(log, EntryRange::from(first), message)
        })
    }
}
