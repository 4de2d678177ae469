//! Compares a session there with the one here: what is lacking here, and where it goes. Where a
//! log differs, the rest of it goes into a branch.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::copy::{Lack, in_order, read, segments_of};
use super::on_conflict::OnConflict;
use super::report::{LeftOut, MergeConflict};
use super::target::{Composed, Difference, Sides, Target};
use crate::archive::{CutOff, Forgotten, Marks, Redactions, SegmentInfo, SegmentParent};
use crate::engine::{LogId, LogKind};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId, diverged};
use crate::progress::Meter;

/// What a comparison finds.
#[derive(Default)]
pub(super) struct Found {
    /// In the order in which they are to be copied.
    pub(super) lacks: Vec<Lack>,
    /// The bytes that are lacking.
    pub(super) bytes: u64,
    /// How many of what is lacking are new branches for what differs.
    pub(super) branches: u64,
    pub(super) left_out: LeftOut,
    /// What differs and gets no branch.
    pub(super) conflicts: Vec<MergeConflict>,
}

/// A comparison that is under way.
pub(super) struct Comparison<'c, 'l> {
    pub(super) sides: Sides<'c>,
    pub(super) session: SessionId,
    pub(super) on_conflict: OnConflict,
    /// What is not brought back.
    pub(super) marks: &'c Marks,
    /// What was redacted, here or there.
    pub(super) redactions: &'c Redactions,
    pub(super) meter: &'c mut Meter<'l>,
    found: Found,
    targets: HashMap<SegmentId, Target>,
    /// Where each segment there is held here, and how much of it.
    placed: HashMap<SegmentId, SegmentParent>,
    /// Under which id the other archive has, or would have, in a branch what is here under
    /// another one: what is here comes back under its own id.
    aliases: HashMap<SegmentId, SegmentId>,
}

/// Where a log there goes.
struct Place {
    to: SegmentId,
    /// How many of its entries are to be there.
    end: u64,
    /// The log that it branches off, and where.
    branched: Option<SegmentParent>,
    /// Whether it contradicts the log here, and stays where it is.
    is_conflict: bool,
}

impl Place {
    fn new(to: SegmentId, end: u64, branched: Option<SegmentParent>) -> Self {
        Self {
            to,
            end,
            branched,
            is_conflict: false,
        }
    }
}

impl<'c, 'l> Comparison<'c, 'l> {
    pub(super) fn new(
        sides: Sides<'c>,
        session: SessionId,
        on_conflict: OnConflict,
        (marks, redactions): (&'c Marks, &'c Redactions),
        meter: &'c mut Meter<'l>,
    ) -> Self {
        Self {
            sides,
            session,
            on_conflict,
            marks,
            redactions,
            meter,
            found: Found::default(),
            targets: HashMap::new(),
            placed: HashMap::new(),
            aliases: HashMap::new(),
        }
    }

    /// Compares all segments: first those that are here, since they tell under which ids the
    /// other archive has what is here; parents always before those that share with them.
    pub(super) fn run(mut self, ours: &[SegmentInfo]) -> Result<Found, StoreError> {
        let here: HashSet<_> = ours.iter().map(|info| (info.id, info.exists)).collect();
        let is_here = |there: &SegmentInfo| {
            here.contains(&(there.id, true)) || (!there.exists && here.contains(&(there.id, false)))
        };
        let theirs = in_order(segments_of(self.sides.theirs, self.session)?);
        let (mut next, mut rest): (Vec<_>, Vec<_>) = theirs.into_iter().partition(is_here);
        while !next.is_empty() {
            for there in next {
                self.segment(&there)?;
            }
            let is_known = |there: &SegmentInfo| {
                self.aliases.contains_key(&there.id) || self.targets.contains_key(&there.id)
            };
            (next, rest) = rest.into_iter().partition(is_known);
        }
        for there in rest {
            self.segment(&there)?;
        }
        // In the order of the segments, and not in the one in which they were compared.
        let conflicts = &mut self.found.conflicts;
        conflicts.sort_by_key(|conflict| (conflict.segment, conflict.traces));
        Ok(self.found)
    }

