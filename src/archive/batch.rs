//! Several changes, to one segment or to many, that take effect as one, and only if what they rest
//! on is still so.

use std::io;
use std::ops::RangeBounds;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::branch::{erase_ops, fork_op};
use super::collected::Collected;
use super::durability::Durability;
use super::entries::bounds_of;
use super::handle::Archive;
use super::log::Log;
use super::marks::{Mark, marked_ops};
use super::metadata::{set_metadata, updated_metadata};
use super::names::{name_op, updated_name};
use super::redaction_marks::Marked;
use super::snapshot::Snapshot;
use super::steps::Steps;
use super::to_entry::ToEntry;
use crate::engine::{Choice, Entries, Expect, Op, View};
use crate::entry::names::WorkerName;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// Changes that take effect as one: made by [`Archive::batch`], done by
/// [`commit`](Self::commit). Dropped, it does nothing.
///
/// Conditions (`expect_...`) are looked at in one step with the changes, by whatever process
/// others write. Each of them counts at its place: one that follows a change sees it. What
/// `fork_at`, `erase`, the `update_...` methods and those of the trash read is the archive as it was before the batch.
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
/// old.append_many([1, 2])?;
///
/// let mut batch = archive.batch();
/// batch.expect_len(&old, 2).expect_absent(&new);
/// batch.truncate(&old, 1).append(&new, &2)?;
/// batch.commit()?;
/// assert_eq!((old.len()?, new.len()?), (1, 1));
///
/// // Append, or leave the log to its other writer and go on in a branch of it.
/// let branch = archive.log(session, new_segment_id());
/// let (mut append, mut fork) = (archive.batch(), archive.batch());
/// append.expect_len(&old, 2).append(&old, &3)?;
/// fork.branch(&old, 1, branch.segment_id()).append(&branch, &3)?;
/// assert!(!append.commit_or(fork)?);
/// assert_eq!((old.len()?, branch.len()?), (1, 2));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    archive: Archive,
    changes: Steps,
    /// Whether it goes past the journal, of which no byte is left.
    past_journal: bool,
    /// The most that a change asks for.
    needed: Option<Durability>,
    /// What the caller asks for.
    given: Option<Durability>,
    /// How sessions are marked by it, in order.
    marks: Vec<(SessionId, Mark)>,
    /// What it erases and redacts.
    redacted: Marked,
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
            changes: Steps::default(),
            past_journal: false,
            needed: None,
            given: None,
            marks: Vec::new(),
            redacted: Marked::default(),
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

    /// Adds: append one entry.
    ///
    /// # Errors
    ///
    /// [`StoreError::Serde`], [`StoreError::InvalidEntry`] or [`StoreError::TooLarge`], as by
    /// [`Log::append`]; the batch is then as before.
    pub fn append<E: ToEntry + ?Sized>(
        &mut self,
        log: &Log,
        entry: &E,
    ) -> Result<&mut Self, StoreError> {
        let mut entries = Collected::new(log.id);
        entries.push(entry)?;
        Ok(self.append_op(log, None, entries))
    }

    /// Adds: append entries.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    pub fn append_many<I>(&mut self, log: &Log, entries: I) -> Result<&mut Self, StoreError>
    where
        I: IntoIterator<Item: ToEntry>,
    {
        let entries = log.collect(entries)?;
        Ok(self.append_op(log, None, entries))
    }

    /// Adds: append entries if the log holds `expected_len` entries at that point of the batch;
    /// the whole batch fails otherwise.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    pub fn append_at<I>(
        &mut self,
        log: &Log,
        expected_len: u64,
        entries: I,
    ) -> Result<&mut Self, StoreError>
    where
        I: IntoIterator<Item: ToEntry>,
    {
        let entries = log.collect(entries)?;
        Ok(self.append_op(log, Some(expected_len), entries))
    }

    /// Adds: make the log hold just these entries, whether or not it was there.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append).
    pub fn replace<I>(&mut self, log: &Log, entries: I) -> Result<&mut Self, StoreError>
    where
        I: IntoIterator<Item: ToEntry>,
    {
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

    /// Adds: make a segment with the id `branch` whose log begins with the first `at` entries of
    /// the log, which it shares with it, as [`Log::branch`] does. If that cannot be done when the
    /// batch is committed, the batch fails with the error of that call.
    pub fn branch(&mut self, log: &Log, at: u64, branch: SegmentId) -> &mut Self {
        self.change_of(log, log.branch_op(at, branch))
    }

    /// Adds: branch off at the end of turn `turn` of the log, as [`Archive::fork_at`] does, to the
    /// id `fork`.
    pub fn fork_at(&mut self, log: &Log, turn: u64, fork: SegmentId) -> &mut Self {
        let ids = (log.session_id(), log.segment_id(), fork);
        let at_ms = log.at_ms();
        self.look_at(log).decided(log.durability(), move |now| {
            Ok(Some(fork_op(now, ids, turn, at_ms)?.0))
        })
    }

    /// Adds: put a tombstone in the place of each entry in the range, as [`Log::erase`] does. The
    /// whole batch then goes past the journal, into the tables.
    pub fn erase(&mut self, log: &Log, range: impl RangeBounds<u64>) -> &mut Self {
        let (id, bounds, at_ms) = (log.id, bounds_of(&range), log.at_ms());
        self.past_journal = true;
        let marked = self.marked();
        self.look_at(log).decided_ops(log.durability(), move |now| {
            Ok(erase_ops(now, id, bounds, at_ms, &marked)?.0)
        })
    }

    /// Adds: remove a segment with its entries and traces, if it is there.
    pub fn delete_segment(&mut self, session: SessionId, segment: SegmentId) -> &mut Self {
        let (log, trace) = (
            self.archive.log(session, segment),
            self.archive.trace(session, segment),
        );
        self.delete(&log).delete(&trace)
    }

    /// Adds what becomes of a note.
    pub(super) fn note_op(&mut self, op: Op) -> &mut Self {
        self.change(self.archive.durability(), op)
    }

    /// Adds changes of notes that are decided when the batch is committed.
    pub(super) fn decided_notes(
        &mut self,
        decide: impl FnOnce(&Snapshot) -> Result<Vec<Op>, StoreError> + Send + 'static,
    ) -> &mut Self {
        self.decided_ops(self.archive.durability(), decide)
    }

    pub(super) fn marked(&self) -> Marked {
        self.redacted.clone()
    }

    /// Adds a change of the marks of a session, behind those that this batch makes of it already.
    pub(super) fn mark(&mut self, session: SessionId, mark: Mark) -> &mut Self {
        self.marks.push((session, mark));
        let of_session = self.marks.iter().filter(|(of, _)| *of == session);
        let marks: Vec<Mark> = of_session.map(|(_, mark)| *mark).collect();
        self.decided_ops(self.archive.durability(), move |now| {
            marked_ops(now, session, &marks)
        })
    }

    /// Adds: remove a session with all that belongs to it, if it is there.
    pub fn delete_session(&mut self, session: SessionId) -> &mut Self {
        self.change(self.archive.durability(), Op::DeleteSession { session })
    }

    /// Adds: set the metadata of a session, which begins with it if it is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`]; the batch is then as before.
    pub fn set_metadata(
        &mut self,
        session: SessionId,
        metadata: &Map<String, Value>,
    ) -> Result<&mut Self, StoreError> {
        let op = set_metadata(session, serde_json::to_vec(metadata)?)?;
        Ok(self.change(self.archive.durability(), op))
    }

    /// Adds: change the metadata of a session, as [`Archive::update_metadata`] does. If `change`
    /// fails, the batch fails with its error.
    pub fn update_metadata(
        &mut self,
        session: SessionId,
        change: impl FnOnce(&mut Map<String, Value>) -> Result<(), StoreError> + Send + 'static,
    ) -> &mut Self {
        self.decided(self.archive.durability(), move |now| {
            Ok(Some(updated_metadata(now, session, change)?.0))
        })
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
        let op = name_op(&WorkerName::new(name)?, serde_json::to_vec(record)?)?;
        Ok(self.change(self.archive.durability(), op))
    }

    /// Adds: change the record of a name, as [`Archive::update_name`] does. If `change` fails, the
    /// batch fails with its error.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`]; the batch is then as before.
    pub fn update_name<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Option<T>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<&mut Self, StoreError> {
        let name = WorkerName::new(name)?;
        Ok(self.decided(self.archive.durability(), move |now| {
            Ok(updated_name(now, &name, change)?.0)
        }))
    }

    /// Adds: remove a name, if it is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidPodName`]; the batch is then as before.
    pub fn delete_name(&mut self, name: &str) -> Result<&mut Self, StoreError> {
        let name = WorkerName::new(name)?.to_string();
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
        let changes = match self.changes.into_ops() {
            Ok(ops) => return self.archive.engine.write(synced, ops).map(drop),
            Err(changes) => changes,
        };
        let decide = |now: &Snapshot| Ok((changes.decide(now), ()));
        if self.past_journal {
            return self.archive.commit_without_journal(decide);
        }
        self.archive.commit_as(synced, decide)
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
        let archive = self.archive.clone();
        let choices = (self.into_choice(), otherwise.into_choice());
        archive.engine.commit_either(synced, choices.0, choices.1)
    }

    fn into_choice(self) -> Choice<'static> {
        let (engine, changes) = (self.archive.engine, self.changes);
        Choice {
            ops: Box::new(move |layers| {
                let view = View::new(layers, engine);
                changes.decide(&Snapshot { view })
            }),
            past_journal: self.past_journal,
        }
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

    /// Adds an append of entries that are collected already, and known to be entries or yet to be
    /// checked.
    pub(crate) fn append_collected(
        &mut self,
        log: &Log,
        expected_len: u64,
        entries: Entries,
        are_checked: bool,
    ) -> Result<&mut Self, StoreError> {
        let collected = Collected::of(log.id, entries, are_checked)?;
        Ok(self.append_op(log, Some(expected_len), collected))
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
        self.need(durability).changes.push(op);
        self
    }

    fn decided(
        &mut self,
        durability: Durability,
        decide: impl FnOnce(&Snapshot) -> Result<Option<Op>, StoreError> + Send + 'static,
    ) -> &mut Self {
        self.decided_ops(durability, move |now| {
            Ok(decide(now)?.into_iter().collect())
        })
    }

    fn decided_ops(
        &mut self,
        durability: Durability,
        decide: impl FnOnce(&Snapshot) -> Result<Vec<Op>, StoreError> + Send + 'static,
    ) -> &mut Self {
        self.need(durability).changes.push_decision(decide);
        self
    }

    fn need(&mut self, durability: Durability) -> &mut Self {
        if self.needed != Some(Durability::Synced) {
            self.needed = Some(durability);
        }
        self
    }

    pub(super) fn expect(&mut self, condition: Expect) -> &mut Self {
        self.changes.push(Op::Expect(condition));
        self
    }
}
