//! Several changes, to one segment or to many, that take effect as one, and only if what they rest
//! on is still so.

use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};

use super::branch::branch_op;
use super::durability::Durability;
use super::entry::Collected;
use super::handle::Archive;
use super::log::Log;
use super::metadata::set_metadata;
use super::names::name_op;
use crate::engine::{Expect, Op};
use crate::entry::names::PodName;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// Changes that take effect as one: made by [`Archive::batch`], done by
/// [`commit`](Self::commit). Dropped, it does nothing.
///
/// Conditions (`expect_...`) are looked at in one step with the changes, by whatever process
/// others write. Each of them counts at its place: one that follows a change sees it.
///
/// A batch is as durable as the most durable of the logs that it changes; changes that go through
/// no log count with the archive's durability. [`with_durability`](Self::with_durability) says
/// otherwise.
///
/// ```
/// use sessiondb::{Archive, StoreError, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let session = new_session_id();
/// let (old, new) = (archive.log(session, new_segment_id()), archive.log(session, new_segment_id()));
/// old.append_many_raw(&["1", "2"])?;
///
/// let mut batch = archive.batch();
/// batch.expect_len(&old, 2).expect_absent(&new);
/// batch.truncate(&old, 1).append_raw(&new, b"2")?;
/// batch.commit()?;
/// assert_eq!((old.len()?, new.len()?), (1, 1));
///
/// // Append, or leave the log to its other writer and go on in a branch of it.
/// let branch = archive.log(session, new_segment_id());
/// let (mut append, mut fork) = (archive.batch(), archive.batch());
/// append.expect_len(&old, 2).append_raw(&old, b"3")?;
/// fork.branch_to(&old, 1, branch.segment_id())?.append_raw(&branch, b"3")?;
/// assert!(!append.commit_or(fork)?);
/// assert_eq!((old.len()?, branch.len()?), (1, 2));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    archive: Archive,
    ops: Vec<Op>,
    /// The most that a change asks for.
    needed: Option<Durability>,
    /// What the caller asks for.
    given: Option<Durability>,
    /// The archive of a log that is not of this one.
    foreign: Option<PathBuf>,
}

impl Archive {
    /// Changes that take effect as one.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }
}

impl Batch {
    fn new(archive: Archive) -> Self {
        Self {
            archive,
            ops: Vec::new(),
            needed: None,
            given: None,
            foreign: None,
        }
    }

