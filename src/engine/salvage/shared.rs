//! Entries that several segments share, as far as a recovery is concerned: each segment is given
//! the places of all its entries, its own or not, so that what happens to one leaves the others
//! alone.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::found::{Found, FoundLog, FoundOrigin, RunAt, Source};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind, OriginRecord};
use crate::engine::model::parents::parents_first;
use crate::engine::model::row::ParentLink;
use crate::engine::model::run::Run;
use crate::ids::{SegmentId, SessionId};

impl RunAt {
    /// What of it, where it is put at `first`, has this index or a later one.
    pub(crate) fn from(&self, first: u64, index: u64) -> Option<(u64, Self)> {
        let (start, end) = (first.max(index), first + self.count);
        let source = self.source.clone();
        (start < end).then(|| {
            let count = end - start;
            (start, Self { count, source })
        })
    }

    fn is_same_as(&self, other: &Self) -> bool {
        match (&self.source, &other.source) {
            (Source::Rows { rows: one, .. }, Source::Rows { rows: other, .. }) => {
                let (one, other) = (one.first(), other.first());
                one.zip(other)
                    .is_some_and(|(one, other)| one.is_same_as(other))
            }
            (Source::Memory(one), Source::Memory(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl FoundLog {
    /// The places of the entries in the range.
    fn between(&self, range: &Range<u64>) -> BTreeMap<u64, RunAt> {
        let before = self.runs.range(..range.start).next_back();
        let runs = before.into_iter().chain(self.runs.range(range.clone()));
        let parts = runs.filter_map(|(first, run)| {
            let (start, end) = (
                (*first).max(range.start),
                (first + run.count).min(range.end),
            );
            let source = run.source.clone();
            (start < end).then(|| {
                let count = end - start;
                (start, RunAt { count, source })
            })
        });
        parts.collect()
    }

    /// Puts other entries in the place of those that are at one of these places.
    fn replace_at(&mut self, places: &BTreeMap<u64, RunAt>, new: &Arc<Run>) {
        for (at, place) in places {
            // A run may hold more than the others have of it.
            for (first, part) in self.between(&(*at..at + place.count)) {
                if place.is_same_as(&part) {
                    self.replace_part(first, part.count, new);
                }
            }
        }
    }

    /// Puts other entries in the place of some that one run holds.
    fn replace_part(&mut self, first: u64, count: u64, new: &Arc<Run>) {
        let Some((start, whole)) = self.runs.range(..=first).next_back() else {
            return;
        };
        let (start, end) = (*start, start + whole.count);
        let source = whole.source.clone();
        let keep = |first: u64, end: u64| {
            let (count, source) = (end.saturating_sub(first), source.clone());
            (count > 0).then_some((first, RunAt { count, source }))
        };
        let around = [keep(start, first), keep(first + count, end)];
        self.runs.remove(&start);
        self.runs.extend(around.into_iter().flatten());
        let source = Source::Memory(Arc::clone(new));
        self.runs.insert(first, RunAt { count, source });
    }

    /// Whether the first `len` entries of both are at the same places.
    pub(crate) fn shares(&self, other: &Self, len: u64) -> bool {
        let (mine, theirs) = (self.between(&(0..len)), other.between(&(0..len)));
        mine.len() == theirs.len()
            && mine
                .iter()
                .zip(&theirs)
                .all(|((at, run), (other_at, other))| {
                    at == other_at && run.count == other.count && run.is_same_as(other)
                })
    }
}

impl Found {
    /// Gives each segment that has a parent the places of the entries that it shares.
    pub(super) fn share(&mut self) {
        for id in parents_first(self.segments.keys().copied(), |id| self.parent_of(id)) {
            self.share_one(id);
        }
    }

    /// The segment with which this one shares its first entries.
    pub(crate) fn parent_of(&self, id: (SessionId, SegmentId)) -> Option<(SessionId, SegmentId)> {
        let parent = self.segments.get(&id)?.parent?;
        Some((id.0, parent.segment))
    }

    fn share_one(&mut self, id: (SessionId, SegmentId)) {
        let Some(parent) = self.segments.get(&id).and_then(|found| found.parent) else {
            return;
        };
        let shared = self.segments.get(&(id.0, parent.segment));
        let shared = shared.map(|shared| shared.log.between(&(0..parent.len)));
        if let (Some(shared), Some(found)) = (shared, self.segments.get_mut(&id)) {
            found.log.runs.extend(shared);
        }
    }

    /// Makes a segment that begins with the first `len` entries of another.
    pub(super) fn branch(
        &mut self,
        from: LogId,
        to: LogId,
        len: u64,
        origin: Option<OriginRecord>,
        at_ms: u64,
    ) {
        let parent = self.segments.get(&(from.session, from.segment));
        let runs = parent.map(|parent| parent.log.between(&(0..len)));
        let segment = self.segment(&to, at_ms);
        segment.exists = true;
        segment.origin = FoundOrigin::Known(origin);
        segment.log = FoundLog {
            runs: runs.unwrap_or_default(),
            len: Some(len),
            ..FoundLog::default()
        };
        segment.parent = (len > 0).then_some(ParentLink {
            segment: from.segment,
            len,
        });
    }

    /// Lets the segments that share more than `len` entries of another keep sharing them, now
    /// that it loses them.
    pub(super) fn reparent(&mut self, log: &LogId, len: u64) {
        let session = (log.session, SegmentId::nil())..=(log.session, SegmentId::max());
        let mut shared: Vec<(u64, SegmentId)> = Vec::new();
        for ((_, segment), found) in self.segments.range(session) {
            let parent = found.parent.filter(|parent| parent.segment == log.segment);
            shared.extend(
                parent
                    .filter(|parent| parent.len > len)
                    .map(|parent| (parent.len, *segment)),
            );
        }
        let Some((_, owner)) = shared.iter().max().copied() else {
            return;
        };
        let own = self.segments.get(&(log.session, log.segment));
        let own = own.and_then(|found| found.parent);
        for (_, segment) in shared {
            if let Some(found) = self.segments.get_mut(&(log.session, segment))
                && let Some(parent) = &mut found.parent
            {
                if segment != owner {
                    parent.segment = owner;
                } else if own.is_some_and(|own| own.len >= len) || len == 0 {
                    found.parent = own;
                } else {
                    parent.len = len;
                }
            }
        }
    }

    /// Whose own the entries of a log are that are in the range.
    fn owners(&self, log: &LogId, range: &Range<u64>) -> Vec<LogId> {
        let (mut owners, mut own, mut end) = (Vec::new(), *log, range.end);
        // Links that are damaged may lead in a circle.
        for _ in 0..=self.segments.len() {
            let found = self.segments.get(&(own.session, own.segment));
            let parent = found.and_then(|found| found.parent);
            let parent = parent.filter(|_| own.kind == LogKind::Entries);
            let start = parent.map_or(0, |parent| parent.len).max(range.start);
            if start < end {
                owners.push(own);
            }
            end = end.min(start);
            match parent.filter(|_| end > range.start) {
                Some(parent) => own.segment = parent.segment,
                None => break,
            }
        }
        owners
    }

    /// Puts other entries in the place of those of a log from number `first` on, for all that
    /// share them.
    pub(super) fn erase(&mut self, log: &LogId, first: u64, entries: Entries, at_ms: u64) {
        let range = first..first + entries.len();
        let new = Arc::new(Run::new(first, entries));
        for owner in self.owners(log, &range) {
            self.segment(&owner, at_ms);
        }
        let named = self.changed(log).log_mut(log.kind);
        let places = named.between(&range);
        let session = (log.session, SegmentId::nil())..=(log.session, SegmentId::max());
        for found in self.segments.range_mut(session).map(|(_, found)| found) {
            found.log_mut(log.kind).replace_at(&places, &new);
        }
        // What was lost here is known now: it is gone.
        let named = self.changed(log).log_mut(log.kind);
        for (first, end) in named.gaps(&range) {
            let (count, source) = (end - first, Source::Memory(Arc::clone(&new)));
            named.runs.insert(first, RunAt { count, source });
        }
    }
}

impl FoundLog {
    /// The stretches of the range of which no place is known.
    fn gaps(&self, range: &Range<u64>) -> Vec<(u64, u64)> {
        let (mut next, mut gaps) = (range.start, Vec::new());
        for (first, run) in self.between(range) {
            if first > next {
                gaps.push((next, first));
            }
            next = first + run.count;
        }
        if next < range.end {
            gaps.push((next, range.end));
        }
        gaps
    }
}
