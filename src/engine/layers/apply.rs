//! The meaning of every op: what it changes in a memtable, given the layers below.

use std::ops::Bound;

use crate::engine::fault::Outcome;
use crate::engine::layers::Layers;
use crate::engine::layers::conditions::must_have_len;
use crate::engine::memtable::Memtable;
use crate::engine::memtable::extents::Extents;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind, OriginRecord};
use crate::engine::model::op::{LargeEntry, Op, notes_of};
use crate::engine::model::row::{LogSize, SessionRow};
use crate::engine::model::run::Run;
use crate::error::StoreError;
use crate::ids::SessionId;

/// What is appended to a log.
enum New {
    Entries(Entries),
    Large(LargeEntry),
}

impl New {
    /// How many entries, and their bytes.
    fn size(&self) -> (u64, u64) {
        match self {
            Self::Entries(entries) => (entries.len(), entries.entry_bytes()),
            Self::Large(entry) => (1, entry.0.len()),
        }
    }
}

impl Memtable {
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
            } => self.append(below, &log, expected, New::Entries(entries), origin, at_ms),
            Op::AppendLarge {
                log,
                expected,
                entry,
                origin,
                at_ms,
            } => self.append(below, &log, expected, New::Large(entry), origin, at_ms),
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
            Op::SetMetadata {
                session,
                json,
                at_ms,
            } => self.set_metadata(below, session, json, at_ms),
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
            Op::Expect(condition) => self.expect(below, &condition).map(|()| 0),
        }
    }

    fn append(
        &mut self,
        below: &Layers,
        log: &LogId,
        expected: Option<u64>,
        new: New,
        origin: Option<OriginRecord>,
        at_ms: u64,
    ) -> Outcome<u64> {
        let (entries, bytes) = new.size();
        let old = self.head(below, log)?;
        let mut head = old.unwrap_or_default();
        let len = head.size_mut(log.kind).entries;
        if let Some(expected) = expected {
            must_have_len(log, expected, len)?;
        }
        if entries == 0 {
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
        let size = head.size_mut(log.kind);
        size.entries += entries;
        size.bytes += bytes;
        let end = size.entries;
        let own_start = head.own_start_of(log.kind);
        self.put_head(below, log, old.as_ref(), head)?;
        let extents = self.extents_mut(log, own_start..len);
        match new {
            New::Entries(entries) => extents.push(Run::new(len, entries)),
            New::Large(entry) => extents.push_large(len, entry),
        }
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
        self.reparent(below, log, 0)?;
        let old = self.head(below, log)?;
        let mut head = old.unwrap_or_default();
        if log.kind == LogKind::Entries {
            head.exists = true;
            head.origin = origin;
            head.parent = None;
            head.created_ms = at_ms;
        } else if old.is_none() {
            head.created_ms = at_ms;
        }
        head.updated_ms = head.updated_ms.max(at_ms);
        let (len, bytes) = (entries.len(), entries.entry_bytes());
        *head.size_mut(log.kind) = LogSize {
            entries: entries.len(),
            bytes,
        };
        self.put_head(below, log, old.as_ref(), head)?;
        let mut extents = Extents::default();
        if !entries.is_empty() {
            extents.push(Run::new(0, entries));
        }
        self.logs.insert(*log, extents);
        Ok(len)
    }

    fn truncate(&mut self, below: &Layers, log: &LogId, len: u64, at_ms: u64) -> Outcome<u64> {
        let old = self.head(below, log)?;
        let mut head = old.unwrap_or_default();
        if log.kind == LogKind::Entries && !head.exists {
            return Err(StoreError::NotFound(log.segment).into());
        }
        let size = *head.size_mut(log.kind);
        if len > size.entries {
            let asked = usize::try_from(len).unwrap_or(usize::MAX);
            let actual = size.entries;
            let err = StoreError::truncate_past_end(log.session, log.segment, asked, actual);
            return Err(err.into());
        }
        if len == size.entries {
            return Ok(len);
        }
        let own_start = head.own_start_of(log.kind);
        let bytes = if len <= own_start {
            0
        } else {
            let cut = self.bytes_between(below, log, len..size.entries)?;
            size.bytes.saturating_sub(cut)
        };
        self.reparent(below, log, len)?;
        let old = self.head(below, log)?;
        let mut head = old.unwrap_or_default();
        *head.size_mut(log.kind) = LogSize {
            entries: len,
            bytes,
        };
        if len < own_start {
            head.parent = self.parent_at(below, log, len)?;
        }
        head.updated_ms = head.updated_ms.max(at_ms);
        self.put_head(below, log, old.as_ref(), head)?;
        self.extents_mut(log, own_start..size.entries).truncate(len);
        Ok(len)
    }

    fn delete_log(&mut self, below: &Layers, log: &LogId) -> Outcome<u64> {
        self.reparent(below, log, 0)?;
        let Some(old) = self.head(below, log)? else {
            return Ok(0);
        };
        let mut head = old;
        *head.size_mut(log.kind) = LogSize::default();
        if log.kind == LogKind::Entries {
            head.exists = false;
            head.origin = None;
            head.parent = None;
        }
        if head == old {
            return Ok(0);
        }
        self.put_head(below, log, Some(&old), head)?;
        self.logs.insert(*log, Extents::default());
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
                self.logs.insert(log, Extents::default());
            }
        }
        let is_there = self.session(below, session)?.is_some();
        if is_there {
            self.end_session(below, session)?;
        }
        Ok(u64::from(is_there))
    }

    /// Takes the row of a session that has nothing left away, with its metadata and the notes on it.
    pub(super) fn end_session(&mut self, below: &Layers, session: SessionId) -> Outcome<()> {
        self.sessions.insert(session, None);
        self.metadata.insert(session, None);
        let [first, behind] = notes_of(session);
        let range = (Bound::Included(&*first), Bound::Excluded(&*behind));
        for name in below.names_in(range)? {
            self.names.insert(name, None);
        }
        for (_, json) in self.names.range_mut::<str, _>(range) {
            *json = None;
        }
        Ok(())
    }

    fn set_metadata(
        &mut self,
        below: &Layers,
        session: SessionId,
        json: Vec<u8>,
        at_ms: u64,
    ) -> Outcome<u64> {
        let row = self.session(below, session)?;
        // With segments, its times are theirs.
        if row.is_none_or(|row| row.heads == 0) {
            let mut row = row.unwrap_or(SessionRow::begun(at_ms));
            row.updated_ms = row.updated_ms.max(at_ms);
            self.sessions.insert(session, Some(row));
        }
        self.metadata.insert(session, Some(json));
        Ok(1)
    }
}
