//! A stored entry.

use std::fmt;
use std::ops::Deref;

use serde::de::DeserializeOwned;

use crate::engine::{EntrySlice, LogId};
use crate::entry::segment_log::LogEntry;
use crate::error::StoreError;

/// The largest entry that an archive takes, in bytes (256 MiB).
pub const MAX_ENTRY_BYTES: usize = 256 << 20;

/// One stored entry: the bytes of one JSON value, just as they were given. Cheap to clone.
///
/// ```
/// use sessiondb::{Archive, RawJson, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append(&RawJson::new(r#"{"n": 1 }"#)?)?;
/// let entry = log.read(..)?.next().expect("one entry")?;
/// assert_eq!((entry.index(), entry.as_str()), (0, r#"{"n": 1 }"#));
/// let value: serde_json::Value = entry.decode()?;
/// assert_eq!(value["n"], 1);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Entry {
    log: LogId,
    index: u64,
    slice: EntrySlice,
}

impl Entry {
    pub(super) fn new(log: LogId, index: u64, slice: EntrySlice) -> Self {
        Self { log, index, slice }
    }

    /// Its number in the log, counted from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Its bytes as text.
    pub fn as_str(&self) -> &str {
        // Only valid UTF-8 is stored, and its checksum has been verified.
        std::str::from_utf8(self).unwrap_or_default()
    }

    /// Decodes it into a value.
    ///
    /// # Errors
    ///
    /// [`StoreError::DoesNotFit`] if it is not what `T` takes. As a [`LogEntry`] it can be read all
    /// the same, with [`LogEntry::from_json`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        let decoded = match std::str::from_utf8(self) {
            // Once for all of it: from bytes, each string in it would be checked by itself.
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(self),
        };
        decoded.map_err(|cause| self.does_not_fit(&cause))
    }

    /// Reads it as what a [`Store`](crate::Store) gives.
    pub(super) fn to_log_entry(&self) -> Result<LogEntry, StoreError> {
        LogEntry::from_json(self.as_str()).map_err(|cause| self.does_not_fit(&cause))
    }

    fn does_not_fit(&self, cause: &serde_json::Error) -> StoreError {
        StoreError::undecodable(self.log.session, self.log.segment, self.index, cause)
    }
}

impl Deref for Entry {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.slice.bytes()
    }
}

impl AsRef<[u8]> for Entry {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("index", &self.index)
            .field("json", &self.as_str())
            .finish_non_exhaustive()
    }
}
