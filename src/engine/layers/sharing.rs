//! Branches: what becomes of entries that several segments share.

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::Outcome;
use crate::engine::layers::{Layers, must_descend};
use crate::engine::memtable::Memtable;
use crate::engine::memtable::extents::Extents;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind, OriginRecord};
use crate::engine::model::row::{Head, LogSize, ParentLink};
use crate::engine::model::run::Run;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

impl Memtable {
    pub(crate) fn branch(
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
        head.parent = self.parent_at(below, &log(from), len)?;
        head.log = LogSize {
            entries: len,
            bytes: 0,
        };
        if old.is_none() {
            head.created_ms = at_ms;
        }
        head.updated_ms = head.updated_ms.max(at_ms);
        self.put_head(below, &log(to), old.as_ref(), head)?;
        self.logs.insert(log(to), Extents::default());
        Ok(len)
    }

    /// Of whom a log shares its first `len` entries that begins as that one does: of the segment
    /// that has the last of them for its own. So a chain has no link that nothing is read from.
    pub(crate) fn parent_at(
        &self,
        below: &Layers,
        log: &LogId,
        len: u64,
    ) -> Outcome<Option<ParentLink>> {
        if len == 0 {
            return Ok(None);
        }
        let (mut own, mut before) = (*log, u64::MAX);
        while let Some(parent) = self.parent_of(below, &own)? {
            if parent.len < len {
                break;
            }
            must_descend(&own, parent, before)?;
            before = parent.len;
            own.segment = parent.segment;
        }
        let segment = own.segment;
        Ok(Some(ParentLink { segment, len }))
    }

    /// Lets the segments that share more than `len` entries of a log keep them: the one that
    /// shares most takes them over, and the others have it as their parent from now on.
    pub(crate) fn reparent(&mut self, below: &Layers, log: &LogId, len: u64) -> Outcome<()> {
        let head = match log.kind {
            LogKind::Entries => self.head(below, log)?,
            LogKind::Traces => None,
        };
        let Some(head) = head.filter(|head| head.branches > 0 && !seeded(Bug::ForgetBranches))
        else {
            return Ok(());
        };
        let mut shared: Vec<(ParentLink, SegmentId, Head)> = Vec::new();
        for (segment, branch) in self.all_heads(below, log.session)? {
            let parent = branch.parent.filter(|parent| parent.segment == log.segment);
            shared.extend(
                parent
                    .filter(|parent| parent.len > len)
                    .map(|parent| (parent, segment, branch)),
            );
        }
        let Some((most, owner, mut owner_head)) = shared
            .iter()
            .copied()
            .max_by_key(|(parent, _, _)| parent.len)
        else {
            return Ok(());
        };
        let own_start = head.own_start();
        let taken = len.max(own_start)..most.len;
        let owner_log = LogId {
            segment: owner,
            ..*log
        };
        let bytes = self.bytes_between(below, log, taken.clone())?;
        let extents = self.extents_mut(log, own_start..head.log.entries).clone();
        let owner_end = owner_head.log.entries;
        self.extents_mut(&owner_log, most.len..owner_end)
            .prepend(extents.between(taken));
        let old = owner_head;
        owner_head.log.bytes += bytes;
        owner_head.parent = if len > own_start {
            let segment = log.segment;
            Some(ParentLink { segment, len })
        } else {
            head.parent
        };
        self.put_head(below, &owner_log, Some(&old), owner_head)?;
        for (parent, segment, old) in shared {
            if segment != owner {
                let mut head = old;
                head.parent = Some(ParentLink {
                    segment: owner,
                    len: parent.len,
                });
                let log = LogId { segment, ..*log };
                self.put_head(below, &log, Some(&old), head)?;
            }
        }
        Ok(())
    }

    /// Puts entries in the place of others, in the logs whose own those are.
    pub(crate) fn erase(
        &mut self,
        below: &Layers,
        log: &LogId,
        first: u64,
        entries: &Entries,
        at_ms: u64,
    ) -> Outcome<u64> {
        let end = first.saturating_add(entries.len());
        let len = self.head(below, log)?.map_or(0, |mut head| {
            let size = head.size_mut(log.kind);
            size.entries
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
            let parent = self.parent_of(below, &own)?;
            let start = parent.map_or(0, |parent| parent.len).max(first);
            if start < at {
                let part = entries.slice(start - first..at - first);
                self.erase_own(below, &own, Run::new(start, part), at_ms)?;
            }
            at = at.min(start);
            match parent {
                Some(parent) if !seeded(Bug::EraseOwnAlone) => {
                    must_descend(&own, parent, before)?;
                    before = parent.len;
                    own.segment = parent.segment;
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
        let own_start = head.own_start_of(log.kind);
        let size = head.size_mut(log.kind);
        size.bytes = size.bytes.saturating_sub(gone) + new.entries().entry_bytes();
        let end = size.entries;
        head.updated_ms = head.updated_ms.max(at_ms);
        self.put_head(below, log, Some(&old), head)?;
        self.extents_mut(log, own_start..end).overwrite(new);
        Ok(())
    }
}
