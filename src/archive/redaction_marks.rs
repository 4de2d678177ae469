//! Marks of what was redacted and erased, by which an import or a merge knows the entry as it was for the one that
//! stands there now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use super::note_ops;
use super::snapshot::Snapshot;
use crate::engine::{NOTE_MARK, Op};
use crate::error::StoreError;
use crate::ids::SessionId;

/// What was redacted and erased of a session: by hashes of whole entries, those as they are now with those as they were. None
/// of their content is in it.
///
/// ```
/// use sessiondb::archive::Redaction;
/// use sessiondb::{Archive, RawJson, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append("hunter2")?;
/// log.redact([Redaction::new(0, r#""hunter2""#, RawJson::new(r#""[redacted]""#)?)])?;
/// let redactions = archive.snapshot()?.redactions(log.session_id())?;
/// assert!(redactions.is_of(br#""[redacted]""#, br#""hunter2""#));
/// assert!(!redactions.is_of(br#""[redacted]""#, br#""hunter3""#));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redactions(HashMap<u64, BTreeSet<u64>>);

impl Redactions {
    /// Whether nothing was redacted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an entry is what stands in the place of another one since that was redacted.
    pub fn is_of(&self, redacted: &[u8], was: &[u8]) -> bool {
        let known = |redacted| self.0.get(&xxh3_64(redacted));
        !self.is_empty() && known(redacted).is_some_and(|all| all.contains(&xxh3_64(was)))
    }

    /// Whether both stand in the place of one entry.
    pub(crate) fn are_of_one(&self, one: &[u8], other: &[u8]) -> bool {
        let known = |redacted| self.0.get(&xxh3_64(redacted));
        match (known(one), known(other)) {
            (Some(one), Some(other)) => !one.is_disjoint(other),
            _ => false,
        }
    }

    /// Whether an entry stands in the place of another one.
    pub(crate) fn has(&self, redacted: &[u8]) -> bool {
        !self.is_empty() && self.0.contains_key(&xxh3_64(redacted))
    }

    /// Those of both.
    pub(crate) fn with(mut self, others: &Self) -> Self {
        for (now, was) in &others.0 {
            self.0.entry(*now).or_default().extend(was);
        }
        self
    }

    /// Each entry as it was, and as it is, by their hashes.
    pub(crate) fn pairs(&self) -> Vec<Pair> {
        let all = self.0.iter();
        let all = all.flat_map(|(now, was)| was.iter().map(|was| (*was, *now)));
        all.collect()
    }

    /// What is redacted once more stands for what the entry was before the first time, too.
    pub(super) fn carried(&self, pairs: &[Pair]) -> Vec<Pair> {
        let mut all = pairs.to_vec();
        for (was, now) in pairs {
            let earlier = self.0.get(was).into_iter().flatten();
            all.extend(earlier.map(|earlier| (*earlier, *now)));
        }
        all
    }
}

/// An entry as it was, and as it is, by their hashes.
pub(crate) type Pair = (u64, u64);

/// The hashes of an entry as it was, and as it is.
pub(crate) fn pair(was: &[u8], now: &[u8]) -> Pair {
    (xxh3_64(was), xxh3_64(now))
}

/// The part of a note's key behind the session.
const REDACTED: &str = "/redacted/";

/// The key of a note on a part of what was redacted: so none grows without end.
fn key_of_shard(session: SessionId, shard: u8) -> String {
    format!("session/{session}{REDACTED}{shard:02x}")
}

/// Whether it is the stored name of such a note.
pub(crate) fn is_mark(name: &str) -> bool {
    const ID: usize = 36;
    let key = name.strip_prefix(NOTE_MARK);
    let behind = key.and_then(|key| key.strip_prefix("session/")?.get(ID..));
    behind.is_some_and(|behind| behind.starts_with(REDACTED))
}

/// As a note has it: the hash of an entry as it is, and those of what it was.
type Shard = BTreeMap<String, BTreeSet<String>>;

/// By what the entry was, since many become the same.
fn shard_of((was, _): Pair) -> u8 {
    was.to_le_bytes()[0]
}

impl Snapshot {
    /// What was redacted and erased of a session.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn redactions(&self, session: SessionId) -> Result<Redactions, StoreError> {
        self.redactions_in(&self.redaction_keys(session)?)
    }

    /// What the notes with these keys say.
    pub(super) fn redactions_in(&self, keys: &[String]) -> Result<Redactions, StoreError> {
        let mut all = Redactions::default();
        let number = |hash: &String| u64::from_str_radix(hash, 16).ok();
        for key in keys {
            let shard: Shard = self.read_note(key)?.unwrap_or_default();
            for (now, was) in &shard {
                if let Some(now) = number(now) {
                    all.0
                        .entry(now)
                        .or_default()
                        .extend(was.iter().filter_map(number));
                }
            }
        }
        Ok(all)
    }

    /// The keys of the notes on what was redacted of a session.
    pub(super) fn redaction_keys(&self, session: SessionId) -> Result<Vec<String>, StoreError> {
        self.notes(&format!("session/{session}{REDACTED}"))
    }
}

/// What adds to the marks of a session.
pub(crate) fn mark_ops(
    now: &Snapshot,
    session: SessionId,
    pairs: &[Pair],
) -> Result<Vec<Op>, StoreError> {
    Marked::default().ops(now, session, pairs)
}

fn shard_op(
    now: &Snapshot,
    session: SessionId,
    shard: u8,
    pairs: &[Pair],
) -> Result<Option<Op>, StoreError> {
    let key = key_of_shard(session, shard);
    let before: Shard = now.read_note(&key)?.unwrap_or_default();
    let mut marks = before.clone();
    for (was, now) in pairs {
        let all = marks.entry(format!("{now:016x}")).or_default();
        all.insert(format!("{was:016x}"));
    }
    if marks == before {
        return Ok(None);
    }
    note_ops::write_op(&key, &marks).map(Some)
}

/// What a batch has marked so far. What it decides, it decides on the state before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Marked(Arc<Mutex<Shards>>);

/// By session and shard.
type Shards = BTreeMap<(SessionId, u8), Vec<Pair>>;

impl Marked {
    /// What adds to the marks of a session: each shard of these pairs, with those that the batch has added to it before.
    pub(super) fn ops(
        &self,
        now: &Snapshot,
        session: SessionId,
        pairs: &[Pair],
    ) -> Result<Vec<Op>, StoreError> {
        let mut marked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shards = BTreeSet::new();
        for pair in pairs {
            let shard = shard_of(*pair);
            shards.insert(shard);
            marked.entry((session, shard)).or_default().push(*pair);
        }
        let ops = shards.into_iter().map(|shard| {
            let pairs = marked.get(&(session, shard)).map_or(&[][..], Vec::as_slice);
            shard_op(now, session, shard, pairs)
        });
        ops.filter_map(Result::transpose).collect()
    }
}
