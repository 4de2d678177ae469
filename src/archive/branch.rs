//! Branches, which share the entries that they begin with, and erasing entries wherever they are
//! shared.

use std::ops::RangeBounds;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::entries::bounds_of;
use super::handle::Archive;
use super::log::Log;
use super::redaction_marks::{Marked, pair};
use super::snapshot::Snapshot;
use super::typed::LogEntries;
use crate::engine::{Entries, LogId, Op, OriginRecord};
use crate::entry::replay::{SegmentState, collect_state};
use crate::entry::segment_log::LogEntry;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId, new_segment_id, now_ms};
use crate::raw_json;
use crate::segment::{Head, fork_entry, last_turn, len_at_turn_end, origin_at};

impl Archive {
    /// Forks within a session, as [`segment::fork_at`](crate::segment::fork_at) does, without a
    /// copy of the history: the new segment shares the entries up to the end of turn `turn`, so
    /// that it restores to just the state of that moment. Where it came from is in its
    /// [`SegmentInfo::origin`](crate::SegmentInfo), not in an entry.
    ///
    /// ```
    /// use sessiondb::segment::{self, Seed};
    /// use sessiondb::Archive;
    /// use sessiondb::entry::{Item, Role};
    ///
    /// let archive = Archive::in_memory()?;
    /// let mut head = segment::start(&archive, &Seed::default())?;
    /// for turn in 1..=2 {
    ///     let answer = Item::message(Role::Assistant, format!("Answer {turn}"));
    ///     segment::save_history_delta(&archive, &mut head, [answer])?;
    ///     segment::save_turn_end(&archive, &mut head, turn)?;
    /// }
    /// let fork = archive.fork_at(head.session_id, head.segment_id, 1)?;
    /// let state = segment::restore(&archive, fork.session_id, fork.segment_id)?;
    /// assert_eq!(state.history, [Item::message(Role::Assistant, "Answer 1")]);
    /// assert_eq!(archive.segment(fork.session_id, fork.segment_id)?.unwrap().entry_bytes, 0);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], [`StoreError::TurnNotFound`], those of reading the entries, and
    /// those of [`Log::branch`].
    pub fn fork_at(
        &self,
        session: SessionId,
        segment: SegmentId,
        turn: u64,
    ) -> Result<Head, StoreError> {
        let fork = new_segment_id();
        self.commit(|snapshot| {
            let (op, len) = fork_op(snapshot, (session, segment, fork), turn, now_ms())?;
            Ok((vec![op], Head::new(session, fork, len)))
        })
    }

    /// Makes sure that a writer is alone on its segment, as
    /// [`segment::ensure_head_or_fork`](crate::segment::ensure_head_or_fork) does, with the check and the
    /// fork as one step: no other writer comes in between.
    ///
    /// If the entries that the writer counted are still what its state adds up to, the fork is a
    /// [`branch`](Log::branch) that shares them; else it is seeded with the state.
    ///
    /// ```
    /// use sessiondb::segment::{self, Seed};
    /// use sessiondb::Archive;
    ///
    /// let archive = Archive::in_memory()?;
    /// let head = segment::start(&archive, &Seed::default())?;
    /// let state = segment::restore(&archive, head.session_id, head.segment_id)?;
    /// assert_eq!(archive.ensure_head_or_fork(head, &state)?, head);
    ///
    /// let mut other_writer = head;
    /// segment::save_turn_end(&archive, &mut other_writer, 1)?;
    /// assert!(archive.ensure_head_or_fork(head, &state)?.forked);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if the segment is gone, and those of a write.
    pub fn ensure_head_or_fork(
        &self,
        head: Head,
        state: &SegmentState,
    ) -> Result<Head, StoreError> {
        let Head {
            session_id,
            segment_id,
            entries,
            ..
        } = head;
        let fork_id = new_segment_id();
        self.commit(|snapshot| {
            let len = snapshot.log(session_id, segment_id).existing_len()?;
            if len == entries as u64 {
                let forked = false;
                return Ok((Vec::new(), Head { forked, ..head }));
            }
            let shares = len > entries as u64
                && state_at(snapshot, session_id, segment_id, entries as u64)
                    .is_some_and(|now| now == *state);
            let (op, entries) = if shares {
                let origin = Some(fork_record(segment_id, state.turn_count));
                let ids = (session_id, segment_id, fork_id);
                (branch_op(ids, entries as u64, origin, now_ms()), entries)
            } else {
                let origin = origin_at(segment_id, state.turn_count);
                let fork = self.log(session_id, fork_id);
                let entry = fork_entry(session_id, state, origin);
                (fork.replace_op(fork.collect([entry])?), 1)
            };
            let forked = true;
            let fork = Head::new(session_id, fork_id, entries);
            Ok((vec![op], Head { forked, ..fork }))
        })
    }
}

