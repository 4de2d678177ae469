//! Sessions of the tables in the order of their last use: by the index, or without one by a pass over all.

use std::ops::Bound;

use crate::engine::fault::{Fault, Outcome};
use crate::engine::model::last_use::{LastUse, UseRange, keep_last};
use crate::engine::model::row::{SessionRow, unseal};
use crate::engine::model::table::Table;
use crate::engine::tables::read::{TablesView, decode_session};
use crate::engine::tables::schema::{SESSIONS, SESSIONS_BY_USE, UseKey, use_key};
use crate::ids::SessionId;

impl TablesView {
    /// Up to `limit` sessions of the range, those written to last first, without those that `skip` names.
    pub(crate) fn last_used(
        &self,
        range: &UseRange,
        limit: usize,
        skip: impl Fn(SessionId) -> bool,
    ) -> Outcome<Vec<(SessionId, SessionRow)>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let Some(index) = self.table_if_there(SESSIONS_BY_USE)? else {
            return self.last_used_of_all(range, limit, skip);
        };
        let sessions = self.txn.open_table(SESSIONS)?;
        let before = range
            .before
            .map_or(Bound::Unbounded, |before| Bound::Excluded(use_key(before)));
        let mut found = Vec::new();
        for row in index
            .range((Bound::Included(use_key(range.from)), before))?
            .rev()
        {
            if found.len() == limit {
                break;
            }
            let (key, value) = row?;
            let place = place_of(key.value(), value.value())?;
            if skip(place.session) {
                continue;
            }
            let row = sessions.get(place.session)?;
            let row = row.map(|row| decode_session(place.session, row.value()));
            let row = self.found(Table::Sessions, row.transpose()?)?;
            found.push((place.session, must_be_there(place, row)?));
        }
        self.listed(Table::SessionsByUse, found)
    }

    /// The same of an archive without the index.
    fn last_used_of_all(
        &self,
        range: &UseRange,
        limit: usize,
        skip: impl Fn(SessionId) -> bool,
    ) -> Outcome<Vec<(SessionId, SessionRow)>> {
        let mut places = Vec::new();
        self.for_each_session(|session, row| {
            let row = row?;
            let place = LastUse::new(row.updated_ms, session);
            if range.contains(place) && !skip(session) {
                places.push((place, row));
            }
            Ok(())
        })?;
        keep_last(&mut places, limit, |(place, _)| *place);
        let sessions = places.into_iter().map(|(place, row)| (place.session, row));
        self.listed(Table::Sessions, sessions.collect())
    }

    /// Whether the archive keeps the index, by which a page of sessions is found without a pass over all.
    pub(crate) fn has_sessions_by_use(&self) -> Outcome<bool> {
        Ok(self.table_if_there(SESSIONS_BY_USE)?.is_some())
    }

    /// Whether the index has a session at this place.
    pub(crate) fn is_used_at(&self, place: LastUse) -> Outcome<bool> {
        let Some(index) = self.table_if_there(SESSIONS_BY_USE)? else {
            return Ok(false);
        };
        let row = index.get(use_key(place))?;
        let found = row.map(|row| place_of(use_key(place), row.value()));
        Ok(self
            .found(Table::SessionsByUse, found.transpose()?)?
            .is_some())
    }

    /// Calls `each` with every place of the index, and whether its row is sound.
    pub(crate) fn for_each_use(
        &self,
        mut each: impl FnMut(SessionId, Outcome<LastUse>) -> Outcome<()>,
    ) -> Outcome<()> {
        let Some(index) = self.table_if_there(SESSIONS_BY_USE)? else {
            return Ok(());
        };
        for row in index.range::<UseKey>(..)? {
            let (key, value) = row?;
            each(key.value().1, place_of(key.value(), value.value()))?;
        }
        Ok(())
    }
}

fn place_of((updated_ms, session): (u64, SessionId), row: &[u8]) -> Outcome<LastUse> {
    let place = LastUse::new(updated_ms, session);
    unseal(Table::SessionsByUse, &place.key_bytes(), row)
        .map(|_| place)
        .map_err(|message| of_index(place, &message))
}

/// The row of a session that the index has at this place.
fn must_be_there(place: LastUse, row: Option<SessionRow>) -> Outcome<SessionRow> {
    match row {
        Some(row) if row.updated_ms == place.updated_ms => Ok(row),
        Some(_) => Err(of_index(place, "it has the session at another time")),
        None => Err(of_index(place, "it has the session, which is not there")),
    }
}

fn of_index(place: LastUse, message: &str) -> Fault {
    let place = format!("index by last use, session {}", place.session);
    Fault::damaged(place, message)
}
