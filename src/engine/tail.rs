//! A tail: what the frames of one epoch change, as state in memory on top of what is below it.
//!
//! Here is the meaning of every op. A tail holds whole heads and sums, so that whoever looks for
//! one asks the layers from the top, and the first that has it is right.

mod expect;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::entries::Entries;
use super::fault::Outcome;
use super::layers::{Layers, must_descend};
use super::op::{LogId, LogKind, Op, OriginRecord};
use super::pieces::Pieces;
use super::row::{BaseLink, Extent, Head, SessionRow};
use super::run::Run;
use super::seeded::{Bug, seeded};
use crate::ids::{SegmentId, SessionId};
use crate::store::StoreError;

/// The changes of one epoch. `None` in a map is what was removed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    pub(crate) heads: BTreeMap<(SessionId, SegmentId), Option<Head>>,
    pub(crate) logs: HashMap<LogId, Pieces>,
    pub(crate) sessions: BTreeMap<SessionId, Option<SessionRow>>,
    pub(crate) metadata: BTreeMap<SessionId, Option<Vec<u8>>>,
    pub(crate) names: BTreeMap<String, Option<Vec<u8>>>,
}

impl Tail {
    /// Whether it changes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.metadata.is_empty() && self.names.is_empty()
    }

    /// Applies the op and returns what it leaves: the length of the log for ops on a log, else 1
    /// if there was something to change and 0 if not. A [`StoreError`] changes nothing.
    pub(crate) fn apply(&mut self, below: &Layers, op: Op) -> Outcome<u64> {
        match op {
            Op::Append {
                log,
                expected,
                entries,
                origin,
                at_ms,
            } => self.append(below, &log, expected, entries, origin, at_ms),
            Op::Replace {
                log,
                entries,
                origin,
                at_ms,
            } => self.replace(below, &log, entries, origin, at_ms),
            Op::Branch {
                session,
                from,
                len,
                to,
                origin,
                at_ms,
            } => self.branch(below, (session, from, to), len, origin, at_ms),
            Op::Erase {
                log,
                first,
                entries,
                at_ms,
            } => self.erase(below, &log, first, &entries, at_ms),
            Op::Truncate { log, len, at_ms } => self.truncate(below, &log, len, at_ms),
            Op::DeleteLog { log } => self.delete_log(below, &log),
            Op::DeleteSession { session } => self.delete_session(below, session),
            Op::SetMetadata { session, json } => {
                if self.session(below, session)?.is_none() {
                    return Err(StoreError::SessionNotFound(session).into());
                }
                self.metadata.insert(session, Some(json));
                Ok(1)
            }
            Op::SetName { name, json } => {
                self.names.insert(name, Some(json));
                Ok(1)
            }
            Op::DeleteName { name } => {
                let there = match self.names.get(&name) {
                    Some(record) => record.is_some(),
                    None => below.name(&name)?.is_some(),
                };
                self.names.insert(name, None);
                Ok(u64::from(there))
            }
            Op::Expect(condition) => self.expect(below, condition).map(|()| 0),
        }
    }

    fn append(
        &mut self,
        below: &Layers,
        log: &LogId,
        expected: Option<u64>,
        entries: Entries,
        origin: Option<OriginRecord>,
        at_ms: u64,
    ) -> Outcome<u64> {
        let old = self.head(below, log)?;
        let mut head = old.unwrap_or_default();
        let len = extent_of(&mut head, log.kind).entries;
        if let Some(expected) = expected {
            expect::must_have_len(log, expected, len)?;
        }
        if entries.is_empty() {
            return Ok(len);
        }
        if log.kind == LogKind::Entries && !head.exists {
            head.exists = true;
            head.origin = origin;
        }
        if old.is_none() {
            head.created_ms = at_ms;
        }
        head.updated_ms = head.updated_ms.max(at_ms);
        let extent = extent_of(&mut head, log.kind);
        extent.entries += entries.len();
        extent.bytes += entries.entry_bytes();
        let end = extent.entries;
        let own_start = own_start_of(&head, log.kind);
        self.put_head(below, log, old.as_ref(), head)?;
        self.pieces_mut(log, own_start..len)
            .push(Run::new(len, entries));
        Ok(end)
    }

    fn replace(
        &mut self,
        below: &Layers,
        log: &LogId,
        entries: Entries,
        origin: Option<OriginRecord>,
        at_ms: u64,
    ) -> Outcome<u64> {
        self.release(below, log, 0)?;
        let old = self.head(below, log)?;
        let mut head = old.unwrap_or_default();
        if log.kind == LogKind::Entries {
            head.exists = true;
            head.origin = origin;
            head.base = None;
            head.created_ms = at_ms;
        } else if old.is_none() {
            head.created_ms = at_ms;
        }
        head.updated_ms = head.updated_ms.max(at_ms);
        let (len, bytes) = (entries.len(), entries.entry_bytes());
        *extent_of(&mut head, log.kind) = Extent {
            entries: entries.len(),
            bytes,
        };
        self.put_head(below, log, old.as_ref(), head)?;
        let mut pieces = Pieces::default();
        if !entries.is_empty() {
            pieces.push(Run::new(0, entries));
        }
        self.logs.insert(*log, pieces);
        Ok(len)
    }

    fn truncate(&mut self, below: &Layers, log: &LogId, len: u64, at_ms: u64) -> Outcome<u64> {
        let old = self.head(below, log)?;
        let mut head = old.unwrap_or_default();
        if log.kind == LogKind::Entries && !head.exists {
            return Err(StoreError::NotFound(log.segment).into());
        }
        let extent = *extent_of(&mut head, log.kind);
        if len > extent.entries {
            let asked = usize::try_from(len).unwrap_or(usize::MAX);
            let actual = extent.entries;
            let err = StoreError::truncate_past_end(log.session, log.segment, asked, actual);
            return Err(err.into());
        }
        if len == extent.entries {
            return Ok(len);
        }
        let own_start = own_start_of(&head, log.kind);
        let bytes = if len <= own_start {
            0
        } else {
            let cut = self.bytes_between(below, log, len..extent.entries)?;
            extent.bytes.saturating_sub(cut)
        };
        self.release(below, log, len)?;
        let old = self.head(below, log)?;
        let mut head = old.unwrap_or_default();
        *extent_of(&mut head, log.kind) = Extent {
            entries: len,
            bytes,
        };
        if len < own_start {
            head.base = self.base_at(below, log, len)?;
        }
        head.updated_ms = head.updated_ms.max(at_ms);
        self.put_head(below, log, old.as_ref(), head)?;
        self.pieces_mut(log, own_start..extent.entries)
            .truncate(len);
        Ok(len)
    }

    fn delete_log(&mut self, below: &Layers, log: &LogId) -> Outcome<u64> {
        self.release(below, log, 0)?;
        let Some(old) = self.head(below, log)? else {
            return Ok(0);
        };
        let mut head = old;
        *extent_of(&mut head, log.kind) = Extent::default();
        if log.kind == LogKind::Entries {
            head.exists = false;
            head.origin = None;
            head.base = None;
        }
        if head == old {
            return Ok(0);
        }
        self.put_head(below, log, Some(&old), head)?;
        self.logs.insert(*log, Pieces::default());
        Ok(1)
    }

    fn delete_session(&mut self, below: &Layers, session: SessionId) -> Outcome<u64> {
        let heads = self.all_heads(below, session)?;
        for segment in heads.keys() {
            self.heads.insert((session, *segment), None);
            for kind in [LogKind::Entries, LogKind::Traces] {
                let segment = *segment;
                let log = LogId {
                    session,
                    segment,
                    kind,
                };
                self.logs.insert(log, Pieces::default());
            }
        }
        if !heads.is_empty() {
            self.sessions.insert(session, None);
            self.metadata.insert(session, None);
        }
        Ok(u64::from(!heads.is_empty()))
    }

    fn branch(
        &mut self,
        below: &Layers,
        (session, from, to): (SessionId, SegmentId, SegmentId),
        len: u64,
        origin: Option<OriginRecord>,
        at_ms: u64,
    ) -> Outcome<u64> {
        let log = |segment| LogId {
            session,
            segment,
            kind: LogKind::Entries,
        };
        let parent = self.head(below, &log(from))?.filter(|head| head.exists);
        let parent = parent.ok_or(StoreError::NotFound(from))?;
        if len > parent.log.entries {
            let (segment, len, actual) = (from, len, parent.log.entries);
            return Err(StoreError::BranchPastEnd {
                session,
                segment,
                len,
                actual,
            }
            .into());
        }
        let old = self.head(below, &log(to))?;
        let mut head = old.unwrap_or_default();
        if head.exists {
            let segment = to;
            return Err(StoreError::SegmentExists { session, segment }.into());
        }
        head.exists = true;
        head.origin = origin;
        head.base = self.base_at(below, &log(from), len)?;
        head.log = Extent {
            entries: len,
            bytes: 0,
        };
        if old.is_none() {
            head.created_ms = at_ms;
        }
        head.updated_ms = head.updated_ms.max(at_ms);
        self.put_head(below, &log(to), old.as_ref(), head)?;
        self.logs.insert(log(to), Pieces::default());
        Ok(len)
    }

    /// Of whom a log shares its first `len` entries that begins as that one does: of the segment
    /// that has the last of them for its own. So a chain has no link that nothing is read from.
    fn base_at(&self, below: &Layers, log: &LogId, len: u64) -> Outcome<Option<BaseLink>> {
        if len == 0 {
            return Ok(None);
        }
        let (mut own, mut before) = (*log, u64::MAX);
        while let Some(base) = self.base_of(below, &own)? {
            if base.len < len {
                break;
            }
            must_descend(&own, base, before)?;
            before = base.len;
            own.segment = base.segment;
        }
        let segment = own.segment;
        Ok(Some(BaseLink { segment, len }))
    }

    fn base_of(&self, below: &Layers, log: &LogId) -> Outcome<Option<BaseLink>> {
        if log.kind == LogKind::Traces {
            return Ok(None);
        }
        Ok(self.head(below, log)?.and_then(|head| head.base))
    }

    /// Lets the segments that share more than `len` entries of a log keep them: the one that
    /// shares most takes them over, and the others have it as their base from now on.
    fn release(&mut self, below: &Layers, log: &LogId, len: u64) -> Outcome<()> {
        let head = match log.kind {
            LogKind::Entries => self.head(below, log)?,
            LogKind::Traces => None,
        };
        let Some(head) = head.filter(|head| head.branches > 0 && !seeded(Bug::ForgetBranches))
        else {
            return Ok(());
        };
        let mut shared: Vec<(BaseLink, SegmentId, Head)> = Vec::new();
        for (segment, branch) in self.all_heads(below, log.session)? {
            let base = branch.base.filter(|base| base.segment == log.segment);
            shared.extend(
                base.filter(|base| base.len > len)
                    .map(|base| (base, segment, branch)),
            );
        }
        let Some((most, heir, mut heir_head)) =
            shared.iter().copied().max_by_key(|(base, _, _)| base.len)
        else {
            return Ok(());
        };
        let own_start = head.own_start();
        let taken = len.max(own_start)..most.len;
        let heir_log = LogId {
            segment: heir,
            ..*log
        };
        let bytes = self.bytes_between(below, log, taken.clone())?;
        let pieces = self.pieces_mut(log, own_start..head.log.entries).clone();
        let heir_end = heir_head.log.entries;
        self.pieces_mut(&heir_log, most.len..heir_end)
            .prepend(pieces.between(taken));
        let old = heir_head;
        heir_head.log.bytes += bytes;
        heir_head.base = if len > own_start {
            let segment = log.segment;
            Some(BaseLink { segment, len })
        } else {
            head.base
        };
        self.put_head(below, &heir_log, Some(&old), heir_head)?;
        for (base, segment, old) in shared {
            if segment != heir {
                let mut head = old;
                head.base = Some(BaseLink {
                    segment: heir,
                    len: base.len,
                });
                let log = LogId { segment, ..*log };
                self.put_head(below, &log, Some(&old), head)?;
            }
        }
        Ok(())
    }

    /// Puts entries in the place of others, in the logs whose own those are.
    fn erase(
        &mut self,
        below: &Layers,
        log: &LogId,
        first: u64,
        entries: &Entries,
        at_ms: u64,
    ) -> Outcome<u64> {
        let end = first.saturating_add(entries.len());
        let len = self.head(below, log)?.map_or(0, |mut head| {
            let extent = extent_of(&mut head, log.kind);
            extent.entries
        });
        if end > len {
            let (session, segment) = (log.session, log.segment);
            return Err(StoreError::ErasePastEnd {
                session,
                segment,
                end,
                actual: len,
            }
            .into());
        }
        let (mut at, mut own, mut before) = (end, *log, u64::MAX);
        while at > first {
            let base = self.base_of(below, &own)?;
            let start = base.map_or(0, |base| base.len).max(first);
            if start < at {
                let part = entries.slice(start - first..at - first);
                self.erase_own(below, &own, Run::new(start, part), at_ms)?;
            }
            at = at.min(start);
            match base {
                Some(base) if !seeded(Bug::EraseOwnAlone) => {
                    must_descend(&own, base, before)?;
                    before = base.len;
                    own.segment = base.segment;
                }
                _ => break,
            }
        }
        Ok(end - first)
    }

    fn erase_own(&mut self, below: &Layers, log: &LogId, new: Run, at_ms: u64) -> Outcome<()> {
        let Some(old) = self.head(below, log)? else {
            return Ok(());
        };
        let mut head = old;
        let gone = self.bytes_between(below, log, new.first()..new.end())?;
        let own_start = own_start_of(&head, log.kind);
        let extent = extent_of(&mut head, log.kind);
        extent.bytes = extent.bytes.saturating_sub(gone) + new.entries().entry_bytes();
        let end = extent.entries;
        head.updated_ms = head.updated_ms.max(at_ms);
        self.put_head(below, log, Some(&old), head)?;
        self.pieces_mut(log, own_start..end).overwrite(new);
        Ok(())
    }

    /// The pieces of a log, whose own entries are those in the range as long as nothing here says
    /// otherwise.
    fn pieces_mut(&mut self, log: &LogId, own: Range<u64>) -> &mut Pieces {
        let pieces = self.logs.entry(*log);
        pieces.or_insert_with(|| Pieces::below(log.segment, own))
    }

    /// The bytes of some of a log's own entries.
    fn bytes_between(&self, below: &Layers, log: &LogId, range: Range<u64>) -> Outcome<u64> {
        match self.logs.get(log) {
            Some(pieces) => below.bytes_of(pieces.between(range), log),
            None => below.bytes_between(log, range),
        }
    }

    /// All heads of a session as they are now.
    fn all_heads(&self, below: &Layers, session: SessionId) -> Outcome<BTreeMap<SegmentId, Head>> {
        let mut heads: BTreeMap<_, _> = below.heads(session)?.into_iter().collect();
        for (segment, head) in self.heads_of(session) {
            match head {
                Some(head) => drop(heads.insert(segment, head)),
                None => drop(heads.remove(&segment)),
            }
        }
        Ok(heads)
    }

    /// The heads that this tail has of a session.
    pub(crate) fn heads_of(
        &self,
        session: SessionId,
    ) -> impl DoubleEndedIterator<Item = (SegmentId, Option<Head>)> {
        let range = (session, SegmentId::nil())..=(session, SegmentId::max());
        self.heads
            .range(range)
            .map(|((_, segment), head)| (*segment, *head))
    }

    fn head(&self, below: &Layers, log: &LogId) -> Outcome<Option<Head>> {
        match self.heads.get(&(log.session, log.segment)) {
            Some(head) => Ok(*head),
            None => below.head(log.session, log.segment),
        }
    }

    fn session(&self, below: &Layers, session: SessionId) -> Outcome<Option<SessionRow>> {
        match self.sessions.get(&session) {
            Some(row) => Ok(*row),
            None => below.session(session),
        }
    }

    /// Stores a changed head, and with it the sums of its session and the number of branches of
    /// its base.
    fn put_head(
        &mut self,
        below: &Layers,
        log: &LogId,
        old: Option<&Head>,
        new: Head,
    ) -> Outcome<()> {
        let base_of = |head: &Head| head.base.map(|base| base.segment);
        let (was, is) = (old.and_then(base_of), base_of(&new));
        if was != is {
            self.count_branches(below, log, was, -1)?;
            self.count_branches(below, log, is, 1)?;
        }
        let mut sums = self.session(below, log.session)?.unwrap_or_default();
        if let Some(old) = old {
            sums.remove(old);
        }
        let gone = new.is_gone();
        if !gone {
            sums.add(&new);
        }
        self.heads
            .insert((log.session, log.segment), (!gone).then_some(new));
        let ended = sums.heads == 0;
        self.sessions.insert(log.session, (!ended).then_some(sums));
        if ended {
            self.metadata.insert(log.session, None);
        }
        Ok(())
    }

    fn count_branches(
        &mut self,
        below: &Layers,
        log: &LogId,
        base: Option<SegmentId>,
        change: i64,
    ) -> Outcome<()> {
        let Some(segment) = base else {
            return Ok(());
        };
        let log = LogId { segment, ..*log };
        if let Some(mut head) = self.head(below, &log)? {
            head.branches = head.branches.saturating_add_signed(change);
            self.heads.insert((log.session, segment), Some(head));
        }
        Ok(())
    }
}

fn extent_of(head: &mut Head, kind: LogKind) -> &mut Extent {
    match kind {
        LogKind::Entries => &mut head.log,
        LogKind::Traces => &mut head.traces,
    }
}

fn own_start_of(head: &Head, kind: LogKind) -> u64 {
    match kind {
        LogKind::Entries => head.own_start(),
        LogKind::Traces => 0,
    }
}
