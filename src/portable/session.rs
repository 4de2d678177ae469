//! Merges one session: compares it with the one here, and adds what is new if nobody has changed
//! that one meanwhile.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

use serde_json::{Map, Value};

use super::copy::{Copy, Lack, in_order, read, segments_of};
use super::report::{MergeConflict, MergeOutcome, MergedSession};
use crate::archive::{
    Archive, SegmentInfo, SegmentParent, SessionInfo, Snapshot, metadata_must_fit,
};
use crate::engine::{LogId, LogKind, Op};
use crate::error::StoreError;
use crate::ids::SegmentId;
use crate::progress::Meter;
use crate::raw_json::{RawJson, fields};
use crate::relocation::Relocation;

/// What is new in a session is added as one change up to so many bytes.
const SESSION_BYTES: u64 = 64 << 20;
/// What is new in a larger session is added in changes of so many bytes.
const CHANGE_BYTES: usize = 8 << 20;
/// How often a session is compared anew because another writer has changed it meanwhile.
const MAX_ATTEMPTS: u32 = 100;
/// So often a session is compared beside other writers. After that they have to wait for it.
const PATIENT_ATTEMPTS: u32 = 3;

pub(super) struct SessionMerge<'m> {
    pub(super) archive: &'m Archive,
    pub(super) theirs: &'m Snapshot,
    /// The session as it is there.
    pub(super) session: SessionInfo,
    pub(super) relocation: &'m Relocation,
    pub(super) dry_run: bool,
}

/// A session as it is here, and what it lacks.
#[derive(Default)]
struct Compared {
    /// How many changes the archive has seen, at most, when it was compared.
    version: u64,
    /// Whether those who write to the archive have to wait should it be compared once more.
    is_last: bool,
    segments: Vec<SegmentInfo>,
    metadata: Option<Map<String, Value>>,
    lacks: Vec<Lack>,
    /// The bytes that it lacks.
    bytes: u64,
    conflicts: Vec<MergeConflict>,
}

