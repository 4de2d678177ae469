//! The metadata of sessions.

use serde::Serialize;
use serde_json::{Map, Value};

use super::handle::Archive;
use super::record::{MAX_RECORD_BYTES, within};
use crate::engine::Op;
use crate::error::StoreError;
use crate::ids::SessionId;

impl Archive {
    /// The metadata of a session, or `None` if none was set.
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn metadata(&self, session: SessionId) -> Result<Option<Map<String, Value>>, StoreError> {
        self.snapshot()?.metadata(session)
    }

    /// Sets the metadata of a session: any JSON object, such as title, cwd and model.
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionNotFound`] if there is no such session, [`StoreError::TooLarge`],
    /// and those of a write.
    pub fn set_metadata(
        &self,
        session: SessionId,
        metadata: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        self.write([set_metadata(session, metadata)?])
    }

    /// Changes the metadata of a session as one step: no other writer comes in between.
    ///
    /// # Errors
    ///
    /// Those of [`set_metadata`](Self::set_metadata).
    pub fn update_metadata(
        &self,
        session: SessionId,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<(), StoreError> {
        self.try_update_metadata(session, |metadata| {
            change(metadata);
            Ok(())
        })
    }

    /// The same with a change that can fail, after which nothing is written, and that returns a
    /// value.
    ///
    /// ```
    /// use sessiondb::{Archive, StoreError, new_segment_id, new_session_id};
    ///
    /// let archive = Archive::in_memory()?;
    /// let session = new_session_id();
    /// archive.log(session, new_segment_id()).append_raw(b"1")?;
    /// let runs = archive.try_update_metadata(session, |metadata| {
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
    pub fn try_update_metadata<R, E: From<StoreError>>(
        &self,
        session: SessionId,
        change: impl FnOnce(&mut Map<String, Value>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.try_commit(|snapshot| {
            let mut metadata = snapshot.metadata(session)?.unwrap_or_default();
            let changed = change(&mut metadata)?;
            Ok((vec![set_metadata(session, &metadata)?], changed))
        })
    }
}

/// Takes a map, or an object as it was written.
pub(crate) fn set_metadata(
    session: SessionId,
    metadata: &impl Serialize,
) -> Result<Op, StoreError> {
    let json = serde_json::to_vec(metadata)?;
    within(
        format!("metadata of session {session}"),
        json.len(),
        MAX_RECORD_BYTES,
    )?;
    Ok(Op::SetMetadata { session, json })
}