    fn segment(&mut self, there: &SegmentInfo) -> Result<(), StoreError> {
        let to = self.start_of(there)?;
        let Some(place) = self.place_log(there, to)? else {
            return Ok(());
        };
        let traces = self.place(there, LogKind::Traces, place.to, 0)?;
        if place.is_conflict || traces.as_ref().is_some_and(|traces| traces.is_conflict) {
            return Ok(());
        }
        let mut lack = self.lack(there, &place)?;
        let trace_lack = match traces {
            Some(traces) if traces.to == place.to => {
                lack.traces = self.rest_of(&traces, LogKind::Traces)?;
                None
            }
            Some(traces) => Some(self.trace_lack(there, &traces)?),
            None => None,
        };
        if there.exists {
            let (segment, len) = (place.to, place.end);
            self.placed.insert(there.id, SegmentParent { segment, len });
        }
        for lack in std::iter::once(lack).chain(trace_lack) {
            self.add(lack)?;
        }
        Ok(())
    }

    /// The segment here in which a segment there is looked for first.
    fn start_of(&mut self, there: &SegmentInfo) -> Result<SegmentId, StoreError> {
        let id = there.id;
        if self.target(id)?.is_there() {
            return Ok(id);
        }
        match self.aliases.get(&id) {
            Some(alias) => Ok(*alias),
            None => Ok(self.forgotten_alias(there)?.unwrap_or(id)),
        }
    }

    /// The segment that was removed here, if it is one of its branches for what differs: the other
    /// archive may have in that what was removed here.
    fn forgotten_alias(&self, there: &SegmentInfo) -> Result<Option<SegmentId>, StoreError> {
        let mut removed = self.marks.removed_segments().peekable();
        let at = there.parent.map_or(0, |parent| parent.len);
        if removed.peek().is_none() || at >= there.entries {
            return Ok(None);
        }
        let log = self.log(there.id, LogKind::Entries);
        let first = read(self.sides.theirs, &log, at..at + 1)?.next();
        let Some(first) = first.transpose()? else {
            return Ok(None);
        };
        Ok(removed.find(|removed| diverged(*removed, at, &first) == there.id))
    }

    fn target(&mut self, id: SegmentId) -> Result<&mut Target, StoreError> {
        let target = match self.targets.remove(&id) {
            Some(target) => target,
            None => Target::now(self.sides.ours.segment(self.session, id)?),
        };
        Ok(self.targets.entry(id).or_insert(target))
    }

    /// Where the log of a segment goes; `None` if it stays where it is.
    fn place_log(
        &mut self,
        there: &SegmentInfo,
        to: SegmentId,
    ) -> Result<Option<Place>, StoreError> {
        if there.exists {
            let known = self.known_equal(there, to)?;
            return self.place(there, LogKind::Entries, to, known);
        }
        if self.is_forgotten(to) {
            return Ok(None);
        }
        Ok(Some(Place::new(to, 0, None)))
    }

    /// Goes from branch to branch until the log there is one with what is here, of which `known`
    /// entries are known to be the same. Returns `None` if it is not to come in.
    fn place(
        &mut self,
        there: &SegmentInfo,
        kind: LogKind,
        mut to: SegmentId,
        mut known: u64,
    ) -> Result<Option<Place>, StoreError> {
        let (mut branched, mut end) = (None, u64::MAX);
        // Each entry is told of once.
        let mut told = 0;
        loop {
            if self.is_forgotten(to) {
                return Ok(None);
            }
            end = end.min(self.end_of(there, kind, to)?);
            let common = end.min(self.target(to)?.of(kind).len());
            let found = self.difference(there.id, kind, to, &(known..common), &mut told)?;
            let Some(difference) = found else {
                if kind == LogKind::Entries {
                    self.found.left_out.entries += there.entries - end;
                }
                return Ok(Some(Place::new(to, end, branched)));
            };
            if self.on_conflict == OnConflict::Skip {
                self.found.conflicts.push(MergeConflict {
                    segment: there.id,
                    traces: kind == LogKind::Traces,
                    entry: difference.entry,
                });
                return Ok(Some(Place {
                    is_conflict: true,
                    ..Place::new(to, end, branched)
                }));
            }
            let at = difference.entry;
            let alias = diverged(there.id, at, &difference.mine);
            self.aliases.entry(alias).or_insert(to);
            let next = diverged(to, at, &difference.theirs);
            let parent = self.target(next)?.parent;
            known = match (kind, parent) {
                (LogKind::Entries, Some(parent)) if parent.segment == to => parent.len.min(at),
                _ => 0,
            };
            branched = Some(SegmentParent {
                segment: to,
                len: at,
            });
            to = next;
        }
    }

