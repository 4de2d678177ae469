//! The two marks on a session, and what changes them.

use super::info::SessionMarks;
use super::note_ops::{delete_op, write_op};
use super::snapshot::Snapshot;
use crate::engine::{Expect, Op};
use crate::error::StoreError;
use crate::ids::{SessionId, now_ms};

/// The note that says that some session has been marked, so that lists look for marks at all.
pub(crate) const IN_USE: &str = "sessiondb/trash";

/// The note on a session that has its marks. It ends with the session, as all notes on it do.
pub(crate) fn key_of(session: SessionId) -> String {
    format!("session/{session}/sessiondb/trash")
}

/// A change of the marks of a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    Trash,
    Restore,
    Hide,
    Unhide,
}

/// What changes the marks of a session that is there before a batch, and still at this place of it.
pub(super) fn marked_ops(
    now: &Snapshot,
    session: SessionId,
    marks: &[Mark],
) -> Result<Vec<Op>, StoreError> {
    let after = marks
        .iter()
        .fold(marks_of(now, session)?, |marks, mark| marks.changed(*mark));
    let is_there = Op::Expect(Expect::SessionPresent(session));
    Ok([vec![is_there], after.ops(session)?].concat())
}

/// The marks of a session that is there.
pub(super) fn marks_of(now: &Snapshot, session: SessionId) -> Result<SessionMarks, StoreError> {
    let info = now.session(session)?;
    Ok(info.ok_or(StoreError::SessionNotFound(session))?.marks())
}

impl SessionMarks {
    pub(super) fn changed(self, mark: Mark) -> Self {
        match mark {
            Mark::Trash => Self {
                trashed_ms: Some(self.trashed_ms.unwrap_or_else(now_ms)),
                ..self
            },
            Mark::Restore => self.out_of_trash(),
            Mark::Hide | Mark::Unhide => Self {
                hidden: matches!(mark, Mark::Hide),
                ..self
            },
        }
    }

    /// What gives a session these marks.
    pub(crate) fn ops(self, session: SessionId) -> Result<Vec<Op>, StoreError> {
        let key = key_of(session);
        if self == Self::default() {
            return Ok(vec![delete_op(&key)]);
        }
        Ok(vec![write_op(IN_USE, &true)?, write_op(&key, &self)?])
    }
}
