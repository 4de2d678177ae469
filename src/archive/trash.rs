//! The trash, and sessions that lists leave out: two marks on a session, which take nothing of it away.

use super::batch::Batch;
use super::handle::Archive;
use super::info::{SessionInfo, SessionMarks};
use super::marks::{IN_USE, Mark, key_of, marks_of};
use super::snapshot::Snapshot;
use crate::engine::SessionRow;
use crate::error::StoreError;
use crate::ids::SessionId;

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
            let before = marks_of(now, session)?;
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
