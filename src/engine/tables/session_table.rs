//! Session rows on their way into the tables, and the index by last use beside them: no row goes without its place in it.

use redb::{Table as Rows, WriteTransaction};
use uuid::Uuid;

use crate::engine::fault::Outcome;
use crate::engine::model::last_use::LastUse;
use crate::engine::model::row::{SessionRow, seal};
use crate::engine::model::table::Table;
use crate::engine::tables::read::decode_session;
use crate::engine::tables::schema::{SESSIONS, SESSIONS_BY_USE, UseKey, use_key};
use crate::ids::SessionId;

/// The table of sessions, open to be changed.
pub(super) struct SessionTable<'t> {
    sessions: Rows<'t, Uuid, &'static [u8]>,
    /// The index, if the archive has one.
    by_use: Option<Rows<'t, UseKey, &'static [u8]>>,
}

impl<'t> SessionTable<'t> {
    pub(super) fn open(txn: &'t WriteTransaction, by_use: bool) -> Outcome<Self> {
        Ok(Self {
            sessions: txn.open_table(SESSIONS)?,
            by_use: by_use
                .then(|| txn.open_table(SESSIONS_BY_USE))
                .transpose()?,
        })
    }

    /// Makes `row` the one of the session, or removes it.
    pub(super) fn set(&mut self, session: SessionId, row: Option<&SessionRow>) -> Outcome<()> {
        let sealed = row.map(|row| seal(Table::Sessions, session.as_bytes(), &row.encode()));
        let before = match &sealed {
            Some(sealed) => self.sessions.insert(session, sealed.as_slice())?,
            None => self.sessions.remove(session)?,
        };
        let Some(by_use) = &mut self.by_use else {
            return Ok(());
        };
        let before = before.map(|row| decode_session(session, row.value()));
        let before = before.transpose()?.map(|row| row.updated_ms);
        let after = row.map(|row| row.updated_ms);
        if before == after {
            return Ok(());
        }
        if let Some(before) = before {
            by_use.remove((before, session))?;
        }
        if let Some(after) = after {
            put(by_use, LastUse::new(after, session))?;
        }
        Ok(())
    }
}

/// Fills the index of a new image; the places are in their order.
pub(super) fn fill_index(txn: &WriteTransaction, places: &[LastUse]) -> Outcome<()> {
    let mut by_use = txn.open_table(SESSIONS_BY_USE)?;
    places.iter().try_for_each(|place| put(&mut by_use, *place))
}

fn put(by_use: &mut Rows<'_, UseKey, &'static [u8]>, place: LastUse) -> Outcome<()> {
    let row = seal(Table::SessionsByUse, &place.key_bytes(), &[]);
    by_use.insert(use_key(place), row.as_slice())?;
    Ok(())
}
