//! What was taken away for good: removed with a mark by which an import or a merge knows not to bring
//! it back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use super::branch::is_tombstone;
use super::handle::Archive;
use super::info::SessionInfo;
use super::log::Log;
use super::note_ops;
use super::redaction_marks::Redactions;
use super::snapshot::Snapshot;
use crate::engine::{FORGOTTEN, Op};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// So often entries are read anew since another writer was there meanwhile.
const PATIENT_ATTEMPTS: u32 = 10;

/// What a mark says of a session or segment of which something was taken away. None of its content is
/// in it.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let (session, segment) = (new_session_id(), new_segment_id());
/// let log = archive.log(session, segment);
/// log.append_many([1, 2, 3])?;
/// archive.forget_from(&log, 1)?;
/// let mark = archive.snapshot()?.forgotten(session, segment)?.expect("it is marked");
/// assert_eq!((mark.cuts[0].from, mark.cuts[0].to), (1, 3));
///
/// archive.forget_session(session)?;
/// let mark = archive.snapshot()?.forgotten(session, segment)?.expect("it is marked");
/// assert!(mark.is_whole());
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Forgotten {
    /// The number of entries before the last of it was taken away.
    pub entries: u64,
    /// The ends that were cut off from the log, in the order of their time. Empty where all of the
    /// segment or session was taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<CutOff>,
}

/// An end of a log that was cut off, in [`Forgotten`].
///
/// ```
/// use sessiondb::archive::CutOff;
///
/// let cut: CutOff = serde_json::from_str(r#"{"from":1,"to":3,"hash":"0123456789abcdef"}"#)?;
/// assert_eq!(cut.to, 3);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CutOff {
    /// The first entry that was cut off, counted as the log stood then.
    pub from: u64,
    /// The length before.
    pub to: u64,
    /// A hash of those entries, by which they are known again: XXH3 of 64 bits, in hexadecimal, of
    /// each entry and a line end.
    pub hash: String,
    /// The hash of the first of them alone, by which an earlier and shorter state of the log is known.
    #[serde(default)]
    pub first: String,
    /// Those of the entries that had been erased or redacted before: neither hash is of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<u64>,
}

impl Forgotten {
    /// Whether all of the session or segment was taken away.
    pub fn is_whole(&self) -> bool {
        self.cuts.is_empty()
    }
}

/// The hash of entries by which a mark knows them again.
///
/// ```
/// use sessiondb::archive::ForgottenHash;
///
/// let mut hash = ForgottenHash::default();
/// hash.entry(b"1");
/// assert_eq!(hash.finish().len(), 16);
/// ```
#[derive(Default)]
pub struct ForgottenHash(Xxh3Default);

impl std::fmt::Debug for ForgottenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForgottenHash")
    }
}

impl ForgottenHash {
    /// Takes in the next entry.
    pub fn entry(&mut self, entry: &[u8]) {
        self.0.update(entry);
        self.0.update(b"\n");
    }

    /// The hash of all that was taken in.
    pub fn finish(&self) -> String {
        format!("{:016x}", self.0.digest())
    }
}

/// What is made of entries to be cut off, and of others to see whether they are the same: those that
/// were erased do not count.
#[derive(Default)]
pub(crate) struct CutHash {
    all: ForgottenHash,
    /// That of the first entry alone.
    first: Option<String>,
}

impl CutHash {
    /// Takes in the next entry that was not erased.
    fn entry(&mut self, entry: &[u8]) {
        self.all.entry(entry);
        self.first.get_or_insert_with(|| self.all.finish());
    }
}

/// Entries beside those that were cut off.
pub(crate) struct CutMatch<'c> {
    cut: &'c CutOff,
    found: CutHash,
}

impl CutOff {
    /// Compares entries with those that were cut off.
    pub(crate) fn compare(&self) -> CutMatch<'_> {
        CutMatch {
            cut: self,
            found: CutHash::default(),
        }
    }
}

impl CutMatch<'_> {
    /// Takes in the entry with that number, in order.
    pub(crate) fn entry(&mut self, number: u64, entry: &[u8]) {
        if !self.cut.erased.contains(&number) {
            self.found.entry(entry);
        }
    }

    /// Whether the first of them was taken in, by which a log that ends before the last is told.
    pub(crate) fn has_first(&self) -> bool {
        self.found.first.is_some()
    }

    /// Whether they are those that were cut off: all of them, or of a log that ends before, the first.
    pub(crate) fn is_same(&self, is_whole: bool) -> bool {
        if is_whole {
            return self.found.all.finish() == self.cut.hash;
        }
        let first = self.found.first.as_ref();
        first.is_none_or(|first| *first == self.cut.first)
    }
}

fn key_of_session(session: SessionId) -> String {
    format!("{FORGOTTEN}{session}")
}

fn key_of_segment(session: SessionId, segment: SegmentId) -> String {
    format!("{FORGOTTEN}{session}/{segment}")
}