    fn difference(
        &mut self,
        there: SegmentId,
        kind: LogKind,
        to: SegmentId,
        range: &Range<u64>,
        told: &mut u64,
    ) -> Result<Option<Difference>, StoreError> {
        if range.is_empty() {
            return Ok(None);
        }
        let logs = (self.log(to, kind), self.log(there, kind));
        let nothing = Composed::default();
        let mine = self.targets.get(&to).map_or(&nothing, |to| to.of(kind));
        let (meter, left_out) = (&mut *self.meter, &mut self.found.left_out);
        let mut tell = |entry, bytes, erased_here| {
            left_out.entries += u64::from(erased_here && entry >= *told);
            if entry >= *told {
                *told = entry + 1;
                meter.add(bytes);
            }
        };
        mine.difference(self.sides, logs, range, self.redactions, &mut tell)
    }

    fn log(&self, segment: SegmentId, kind: LogKind) -> LogId {
        let session = self.session;
        LogId {
            session,
            segment,
            kind,
        }
    }

    /// Whether a segment was removed here for good, which is counted.
    fn is_forgotten(&mut self, segment: SegmentId) -> bool {
        let is_forgotten = self.marks.of(segment).is_some_and(Forgotten::is_whole);
        self.found.left_out.segments += u64::from(is_forgotten);
        is_forgotten
    }

    /// How many entries of a log there are to come into the log here: all but what was cut off
    /// that one for good.
    fn end_of(&self, there: &SegmentInfo, kind: LogKind, to: SegmentId) -> Result<u64, StoreError> {
        if kind == LogKind::Traces {
            return Ok(there.traces);
        }
        let (mut end, mut before) = (there.entries, u64::MAX);
        // What one mark leaves may be what another one is of.
        while end < before {
            before = end;
            let mark = self.marks.of(to);
            for cut in mark.map_or(&[][..], |mark| &mark.cuts) {
                if self.is_cut_off(there.id, end, cut)? {
                    end = cut.from;
                }
            }
        }
        Ok(end)
    }

    /// Whether a log there that ends at `end` goes on with what a mark says was cut off here.
    fn is_cut_off(&self, there: SegmentId, end: u64, cut: &CutOff) -> Result<bool, StoreError> {
        if cut.from >= end {
            return Ok(false);
        }
        // Of a log that is shorter than the one here was, the first entry tells.
        let is_whole = cut.to <= end;
        let mut found = cut.compare();
        let log = self.log(there, LogKind::Entries);
        let entries = read(self.sides.theirs, &log, cut.from..cut.to.min(end))?;
        for (number, entry) in (cut.from..).zip(entries) {
            found.entry(number, &entry?);
            if !is_whole && found.has_first() {
                break;
            }
        }
        Ok(found.is_same(is_whole))
    }

    /// How many entries of a log are the same on both sides since both share them with a base
    /// whose log is.
    fn known_equal(&mut self, there: &SegmentInfo, to: SegmentId) -> Result<u64, StoreError> {
        let base = there.parent.and_then(|parent| self.base_of(parent));
        let known = match (base, self.target(to)?.parent) {
            (Some(there), Some(here)) if there.segment == here.segment => there.len.min(here.len),
            _ => 0,
        };
        Ok(known)
    }

    /// What is here, or will be, of the entries that a segment there shares.
    fn base_of(&self, parent: SegmentParent) -> Option<SegmentParent> {
        let base = self.placed.get(&parent.segment)?;
        let len = parent.len.min(base.len);
        (len > 0).then_some(SegmentParent { len, ..*base })
    }

