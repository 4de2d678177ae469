//! A log: the entries of a segment, or its traces. The two have the same methods.

use std::ops::RangeBounds;

use super::collected::Collected;
use super::durability::Durability;
use super::entries::RawEntries;
use super::entry_reader::EntryReader;
use super::handle::Archive;
use super::reader::LogSnapshot;
use super::to_entry::ToEntry;
use crate::engine::{Done, Entries, LogId, LogKind, Op};
use crate::entry::segment_log::LogEntry;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId, now_ms};

/// A handle on one log of an archive: the entries of a segment ([`Archive::log`]) or its traces
/// ([`Archive::trace`]). Making one reads nothing; the log is created by the first append, and reads
/// as empty until then.
///
/// ```
/// use sessiondb::{Archive, RawJson, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append(&serde_json::json!({"kind": "note", "text": "first"}))?;
/// log.append(&RawJson::new(r#"{"kind":"note","text":"second"}"#)?)?;
/// assert_eq!(log.len()?, 2);
/// let last = log.last(1)?.next().expect("there are two")?;
/// assert_eq!(last.index(), 1);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Log {
    pub(super) archive: Archive,
    pub(super) id: LogId,
    timestamp_ms: Option<u64>,
    durability: Durability,
}

/// What an append did.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
/// let receipt = log.append_many([1, 2])?;
/// assert_eq!((receipt.index, receipt.len), (0, 2));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The number of the first entry that was appended.
    pub index: u64,
    /// The length of the log with it.
    pub len: u64,
    /// The version of the archive before the append; [`Archive::version`] is greater with it.
    pub version: u64,
    /// Whether it has been synced already. With [`Durability::Synced`] it has.
    pub synced: bool,
}

impl Archive {
    /// The entries of a segment.
    pub fn log(&self, session: SessionId, segment: SegmentId) -> Log {
        self.log_of(session, segment, LogKind::Entries)
    }

    /// The traces of a segment: a second log, independent of the first.
    pub fn trace(&self, session: SessionId, segment: SegmentId) -> Log {
        self.log_of(session, segment, LogKind::Traces)
    }

    fn log_of(&self, session: SessionId, segment: SegmentId, kind: LogKind) -> Log {
        let id = LogId {
            session,
            segment,
            kind,
        };
        Log::new(self.clone(), id)
    }
}

impl Log {
    pub(crate) fn new(archive: Archive, id: LogId) -> Self {
        let durability = match id.kind {
            LogKind::Entries => archive.durability(),
            LogKind::Traces => Durability::Written,
        };
        Self {
            archive,
            id,
            timestamp_ms: None,
            durability,
        }
    }

    /// The same kind of handle on the log of another segment of the session.
    pub(super) fn of_segment(&self, segment: SegmentId) -> Self {
        let id = LogId { segment, ..self.id };
        Self { id, ..self.clone() }
    }

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

    /// The same log, with what is written through this handle dated as of `timestamp_ms`
    /// (milliseconds since the Unix epoch) instead of now.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp_ms: u64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// The same log, with what is written through this handle kept as safe as `durability` says,
    /// whatever the archive's own durability.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// What is written through this handle has survived when it returns `Ok`.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Appends one entry.
    ///
    /// # Errors
    ///
    /// [`StoreError::Serde`] if the value does not turn into JSON, [`StoreError::InvalidEntry`] or
    /// [`StoreError::TooLarge`] if what it turns into is no entry, and the errors of a write:
    /// [`StoreError::Busy`], [`StoreError::OutcomeUnknown`], [`StoreError::Poisoned`],
    /// [`StoreError::ReadOnly`]. Only after `OutcomeUnknown` may the entry be there.
    pub fn append<E: ToEntry + ?Sized>(&self, entry: &E) -> Result<Receipt, StoreError> {
        let mut collected = Collected::new(self.id);
        collected.push(entry)?;
        self.append_op(None, collected)
    }

    /// Appends several entries, all or none.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    pub fn append_many<I>(&self, entries: I) -> Result<Receipt, StoreError>
    where
        I: IntoIterator<Item: ToEntry>,
    {
        self.append_op(None, self.collect(entries)?)
    }

    /// Appends several entries if the log holds `expected_len` entries at that moment; a log that
    /// is not there has none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] with the actual length if it does not, and those of
    /// [`append`](Self::append).
    pub fn append_at<I>(&self, expected_len: u64, entries: I) -> Result<Receipt, StoreError>
    where
        I: IntoIterator<Item: ToEntry>,
    {
        self.append_op(Some(expected_len), self.collect(entries)?)
    }

    /// The same with entries that are collected already, and known to be entries or yet to be
    /// checked.
    pub(crate) fn append_at_collected(
        &self,
        expected_len: u64,
        entries: Entries,
        are_checked: bool,
    ) -> Result<Receipt, StoreError> {
        let collected = Collected::of(self.id, entries, are_checked)?;
        self.append_op(Some(expected_len), collected)
    }

    /// Makes the log hold just these entries, whether or not it was there.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append); the log is then as before.
    pub fn replace<I>(&self, entries: I) -> Result<(), StoreError>
    where
        I: IntoIterator<Item: ToEntry>,
    {
        self.write([self.replace_op(self.collect(entries)?)])
            .map(drop)
    }