impl Archive {
    /// Removes a session with all that belongs to it, and keeps a mark by which no import and no
    /// merge brings it back. Returns whether it was there. [`delete_session`](Self::delete_session)
    /// removes without a mark.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn forget_session(&self, session: SessionId) -> Result<bool, StoreError> {
        self.commit(|now| {
            let Some(info) = now.session(session)? else {
                return Ok((Vec::new(), false));
            };
            Ok((forget_session_ops(&info)?.into(), true))
        })
    }

    /// Removes a segment and its traces, and keeps a mark, as
    /// [`forget_session`](Self::forget_session) does. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn forget_segment(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<bool, StoreError> {
        let (log, trace) = (self.log(session, segment), self.trace(session, segment));
        self.commit(|now| {
            let Some(info) = now.segment(session, segment)? else {
                return Ok((Vec::new(), false));
            };
            let mark = whole(info.entries);
            let ops = vec![
                Op::DeleteLog { log: log.id },
                Op::DeleteLog { log: trace.id },
                note_ops::write_op(&key_of_segment(session, segment), &mark)?,
            ];
            Ok((ops, true))
        })
    }

    /// Cuts a log of entries off behind its first `len` entries, and keeps a mark, as
    /// [`forget_session`](Self::forget_session) does. A log that is not longer stays as it is.
    ///
    /// # Errors
    ///
    /// Those of [`Log::truncate`].
    pub fn forget_from(&self, log: &Log, len: u64) -> Result<(), StoreError> {
        for _ in 0..PATIENT_ATTEMPTS {
            match self.try_forget_from(log, len) {
                // Another writer has been there since the entries were read.
                Err(StoreError::Conflict { .. }) => {}
                done => return done,
            }
        }
        self.try_forget_from(log, len)
    }

    fn try_forget_from(&self, log: &Log, len: u64) -> Result<(), StoreError> {
        let (session, segment) = (log.session_id(), log.segment_id());
        let before = log.len()?;
        if log.is_trace() || before <= len {
            return log.truncate(len);
        }
        let redactions = self.snapshot()?.redactions(session)?;
        let (mut hash, mut erased) = (CutHash::default(), Vec::new());
        for (number, entry) in (len..).zip(log.read(len..before)?) {
            let entry = entry?;
            if is_tombstone(&entry) || redactions.has(&entry) {
                erased.push(number);
            } else {
                hash.entry(&entry);
            }
        }
        let key = key_of_segment(session, segment);
        let earlier = self.read_note::<Forgotten>(&key)?;
        let mut cuts = earlier.map_or_else(Vec::new, |mark| mark.cuts);
        cuts.push(CutOff {
            from: len,
            to: before,
            hash: hash.all.finish(),
            first: hash.first.unwrap_or_default(),
            erased,
        });
        let mark = Forgotten {
            entries: before,
            cuts,
        };
        let mut batch = self.batch();
        batch.expect_len(log, before).truncate(log, len);
        batch.write_note(&key, &mark)?;
        batch.commit()
    }

    /// Takes the marks of a session away, so that an import or a merge may bring it back, and takes it out of the
    /// [trash](Self::trash_session).
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn allow_again(&self, session: SessionId) -> Result<(), StoreError> {
        let now = self.snapshot()?;
        let mut ops = now.marks(session)?.removal();
        let marks = now.session(session)?.map(|info| info.marks());
        if let Some(marks) = marks.filter(|marks| marks.trashed_ms.is_some()) {
            ops.extend(marks.out_of_trash().ops(session)?);
        }
        if ops.is_empty() {
            return Ok(());
        }
        self.write(ops)
    }
}

impl Snapshot {
    /// What was taken away of a segment for good: all of it, with its session or by itself, or what
    /// was behind an entry; `None` if nothing was.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn forgotten(
        &self,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Option<Forgotten>, StoreError> {
        match self.read_note(&key_of_session(session))? {
            Some(mark) => Ok(Some(mark)),
            None => self.read_note(&key_of_segment(session, segment)),
        }
    }

    /// Whether a whole session was taken away for good.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn is_session_forgotten(&self, session: SessionId) -> Result<bool, StoreError> {
        Ok(self.raw_note(&key_of_session(session))?.is_some())
    }

    /// All marks of a session and its segments.
    pub(crate) fn marks(&self, session: SessionId) -> Result<Marks, StoreError> {
        let prefix = key_of_session(session);
        let mut keys = self.notes(&prefix)?;
        let mut marks = Marks::default();
        for key in &keys {
            let Some(mark) = self.read_note::<Forgotten>(key)? else {
                continue;
            };
            let segment = key.get(prefix.len() + 1..).and_then(|rest| rest.get(..36));
            match segment.and_then(|segment| segment.parse().ok()) {
                Some(segment) => drop(marks.segments.insert(segment, mark)),
                None => marks.session = Some(mark),
            }
        }
        let of_redactions = self.redaction_keys(session)?;
        marks.redactions = self.redactions_in(&of_redactions)?;
        keys.extend(of_redactions);
        Ok(Marks { keys, ..marks })
    }
}

/// The marks of a session.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    session: Option<Forgotten>,
    segments: BTreeMap<SegmentId, Forgotten>,
    keys: Vec<String>,
    redactions: Redactions,
}

impl Marks {
    /// Whether the whole session was taken away.
    pub(crate) fn is_of_session(&self) -> bool {
        self.session.is_some()
    }

    /// What was redacted.
    pub(crate) fn redactions(&self) -> &Redactions {
        &self.redactions
    }

    /// That of a segment by itself.
    pub(crate) fn of(&self, segment: SegmentId) -> Option<&Forgotten> {
        self.segments.get(&segment)
    }

    /// The segments that were taken away by themselves.
    pub(crate) fn removed_segments(&self) -> impl Iterator<Item = SegmentId> {
        let segments = self.segments.iter();
        let removed = segments.filter(|(_, mark)| mark.is_whole());
        removed.map(|(segment, _)| *segment)
    }

    /// What takes them away.
    pub(crate) fn removal(&self) -> Vec<Op> {
        self.keys
            .iter()
            .map(|key| note_ops::delete_op(key))
            .collect()
    }
}

/// What removes a session, and marks it.
pub(crate) fn forget_session_ops(session: &SessionInfo) -> Result<[Op; 2], StoreError> {
    let mark = note_ops::write_op(&key_of_session(session.id), &whole(session.entries))?;
    let session = session.id;
    Ok([Op::DeleteSession { session }, mark])
}

fn whole(entries: u64) -> Forgotten {
    Forgotten {
        entries,
        cuts: Vec::new(),
    }
}