    fn rest_of(&mut self, place: &Place, kind: LogKind) -> Result<Range<u64>, StoreError> {
        let here = self.target(place.to)?.of(kind).len();
        Ok(here.min(place.end)..place.end)
    }

    /// What is lacking of the log of a segment.
    fn lack(&mut self, there: &SegmentInfo, place: &Place) -> Result<Lack, StoreError> {
        let entries = self.rest_of(place, LogKind::Entries)?;
        let target = self.target(place.to)?;
        let (is_new, log_is_new) = (!target.is_there(), there.exists && !target.exists);
        let base = there.parent.and_then(|parent| self.base_of(parent));
        let shared = [base, place.branched].into_iter().flatten();
        let shared = shared
            .map(|base| SegmentParent {
                len: base.len.min(place.end),
                ..base
            })
            .filter(|base| log_is_new && base.len > 0)
            .max_by_key(|base| base.len);
        self.found.branches += u64::from(log_is_new && place.branched.is_some());
        Ok(Lack {
            is_new,
            log_is_new,
            shared,
            entries,
            traces: 0..0,
            to: place.to,
            info: there.clone(),
        })
    }

    /// What is lacking of traces that go into a segment without the log.
    fn trace_lack(&mut self, there: &SegmentInfo, place: &Place) -> Result<Lack, StoreError> {
        let traces = self.rest_of(place, LogKind::Traces)?;
        let is_new = !self.target(place.to)?.is_there();
        self.found.branches += u64::from(is_new);
        Ok(Lack {
            is_new,
            log_is_new: false,
            shared: None,
            entries: 0..0,
            traces,
            to: place.to,
            info: SegmentInfo {
                exists: false,
                entries: 0,
                entry_bytes: 0,
                origin: None,
                parent: None,
                ..there.clone()
            },
        })
    }

    fn add(&mut self, lack: Lack) -> Result<(), StoreError> {
        if !lack.is_nothing() {
            self.found.bytes += self.bytes_of(&lack)?;
            self.target(lack.to)?.grow(&lack);
            self.found.lacks.push(lack);
        }
        Ok(())
    }

    /// The bytes that are to be copied of a segment.
    fn bytes_of(&mut self, lack: &Lack) -> Result<u64, StoreError> {
        let there = &lack.info;
        let target = self.target(lack.to)?;
        let here = target.here.as_ref();
        let is_plain = |of: &SegmentInfo| of.id == there.id && of.parent.is_none();
        let len_of = |base: Option<SegmentParent>| base.map_or(0, |base| base.len);
        let is_whole = lack.entries.end == there.entries;
        let has_sum = |kind| !target.of(kind).is_grown() && here.is_none_or(is_plain);
        let entries = match here {
            _ if lack.own_entries().is_empty() => Some(0),
            // All that it does not share comes in.
            None if is_whole && len_of(lack.shared) == len_of(there.parent) => {
                Some(there.entry_bytes)
            }
            // What is here is the beginning of what is there.
            Some(here) if is_whole && has_sum(LogKind::Entries) && is_plain(there) => {
                Some(there.entry_bytes.saturating_sub(here.entry_bytes))
            }
            _ => None,
        };
        let traces = match here {
            _ if lack.traces.is_empty() => Some(0),
            None if lack.traces.start == 0 => Some(there.trace_bytes),
            Some(here) if has_sum(LogKind::Traces) => {
                Some(there.trace_bytes.saturating_sub(here.trace_bytes))
            }
            _ => None,
        };
        let read = |kind, range| self.read_bytes(there.id, kind, range);
        let entries = entries.map_or_else(|| read(LogKind::Entries, lack.own_entries()), Ok)?;
        let traces = traces.map_or_else(|| read(LogKind::Traces, lack.traces.clone()), Ok)?;
        Ok(entries + traces)
    }

    fn read_bytes(
        &self,
        segment: SegmentId,
        kind: LogKind,
        range: Range<u64>,
    ) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for entry in read(self.sides.theirs, &self.log(segment, kind), range)? {
            bytes += entry?.len() as u64;
        }
        Ok(bytes)
    }
}
