//! Several changes, to one segment or to many, that take effect as one.

use serde::Serialize;

use super::{Archive, Log};
use crate::engine::Op;
use crate::store::StoreError;

/// Changes that take effect as one: made by [`Archive::batch`], done by
/// [`commit`](Self::commit). Dropped, it does nothing.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let session = new_session_id();
/// let (old, new) = (archive.log(session, new_segment_id()), archive.log(session, new_segment_id()));
/// old.append_many_raw(&["1", "2"])?;
///
/// let mut batch = archive.batch();
/// batch.truncate(&old, 1).append_raw(&new, b"2")?;
/// batch.commit()?;
/// assert_eq!((old.len()?, new.len()?), (1, 1));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    archive: Archive,
    ops: Vec<Op>,
}

impl Batch {
    pub(super) fn new(archive: Archive) -> Self {
        Self {
            archive,
            ops: Vec::new(),
        }
    }

    /// Adds: append one raw entry.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidEntry`] or [`StoreError::TooLarge`]; the batch is then as before.
    pub fn append_raw(&mut self, log: &Log, entry: &[u8]) -> Result<&mut Self, StoreError> {
        self.ops
            .push(log.op_append(None, log.collect_raw(&[entry])?));
        Ok(self)
    }

    /// Adds: append one entry.
    ///
    /// # Errors
    ///
    /// [`StoreError::Serde`] or [`StoreError::TooLarge`]; the batch is then as before.
    pub fn append<T: Serialize + ?Sized>(
        &mut self,
        log: &Log,
        entry: &T,
    ) -> Result<&mut Self, StoreError> {
        self.ops
            .push(log.op_append(None, log.collect(std::slice::from_ref(&entry))?));
        Ok(self)
    }

    /// Adds: append raw entries if the log holds `expected_len` entries at that point of the
    /// batch; the whole batch fails otherwise.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidEntry`] or [`StoreError::TooLarge`]; the batch is then as before.
    pub fn append_at_raw<B: AsRef<[u8]>>(
        &mut self,
        log: &Log,
        expected_len: u64,
        entries: &[B],
    ) -> Result<&mut Self, StoreError> {
        self.ops
            .push(log.op_append(Some(expected_len), log.collect_raw(entries)?));
        Ok(self)
    }

    /// Adds: make the log hold just these raw entries.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidEntry`] or [`StoreError::TooLarge`]; the batch is then as before.
    pub fn replace_raw<B: AsRef<[u8]>>(
        &mut self,
        log: &Log,
        entries: &[B],
    ) -> Result<&mut Self, StoreError> {
        self.ops.push(log.replace_op(log.collect_raw(entries)?));
        Ok(self)
    }

    /// Adds: remove the entries from number `len` on.
    pub fn truncate(&mut self, log: &Log, len: u64) -> &mut Self {
        self.ops.push(log.truncate_op(len));
        self
    }

    /// Makes all changes, in their order, or none.
    ///
    /// # Errors
    ///
    /// That of the first change that cannot be made, such as [`StoreError::Conflict`] or
    /// [`StoreError::NotFound`], and those of a write. Nothing is changed, unless it is
    /// [`StoreError::OutcomeUnknown`].
    pub fn commit(self) -> Result<(), StoreError> {
        self.archive.write(self.ops)
    }
}
