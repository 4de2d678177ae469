//! Applying one op to the tables. Nothing else writes to them.

use redb::{ReadableTable, WriteTransaction};
use uuid::Uuid;

use super::read::{decode_head, decode_session};
use super::{HEADS, INDEX, METADATA, NAMES, SESSIONS, pair_bytes, run_key, runs_of};
use crate::engine::fault::{Fault, Outcome};
use crate::engine::op::{Entries, LogId, LogKind, Op, OriginRecord};
use crate::engine::row::{Extent, Head, SessionRow, Table, seal};
use crate::engine::run::Run;
use crate::ids::{SegmentId, SessionId};
use crate::store::StoreError;

/// Applies the op and returns what it leaves: the length of the log for ops on a log, else 1 if
/// there was something to change and 0 if not.
pub(super) fn apply(txn: &WriteTransaction, op: &Op) -> Outcome<u64> {
    let tables = Tables { txn };
    match op {
        Op::Append {
            log,
            expected,
            entries,
            origin,
            at_ms,
        } => tables.append(log, *expected, entries, *origin, *at_ms),
        Op::Replace {
            log,
            entries,
            origin,
            at_ms,
        } => tables.replace(log, entries, *origin, *at_ms),
        Op::Truncate { log, len, at_ms } => tables.truncate(log, *len, *at_ms),
        Op::DeleteLog { log } => tables.delete_log(log),
        Op::DeleteSession { session } => tables.delete_session(*session),
        Op::SetMetadata { session, json } => tables.set_metadata(*session, json),
        Op::SetName { name, json } => tables.set_name(name, json),
        Op::DeleteName { name } => tables.delete_name(name),
    }
}

struct Tables<'t> {
    txn: &'t WriteTransaction,
}