    /// Removes all entries from number `len` on. The segment stays, even when none is left.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if the segment does not exist; [`StoreError::Corrupt`] if it
    /// holds fewer than `len` entries, and nothing is changed; and those of a write.
    pub fn truncate(&self, len: u64) -> Result<(), StoreError> {
        self.write([self.truncate_op(len)]).map(drop)
    }

    /// Removes this log, and leaves the other of the two as it is. Returns whether it was there.
    /// A session ends with its last log.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn delete(&self) -> Result<bool, StoreError> {
        let changed = self.write([Op::DeleteLog { log: self.id }])?.lengths;
        Ok(changed == [1])
    }

    /// The log as of now, for several reads that agree with each other.
    ///
    /// # Errors
    ///
    /// Those of [`Archive::snapshot`].
    pub fn snapshot(&self) -> Result<LogSnapshot, StoreError> {
        Ok(self.archive.snapshot()?.into_reader(self.id))
    }

    /// Whether the log is there. An empty log can be; empty traces are not.
    ///
    /// # Errors
    ///
    /// Those of [`Archive::snapshot`].
    pub fn exists(&self) -> Result<bool, StoreError> {
        self.snapshot()?.exists()
    }

    /// The number of entries. A log that is not there has none.
    ///
    /// # Errors
    ///
    /// Those of [`Archive::snapshot`].
    pub fn len(&self) -> Result<u64, StoreError> {
        self.snapshot()?.len()
    }

    /// Whether there are no entries.
    ///
    /// # Errors
    ///
    /// Those of [`Archive::snapshot`].
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.len()? == 0)
    }

    /// Reads a range of the entries, as they were given or, with
    /// [`decode`](RawEntries::decode), as values. What lies past the end is left out.
    ///
    /// ```
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
    /// assert!(log.read(..)?.next().is_none()); // nothing was appended yet
    /// log.append_many(["one", "two"])?;
    /// let second = log.read(1..)?.next().expect("there are two")?;
    /// assert_eq!(second.as_str(), r#""two""#);
    /// let words: Vec<String> = log.read(..)?.decode().collect::<Result<_, _>>()?;
    /// assert_eq!(words, ["one", "two"]);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Archive::snapshot`]; each entry may bring [`StoreError::Damaged`].
    pub fn read(&self, range: impl RangeBounds<u64>) -> Result<RawEntries, StoreError> {
        self.snapshot()?.into_entries(range)
    }

    /// The same of a log that is there; of traces that are not, none.
    pub(crate) fn read_existing(
        &self,
        range: impl RangeBounds<u64>,
    ) -> Result<RawEntries, StoreError> {
        self.snapshot()?.read_existing(range)
    }

    /// Reads the last `count` entries, or all if there are fewer, in their order.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn last(&self, count: u64) -> Result<RawEntries, StoreError> {
        self.snapshot()?.into_last(count)
    }

    /// Reads one entry in pieces; `None` if there is no entry with that number.
    ///
    /// # Errors
    ///
    /// Those of [`Archive::snapshot`](crate::Archive::snapshot) and of a read.
    pub fn entry_reader(&self, index: u64) -> Result<Option<EntryReader>, StoreError> {
        self.snapshot()?.entry_reader(index)
    }

    pub(super) fn collect<I>(&self, entries: I) -> Result<Collected, StoreError>
    where
        I: IntoIterator<Item: ToEntry>,
    {
        Collected::all(self.id, entries)
    }

    pub(super) fn collect_log_entries(
        &self,
        entries: &[LogEntry],
    ) -> Result<Collected, StoreError> {
        let mut collected = Collected::new(self.id);
        entries
            .iter()
            .try_for_each(|entry| collected.push_log_entry(entry))?;
        Ok(collected)
    }

    pub(super) fn op_append(&self, expected: Option<u64>, collected: Collected) -> Op {
        Op::Append {
            log: self.id,
            expected,
            origin: collected.origin(),
            entries: collected.entries,
            at_ms: self.at_ms(),
        }
    }

    pub(super) fn replace_op(&self, collected: Collected) -> Op {
        Op::Replace {
            log: self.id,
            origin: collected.origin(),
            entries: collected.entries,
            at_ms: self.at_ms(),
        }
    }

    pub(super) fn truncate_op(&self, len: u64) -> Op {
        Op::Truncate {
            log: self.id,
            len,
            at_ms: self.at_ms(),
        }
    }

    pub(crate) fn append_op(
        &self,
        expected: Option<u64>,
        collected: Collected,
    ) -> Result<Receipt, StoreError> {
        let count = collected.entries.len();
        let done = self.write([self.op_append(expected, collected)])?;
        Ok(self.receipt(count, &done))
    }

    /// What an append of so many entries did.
    pub(super) fn receipt(&self, count: u64, done: &Done) -> Receipt {
        let len = done.lengths.first().copied().unwrap_or_default();
        Receipt {
            index: len.saturating_sub(count),
            len,
            version: done.frame,
            synced: self.archive.engine.is_synced(done),
        }
    }

    pub(super) fn write(&self, ops: impl Into<Vec<Op>>) -> Result<Done, StoreError> {
        self.archive
            .engine
            .write(self.durability == Durability::Synced, ops)
    }

    pub(super) fn at_ms(&self) -> u64 {
        self.timestamp_ms.unwrap_or_else(now_ms)
    }
}
