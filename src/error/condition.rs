//! What a batch can ask of the store before it changes anything.

use std::fmt;

/// What a [`Batch`](crate::Batch) expects to be so, as [`StoreError::ConditionFailed`] tells it.
/// Where the expected length of a log differs, the error is [`StoreError::Conflict`].
///
/// ```
/// use sessiondb::{Archive, Condition, StoreError, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append(&1)?;
/// let mut batch = archive.batch();
/// batch.expect_absent(&log).replace(&log, [2])?;
/// let Err(StoreError::ConditionFailed { expected, .. }) = batch.commit() else { unreachable!() };
/// assert_eq!(expected, Condition::Absent);
/// # Ok::<(), StoreError>(())
/// ```
///
/// [`StoreError::ConditionFailed`]: crate::StoreError::ConditionFailed
/// [`StoreError::Conflict`]: crate::StoreError::Conflict
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// The log is not there.
    Absent,
    /// The log is there.
    Present,
    /// The session has no other segment.
    OnlySegment,
    /// The session is not there.
    SessionAbsent,
    /// The session is there.
    SessionPresent,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "no such log",
            Self::Present => "a log",
            Self::OnlySegment => "no other segment in the session",
            Self::SessionAbsent => "no such session",
            Self::SessionPresent => "a session",
        })
    }
}
