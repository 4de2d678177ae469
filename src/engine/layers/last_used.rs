//! A page of sessions in the order of their last use: those of the tables, and what the memtables have made of them.

use crate::engine::fault::Outcome;
use crate::engine::layers::Layers;
use crate::engine::model::last_use::{LastUse, UseRange, keep_last};
use crate::engine::model::row::SessionRow;
use crate::ids::SessionId;

impl Layers {
    /// Up to `limit` sessions of the range, those written to last first.
    pub(crate) fn last_used(
        &self,
        range: &UseRange,
        limit: usize,
    ) -> Outcome<Vec<(SessionId, SessionRow)>> {
        let is_changed = |session| self.is_changed_from(0, session);
        let mut sessions = self.tables.last_used(range, limit, is_changed)?;
        let changed = self.last_changed(range, limit);
        if !changed.is_empty() {
            sessions.extend(changed);
            keep_last(&mut sessions, limit, place_of);
        }
        Ok(sessions)
    }

    /// The same of the sessions that the memtables have.
    fn last_changed(&self, range: &UseRange, limit: usize) -> Vec<(SessionId, SessionRow)> {
        let mut found = Vec::new();
        for (number, memtable) in self.memtables.iter().enumerate() {
            let rows = memtable.sessions.iter().filter_map(|(session, row)| {
                let row = row.as_ref()?;
                Some((LastUse::new(row.updated_ms, *session), row))
            });
            found.extend(rows.filter(|(place, _)| {
                range.contains(*place) && !self.is_changed_from(number + 1, place.session)
            }));
        }
        keep_last(&mut found, limit, |(place, _)| *place);
        let found = found.into_iter();
        found.map(|(place, row)| (place.session, *row)).collect()
    }

    /// Whether a memtable has the session, of those from this number on.
    fn is_changed_from(&self, number: usize, session: SessionId) -> bool {
        let mut memtables = self.memtables.iter().skip(number);
        memtables.any(|memtable| memtable.sessions.contains_key(&session))
    }
}

fn place_of((session, row): &(SessionId, SessionRow)) -> LastUse {
    LastUse::new(row.updated_ms, *session)
}
