//! What a memtable makes of one log: its own entries in their order, each stretch of them either in
//! memory or where the layers below have it, which may be under another segment's name.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::model::op::LargeEntry;
use crate::engine::model::run::Run;
use crate::ids::SegmentId;

/// The entries that a log has of its own: those that it shares with its parent do not count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extents {
    /// Without gap or overlap.
    list: Vec<ExtentAt>,
}

/// Some consecutive entries.
#[derive(Debug, Clone)]
pub(crate) struct ExtentAt {
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) source: ExtentSource,
}

/// Where the entries of an extent are.
#[derive(Debug, Clone)]
pub(crate) enum ExtentSource {
    /// The run may hold more than the extent.
    Run(Arc<Run>),
    /// One entry that is read while it is stored. Nobody reads it before.
    Large(LargeEntry),
    /// In the layers below, among the own entries of that segment, under the same numbers.
    Below(SegmentId),
}

impl ExtentAt {
    fn run(run: Run) -> Self {
        Self {
            first: run.first(),
            end: run.end(),
            source: ExtentSource::Run(Arc::new(run)),
        }
    }

    /// The part of it that is in the range, if there is any.
    pub(crate) fn between(&self, range: &Range<u64>) -> Option<Self> {
        let (first, end) = (self.first.max(range.start), self.end.min(range.end));
        (first < end).then(|| Self {
            first,
            end,
            source: self.source.clone(),
        })
    }

    pub(crate) fn range(&self) -> Range<u64> {
        self.first..self.end
    }
}

impl Extents {
    /// Those of a log that is as the layers below have it.
    pub(crate) fn below(segment: SegmentId, range: Range<u64>) -> Self {
        let extent = ExtentAt {
            first: range.start,
            end: range.end,
            source: ExtentSource::Below(segment),
        };
        Self {
            list: Vec::from_iter((!range.is_empty()).then_some(extent)),
        }
    }

    pub(crate) fn list(&self) -> &[ExtentAt] {
        &self.list
    }

    /// The extent that holds the entry with this index.
    pub(crate) fn holding(&self, index: u64) -> Option<&ExtentAt> {
        let next = self.list.partition_point(|extent| extent.first <= index);
        let extent = self.list.get(next.checked_sub(1)?)?;
        (index < extent.end).then_some(extent)
    }

    /// The parts of extents that are in the range.
    pub(crate) fn between(&self, range: Range<u64>) -> impl Iterator<Item = ExtentAt> {
        let from = self
            .list
            .partition_point(|extent| extent.end <= range.start);
        let extents = self.list.get(from..).unwrap_or_default().iter();
        extents.map_while(move |extent| extent.between(&range))
    }

    pub(crate) fn push(&mut self, run: Run) {
        self.list.push(ExtentAt::run(run));
    }

    /// Adds an entry with that index.
    pub(crate) fn push_large(&mut self, index: u64, entry: LargeEntry) {
        self.list.push(ExtentAt {
            first: index,
            end: index + 1,
            source: ExtentSource::Large(entry),
        });
    }

    /// Drops the entries from this index on.
    pub(crate) fn truncate(&mut self, len: u64) {
        self.list.retain(|extent| extent.first < len);
        if let Some(last) = self.list.last_mut() {
            last.end = last.end.min(len);
        }
    }

    /// Puts others, which end where these begin, in front.
    pub(crate) fn prepend(&mut self, others: impl Iterator<Item = ExtentAt>) {
        self.list.splice(..0, others);
    }

    /// Puts a run in the place of the entries that have the numbers of its own.
    pub(crate) fn overwrite(&mut self, run: Run) {
        let (first, end) = (run.first(), run.end());
        let behind: Vec<_> = self.between(end..u64::MAX).collect();
        self.truncate(first);
        self.push(run);
        self.list.extend(behind);
    }

    /// Whether these are entries of the layers below up to some index, under the log's own name,
    /// and others in memory behind; then that index.
    pub(crate) fn appended_behind(&self, segment: SegmentId) -> Option<u64> {
        let is_new = |extent: &ExtentAt| !matches!(extent.source, ExtentSource::Below(_));
        match self.list.split_first() {
            None => Some(0),
            Some((first, rest)) if rest.iter().all(is_new) => match first.source {
                ExtentSource::Run(_) | ExtentSource::Large(_) => Some(0),
                ExtentSource::Below(below) if below == segment => Some(first.end),
                ExtentSource::Below(_) => None,
            },
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::engine::model::entries::Entries;

    const OWN: SegmentId = Uuid::from_u128(1);

    fn run(first: u64, texts: &[String]) -> Run {
        let mut entries = Entries::default();
        for text in texts {
            entries.push(text.as_bytes());
        }
        Run::new(first, entries)
    }

    /// What the entries are, `-` standing for those of the layers below.
    fn texts(extents: &Extents) -> Vec<String> {
        let mut texts = Vec::new();
        for extent in extents.list() {
            assert_eq!(extent.first, texts.len() as u64, "a gap");
            for index in extent.range() {
                texts.push(match &extent.source {
                    ExtentSource::Below(_) | ExtentSource::Large(_) => "-".to_owned(),
                    ExtentSource::Run(run) => {
                        let range = run.range_of(index).expect("the run holds its extent");
                        String::from_utf8(run.entries().payload()[range].to_vec()).unwrap()
                    }
                });
            }
        }
        texts
    }

    #[derive(Debug, Clone)]
    enum Change {
        Push(Vec<String>),
        Truncate(prop::sample::Index),
        Overwrite(prop::sample::Index, Vec<String>),
    }

    fn change() -> impl Strategy<Value = Change> {
        let entries = || prop::collection::vec("[a-z]{1,3}", 1..4);
        prop_oneof![
            entries().prop_map(Change::Push),
            any::<prop::sample::Index>().prop_map(Change::Truncate),
            (any::<prop::sample::Index>(), entries())
                .prop_map(|(at, new)| Change::Overwrite(at, new)),
        ]
    }

    proptest! {
        #[test]
        fn extents_hold_what_a_list_would(below in 0..6_u64, changes in prop::collection::vec(change(), 0..12)) {
            let mut extents = Extents::below(OWN, 0..below);
            let mut list = vec!["-".to_owned(); usize::try_from(below).unwrap()];
            for change in changes {
                match change {
                    Change::Push(new) => {
                        extents.push(run(list.len() as u64, &new));
                        list.extend(new);
                    }
                    Change::Truncate(at) => {
                        let len = at.index(list.len() + 1);
                        extents.truncate(len as u64);
                        list.truncate(len);
                    }
                    Change::Overwrite(at, mut new) => {
                        let first = at.index(list.len() + 1);
                        new.truncate(list.len() - first);
                        if !new.is_empty() {
                            extents.overwrite(run(first as u64, &new));
                            list.splice(first..first + new.len(), new);
                        }
                    }
                }
                prop_assert_eq!(texts(&extents), list.clone());
                for index in 0..list.len() as u64 {
                    let extent = extents.holding(index).expect("each index is held");
                    prop_assert!(extent.range().contains(&index));
                }
                prop_assert!(extents.holding(list.len() as u64).is_none());
            }
        }
    }
}
