//! What the changes in the journal make of what was found in the tables.

use uuid::Uuid;

use super::found::{Found, FoundOrigin, FoundSegment, may_hold, may_hold_runs};
use super::rows::Table;
use super::walk::Lost;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind, OriginRecord};
use crate::engine::model::op::{Op, notes_of};
use crate::engine::model::row::SessionRow;
use crate::ids::SessionId;

impl Found {
    /// Applies a change that the journal holds.
    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Append {
                log,
                entries,
                origin,
                at_ms,
                ..
            } => self.append(&log, entries, origin, at_ms),
            Op::Replace {
                log,
                entries,
                origin,
                at_ms,
            } => self.replace(&log, entries, origin, at_ms),
            Op::Branch {
                session,
                from,
                len,
                to,
                origin,
                at_ms,
            } => {
                let log = |segment| LogId {
                    session,
                    segment,
                    kind: LogKind::Entries,
                };
                self.branch(log(from), log(to), len, origin, at_ms);
            }
            Op::Erase {
                log,
                first,
                entries,
                at_ms,
            } => self.erase(&log, first, entries, at_ms),
            Op::Truncate { log, len, at_ms } => self.truncate(&log, len, at_ms),
            Op::DeleteLog { log } => {
                let was_there = self.is_there(&log);
                self.delete_log(&log);
                self.end_session(log.session, was_there);
            }
            Op::DeleteSession { session } => self.delete_session(session),
            Op::SetMetadata {
                session,
                json,
                at_ms,
            } => self.set_metadata(session, json, at_ms),
            Op::SetName { name, json } => drop(self.names.insert(name, json)),
            Op::DeleteName { name } => drop(self.names.remove(&name)),
            // No frame holds one.
            // No journal has any of these.
            Op::AppendLarge { .. } | Op::Expect(_) => {}
        }
    }

    fn append(&mut self, log: &LogId, entries: Entries, origin: Option<OriginRecord>, at_ms: u64) {
        if entries.is_empty() {
            return;
        }
        let segment = self.segment(log, at_ms);
        if log.kind == LogKind::Entries && !segment.exists {
            segment.exists = true;
            // A head that is lost may have named another.
            if segment.log.len == Some(0) {
                segment.origin = FoundOrigin::Known(origin);
            }
        }
        segment.log_mut(log.kind).append(entries);
    }

    fn replace(&mut self, log: &LogId, entries: Entries, origin: Option<OriginRecord>, at_ms: u64) {
        let was_there = self.is_there(log);
        if log.kind == LogKind::Entries {
            self.reparent(log, 0);
        }
        let segment = self.segment(log, at_ms);
        if log.kind == LogKind::Entries {
            segment.parent = None;
            segment.exists = true;
            segment.origin = FoundOrigin::Known(origin);
            segment.created_ms = Some(at_ms);
        }
        segment.log_mut(log.kind).set(entries);
        self.end_session(log.session, was_there);
    }

    fn truncate(&mut self, log: &LogId, len: u64, at_ms: u64) {
        let now = self.segments.get_mut(&(log.session, log.segment));
        if now.is_some_and(|found| found.log_mut(log.kind).len == Some(len)) {
            return;
        }
        let was_there = self.is_there(log);
        if log.kind == LogKind::Entries {
            self.reparent(log, len);
        }
        let segment = self.segment(log, at_ms);
        if log.kind == LogKind::Entries {
            segment.shorten_parent(len);
        }
        if !segment.log_mut(log.kind).truncate(len) {
            self.remarks.push(format!(
                "{log}: the journal cuts it off after {len} entries, and it has fewer; it was left \
                 as it is"
            ));
        }
        self.end_session(log.session, was_there);
    }

    /// The segment of a log that is written to.
    pub(super) fn segment(&mut self, log: &LogId, at_ms: u64) -> &mut FoundSegment {
        let found = self.changed(log);
        if !found.is_there() && found.log.len == Some(0) && found.traces.len == Some(0) {
            found.created_ms = Some(at_ms);
            found.updated_ms = None;
        }
        found.updated_ms = found.updated_ms.max(Some(at_ms));
        found
    }

    /// The segment of a log that is changed: empty if nothing was found of it and nothing of it can
    /// be lost.
    pub(super) fn changed(&mut self, log: &LogId) -> &mut FoundSegment {
        let (session, segment) = (log.session, log.segment);
        let is_new = self.deleted_sessions.contains(&session)
            || !may_hold(&self.lost, Table::Heads, (session, segment, 0));
        let len = |kind| {
            let unknown = !is_new && may_hold_runs(&self.lost, session, segment, kind, 0);
            (!unknown).then_some(0)
        };
        let (log_len, traces_len) = (len(LogKind::Entries), len(LogKind::Traces));
        self.segments.entry((session, segment)).or_insert_with(|| {
            let mut found = FoundSegment::default();
            (found.log.len, found.traces.len) = (log_len, traces_len);
            found
        })
    }

    fn delete_log(&mut self, log: &LogId) {
        if log.kind == LogKind::Entries {
            self.reparent(log, 0);
        }
        let segment = self.changed(log);
        segment.log_mut(log.kind).set(Entries::default());
        if log.kind == LogKind::Entries {
            segment.exists = false;
            segment.origin = FoundOrigin::Known(None);
            segment.parent = None;
        }
    }

    fn delete_session(&mut self, session: SessionId) {
        self.deleted_sessions.insert(session);
        let range = (session, Uuid::nil())..=(session, Uuid::max());
        for (_, segment) in self.segments.range_mut(range) {
            *segment = FoundSegment::default();
            segment.log.len = Some(0);
            segment.traces.len = Some(0);
            segment.origin = FoundOrigin::Known(None);
        }
        self.forget_beside(session);
    }

    /// Removes what is kept beside the logs of a session.
    fn forget_beside(&mut self, session: SessionId) {
        self.metadata.remove(&session);
        self.begun.remove(&session);
        let [first, behind] = notes_of(session);
        self.names
            .retain(|name, _| *name < first || *name >= behind);
    }

    fn set_metadata(&mut self, session: SessionId, json: Vec<u8>, at_ms: u64) {
        let all = |segment, number| (session, segment, number);
        let (from, to) = (all(Uuid::nil(), 0), all(Uuid::max(), u64::MAX));
        let may_lack = |lost: &Lost| lost.may_hold(Table::Heads, from, to);
        if !self.goes_on(session) && !self.lost.iter().any(may_lack) {
            let row = self.begun.entry(session);
            let row = row.or_insert(SessionRow::begun(at_ms));
            row.updated_ms = row.updated_ms.max(at_ms);
        }
        self.metadata.insert(session, json);
    }

    /// Removes the metadata and the notes of a session that has lost the segment, which was there, and has nothing
    /// else.
    fn end_session(&mut self, session: SessionId, was_there: bool) {
        if was_there && !self.goes_on(session) {
            self.forget_beside(session);
        }
    }

    fn is_there(&self, log: &LogId) -> bool {
        let found = self.segments.get(&(log.session, log.segment));
        found.is_some_and(FoundSegment::is_there)
    }
}