    /// The same batch, kept as safe as `durability` says, whatever its logs and its archive say.
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.given = Some(durability);
        self
    }

    /// Adds a condition: the log holds `len` entries. A log that is not there has none. If it does
    /// not hold, the batch fails with [`StoreError::Conflict`].
    pub fn expect_len(&mut self, log: &Log, len: u64) -> &mut Self {
        self.expect_of(log, Expect::Len { log: log.id, len })
    }

    /// Adds a condition: the log is not there. Empty traces are not there, and a segment with
    /// traces alone is not. If it does not hold, the batch fails with
    /// [`StoreError::ConditionFailed`], as for all conditions below.
    pub fn expect_absent(&mut self, log: &Log) -> &mut Self {
        self.expect_of(log, Expect::Absent(log.id))
    }

    /// Adds a condition: the log is there, if only empty.
    pub fn expect_present(&mut self, log: &Log) -> &mut Self {
        self.expect_of(log, Expect::Present(log.id))
    }

    /// Adds a condition: the session of the log has no segment but the log's, which need not be
    /// there. Traces alone make no segment.
    pub fn expect_only_segment(&mut self, log: &Log) -> &mut Self {
        self.expect_of(log, Expect::OnlySegment(log.id))
    }

    /// Adds a condition: there is no such session, not even traces of it.
    pub fn expect_session_absent(&mut self, session: SessionId) -> &mut Self {
        self.expect(Expect::SessionAbsent(session))
    }

    /// Adds a condition: there is such a session.
    pub fn expect_session_present(&mut self, session: SessionId) -> &mut Self {
        self.expect(Expect::SessionPresent(session))
    }

    /// Adds: append one raw entry.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidEntry`] or [`StoreError::TooLarge`]; the batch is then as before.
    pub fn append_raw(&mut self, log: &Log, entry: &[u8]) -> Result<&mut Self, StoreError> {
        self.append_many_raw(log, &[entry])
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
        self.append_many(log, std::slice::from_ref(&entry))
    }

    /// Adds: append raw entries.
    ///
    /// # Errors
    ///
    /// Those of [`append_raw`](Self::append_raw).
    pub fn append_many_raw<B: AsRef<[u8]>>(
        &mut self,
        log: &Log,
        entries: &[B],
    ) -> Result<&mut Self, StoreError> {
        let entries = log.collect_raw(entries)?;
        Ok(self.append_op(log, None, entries))
    }

    /// Adds: append entries.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    pub fn append_many<T: Serialize>(
        &mut self,
        log: &Log,
        entries: &[T],
    ) -> Result<&mut Self, StoreError> {
        let entries = log.collect(entries)?;
        Ok(self.append_op(log, None, entries))
    }

    /// Adds: append raw entries if the log holds `expected_len` entries at that point of the
    /// batch; the whole batch fails otherwise.
    ///
    /// # Errors
    ///
    /// Those of [`append_raw`](Self::append_raw).
    pub fn append_at_raw<B: AsRef<[u8]>>(
        &mut self,
        log: &Log,
        expected_len: u64,
        entries: &[B],
    ) -> Result<&mut Self, StoreError> {
        let entries = log.collect_raw(entries)?;
        Ok(self.append_op(log, Some(expected_len), entries))
    }

    /// Adds: append entries if the log holds `expected_len` entries at that point of the batch;
    /// the whole batch fails otherwise.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    pub fn append_at<T: Serialize>(
        &mut self,
        log: &Log,
        expected_len: u64,
        entries: &[T],
    ) -> Result<&mut Self, StoreError> {
        let entries = log.collect(entries)?;
        Ok(self.append_op(log, Some(expected_len), entries))
    }

    /// Adds: make the log hold just these raw entries, whether or not it was there.
    ///
    /// # Errors
    ///
    /// Those of [`append_raw`](Self::append_raw).
    pub fn replace_raw<B: AsRef<[u8]>>(
        &mut self,
        log: &Log,
        entries: &[B],
    ) -> Result<&mut Self, StoreError> {
        let op = log.replace_op(log.collect_raw(entries)?);
        Ok(self.change_of(log, op))
    }

    /// Adds: make the log hold just these entries, whether or not it was there.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    pub fn replace<T: Serialize>(
        &mut self,
        log: &Log,
        entries: &[T],
    ) -> Result<&mut Self, StoreError> {
        let op = log.replace_op(log.collect(entries)?);
        Ok(self.change_of(log, op))
    }

    /// Adds: remove the entries from number `len` on.
    pub fn truncate(&mut self, log: &Log, len: u64) -> &mut Self {
        self.change_of(log, log.truncate_op(len))
    }

    /// Adds: remove this log, if it is there, and leave the other of the two as it is.
    pub fn delete(&mut self, log: &Log) -> &mut Self {
        self.change_of(log, Op::DeleteLog { log: log.id })
    }

    /// Adds: make a segment whose log begins with the first `at` entries of the log, which it
    /// shares with it, as [`Archive::branch_to`] does. If that cannot be done when the batch is
    /// committed, the batch fails with the error of that call.
    ///
    /// # Errors
    ///
    /// [`StoreError::OldFormat`]; the batch is then as before.
    pub fn branch_to(
        &mut self,
        log: &Log,
        at: u64,
        branch: SegmentId,
    ) -> Result<&mut Self, StoreError> {
        let ids = (log.session_id(), log.segment_id(), branch);
        let op = branch_op(ids, at, None, log.at_ms());
        Ok(self.change_of(log, op))
    }

    /// Adds: remove a segment with its entries and traces, if it is there.
    pub fn delete_segment(&mut self, session: SessionId, segment: SegmentId) -> &mut Self {
        let (log, trace) = (
            self.archive.log(session, segment),
            self.archive.trace(session, segment),
        );
        self.delete(&log).delete(&trace)
    }

    /// Adds: remove a session with all that belongs to it, if it is there.
    pub fn delete_session(&mut self, session: SessionId) -> &mut Self {
        self.change(self.archive.durability(), Op::DeleteSession { session })
    }

    /// Adds: set the metadata of a session. If there is no such session when the batch is
    /// committed, the batch fails with [`StoreError::SessionNotFound`].
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`]; the batch is then as before.
    pub fn set_metadata(
        &mut self,
        session: SessionId,
        metadata: &Map<String, Value>,
    ) -> Result<&mut Self, StoreError> {
        let op = set_metadata(session, metadata)?;
        Ok(self.change(self.archive.durability(), op))
    }

    /// Adds: set the record of a name. See [`Archive::write_name`].
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`], [`StoreError::Serde`] or [`StoreError::TooLarge`]; the
    /// batch is then as before.
    pub fn write_name<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        record: &T,
    ) -> Result<&mut Self, StoreError> {
        let op = name_op(&PodName::new(name)?, record)?;
        Ok(self.change(self.archive.durability(), op))
    }

    /// Adds: remove a name, if it is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`]; the batch is then as before.
    pub fn delete_name(&mut self, name: &str) -> Result<&mut Self, StoreError> {
        let name = PodName::new(name)?.to_string();
        Ok(self.change(self.archive.durability(), Op::DeleteName { name }))
    }

    /// Makes all changes, in their order, or none.
    ///
    /// # Errors
    ///
    /// That of the first condition that does not hold or change that cannot be made, such as
    /// [`StoreError::Conflict`], [`StoreError::ConditionFailed`] or [`StoreError::NotFound`],
    /// [`StoreError::Io`] if it was given a log of another archive, and those of a write. Nothing
    /// is changed, unless it is [`StoreError::OutcomeUnknown`].
    pub fn commit(self) -> Result<(), StoreError> {
        self.of_one_archive(&self.archive)?;
        let synced = self.durability() == Durability::Synced;
        self.archive.engine().write(synced, self.ops).map(drop)
    }

    /// Makes the changes of this batch if its conditions hold, else those of the other one, in one
    /// step: nobody writes in between. Returns whether they were those of this one.
    ///
    /// It is as durable as the more durable of the two.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Self::commit) for the batch that counts: this one fails for another
    /// reason than a condition, or the other one fails.
    pub fn commit_or(self, otherwise: Self) -> Result<bool, StoreError> {
        self.of_one_archive(&self.archive)?;
        otherwise.of_one_archive(&self.archive)?;
        let durabilities = [self.durability(), otherwise.durability()];
        let synced = durabilities.contains(&Durability::Synced);
        let choices = [self.ops, otherwise.ops];
        Ok(self.archive.engine().write_first(synced, choices)? == 0)
    }

    fn durability(&self) -> Durability {
        let needed = self.needed.unwrap_or(self.archive.durability());
        self.given.unwrap_or(needed)
    }

    fn of_one_archive(&self, archive: &Archive) -> Result<(), StoreError> {
        let own = &self.archive;
        let other = (!own.is_same(archive)).then(|| own.path().to_owned());
        let Some(other) = other.or_else(|| self.foreign.clone()) else {
            return Ok(());
        };
        let reason = format!(
            "{}: a batch of this archive was given changes of {}; nothing was written",
            archive.path().display(),
            other.display()
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, reason).into())
    }

    fn append_op(&mut self, log: &Log, expected: Option<u64>, entries: Collected) -> &mut Self {
        self.change_of(log, log.op_append(expected, entries))
    }

    fn change_of(&mut self, log: &Log, op: Op) -> &mut Self {
        self.look_at(log).change(log.durability(), op)
    }

    fn expect_of(&mut self, log: &Log, condition: Expect) -> &mut Self {
        self.look_at(log).expect(condition)
    }

    fn look_at(&mut self, log: &Log) -> &mut Self {
        if !log.archive.is_same(&self.archive) {
            self.foreign = Some(log.archive.path().to_owned());
        }
        self
    }

    fn change(&mut self, durability: Durability, op: Op) -> &mut Self {
        if self.needed != Some(Durability::Synced) {
            self.needed = Some(durability);
        }
        self.ops.push(op);
        self
    }

    fn expect(&mut self, condition: Expect) -> &mut Self {
        self.ops.push(Op::Expect(condition));
        self
    }
}
