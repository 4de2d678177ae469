//! Heads and session rows as a memtable and the layers below it say together, and storing a changed one.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::engine::fault::Outcome;
use crate::engine::layers::Layers;
use crate::engine::memtable::Memtable;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::row::{Head, ParentLink, SessionRow};
use crate::ids::{SegmentId, SessionId};

impl Memtable {
    /// The bytes of some of a log's own entries.
    pub(crate) fn bytes_between(
        &self,
        below: &Layers,
        log: &LogId,
        range: Range<u64>,
    ) -> Outcome<u64> {
        match self.logs.get(log) {
            Some(extents) => below.bytes_of(extents.between(range), log),
            None => below.bytes_between(log, range),
        }
    }

    /// All heads of a session as they are now.
    pub(crate) fn all_heads(
        &self,
        below: &Layers,
        session: SessionId,
    ) -> Outcome<BTreeMap<SegmentId, Head>> {
        let mut heads: BTreeMap<_, _> = below.heads(session)?.into_iter().collect();
        for (segment, head) in self.heads_of(session) {
            match head {
                Some(head) => drop(heads.insert(segment, head)),
                None => drop(heads.remove(&segment)),
            }
        }
        Ok(heads)
    }

    pub(crate) fn head(&self, below: &Layers, log: &LogId) -> Outcome<Option<Head>> {
        match self.heads.get(&(log.session, log.segment)) {
            Some(head) => Ok(*head),
            None => below.head(log.session, log.segment),
        }
    }

    pub(crate) fn session(
        &self,
        below: &Layers,
        session: SessionId,
    ) -> Outcome<Option<SessionRow>> {
        match self.sessions.get(&session) {
            Some(row) => Ok(*row),
            None => below.session(session),
        }
    }

    pub(crate) fn parent_of(&self, below: &Layers, log: &LogId) -> Outcome<Option<ParentLink>> {
        if log.kind == LogKind::Traces {
            return Ok(None);
        }
        Ok(self.head(below, log)?.and_then(|head| head.parent))
    }

    /// Stores a changed head, and with it the sums of its session and the number of branches of
    /// its parent.
    pub(crate) fn put_head(
        &mut self,
        below: &Layers,
        log: &LogId,
        old: Option<&Head>,
        new: Head,
    ) -> Outcome<()> {
        let parent_of = |head: &Head| head.parent.map(|parent| parent.segment);
        let (was, is) = (old.and_then(parent_of), parent_of(&new));
        if was != is {
            self.count_branches(below, log, was, -1)?;
            self.count_branches(below, log, is, 1)?;
        }
        let row = self.session(below, log.session)?;
        let mut sums = row.unwrap_or_default();
        if let Some(old) = old {
            sums.remove(old);
        }
        let gone = new.is_gone();
        if !gone {
            sums.add(&new);
        }
        self.heads
            .insert((log.session, log.segment), (!gone).then_some(new));
        if sums.heads > 0 {
            self.sessions.insert(log.session, Some(sums));
        } else if old.is_some() {
            self.end_session(below, log.session)?;
        }
        Ok(())
    }

    fn count_branches(
        &mut self,
        below: &Layers,
        log: &LogId,
        parent: Option<SegmentId>,
        change: i64,
    ) -> Outcome<()> {
        let Some(segment) = parent else {
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
