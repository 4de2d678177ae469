//! Merges another archive into this one: what it has beyond this one is added, and what contradicts
//! this one comes in beside it.

use super::on_conflict::OnConflict;
use super::report::MergeReport;
use super::session::SessionMerge;
use super::write::TELL_BYTES;
use crate::archive::{Archive, SessionInfo, Snapshot};
use crate::engine::{FileId, Op};
use crate::entry::names::NameRecord;
use crate::error::StoreError;
use crate::progress::{Meter, Progress};
use crate::relocation::Relocation;

/// Brings what another archive holds into this one.
///
/// Session by session, and of each session segment by segment, entries and traces: what is not
/// here is added; a log that is the beginning of the other's grows by the rest; one that is equal
/// or longer stays. A [branch](crate::Log::branch) that is added shares its entries here as it does
/// there. Merging again changes nothing.
///
/// If neither log is the beginning of the other, what the other archive has goes into a branch of
/// the same session: it shares the entries before the first that differs, or none if that is the
/// first of all, and has the rest and the traces of the other log. The id of a branch is made from
/// the segment, the place and the first entry that differs, so that a log that has grown there
/// extends its branch, and what goes back and forth between two archives is known again. Traces
/// that differ beside a log that does not go into a segment that has these traces alone.
/// [`on_conflict`](Self::on_conflict) can say that such a session stays as it is.
///
/// What was taken away here for good is left out, unless [`again`](Self::again) is set: sessions and
/// segments that were [forgotten](Archive::forget_session), and the end of a log that was
/// [cut off](Archive::forget_from) here, if the other log has just that, or less of it, and all
/// that it has behind. An entry that is [erased](crate::Log::erase) in one of the two logs is no
/// difference, and each keeps what it has; by their marks another entry in its place is one. What builds before 0.2.0 erased has
/// no mark, and any entry in its place counts as the same.
///
/// A session that is in the [trash](Archive::trash_session) here stays there, with what comes in, unless
/// [`again`](Self::again) is set. One that is in the trash there comes in so if it is not here, and stays as it
/// is here otherwise; so it is with hidden ones.
///
/// The metadata of a session, the notes on it and the names are taken over where there are none
/// here. Where metadata or names differ, those here stay and a note of the report says so.
///
/// Two archives in which one branch grew on both sides may have to be merged once more in each direction
/// until nothing changes: each learns by which id the other has it. No entry waits for that.
///
/// What is new in a session is added as one change, all or nothing, up to 64 MiB. Of a session
/// with more, segment after segment grows in several changes, each of whole entries: should the
/// process die meanwhile, each log is a beginning of the other's, and merging again goes on.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb::portable::Merge;
///
/// let (here, there) = (Archive::in_memory()?, Archive::in_memory()?);
/// let (session, segment) = (new_session_id(), new_segment_id());
/// here.log(session, segment).append(&1)?;
/// there.log(session, segment).append_many([1, 2])?;
///
/// let report = Merge::new(&here).run(&there, None)?;
/// assert_eq!((report.new_entries(), report.conflicts().count()), (1, 0));
/// assert_eq!(here.log(session, segment).len()?, 2);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Merge<'a> {
    archive: &'a Archive,
    relocation: Relocation,
    on_conflict: OnConflict,
    again: bool,
    dry_run: bool,
}

