//! The metadata of sessions.

use serde_json::{Map, Value};

use super::handle::Archive;
use super::record::{MAX_RECORD_BYTES, within};
use super::snapshot::Snapshot;
use crate::engine::Op;
use crate::error::StoreError;
use crate::ids::{SessionId, now_ms};

impl Archive {
    /// The metadata of a session, or `None` if none was set.
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn metadata(&self, session: SessionId) -> Result<Option<Map<String, Value>>, StoreError> {
        self.snapshot()?.metadata(session)
    }

    /// Sets the metadata of a session: any JSON object, such as title, cwd and model. A session
    /// may begin with it: one that is not there is listed from now on, with no segments yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`], and those of a write.
    pub fn set_metadata(
        &self,
        session: SessionId,
        metadata: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        self.write([set_metadata(session, serde_json::to_vec(metadata)?)?])
    }

    /// Changes the metadata of a session as one step: no other writer comes in between. Where
    /// there is none, it begins with an empty object. If `change` fails, nothing is written.
    /// Returns what it returned.
    ///
    /// ```
    /// use sessiondb::{Archive, StoreError, new_session_id};
    ///
    /// let archive = Archive::in_memory()?;
    /// let session = new_session_id();
    /// let runs = archive.update_metadata(session, |metadata| {
    ///     let runs = metadata.get("runs").and_then(|runs| runs.as_u64()).unwrap_or(0) + 1;
    ///     metadata.insert("runs".to_owned(), runs.into());
    ///     Ok::<_, StoreError>(runs)
    /// })?;
    /// assert_eq!(runs, 1);
    /// # Ok::<(), StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// That of the change, and those of [`set_metadata`](Self::set_metadata).
    pub fn update_metadata<R, E: From<StoreError>>(
        &self,
        session: SessionId,
        change: impl FnOnce(&mut Map<String, Value>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.try_commit(|snapshot| {
            let (op, changed) = updated_metadata(snapshot, session, change)?;
            Ok((vec![op], changed))
        })
    }
}

/// Changes the metadata of a session, and what the change returned.
pub(super) fn updated_metadata<R, E: From<StoreError>>(
    snapshot: &Snapshot,
    session: SessionId,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<R, E>,
) -> Result<(Op, R), E> {
    let mut metadata = snapshot.metadata(session)?.unwrap_or_default();
    let changed = change(&mut metadata)?;
    let json = serde_json::to_vec(&metadata).map_err(StoreError::from)?;
    Ok((set_metadata(session, json)?, changed))
}

/// Takes an object as JSON.
pub(crate) fn set_metadata(session: SessionId, json: Vec<u8>) -> Result<Op, StoreError> {
    metadata_must_fit(session, &json)?;
    let at_ms = now_ms();
    Ok(Op::SetMetadata {
        session,
        json,
        at_ms,
    })
}

/// Refuses metadata that is too long to be stored.
pub(crate) fn metadata_must_fit(session: SessionId, json: &[u8]) -> Result<(), StoreError> {
    let subject = format!("metadata of session {session}");
    within(subject, json.len(), MAX_RECORD_BYTES)
}
