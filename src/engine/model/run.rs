//! A run: some consecutive entries of one log. Pure, no I/O.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::model::entries::Entries;

/// Some consecutive entries of one log, and where in the log they stand.
#[derive(Debug, Default, Clone)]
pub(crate) struct Run {
    first: u64,
    entries: Entries,
}

impl Run {
    pub(crate) fn new(first: u64, entries: Entries) -> Self {
        Self { first, entries }
    }

    /// The index of the first entry.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len()
    }

    /// The indexes of its entries.
    pub(crate) fn numbers(&self) -> Range<u64> {
        self.first..self.end()
    }

    pub(crate) fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Where in the payload the entry with that index of the log stands.
    pub(crate) fn range_of(&self, index: u64) -> Option<Range<usize>> {
        self.entries
            .range_of(usize::try_from(index.checked_sub(self.first)?).ok()?)
    }

    /// The bytes of the entries with an index in the range, separators not counted.
    pub(crate) fn bytes_between(&self, range: Range<u64>) -> u64 {
        let here = range.start.max(self.first)..range.end.min(self.end());
        here.filter_map(|index| self.range_of(index))
            .map(|entry| entry.len() as u64)
            .sum()
    }

    /// The entries whose index of the log is in the range.
    pub(crate) fn entries_between(&self, range: Range<u64>) -> impl Iterator<Item = &[u8]> {
        let at =
            |index: u64| usize::try_from(index.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let (start, end) = (
            at(range.start),
            at(range.end).min(self.entries.ends().len()),
        );
        (start..end).map(|position| self.entries.at(position))
    }

    /// Drops the entries whose index of the log is not in the range.
    pub(crate) fn limit(&mut self, range: &Range<u64>) {
        self.truncate(range.end);
        let before = range
            .start
            .saturating_sub(self.first)
            .min(self.entries.len());
        self.entries
            .drop_front(usize::try_from(before).unwrap_or(usize::MAX));
        self.first += before;
    }

    /// Drops the entries from this index of the log on.
    pub(crate) fn truncate(&mut self, end: u64) {
        let keep = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.entries.truncate(keep);
    }
}

/// A run as a log has it: some of its entries may be another's, or no longer there.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    run: Arc<Run>,
    range: Range<u64>,
}

impl Part {
    /// Those entries of the run whose index of the log is in the range.
    pub(crate) fn of(run: Arc<Run>, range: &Range<u64>) -> Self {
        let range = run.first().max(range.start)..run.end().min(range.end);
        Self { run, range }
    }

    /// The indexes of its entries.
    pub(crate) fn numbers(&self) -> Range<u64> {
        self.range.clone()
    }

    /// The index behind the last of those entries from `first` on that have so many bytes together
    /// at most.
    pub(crate) fn end_within(&self, first: u64, max_bytes: usize) -> u64 {
        let start = self.run.range_of(first).map_or(0, |entry| entry.start);
        let ends = self.run.entries.ends();
        let fitting = ends.partition_point(|end| *end <= start.saturating_add(max_bytes));
        let end = self.run.first().saturating_add(fitting as u64);
        end.min(self.range.end)
    }

    /// The index of the entry that a byte of all its lines belongs to, and where in them that entry stands.
    pub(crate) fn entry_at(&self, byte: usize) -> Option<(u64, Range<usize>)> {
        let start = self.run.range_of(self.range.start)?.start;
        let position = self
            .run
            .entries
            .ends()
            .partition_point(|end| *end < start + byte);
        let index = self.run.first() + position as u64;
        let entry = self.run.range_of(index)?;
        self.range
            .contains(&index)
            .then(|| (index, entry.start - start..entry.end - start))
    }

    /// The entries with these indexes, which the part has, as lines.
    pub(crate) fn lines(&self, numbers: &Range<u64>) -> &[u8] {
        let last = numbers.end.saturating_sub(1);
        let first = self.run.range_of(numbers.start);
        let range = first.zip(self.run.range_of(last));
        let range = range.map(|(first, last)| first.start..last.end);
        let payload = self.run.entries.payload();
        payload.get(range.unwrap_or_default()).unwrap_or_default()
    }

    /// Where in these lines each entry ends.
    pub(crate) fn ends(&self, numbers: &Range<u64>) -> impl Iterator<Item = usize> {
        let first = self.run.range_of(numbers.start);
        let start = first.map_or(0, |entry| entry.start);
        let entries = numbers.clone().filter_map(|index| self.run.range_of(index));
        entries.map(move |entry| entry.end - start)
    }

    /// The bytes of the run, of which the part may have less.
    pub(crate) fn run_bytes(&self) -> usize {
        self.run.entries.payload().len()
    }

    /// The entry with that index of the log, if the part has it.
    pub(crate) fn entry(&self, index: u64) -> Option<EntrySlice> {
        let held = self.range.contains(&index);
        held.then(|| EntrySlice::new(&self.run, index))?
    }
}

/// One entry as it was stored; cheap to clone.
#[derive(Clone)]
pub(crate) struct EntrySlice {
    run: Arc<Run>,
    start: usize,
    end: usize,
}

impl EntrySlice {
    fn new(run: &Arc<Run>, index: u64) -> Option<Self> {
        let range = run.range_of(index)?;
        Some(Self {
            run: Arc::clone(run),
            start: range.start,
            end: range.end,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.run
            .entries
            .payload()
            .get(self.start..self.end)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(first: u64, entries: &[String]) -> Run {
        let mut joined = Entries::default();
        for entry in entries {
            joined.push(entry.as_bytes());
        }
        Run::new(first, joined)
    }

    proptest! {
        #[test]
        fn limiting_keeps_exactly_the_entries_in_the_range(
            entries in prop::collection::vec("[^\n]{0,9}", 1..20), from in 0..25_u64, len in 1..25_u64,
        ) {
            let range = from..from + len;
            let mut limited = run(5, &entries);
            limited.limit(&range);
            let kept: Vec<_> = (5..).zip(&entries).filter(|(index, _)| range.contains(index)).collect();
            let bytes = kept.iter().map(|(_, entry)| entry.len() as u64).sum::<u64>();
            prop_assert_eq!(run(5, &entries).bytes_between(range.clone()), bytes);
            let between: Vec<_> = run(5, &entries).entries_between(range).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(between.len(), kept.len());
            prop_assert_eq!(limited.entries().len(), kept.len() as u64);
            for (index, entry) in kept {
                let at = limited.range_of(index).expect("it is kept");
                prop_assert_eq!(&limited.entries().payload()[at], entry.as_bytes());
            }
        }
    }
}