impl<'a> Merge<'a> {
    /// A merge into `archive`.
    pub fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            relocation: Relocation::new(),
            on_conflict: OnConflict::default(),
            again: false,
            dry_run: false,
        }
    }

    /// Says which folders have another path here: `cwd` in the metadata of the other archive's
    /// sessions is rewritten before anything is done with it. Entries stay as they are.
    #[must_use]
    pub fn relocate(mut self, relocation: Relocation) -> Self {
        self.relocation = relocation;
        self
    }

    /// Says what becomes of logs that differ. The default is [`OnConflict::Branch`].
    #[must_use]
    pub fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.on_conflict = on_conflict;
        self
    }

    /// Says whether what was taken away here for good comes back, which takes the marks of its
    /// sessions away, as [`Archive::allow_again`] does, and so does what is in the trash here. Entries that were erased stay so. The
    /// default is `false`.
    #[must_use]
    pub fn again(mut self, again: bool) -> Self {
        self.again = again;
        self
    }

    /// Says whether only to find out what would be done. The default is `false`.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Merges what `other` holds at this moment. Others may write to both meanwhile.
    ///
    /// Memory grows with the number of sessions and with what is new in one session, up to
    /// 64 MiB of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the two are the same file; [`StoreError::Damaged`];
    /// [`StoreError::Busy`] if others keep changing a session while it is compared; and those of
    /// a write. Sessions that are done stay merged, and running the merge again goes on.
    pub fn run(
        &self,
        other: &Archive,
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<MergeReport, StoreError> {
        self.check_other(other)?;
        let theirs = other.snapshot()?;
        let mut sessions = theirs.sessions().collect::<Result<Vec<_>, _>>()?;
        sessions.sort_by_key(|session| session.id);
        let mut meter = Meter::new(progress, TELL_BYTES);
        meter.expect(sessions.iter().map(bytes_of).sum());
        let mut report = MergeReport::default();
        let mut end = 0;
        for session in sessions {
            end += bytes_of(&session);
            let merge = SessionMerge {
                archive: self.archive,
                theirs: &theirs,
                session,
                relocation: &self.relocation,
                on_conflict: self.on_conflict,
                again: self.again,
                dry_run: self.dry_run,
            };
            let (merged, note) = merge.run(&mut meter)?;
            meter.reach(end);
            report.sessions.push(merged);
            report.notes.extend(note);
        }
        self.names(&theirs, &mut report)?;
        meter.finish();
        Ok(report)
    }

    /// Refuses another handle on the archive itself.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the two are the same file.
    pub fn check_other(&self, other: &Archive) -> Result<(), StoreError> {
        if !is_same(self.archive, other) {
            return Ok(());
        }
        let reason = format!(
            "{}: cannot be merged with itself; give the path of another archive",
            other.path().display()
        );
        Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, reason).into())
    }

    /// Takes over the names that are not here, all as one change.
    fn names(&self, theirs: &Snapshot, report: &mut MergeReport) -> Result<(), StoreError> {
        let records = theirs.name_records()?;
        let missing_names = |now: &Snapshot| missing_names(now, &records, self.again);
        let mut found = missing_names(&self.archive.snapshot()?)?;
        if !found.ops.is_empty() && !self.dry_run {
            found = self.archive.commit(|now| {
                let mut found = missing_names(now)?;
                Ok((std::mem::take(&mut found.ops), found))
            })?;
        }
        report.names = found.names;
        report.notes.append(&mut found.notes);
        Ok(())
    }
}

/// Names that are not here, the ops that set them, and what is to be said of those that differ.
#[derive(Default)]
struct MissingNames {
    ops: Vec<Op>,
    names: Vec<String>,
    notes: Vec<String>,
}

/// Names of sessions that are not brought back are not either.
fn missing_names(
    ours: &Snapshot,
    records: &[NameRecord],
    again: bool,
) -> Result<MissingNames, StoreError> {
    let mut found = MissingNames::default();
    for theirs in records {
        let name = &theirs.name;
        if let Some(session) = theirs.session().filter(|_| !again)
            && ours.is_session_forgotten(session)?
        {
            continue;
        }
        match ours.read_name_as(name)? {
            None => {
                found.ops.push(theirs.op()?);
                found.names.push(name.clone());
            }
            Some(here) if !theirs.says(&here) => {
                let note = format!("name {name:?} differs; it stays as it is here");
                found.notes.push(note);
            }
            Some(_) => {}
        }
    }
    Ok(found)
}

/// The bytes of all entries and traces of a session.
fn bytes_of(session: &SessionInfo) -> u64 {
    session.entry_bytes.saturating_add(session.trace_bytes)
}

/// Whether the two are one file, whatever name it goes by.
fn is_same(one: &Archive, other: &Archive) -> bool {
    if std::ptr::eq(one.engine(), other.engine()) {
        return true;
    }
    match (FileId::at(one.path()), FileId::at(other.path())) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
