//! Merges one session: compares it with the one here, and adds what is new if nobody has changed
//! that one meanwhile.

use std::time::Instant;

use serde_json::{Map, Value};

use super::compare::{Comparison, Found};
use super::copy::{Copy, segments_of};
use super::on_conflict::OnConflict;
use super::report::{LeftOut, MergeOutcome, MergedSession};
use super::target::Sides;
use crate::archive::{
    Archive, Marks, Redactions, SegmentInfo, SessionInfo, SessionMarks, Snapshot, is_mark,
    key_of_marks, mark_ops, metadata_must_fit,
};
use crate::engine::{NOTE_MARK, Op};
use crate::error::StoreError;
use crate::ids::SessionId;
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
    pub(super) on_conflict: OnConflict,
    pub(super) again: bool,
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
    /// What was taken away here for good.
    marks: Marks,
    /// Whether it is in the trash here, or hidden.
    here: SessionMarks,
    /// Notes that it lacks, by the names that they are stored under.
    notes: Vec<String>,
    /// What was redacted there.
    redactions: Redactions,
    found: Found,
}

impl Compared {
    fn is_here(&self) -> bool {
        !self.segments.is_empty() || self.metadata.is_some()
    }

    /// Whether nothing of the session comes in, since all of it was taken away here.
    fn is_left_out(&self) -> bool {
        let left_out = &self.found.left_out;
        let has_no_rest = !self.is_here() && self.found.lacks.is_empty();
        left_out.sessions > 0 || (has_no_rest && left_out.segments > 0)
    }
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
            let stays = !compared.found.conflicts.is_empty() || compared.is_left_out();
            let taken = metadata.as_ref().filter(|_| compared.metadata.is_none());
            if stays || self.dry_run || self.add(&compared, taken, meter)? {
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
            marks: ours.marks(session)?,
            here: marks_here(ours, session)?,
            notes: self.missing_notes(ours)?,
            ..Compared::default()
        };
        if compared.marks.is_of_session() && !self.again {
            compared.found.left_out.sessions = 1;
            return Ok(compared);
        }
        let none = Marks::default();
        let marks = if self.again { &none } else { &compared.marks };
        let theirs = self.theirs;
        let sides = Sides { ours, theirs };
        compared.redactions = theirs.redactions(session)?;
        let redactions = compared.redactions.clone().with(marks.redactions());
        let marks = (marks, &redactions);
        let comparison = Comparison::new(sides, session, self.on_conflict, marks, meter);
        compared.found = comparison.run(&compared.segments)?;
        Ok(compared)
    }

    /// The notes on the session that are not here.
    fn missing_notes(&self, ours: &Snapshot) -> Result<Vec<String>, StoreError> {
        let mut missing = self.theirs.stored_notes(self.session.id)?;
        // Whether it is in the trash is said by itself, and only of a session that is not here.
        missing.retain(|name| !is_name_of_marks(name, self.session.id));
        missing.retain(|name| !is_mark(name));
        if !missing.is_empty() {
            let here = ours.stored_notes(self.session.id)?;
            missing.retain(|name| !here.contains(name));
        }
        Ok(missing)
    }

    /// Adds what is new. Returns `false` if another writer has changed the session since.
    fn add(
        &self,
        compared: &Compared,
        metadata: Option<&RawJson>,
        meter: &mut Meter<'_>,
    ) -> Result<bool, StoreError> {
        let change_bytes = if compared.found.bytes > SESSION_BYTES {
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
        // Before all else, so that a merge that is cut short brings nothing out of the trash.
        if let Some(marks) = self.new_marks(compared) {
            for op in marks.ops(self.session.id)? {
                copy.push(op, 0)?;
            }
        }
        for lack in &compared.found.lacks {
            copy.segment(lack)?;
        }
        if compared.segments.is_empty() {
            let new = compared.found.lacks.iter().map(|lack| lack.info.clone());
            copy.times(&self.session, &new.collect::<Vec<_>>())?;
        }
        for name in &compared.notes {
            if let Some(json) = self.theirs.view().read(|layers| layers.name(name))? {
                let (name, bytes) = (name.clone(), json.len());
                copy.push(Op::SetName { name, json }, bytes)?;
            }
        }
        if self.again {
            for op in compared.marks.removal() {
                copy.push(op, 0)?;
            }
        }
        if !compared.found.lacks.is_empty() {
            let ours = self.archive.snapshot()?;
            for op in mark_ops(&ours, self.session.id, &compared.redactions.pairs())? {
                copy.push(op, 0)?;
            }
        }
        metadata.map_or(Ok(()), |metadata| {
            let json = metadata.to_vec()?;
            // A relocation may have made it longer.
            metadata_must_fit(self.session.id, &json)?;
            copy.metadata(&self.session, json)
        })
    }

    /// The marks that the session gets here: those that it has there if it is new, and none of the trash if it
    /// is to come back.
    fn new_marks(&self, compared: &Compared) -> Option<SessionMarks> {
        let is_restored = self.again && compared.here.trashed_ms.is_some();
        if compared.is_here() {
            return is_restored.then(|| compared.here.out_of_trash());
        }
        Some(self.session.marks()).filter(|marks| *marks != SessionMarks::default())
    }

    /// Whether a change was not possible since somebody else has changed the session.
    fn is_of_another_writer(&self, err: &StoreError, compared: &Compared) -> bool {
        match err {
            StoreError::Conflict { session, .. }
            | StoreError::SegmentExists { session, .. }
            | StoreError::BranchPastEnd { session, .. }
            | StoreError::SessionNotFound(session) => *session == self.session.id,
            StoreError::NotFound(segment) => {
                let lacks = compared.found.lacks.iter();
                let mut parents = lacks.filter_map(|lack| lack.shared);
                parents.any(|parent| parent.segment == *segment)
            }
            _ => false,
        }
    }

    /// Before the first change the session must be as it was compared. From then on each append
    /// expects the length that its log had, so that only metadata and notes have to be looked at.
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
            && (compared.notes.is_empty() || self.missing_notes(now)? == compared.notes)
            && (!is_first
                || (segments == compared.segments
                    && now.marks(session)? == compared.marks
                    && marks_here(now, session)? == compared.here
                    && self.is_same(compared, now)?));
        if is_unchanged {
            return Ok(());
        }
        let entries = |segments: &[SegmentInfo]| segments.iter().map(|info| info.entries).sum();
        Err(StoreError::Conflict {
            session,
            segment: compared.found.lacks.first().map_or(session, |lack| lack.to),
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
        let again = self.compare(now, &mut Meter::new(None, 0))?.found;
        Ok(again.conflicts.is_empty() && again.lacks == compared.found.lacks)
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
        let is_unchanged =
            compared.found.lacks.is_empty() && compared.notes.is_empty() && !metadata;
        let mut merged = MergedSession {
            id: self.session.id,
            outcome: match (compared.is_here(), is_unchanged) {
                (false, _) => MergeOutcome::Added,
                (true, false) => MergeOutcome::Extended,
                (true, true) => MergeOutcome::Unchanged,
            },
            segments: 0,
            branches: 0,
            entries: 0,
            traces: 0,
            metadata: false,
            notes: 0,
            in_trash: match self.new_marks(&compared) {
                Some(marks) => marks.trashed_ms.is_some(),
                None => compared.here.trashed_ms.is_some(),
            },
            left_out: compared.found.left_out,
        };
        if compared.is_left_out() {
            merged.outcome = MergeOutcome::Forgotten;
            merged.in_trash = false;
            return merged;
        }
        if !compared.found.conflicts.is_empty() {
            merged.outcome = MergeOutcome::Conflict(compared.found.conflicts);
            merged.left_out = LeftOut::default();
            return merged;
        }
        merged.metadata = metadata;
        merged.notes = compared.notes.len() as u64;
        merged.branches = compared.found.branches;
        for lack in &compared.found.lacks {
            merged.segments += u64::from(lack.is_new || lack.log_is_new);
            merged.entries += lack.entries.end - lack.entries.start;
            merged.traces += lack.traces.end - lack.traces.start;
        }
        merged
    }
}

/// Whether a session is in the trash, or hidden.
fn marks_here(ours: &Snapshot, session: SessionId) -> Result<SessionMarks, StoreError> {
    let info = ours.session(session)?;
    Ok(info.map_or_else(SessionMarks::default, |info| info.marks()))
}

/// Whether a note is stored under this name that says whether the session is in the trash.
fn is_name_of_marks(name: &str, session: SessionId) -> bool {
    name.strip_prefix(NOTE_MARK) == Some(&key_of_marks(session))
}
