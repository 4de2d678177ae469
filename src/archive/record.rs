//! How long the records may be that an archive keeps beside its logs.

use crate::error::StoreError;

/// The largest metadata of a session and the largest record of a name, in bytes (1 MiB).
pub(super) const MAX_RECORD_BYTES: usize = 1 << 20;

/// Refuses a record that is longer than its limit.
pub(super) fn within(subject: String, len: usize, limit: usize) -> Result<(), StoreError> {
    if len <= limit {
        return Ok(());
    }
    Err(StoreError::TooLarge {
        subject,
        len_bytes: len as u64,
        limit_bytes: limit as u64,
    })
}
