//! A tail: what the frames of one epoch change, as state in memory on top of what is below it.
//!
//! Here is the meaning of every op. A tail holds whole heads and sums, so that whoever looks for
//! one asks the layers from the top, and the first that has it is right.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::fault::Outcome;
use super::layers::Layers;
use super::op::{LogId, LogKind, Op, OriginRecord};
use super::row::{Extent, Head, SessionRow};
use super::run::{Entries, Run};
use crate::ids::{SegmentId, SessionId};
use crate::store::StoreError;

/// The changes of one epoch. `None` in a map is what was removed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    pub(crate) heads: BTreeMap<(SessionId, SegmentId), Option<Head>>,
    pub(crate) logs: HashMap<LogId, LogTail>,
    pub(crate) sessions: BTreeMap<SessionId, Option<SessionRow>>,
    pub(crate) metadata: BTreeMap<SessionId, Option<Vec<u8>>>,
    pub(crate) names: BTreeMap<String, Option<Vec<u8>>>,
}

/// The changes of one log.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogTail {
    /// How many entries of the log below still count.
    pub(crate) below: u64,
    /// The entries behind those.
    pub(crate) runs: Vec<Arc<Run>>,
}

/// Where a tail says that an entry is.
pub(crate) enum Place {
    Here(Arc<Run>),
    /// In the layers below, of whose log this many entries count.
    Below(u64),
}

impl Tail {
    /// Whether it changes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.metadata.is_empty() && self.names.is_empty()
    }

    /// Where the entry with this index of the log is.
    pub(crate) fn place_of(&self, log: &LogId, index: u64) -> Place {
        let Some(tail) = self.logs.get(log) else {
            return Place::Below(u64::MAX);
        };
        if index < tail.below {
            return Place::Below(tail.below);
        }
        let next = tail.runs.partition_point(|run| run.first() <= index);
        match next
            .checked_sub(1)
            .and_then(|position| tail.runs.get(position))
        {
            Some(run) if index < run.end() => Place::Here(Arc::clone(run)),
            _ => Place::Below(tail.below),
        }
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
        if let Some(expected) = expected.filter(|expected| *expected != len) {
            let (session, segment) = (log.session, log.segment);
            return Err(StoreError::Conflict {
                session,
                segment,
                expected,
                actual: len,
            }
            .into());
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
        self.put_head(below, log, old.as_ref(), head)?;
        let tail = self.logs.entry(*log).or_insert_with(|| LogTail {
            below: len,
            runs: Vec::new(),
        });
        tail.runs.push(Arc::new(Run::new(len, entries)));
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
        let old = self.head(below, log)?;
        let mut head = old.unwrap_or_default();
        if log.kind == LogKind::Entries {
            head.exists = true;
            head.origin = origin;
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
        let mut tail = LogTail::default();
        if !entries.is_empty() {
            tail.runs.push(Arc::new(Run::new(0, entries)));
        }
        self.logs.insert(*log, tail);
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
        let cut = if len == 0 {
            extent.bytes
        } else {
            self.bytes_from(below, log, len, extent)?
        };
        let bytes = extent.bytes.saturating_sub(cut);
        *extent_of(&mut head, log.kind) = Extent {
            entries: len,
            bytes,
        };
        head.updated_ms = head.updated_ms.max(at_ms);
        self.put_head(below, log, old.as_ref(), head)?;
        let tail = self.logs.entry(*log);
        let tail = tail.or_insert_with(|| LogTail {
            below: extent.entries,
            runs: Vec::new(),
        });
        tail.below = tail.below.min(len);
        tail.runs.retain(|run| run.first() < len);
        if let Some(last) = tail.runs.last_mut().filter(|run| run.end() > len) {
            Arc::make_mut(last).truncate(len);
        }
        Ok(len)
    }

    /// The bytes of the entries from `from` to the end of the log.
    fn bytes_from(&self, below: &Layers, log: &LogId, from: u64, extent: Extent) -> Outcome<u64> {
        let (mut next, mut bytes) = (from, 0);
        while next < extent.entries {
            let run = match self.place_of(log, next) {
                Place::Here(run) => run,
                Place::Below(limit) => below.run_holding_up_to(log, next, limit)?,
            };
            bytes += run.bytes_between(next..extent.entries);
            next = run.end();
        }
        Ok(bytes)
    }

    fn delete_log(&mut self, below: &Layers, log: &LogId) -> Outcome<u64> {
        let Some(old) = self.head(below, log)? else {
            return Ok(0);
        };
        let mut head = old;
        *extent_of(&mut head, log.kind) = Extent::default();
        if log.kind == LogKind::Entries {
            head.exists = false;
            head.origin = None;
        }
        if head == old {
            return Ok(0);
        }
        self.put_head(below, log, Some(&old), head)?;
        self.logs.insert(*log, LogTail::default());
        Ok(1)
    }

    fn delete_session(&mut self, below: &Layers, session: SessionId) -> Outcome<u64> {
        let mut heads: BTreeMap<SegmentId, Option<Head>> = BTreeMap::new();
        heads.extend(
            below
                .heads(session)?
                .into_iter()
                .map(|(segment, head)| (segment, Some(head))),
        );
        heads.extend(self.heads_of(session));
        let segments: Vec<_> = heads
            .into_iter()
            .filter_map(|(segment, head)| head.map(|_| segment))
            .collect();
        for segment in &segments {
            for kind in [LogKind::Entries, LogKind::Traces] {
                self.delete_log(
                    below,
                    &LogId {
                        session,
                        segment: *segment,
                        kind,
                    },
                )?;
            }
        }
        Ok(u64::from(!segments.is_empty()))
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

    /// Stores a changed head, and with it the sums of its session.
    fn put_head(
        &mut self,
        below: &Layers,
        log: &LogId,
        old: Option<&Head>,
        new: Head,
    ) -> Outcome<()> {
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
}

fn extent_of(head: &mut Head, kind: LogKind) -> &mut Extent {
    match kind {
        LogKind::Entries => &mut head.log,
        LogKind::Traces => &mut head.traces,
    }
}