impl Log {
    /// Makes a segment with the id `branch`, whose log begins with the first `at` entries of this
    /// one, and returns that log. The entries are shared, not copied, so it takes the same time and
    /// space whatever their number; each of the two segments goes on by itself.
    ///
    /// What is truncated or deleted in the one stays in the other. The entry bytes of a branch, as
    /// listed, are those of the entries that it does not share. Traces are not shared.
    ///
    /// ```
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
    /// log.append_many([1, 2, 3])?;
    /// let branch = log.branch(2, new_segment_id())?;
    /// branch.append(&4)?;
    /// log.truncate(1)?;
    /// let entries: Vec<u32> = branch.read(..)?.decode().collect::<Result<_, _>>()?;
    /// assert_eq!(entries, [1, 2, 4]);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if the segment does not exist, [`StoreError::BranchPastEnd`] if it
    /// has fewer entries, [`StoreError::SegmentExists`] if the session has a segment with the id
    /// `branch`, and those of a write.
    pub fn branch(&self, at: u64, branch: SegmentId) -> Result<Self, StoreError> {
        self.write([self.branch_op(at, branch)])?;
        Ok(self.of_segment(branch))
    }

    pub(super) fn branch_op(&self, at: u64, branch: SegmentId) -> Op {
        let ids = (self.session_id(), self.segment_id(), branch);
        branch_op(ids, at, None, self.at_ms())
    }

    /// Puts a tombstone in the place of each entry in the range, in every segment that shares it,
    /// and returns how many there are. Number and time of an entry stay, its content goes:
    /// `{"kind":"erased"}`, with the entry's `ts` if it has one.
    ///
    /// The content is out of the journal when this returns. The database keeps it in pages that
    /// are free by now until the archive is compacted. As with [`redact`](Self::redact) a mark stays in the
    /// session, a hash of each entry as it was, so that a merge tells what was erased from what is another entry.
    ///
    /// ```
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
    /// log.append(&serde_json::json!({"kind": "note", "ts": 7, "text": "secret"}))?;
    /// assert_eq!(log.erase(..1)?, 1);
    /// let first = log.read(..1)?.next().expect("it is still there")?;
    /// assert_eq!(first.as_str(), r#"{"kind":"erased","ts":7}"#);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] if the segment does not exist, [`StoreError::ErasePastEnd`] if the
    /// range leads out of it, and those of a write.
    pub fn erase(&self, range: impl RangeBounds<u64>) -> Result<u64, StoreError> {
        let bounds = bounds_of(&range);
        self.archive.commit_without_journal(|snapshot| {
            erase_ops(snapshot, self.id, bounds, self.at_ms(), &Marked::default())
        })
    }
}

