//! A segment as it will be here once all is merged that was compared so far.

use std::ops::Range;

use super::copy::{Lack, read};
use crate::archive::{
    Entry, RawEntries, Redactions, SegmentInfo, SegmentParent, Snapshot, tombstone,
};
use crate::engine::{LogId, LogKind};
use crate::error::StoreError;
use crate::ids::SegmentId;

/// The two archives that are compared.
#[derive(Clone, Copy)]
pub(super) struct Sides<'c> {
    pub(super) ours: &'c Snapshot,
    pub(super) theirs: &'c Snapshot,
}

/// A segment as it will be here.
#[derive(Default)]
pub(super) struct Target {
    /// As it is now, if it is there.
    pub(super) here: Option<SegmentInfo>,
    /// Whether it has a log.
    pub(super) exists: bool,
    pub(super) entries: Composed,
    pub(super) traces: Composed,
    /// With which one it shares its first entries.
    pub(super) parent: Option<SegmentParent>,
}

impl Target {
    /// As it is now.
    pub(super) fn now(here: Option<SegmentInfo>) -> Self {
        let of = |len: fn(&SegmentInfo) -> u64| Composed::here(here.as_ref().map_or(0, len));
        Self {
            exists: here.as_ref().is_some_and(|here| here.exists),
            entries: of(|here| here.entries),
            traces: of(|here| here.traces),
            parent: here.as_ref().and_then(|here| here.parent),
            here,
        }
    }

    pub(super) fn of(&self, kind: LogKind) -> &Composed {
        match kind {
            LogKind::Entries => &self.entries,
            LogKind::Traces => &self.traces,
        }
    }

    /// Whether there will be anything of it.
    pub(super) fn is_there(&self) -> bool {
        self.exists || self.here.is_some() || self.traces.len() > 0
    }

    /// Takes in what is copied to it.
    pub(super) fn grow(&mut self, lack: &Lack) {
        if lack.log_is_new {
            self.exists = true;
            self.parent = lack.shared;
        }
        self.entries.grow(lack.info.id, lack.entries.clone());
        self.traces.grow(lack.info.id, lack.traces.clone());
    }
}

/// A log that will be made of what is here and of what is there, stretch by stretch.
#[derive(Default)]
pub(super) struct Composed(Vec<Stretch>);

struct Stretch {
    range: Range<u64>,
    /// The segment there that has these entries; without one they are here.
    there: Option<SegmentId>,
}

/// The first entry in which a log there differs from the one here.
pub(super) struct Difference {
    pub(super) entry: u64,
    pub(super) mine: Vec<u8>,
    pub(super) theirs: Vec<u8>,
}

impl Composed {
    fn here(len: u64) -> Self {
        let range = 0..len;
        Self(vec![Stretch { range, there: None }])
    }

    pub(super) fn len(&self) -> u64 {
        self.0.last().map_or(0, |stretch| stretch.range.end)
    }

    /// Whether it has more than what is here.
    pub(super) fn is_grown(&self) -> bool {
        self.0.iter().any(|stretch| stretch.there.is_some())
    }

    fn grow(&mut self, there: SegmentId, range: Range<u64>) {
        if !range.is_empty() {
            let there = Some(there);
            self.0.push(Stretch { range, there });
        }
    }

    /// The first entry of the range in which `theirs` differs from this log, which is `mine`.
    /// `tell` is told of each entry before that: its index, its bytes, and whether it was erased
    /// or redacted here alone.
    pub(super) fn difference(
        &self,
        sides: Sides<'_>,
        (mine, theirs): (LogId, LogId),
        range: &Range<u64>,
        redactions: &Redactions,
        tell: &mut dyn FnMut(u64, u64, bool),
    ) -> Result<Option<Difference>, StoreError> {
        for stretch in &self.0 {
            let start = stretch.range.start.max(range.start);
            let part = start..stretch.range.end.min(range.end);
            if part.is_empty() {
                continue;
            }
            let pairs = stretch.read(sides, mine, part.clone())?;
            let pairs = pairs.zip(read(sides.theirs, &theirs, part)?);
            for (entry, (mine, theirs)) in (start..).zip(pairs) {
                let (mine, theirs) = (mine?, theirs?);
                let is_equal = *mine == *theirs;
                let is_of = |one: &Entry, other: &Entry| {
                    redactions.is_of(one, other)
                        || is_erased(one, other.as_str()) && !redactions.has(one)
                };
                let erased_here = !is_equal && is_of(&mine, &theirs);
                let is_known = || is_of(&theirs, &mine) || redactions.are_of_one(&mine, &theirs);
                if !is_equal && !erased_here && !is_known() {
                    return Ok(Some(Difference {
                        entry,
                        mine: mine.to_vec(),
                        theirs: theirs.to_vec(),
                    }));
                }
                tell(entry, theirs.len() as u64, erased_here);
            }
        }
        Ok(None)
    }
}

impl Stretch {
    fn read(
        &self,
        sides: Sides<'_>,
        mine: LogId,
        range: Range<u64>,
    ) -> Result<RawEntries, StoreError> {
        match self.there {
            None => read(sides.ours, &mine, range),
            Some(segment) => read(sides.theirs, &LogId { segment, ..mine }, range),
        }
    }
}

/// Whether one is what stands in the place of the other if that was erased. Of what was erased before there were
/// marks of it, nothing more is known.
fn is_erased(one: &[u8], other: &str) -> bool {
    one.starts_with(br#"{"kind":"erased""#) && *one == *tombstone(other)
}
