//! A log as it was at one moment. A [`Log`](super::log::Log) reads through it as well.

use std::ops::RangeBounds;

use super::entries::{RawEntries, bounds_of};
use super::entry_reader::EntryReader;
use super::snapshot::Snapshot;
use crate::engine::{LogId, LogKind, View};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// A log as it was at the moment of a [`Snapshot`]: made by [`Snapshot::log`] and
/// [`Snapshot::trace`]. It reads as a [`Log`](crate::Log) reads.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append_many([1, 2])?;
/// let before = archive.snapshot()?.log(log.session_id(), log.segment_id());
/// log.append(&3)?;
/// assert_eq!((before.len()?, before.last(1)?.count()), (2, 1));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LogSnapshot {
    pub(super) view: View,
    pub(super) id: LogId,
}

impl Snapshot {
    /// The entries of a segment.
    pub fn log(&self, session: SessionId, segment: SegmentId) -> LogSnapshot {
        self.reader(LogId {
            session,
            segment,
            kind: LogKind::Entries,
        })
    }

    /// The traces of a segment.
    pub fn trace(&self, session: SessionId, segment: SegmentId) -> LogSnapshot {
        self.reader(LogId {
            session,
            segment,
            kind: LogKind::Traces,
        })
    }

    pub(crate) fn reader(&self, id: LogId) -> LogSnapshot {
        self.clone().into_reader(id)
    }

    pub(super) fn into_reader(self, id: LogId) -> LogSnapshot {
        LogSnapshot {
            view: self.view,
            id,
        }
    }
}

impl LogSnapshot {
    /// The session that the log belongs to.
    pub fn session_id(&self) -> SessionId {
        self.id.session
    }

    /// The segment that the log belongs to.
    pub fn segment_id(&self) -> SegmentId {
        self.id.segment
    }

    /// Whether this is the trace log.
    pub fn is_trace(&self) -> bool {
        self.id.kind == LogKind::Traces
    }

    /// Whether the log is there. An empty log can be; empty traces are not.
    ///
    /// # Errors
    ///
    /// Those of a read: [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn exists(&self) -> Result<bool, StoreError> {
        Ok(self.size()?.is_some())
    }

    /// The number of entries. A log that is not there has none.
    ///
    /// # Errors
    ///
    /// Those of [`exists`](Self::exists).
    pub fn len(&self) -> Result<u64, StoreError> {
        Ok(self.size()?.unwrap_or_default())
    }

    /// Whether there are no entries.
    ///
    /// # Errors
    ///
    /// Those of [`exists`](Self::exists).
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.len()? == 0)
    }

    /// Reads a range of the entries. What lies past the end is left out.
    ///
    /// # Errors
    ///
    /// Those of [`exists`](Self::exists); each entry may bring [`StoreError::Damaged`].
    pub fn read(&self, range: impl RangeBounds<u64>) -> Result<RawEntries, StoreError> {
        self.clone().into_entries(range)
    }

    /// Reads the last `count` entries, or all if there are fewer, in their order.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn last(&self, count: u64) -> Result<RawEntries, StoreError> {
        self.clone().into_last(count)
    }

    /// Reads one entry in pieces; `None` if there is no entry with that number.
    ///
    /// # Errors
    ///
    /// Those of a read: [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn entry_reader(&self, index: u64) -> Result<Option<EntryReader>, StoreError> {
        self.read(index..index.saturating_add(1))?
            .next_reader()
            .transpose()
    }

    pub(super) fn into_entries(
        self,
        range: impl RangeBounds<u64>,
    ) -> Result<RawEntries, StoreError> {
        let len = self.len()?;
        Ok(self.within(len, &range))
    }

    pub(super) fn into_last(self, count: u64) -> Result<RawEntries, StoreError> {
        let len = self.len()?;
        let start = len.saturating_sub(count);
        Ok(RawEntries::new(self.view, self.id, start..len))
    }

    /// The number of entries of a segment that is there; of traces that are not, none.
    pub(crate) fn existing_len(&self) -> Result<u64, StoreError> {
        match self.size()? {
            Some(len) => Ok(len),
            None if self.is_trace() => Ok(0),
            None => Err(StoreError::NotFound(self.id.segment)),
        }
    }

    /// Reads a range of the entries of a segment that is there.
    pub(crate) fn read_existing(
        self,
        range: impl RangeBounds<u64>,
    ) -> Result<RawEntries, StoreError> {
        let len = self.existing_len()?;
        Ok(self.within(len, &range))
    }

    fn within(self, len: u64, range: &impl RangeBounds<u64>) -> RawEntries {
        let (start, end) = bounds_of(range);
        let end = end.unwrap_or(len).min(len);
        RawEntries::new(self.view, self.id, start.min(end)..end)
    }

    fn size(&self) -> Result<Option<u64>, StoreError> {
        let size = self.view.read(|layers| layers.log_size(&self.id))?;
        Ok(size.map(|size| size.entries))
    }
}
