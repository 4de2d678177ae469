//! The trash, and sessions that lists leave out: two marks on a session, which take nothing of it away.

use super::batch::Batch;
use super::handle::Archive;
use super::info::{SessionInfo, SessionMarks};
use super::notes;
use super::snapshot::Snapshot;
use crate::engine::{Expect, Op, SessionRow};
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
    let before = now.session(session)?;
    let before = before.ok_or(StoreError::SessionNotFound(session))?.marks();
    let after = marks
        .iter()
        .fold(before, |marks, mark| marks.changed(*mark));
    let is_there = Op::Expect(Expect::SessionPresent(session));
    Ok([vec![is_there], after.ops(session)?].concat())
}

impl SessionMarks {
    fn changed(self, mark: Mark) -> Self {
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
            return Ok(vec![notes::delete_op(&key)]);
        }
        Ok(vec![
            notes::write_op(IN_USE, &true)?,
            notes::write_op(&key, &self)?,
        ])
    }
}

impl Archive {
    /// Puts a session into the trash: lists that are asked for what is in use leave it out from now on, and
    /// nothing of it is taken away. Returns whether it was not there before.
    ///
    /// It can be read and written to as before, and stays in the trash whatever is written to it:
    /// [`restore_session`](Self::restore_session) takes it out, and
    /// [`retention::plan_trash`](crate::retention::plan_trash) removes what was put there long ago. The mark is
    /// a note on the session (`session/{id}/sessiondb/trash`), apart from its metadata, and goes with it into
    /// backups and other archives.
    ///
    /// ```
    /// use sessiondb::archive::SessionQuery;
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let archive = Archive::in_memory()?;
    /// let session = new_session_id();
    /// archive.log(session, new_segment_id()).append("hello")?;
    /// assert!(archive.trash_session(session)?);
    /// assert!(archive.query_sessions(&SessionQuery::new())?.sessions.is_empty());
    /// assert_eq!(archive.snapshot()?.trash()?[0].id, session);
    ///
    /// assert!(archive.restore_session(session)?);
    /// assert_eq!(archive.query_sessions(&SessionQuery::new())?.sessions.len(), 1);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionNotFound`], and those of a write.
    pub fn trash_session(&self, session: SessionId) -> Result<bool, StoreError> {
        self.mark(session, Mark::Trash)
    }

    /// Takes a session out of the trash. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionNotFound`], and those of a write.
    pub fn restore_session(&self, session: SessionId) -> Result<bool, StoreError> {
        self.mark(session, Mark::Restore)
    }

    /// Hides a session: lists leave it out unless they are asked for all. Returns whether it was not hidden
    /// before.
    ///
    /// ```
    /// use sessiondb::archive::SessionQuery;
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let archive = Archive::in_memory()?;
    /// let session = new_session_id();
    /// archive.log(session, new_segment_id()).append("hello")?;
    /// assert!(archive.hide_session(session)?);
    /// assert!(archive.query_sessions(&SessionQuery::new())?.sessions.is_empty());
    /// let all = SessionQuery::new().hidden(true);
    /// assert!(archive.query_sessions(&all)?.sessions[0].hidden);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionNotFound`], and those of a write.
    pub fn hide_session(&self, session: SessionId) -> Result<bool, StoreError> {
        self.mark(session, Mark::Hide)
    }

    /// Lists a session again that was hidden. Returns whether it was.
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionNotFound`], and those of a write.
    pub fn unhide_session(&self, session: SessionId) -> Result<bool, StoreError> {
        self.mark(session, Mark::Unhide)
    }

    /// Changes the marks of a session, as one step with looking at them. Returns whether they are others now.
    fn mark(&self, session: SessionId, mark: Mark) -> Result<bool, StoreError> {
        self.commit(|now| {
            let before = now.session(session)?;
            let before = before.ok_or(StoreError::SessionNotFound(session))?.marks();
            let after = before.changed(mark);
            if after == before {
                return Ok((Vec::new(), false));
            }
            Ok((after.ops(session)?, true))
        })
    }
}

impl Batch {
    /// Adds: put a session into the trash, as [`Archive::trash_session`] does. If the session is not there
    /// before the batch, the batch fails with [`StoreError::SessionNotFound`], as for the three below.
    ///
    /// ```
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let archive = Archive::in_memory()?;
    /// let log = archive.log(new_session_id(), new_segment_id());
    /// log.append("hello")?;
    /// let mut batch = archive.batch();
    /// batch.expect_len(&log, 1).trash_session(log.session_id());
    /// batch.commit()?;
    /// assert_eq!(archive.snapshot()?.trash()?[0].id, log.session_id());
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    pub fn trash_session(&mut self, session: SessionId) -> &mut Self {
        self.mark(session, Mark::Trash)
    }

    /// Adds: take a session out of the trash, if it is there.
    pub fn restore_session(&mut self, session: SessionId) -> &mut Self {
        self.mark(session, Mark::Restore)
    }

    /// Adds: hide a session, as [`Archive::hide_session`] does.
    pub fn hide_session(&mut self, session: SessionId) -> &mut Self {
        self.mark(session, Mark::Hide)
    }

    /// Adds: list a session again, if it is hidden.
    pub fn unhide_session(&mut self, session: SessionId) -> &mut Self {
        self.mark(session, Mark::Unhide)
    }
}

impl Snapshot {
    /// The sessions in the trash, that which was put there last first. Takes a pass over all sessions, if
    /// the archive has ever had one there.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn trash(&self) -> Result<Vec<SessionInfo>, StoreError> {
        if !self.may_have_trash()? {
            return Ok(Vec::new());
        }
        let is_trashed = |session: &Result<SessionInfo, StoreError>| {
            let session = session.as_ref();
            session.map_or(true, |session| session.trashed_ms.is_some())
        };
        let trashed = self.sessions().filter(is_trashed);
        let mut trashed = trashed.collect::<Result<Vec<_>, _>>()?;
        trashed.sort_by_key(|session| std::cmp::Reverse((session.trashed_ms, session.id)));
        Ok(trashed)
    }

    /// Whether a session has ever been put into the trash or hidden. If not, nobody needs to look for any.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn may_have_trash(&self) -> Result<bool, StoreError> {
        Ok(self.raw_note(IN_USE)?.is_some())
    }

    /// Rows of sessions with what is marked of them.
    pub(super) fn infos(
        &self,
        rows: &[(SessionId, SessionRow)],
    ) -> Result<Vec<SessionInfo>, StoreError> {
        let has_marks = !rows.is_empty() && self.may_have_trash()?;
        let info = |(session, row): &(SessionId, SessionRow)| {
            let marks = if has_marks {
                self.session_marks(*session)?
            } else {
                SessionMarks::default()
            };
            Ok(SessionInfo::new(*session, row, marks))
        };
        rows.iter().map(info).collect()
    }

    fn session_marks(&self, session: SessionId) -> Result<SessionMarks, StoreError> {
        match self.read_note(&key_of(session)) {
            // One that is not what it should be marks nothing.
            Err(StoreError::Serde(_)) => Ok(SessionMarks::default()),
            marks => Ok(marks?.unwrap_or_default()),
        }
    }
}