impl SessionMerge<'_> {
    /// Returns what was done, and what differs in the metadata.
    pub(super) fn run(
        &self,
        meter: &mut Meter<'_>,
    ) -> Result<(MergedSession, Option<String>), StoreError> {
        let (start, begun) = (Instant::now(), meter.done());
        let metadata = self.their_metadata()?;
        let their_fields = metadata.as_ref().map(fields).transpose()?;
        for attempt in 1..=MAX_ATTEMPTS {
            meter.reach(begun);
            let version = self.archive.version()?;
            let compared = Compared {
                version,
                is_last: attempt >= PATIENT_ATTEMPTS,
                ..self.compare(&self.archive.snapshot()?, meter)?
            };
            let is_conflict = !compared.conflicts.is_empty();
            let taken = metadata.as_ref().filter(|_| compared.metadata.is_none());
            if is_conflict || self.dry_run || self.add(&compared, taken, meter)? {
                let note = self.note(compared.metadata.as_ref(), their_fields.as_ref());
                return Ok((self.merged(compared, taken.is_some()), note));
            }
        }
        Err(StoreError::Busy {
            path: self.archive.path().to_owned(),
            holder: None,
            waited: start.elapsed(),
        })
    }

    fn their_metadata(&self) -> Result<Option<RawJson>, StoreError> {
        let metadata = self.theirs.raw_metadata(self.session.id)?;
        Ok(metadata.map(|metadata| self.relocation.metadata(&metadata)))
    }

    fn compare(&self, ours: &Snapshot, meter: &mut Meter<'_>) -> Result<Compared, StoreError> {
        let session = self.session.id;
        let mut compared = Compared {
            segments: segments_of(ours, session)?,
            metadata: ours.metadata(session)?,
            ..Compared::default()
        };
        // Whose logs, as far as there are both, are the same.
        let mut agreeing = HashSet::new();
        for there in in_order(segments_of(self.theirs, session)?) {
            let here = ours.segment(session, there.id)?;
            let known = known_equal(&agreeing, &there, here.as_ref());
            let entries = Pair::new(LogKind::Entries, &there, here.as_ref(), known);
            let entries = self.compare_log(ours, &entries, meter)?;
            let traces = Pair::new(LogKind::Traces, &there, here.as_ref(), 0);
            let traces = self.compare_log(ours, &traces, meter)?;
            let (entries, traces) = match (entries, traces) {
                (Ok(entries), Ok(traces)) => (entries, traces),
                (entries, traces) => {
                    let conflicts = [entries.err(), traces.err()].into_iter().flatten();
                    compared.conflicts.extend(conflicts);
                    continue;
                }
            };
            agreeing.insert(there.id);
            let log_is_new = there.exists && !here.as_ref().is_some_and(|here| here.exists);
            // Parents come first, and nothing here contradicts them, or all of this is in vain.
            let is_there = |parent: &SegmentParent| agreeing.contains(&parent.segment);
            let lack = Lack {
                is_new: here.is_none(),
                log_is_new,
                shared: there.parent.filter(|parent| log_is_new && is_there(parent)),
                entries,
                traces,
                info: there,
            };
            if !lack.is_nothing() {
                compared.bytes += self.bytes_of(&lack, here.as_ref())?;
                compared.lacks.push(lack);
            }
        }
        Ok(compared)
    }

    /// Which entries of the log there are lacking here, or where the two part.
    fn compare_log(
        &self,
        ours: &Snapshot,
        pair: &Pair,
        meter: &mut Meter<'_>,
    ) -> Result<Result<Range<u64>, MergeConflict>, StoreError> {
        let (log, common) = (pair.log, pair.there.min(pair.here));
        if pair.known < common {
            let mine = read(ours, &log, pair.known..common)?;
            let pairs = mine.zip(read(self.theirs, &log, pair.known..common)?);
            for (entry, (mine, theirs)) in (pair.known..).zip(pairs) {
                let theirs = theirs?;
                if *mine? != *theirs {
                    return Ok(Err(MergeConflict {
                        segment: log.segment,
                        traces: log.kind == LogKind::Traces,
                        entry,
                    }));
                }
                meter.add(theirs.len() as u64);
            }
        }
        Ok(Ok(common..pair.there))
    }

    /// The bytes that are to be copied of a segment.
    fn bytes_of(&self, lack: &Lack, here: Option<&SegmentInfo>) -> Result<u64, StoreError> {
        let there = &lack.info;
        let (entries, traces) = here.map_or((0, 0), |here| (here.entry_bytes, here.trace_bytes));
        let traces = there.trace_bytes.saturating_sub(traces);
        let is_branch = there.parent.is_some() || here.is_some_and(|here| here.parent.is_some());
        if !is_branch || lack.shared.is_some() {
            // What is here is the beginning of what is there, or all of it and more.
            return Ok(traces + there.entry_bytes.saturating_sub(entries));
        }
        // What the two share with others is in no sum.
        let log = LogId {
            session: there.session,
            segment: there.id,
            kind: LogKind::Entries,
        };
        let mut bytes = traces;
        if !lack.entries.is_empty() {
            for entry in read(self.theirs, &log, lack.entries.clone())? {
                bytes += entry?.len() as u64;
            }
        }
        Ok(bytes)
    }

    /// Adds what is new. Returns `false` if another writer has changed the session since.
    fn add(
        &self,
        compared: &Compared,
        metadata: Option<&RawJson>,
        meter: &mut Meter<'_>,
    ) -> Result<bool, StoreError> {
        let change_bytes = if compared.bytes > SESSION_BYTES {
            CHANGE_BYTES
        } else {
            usize::MAX
        };
        let mut is_first = true;
        let mut write = |ops: Vec<Op>| {
            let is_first = std::mem::take(&mut is_first);
            self.archive.commit(|now| {
                self.check_unchanged(compared, now, is_first)?;
                Ok((ops, ()))
            })
        };
        let mut tell = |bytes| meter.add(bytes);
        let mut copy = Copy::new(self.theirs, change_bytes, &mut write, &mut tell);
        match self
            .copy(&mut copy, compared, metadata)
            .and_then(|()| copy.finish())
        {
            Err(err) if self.is_of_another_writer(&err, compared) => Ok(false),
            copied => copied.map(|()| true),
        }
    }

    fn copy(
        &self,
        copy: &mut Copy<'_>,
        compared: &Compared,
        metadata: Option<&RawJson>,
    ) -> Result<(), StoreError> {
        for lack in &compared.lacks {
            copy.segment(lack)?;
        }
        if compared.segments.is_empty() {
            copy.times(&self.session, &segments_of(self.theirs, self.session.id)?)?;
        }
        metadata.map_or(Ok(()), |metadata| {
            let json = metadata.to_vec()?;
            // A relocation may have made it longer.
            metadata_must_fit(self.session.id, &json)?;
            copy.metadata(&self.session, json)
        })
    }

    /// Whether a change was not possible since somebody else has changed the session.
    fn is_of_another_writer(&self, err: &StoreError, compared: &Compared) -> bool {
        match err {
            StoreError::Conflict { session, .. }
            | StoreError::SegmentExists { session, .. }
            | StoreError::BranchPastEnd { session, .. }
            | StoreError::SessionNotFound(session) => *session == self.session.id,
            StoreError::NotFound(segment) => {
                let mut parents = compared.lacks.iter().filter_map(|lack| lack.shared);
                parents.any(|parent| parent.segment == *segment)
            }
            _ => false,
        }
    }

    /// Before the first change the session must be as it was compared. From then on each append
    /// expects the length that its log had, so that only the metadata has to be looked at.
    fn check_unchanged(
        &self,
        compared: &Compared,
        now: &Snapshot,
        is_first: bool,
    ) -> Result<(), StoreError> {
        if is_first && self.archive.version()? == compared.version {
            return Ok(());
        }
        let session = self.session.id;
        let segments = segments_of(now, session)?;
        let is_unchanged = now.metadata(session)? == compared.metadata
            && (!is_first || (segments == compared.segments && self.is_same(compared, now)?));
        if is_unchanged {
            return Ok(());
        }
        let entries = |segments: &[SegmentInfo]| segments.iter().map(|info| info.entries).sum();
        Err(StoreError::Conflict {
            session,
            segment: compared.lacks.first().map_or(session, |lack| lack.info.id),
            expected: entries(&compared.segments),
            actual: entries(&segments),
        })
    }

    /// Whether a session of the same lengths and times still has the same entries, though there
    /// was some change in the archive. To find out takes a comparison, which nobody should have
    /// to wait for.
    fn is_same(&self, compared: &Compared, now: &Snapshot) -> Result<bool, StoreError> {
        if compared.segments.is_empty() {
            return Ok(true);
        }
        if !compared.is_last {
            return Ok(false);
        }
        let again = self.compare(now, &mut Meter::new(None, 0))?;
        Ok(again.conflicts.is_empty())
    }

    fn note(
        &self,
        here: Option<&Map<String, Value>>,
        there: Option<&Map<String, Value>>,
    ) -> Option<String> {
        let (here, there) = (here?, there?);
        let differs = |field: &&String| here.get(*field) != there.get(*field);
        let mut fields: Vec<&String> = here.keys().chain(there.keys()).filter(differs).collect();
        fields.sort();
        fields.dedup();
        if fields.is_empty() {
            return None;
        }
        let fields: Vec<&str> = fields.into_iter().map(String::as_str).collect();
        Some(format!(
            "the metadata of session {} differs in {}; it stays as it is here",
            self.session.id,
            fields.join(", ")
        ))
    }

    fn merged(&self, compared: Compared, metadata: bool) -> MergedSession {
        let is_new = compared.segments.is_empty() && compared.metadata.is_none();
        let is_unchanged = compared.lacks.is_empty() && !metadata;
        let mut merged = MergedSession {
            id: self.session.id,
            outcome: match (is_new, is_unchanged) {
                (true, _) => MergeOutcome::Added,
                (false, false) => MergeOutcome::Extended,
                (false, true) => MergeOutcome::Unchanged,
            },
            segments: 0,
            entries: 0,
            traces: 0,
            metadata,
        };
        if !compared.conflicts.is_empty() {
            merged.outcome = MergeOutcome::Conflict(compared.conflicts);
            merged.metadata = false;
            return merged;
        }
        for lack in &compared.lacks {
            merged.segments += u64::from(lack.is_new || lack.log_is_new);
            merged.entries += lack.entries.end - lack.entries.start;
            merged.traces += lack.traces.end - lack.traces.start;
        }
        merged
    }
}

/// A log there and the one here.
struct Pair {
    log: LogId,
    /// The lengths.
    there: u64,
    here: u64,
    /// How many entries are known to be the same.
    known: u64,
}

impl Pair {
    fn new(kind: LogKind, there: &SegmentInfo, here: Option<&SegmentInfo>, known: u64) -> Self {
        let len_of = |info: &SegmentInfo| match kind {
            LogKind::Entries => info.entries,
            LogKind::Traces => info.traces,
        };
        Self {
            log: LogId {
                session: there.session,
                segment: there.id,
                kind,
            },
            there: len_of(there),
            here: here.map_or(0, len_of),
            known,
        }
    }
}

/// How many entries of a log are the same on both sides since both share them with a base whose
/// log is.
fn known_equal(
    agreeing: &HashSet<SegmentId>,
    there: &SegmentInfo,
    here: Option<&SegmentInfo>,
) -> u64 {
    match (there.parent, here.and_then(|here| here.parent)) {
        (Some(there), Some(here))
            if there.segment == here.segment && agreeing.contains(&there.segment) =>
        {
            there.len.min(here.len)
        }
        _ => 0,
    }
}