/// Erases the entries from the first number to the one behind the last, and adds to what is marked; with how many there
/// are.
pub(super) fn erase_ops(
    snapshot: &Snapshot,
    log: LogId,
    (start, end): (u64, Option<u64>),
    at_ms: u64,
    marked: &Marked,
) -> Result<(Vec<Op>, u64), StoreError> {
    let reader = snapshot.reader(log);
    let len = reader.existing_len()?;
    let end = end.unwrap_or(len);
    if end > len || start > end {
        return Err(StoreError::ErasePastEnd {
            session: log.session,
            segment: log.segment,
            end: end.max(start),
            actual: len,
        });
    }
    let (mut entries, mut pairs) = (Entries::default(), Vec::new());
    for entry in reader.read(start..end)? {
        let entry = entry?;
        let tombstone = tombstone(entry.as_str());
        if *tombstone != *entry {
            pairs.push(pair(&entry, &tombstone));
        }
        entries.push(&tombstone);
    }
    let count = entries.len();
    if count == 0 {
        return Ok((Vec::new(), 0));
    }
    let pairs = snapshot.redactions(log.session)?.carried(&pairs);
    let mut ops = vec![Op::Erase {
        log,
        first: start,
        entries,
        at_ms,
    }];
    ops.extend(marked.ops(snapshot, log.session, &pairs)?);
    Ok((ops, count))
}

/// Branches off at the end of a turn, and the number of entries up to there.
pub(super) fn fork_op(
    snapshot: &Snapshot,
    (session, segment, fork): (SessionId, SegmentId, SegmentId),
    turn: u64,
    at_ms: u64,
) -> Result<(Op, usize), StoreError> {
    let entries = entries_of(snapshot, session, segment, u64::MAX)?;
    let len = len_at_turn_end(&entries, turn).ok_or_else(|| StoreError::TurnNotFound {
        segment,
        turn,
        last: last_turn(&entries),
    })?;
    let origin = Some(fork_record(segment, turn));
    let op = branch_op((session, segment, fork), len as u64, origin, at_ms);
    Ok((op, len))
}

fn branch_op(
    (session, from, to): (SessionId, SegmentId, SegmentId),
    len: u64,
    origin: Option<OriginRecord>,
    at_ms: u64,
) -> Op {
    Op::Branch {
        session,
        from,
        len,
        to,
        origin,
        at_ms,
    }
}

fn fork_record(segment: SegmentId, at_turn: u64) -> OriginRecord {
    const FORKED: u8 = 1;
    OriginRecord {
        kind: FORKED,
        segment,
        at_turn,
    }
}

fn entries_of(
    snapshot: &Snapshot,
    session: SessionId,
    segment: SegmentId,
    len: u64,
) -> Result<Vec<LogEntry>, StoreError> {
    let log = snapshot.log(session, segment);
    LogEntries::new(log.read_existing(..len)?).collect()
}

/// What the first `len` entries add up to, if they can be read.
fn state_at(
    snapshot: &Snapshot,
    session: SessionId,
    segment: SegmentId,
    len: u64,
) -> Option<SegmentState> {
    let entries = entries_of(snapshot, session, segment, len).ok()?;
    Some(collect_state(entries))
}

/// Whether the entry is what stands in the place of one that was erased.
pub(crate) fn is_tombstone(entry: &[u8]) -> bool {
    let fields = entry.strip_prefix(br#"{"kind":"erased""#);
    fields.is_some_and(|rest| {
        rest == b"}"
            || std::str::from_utf8(entry).is_ok_and(|entry| tombstone(entry) == entry.as_bytes())
    })
}

/// What stands in the place of an entry that was erased.
pub(crate) fn tombstone(entry: &str) -> Vec<u8> {
    #[derive(Deserialize)]
    struct Stamped<'a> {
        #[serde(borrow)]
        ts: &'a RawValue,
    }
    let ts = raw_json::is_object(entry)
        .then(|| serde_json::from_str::<Stamped<'_>>(entry).ok())
        .flatten();
    // A time and nothing else: a short number or string, as it was written.
    let is_time = |ts: &&str| {
        ts.len() <= 42 && ts.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
    };
    match ts.map(|stamped| stamped.ts.get()).filter(is_time) {
        Some(ts) => format!(r#"{{"kind":"erased","ts":{ts}}}"#).into_bytes(),
        None => br#"{"kind":"erased"}"#.to_vec(),
    }
}