impl Tables<'_> {
    fn append(
        &self,
        log: &LogId,
        expected: Option<u64>,
        entries: &Entries,
        origin: Option<OriginRecord>,
        at_ms: u64,
    ) -> Outcome<u64> {
        let old = self.head(log)?;
        let mut head = old.unwrap_or_default();
        let extent = *extent_of(&mut head, log.kind);
        if let Some(expected) = expected.filter(|expected| *expected != extent.entries) {
            return Err(StoreError::Conflict {
                session: log.session,
                segment: log.segment,
                expected,
                actual: extent.entries,
            }
            .into());
        }
        if entries.len() == 0 {
            return Ok(extent.entries);
        }
        if log.kind == LogKind::Entries && !head.exists {
            head.exists = true;
            head.origin = origin;
        }
        if old.is_none() {
            head.created_ms = at_ms;
        }
        head.updated_ms = head.updated_ms.max(at_ms);
        *extent_of(&mut head, log.kind) = self.append_runs(log, extent, entries)?;
        let len = extent_of(&mut head, log.kind).entries;
        self.put_head(log, old.as_ref(), &head)?;
        Ok(len)
    }

    fn replace(
        &self,
        log: &LogId,
        entries: &Entries,
        origin: Option<OriginRecord>,
        at_ms: u64,
    ) -> Outcome<u64> {
        let old = self.head(log)?;
        let mut head = old.unwrap_or_default();
        self.clear_runs(log)?;
        if log.kind == LogKind::Entries {
            head.exists = true;
            head.origin = origin;
            head.created_ms = at_ms;
        } else if old.is_none() {
            head.created_ms = at_ms;
        }
        head.updated_ms = head.updated_ms.max(at_ms);
        let extent = self.append_runs(log, Extent::default(), entries)?;
        *extent_of(&mut head, log.kind) = extent;
        self.put_head(log, old.as_ref(), &head)?;
        Ok(extent.entries)
    }

    fn truncate(&self, log: &LogId, len: u64, at_ms: u64) -> Outcome<u64> {
        let old = self.head(log)?;
        let mut head = old.unwrap_or_default();
        let exists = log.kind == LogKind::Traces || head.exists;
        if !exists {
            return Err(StoreError::NotFound(log.segment).into());
        }
        let extent = *extent_of(&mut head, log.kind);
        if len > extent.entries {
            let asked = usize::try_from(len).unwrap_or(usize::MAX);
            let err =
                StoreError::truncate_past_end(log.session, log.segment, asked, extent.entries);
            return Err(err.into());
        }
        if len == extent.entries {
            return Ok(len);
        }
        *extent_of(&mut head, log.kind) = self.cut_runs(log, extent, len)?;
        head.updated_ms = head.updated_ms.max(at_ms);
        self.put_head(log, old.as_ref(), &head)?;
        Ok(len)
    }

    fn delete_log(&self, log: &LogId) -> Outcome<u64> {
        let Some(old) = self.head(log)? else {
            return Ok(0);
        };
        let mut head = old;
        match log.kind {
            LogKind::Entries => {
                head.exists = false;
                head.log = Extent::default();
                head.origin = None;
            }
            LogKind::Traces => head.traces = Extent::default(),
        }
        if head == old {
            return Ok(0);
        }
        self.clear_runs(log)?;
        self.put_head(log, Some(&old), &head)?;
        Ok(1)
    }

    fn delete_session(&self, session: SessionId) -> Outcome<u64> {
        let segments: Vec<SegmentId> = {
            let heads = self.txn.open_table(HEADS)?;
            let rows = heads.range((session, Uuid::nil())..=(session, Uuid::max()))?;
            rows.map(|row| Ok(row?.0.value().1))
                .collect::<Outcome<_>>()?
        };
        for segment in &segments {
            for kind in [LogKind::Entries, LogKind::Traces] {
                self.delete_log(&LogId {
                    session,
                    segment: *segment,
                    kind,
                })?;
            }
        }
        Ok(u64::from(!segments.is_empty()))
    }

    fn set_metadata(&self, session: SessionId, json: &[u8]) -> Outcome<u64> {
        if self.txn.open_table(SESSIONS)?.get(session)?.is_none() {
            return Err(StoreError::SessionNotFound(session).into());
        }
        let row = seal(Table::Metadata, session.as_bytes(), json);
        self.txn
            .open_table(METADATA)?
            .insert(session, row.as_slice())?;
        Ok(1)
    }

    fn set_name(&self, name: &str, json: &[u8]) -> Outcome<u64> {
        let row = seal(Table::Names, name.as_bytes(), json);
        self.txn.open_table(NAMES)?.insert(name, row.as_slice())?;
        Ok(1)
    }

    fn delete_name(&self, name: &str) -> Outcome<u64> {
        Ok(u64::from(
            self.txn.open_table(NAMES)?.remove(name)?.is_some(),
        ))
    }

    fn head(&self, log: &LogId) -> Outcome<Option<Head>> {
        let heads = self.txn.open_table(HEADS)?;
        let row = heads.get((log.session, log.segment))?;
        row.map(|row| decode_head(log.session, log.segment, row.value()))
            .transpose()
    }

    /// Puts entries behind those that the extent describes, growing the last run while they fit.
    fn append_runs(&self, log: &LogId, extent: Extent, entries: &Entries) -> Outcome<Extent> {
        if entries.len() == 0 {
            return Ok(extent);
        }
        let mut table = self.txn.open_table(runs_of(log.kind))?;
        let mut run = match extent.entries {
            0 => Run::new(0),
            end => {
                let row = table.get(run_key(log, extent.last_run))?;
                let run = row.map(|row| Run::decode(log, extent.last_run, row.value()));
                run.transpose()?
                    .filter(|run| run.end() == end)
                    .ok_or_else(|| lost_end(log, end))?
            }
        };
        let mut bytes = extent.bytes;
        for entry in entries.iter() {
            if !run.has_room_for(entry.len()) {
                table.insert(run_key(log, run.first()), run.encode(log).as_slice())?;
                run = Run::new(run.end());
            }
            run.push(entry);
            bytes += entry.len() as u64;
        }
        table.insert(run_key(log, run.first()), run.encode(log).as_slice())?;
        Ok(Extent {
            entries: run.end(),
            bytes,
            last_run: run.first(),
        })
    }

    /// Cuts the log down to `len` entries, of which it has more.
    fn cut_runs(&self, log: &LogId, extent: Extent, len: u64) -> Outcome<Extent> {
        if len == 0 {
            self.clear_runs(log)?;
            return Ok(Extent::default());
        }
        let mut table = self.txn.open_table(runs_of(log.kind))?;
        let mut run = {
            let row = table
                .range(run_key(log, 0)..run_key(log, len))?
                .next_back()
                .transpose()?;
            let run = row.map(|(key, row)| Run::decode(log, key.value().2, row.value()));
            run.transpose()?
                .filter(|run| run.end() >= len)
                .ok_or_else(|| lost_end(log, len))?
        };
        let before = run.entry_bytes();
        run.truncate(len);
        let cut = before - run.entry_bytes();
        table.insert(run_key(log, run.first()), run.encode(log).as_slice())?;
        drop(table);
        let removed = self.remove_runs(log, len)? + cut;
        let bytes = extent
            .bytes
            .checked_sub(removed)
            .ok_or_else(|| lost_end(log, len))?;
        Ok(Extent {
            entries: len,
            bytes,
            last_run: run.first(),
        })
    }

    /// Removes all runs of the log unread, so that a damaged log can be removed as well.
    fn clear_runs(&self, log: &LogId) -> Outcome<()> {
        let mut table = self.txn.open_table(runs_of(log.kind))?;
        table.retain_in(run_key(log, 0)..=run_key(log, u64::MAX), |_, _| false)?;
        Ok(())
    }

    /// Removes the runs that begin at entry `from` or later and returns their entries' bytes.
    fn remove_runs(&self, log: &LogId, from: u64) -> Outcome<u64> {
        let mut table = self.txn.open_table(runs_of(log.kind))?;
        let mut removed = 0;
        let range = run_key(log, from)..=run_key(log, u64::MAX);
        for row in table.extract_from_if(range, |_, _| true)? {
            let (key, row) = row?;
            removed += Run::decode(log, key.value().2, row.value())?.entry_bytes();
        }
        Ok(removed)
    }

    /// Stores a changed head, and with it all that is derived from heads.
    fn put_head(&self, log: &LogId, old: Option<&Head>, new: &Head) -> Outcome<()> {
        let (session, segment) = (log.session, log.segment);
        let key = pair_bytes(session, segment);
        let mut heads = self.txn.open_table(HEADS)?;
        if new.is_gone() {
            heads.remove((session, segment))?;
        } else {
            let row = seal(Table::Heads, &key, &new.encode());
            heads.insert((session, segment), row.as_slice())?;
        }
        if old.is_some_and(|old| old.exists) != new.exists {
            let mut index = self.txn.open_table(INDEX)?;
            if new.exists {
                let row = seal(Table::Index, &pair_bytes(segment, session), &[]);
                index.insert((segment, session), row.as_slice())?;
            } else {
                index.remove((segment, session))?;
            }
        }
        self.put_sums(session, old, new)
    }

    fn put_sums(&self, session: SessionId, old: Option<&Head>, new: &Head) -> Outcome<()> {
        let mut sessions = self.txn.open_table(SESSIONS)?;
        let row = sessions.get(session)?;
        let row = row
            .map(|row| decode_session(session, row.value()))
            .transpose()?;
        let mut sums: SessionRow = row.unwrap_or_default();
        if let Some(old) = old {
            sums.remove(old);
        }
        if !new.is_gone() {
            sums.add(new);
        }
        if sums.heads == 0 {
            sessions.remove(session)?;
            self.txn.open_table(METADATA)?.remove(session)?;
        } else {
            let row = seal(Table::Sessions, session.as_bytes(), &sums.encode());
            sessions.insert(session, row.as_slice())?;
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

fn lost_end(log: &LogId, end: u64) -> Fault {
    Fault::damaged(
        format!("{log}, entry {}", end.saturating_sub(1)),
        "the run that should hold it is missing or does not end there",
    )
}
