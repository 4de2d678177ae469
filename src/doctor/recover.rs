//! `recover`: what can be read out of a damaged archive, written into a new one.

use std::path::Path;

use serde::Serialize;

use super::problem::{EntryRange, Part, Problem};
use super::restore::restore;
use crate::engine::{Basis, Lost, Salvaged, Superblock, Table, create_filled};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// How far a recovery has come, in bytes: first those of the damaged file that are read, then
/// those of the entries that are written.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (broken, new) = (dir.path().join("broken.sessiondb"), dir.path().join("new.sessiondb"));
/// # sessiondb::Archive::open(&broken)?.close()?;
/// sessiondb::recover(&broken, &new, &mut |progress| {
///     eprintln!("{} of about {}", progress.done, progress.total);
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoverProgress {
    /// Bytes read or written.
    pub done: u64,
    /// Bytes there are, as far as is known.
    pub total: u64,
}

/// What the content of a recovered archive rests on, the surest first.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (broken, new) = (dir.path().join("broken.sessiondb"), dir.path().join("new.sessiondb"));
/// # sessiondb::Archive::open(&broken)?.close()?;
/// let report = sessiondb::recover(&broken, &new, &mut |_| {})?;
/// assert_eq!(report.basis, sessiondb::RecoverBasis::Newest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecoverBasis {
    /// The state that the archive had last.
    Newest,
    /// An earlier state, since the last one could not be read. Later changes are missing; what
    /// they removed is there again.
    Older,
    /// The changes that stand in the journal, from the first on. As for an older state.
    Journal,
    /// Entries found anywhere in the file, since no state could be made out. Entries that had
    /// been removed may be among them.
    Scan,
}

/// What a recovery found, and what it did not find.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (broken, new) = (dir.path().join("broken.sessiondb"), dir.path().join("new.sessiondb"));
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::open(&broken)?;
/// archive.log(new_session_id(), new_segment_id()).append_raw(b"1")?;
/// archive.close()?;
///
/// let report = sessiondb::recover(&broken, &new, &mut |_| {})?;
/// assert!(report.complete);
/// assert_eq!((report.entries, report.missing_entries), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoverReport {
    /// Whether everything was there.
    pub complete: bool,
    /// What the content of the new archive rests on.
    pub basis: RecoverBasis,
    /// Sessions in the new archive.
    pub sessions: u64,
    /// Segments of the damaged archive that have a log in the new one.
    pub segments: u64,
    /// Entries in the new archive.
    pub entries: u64,
    /// Traces in the new archive.
    pub traces: u64,
    /// Entries and traces that are known to be missing. There may be more of which nothing is
    /// known; `problems` says where.
    pub missing_entries: u64,
    /// Every log of which anything is known.
    pub logs: Vec<RecoveredLog>,
    /// What was found damaged, and what is missing because of it.
    pub problems: Vec<Problem>,
    /// What else there is to know; nothing is missing because of it.
    pub notes: Vec<String>,
}

/// What was found of one log.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (broken, new) = (dir.path().join("broken.sessiondb"), dir.path().join("new.sessiondb"));
/// # sessiondb::Archive::open(&broken)?.close()?;
/// for log in sessiondb::recover(&broken, &new, &mut |_| {})?.logs {
///     for range in &log.missing {
///         eprintln!("segment {}: {range} missing", log.segment);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoveredLog {
    /// The session.
    pub session: SessionId,
    /// The segment.
    pub segment: SegmentId,
    /// Whether these are the segment's traces, and not its entries.
    pub traces: bool,
    /// How many entries were recovered, those in `pieces` included.
    pub recovered: u64,
    /// How many there were; `None` if nobody knows.
    pub total: Option<u64>,
    /// Those that were not recovered.
    pub missing: Vec<EntryRange>,
    /// Entries behind a missing one. They are in segments of their own, since in the log they
    /// would have another number than they had.
    pub pieces: Vec<Piece>,
}

/// Entries that stood behind missing ones, and the segment that holds them now.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (broken, new) = (dir.path().join("broken.sessiondb"), dir.path().join("new.sessiondb"));
/// # sessiondb::Archive::open(&broken)?.close()?;
/// let report = sessiondb::recover(&broken, &new, &mut |_| {})?;
/// for piece in report.logs.iter().flat_map(|log| &log.pieces) {
///     eprintln!("from {:?} on: segment {}", piece.from, piece.segment);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Piece {
    /// The number that the first of them had; `None` if nobody knows.
    pub from: Option<u64>,
    /// How many they are.
    pub entries: u64,
    /// The segment of the same session that holds them in the new archive.
    pub segment: SegmentId,
}

/// Writes what can be read out of the damaged archive at `broken` into a new one at `new`.
///
/// No entry of the new archive differs from the one that the damaged archive had in its place.
/// What cannot be read, or cannot be told from what had been removed, is missing and reported.
///
/// `broken` is opened for reading only, nothing in it is changed, and no lock is taken: it is for
/// a file that nobody writes to. Beside a writer, what is read may be of several moments, and is
/// then reported as damaged. `new` appears at once, when it is whole.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (broken, new) = (dir.path().join("broken.sessiondb"), dir.path().join("new.sessiondb"));
/// # sessiondb::Archive::open(&broken)?.close()?;
/// let report = sessiondb::recover(&broken, &new, &mut |_| {})?;
/// for problem in &report.problems {
///     eprintln!("{problem}");
/// }
/// let archive = sessiondb::Archive::open(&new)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`StoreError::NotAnArchive`] if `broken` never was one, or too little is left of it to tell;
/// [`StoreError::UnsupportedVersion`]; [`StoreError::Io`] if `new` is there already, or the
/// operating system refuses. Then there is nothing at `new`. Damage is no error.
pub fn recover(
    broken: impl AsRef<Path>,
    new: impl AsRef<Path>,
    progress: &mut dyn FnMut(RecoverProgress),
) -> Result<RecoverReport, StoreError> {
    let (broken, new) = (broken.as_ref(), new.as_ref());
    if std::fs::symlink_metadata(new).is_ok() {
        let reason = format!("{}: there is a file already", new.display());
        return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, reason).into());
    }
    let mut tell = |done, total| progress(RecoverProgress { done, total });
    let salvaged = Salvaged::read(broken, &mut tell)?;
    let mut report = RecoverReport::of(&salvaged);
    create_filled(new, &Superblock::new(salvaged.journal_bytes), |path| {
        restore(&salvaged, path, &mut report, &mut tell)
    })?;
    report.finish();
    Ok(report)
}

impl RecoverReport {
    fn of(salvaged: &Salvaged) -> Self {
        let found = &salvaged.found;
        let losses = found.lost.iter().filter(|lost| !is_derived(lost.table));
        let mut notes = found.remarks.clone();
        let derived = found.lost.iter().filter(|lost| is_derived(lost.table));
        notes.extend(derived.map(|lost| format!("{}; it was made anew", problem_of(lost))));
        Self {
            complete: false,
            basis: salvaged.basis.into(),
            sessions: 0,
            segments: 0,
            entries: 0,
            traces: 0,
            missing_entries: 0,
            logs: Vec::new(),
            problems: losses.map(problem_of).collect(),
            notes,
        }
    }

    fn finish(&mut self) {
        for log in &self.logs {
            for range in &log.missing {
                let known = range.to.map_or(0, |to| to.saturating_sub(range.from));
                self.missing_entries += known;
                self.problems.push(log.problem(*range));
            }
        }
        self.complete = self.problems.is_empty() && self.basis == RecoverBasis::Newest;
    }
}

impl RecoveredLog {
    fn problem(&self, range: EntryRange) -> Problem {
        let part = if self.traces {
            Part::Traces
        } else {
            Part::Entries
        };
        Problem {
            entries: Some(range),
            ..Problem::new(part, "missing").of_segment(self.session, self.segment)
        }
    }
}

/// Whether all of a table can be drawn from the others.
fn is_derived(table: Table) -> bool {
    matches!(table, Table::Sessions | Table::Index)
}

pub(super) fn problem_of(lost: &Lost) -> Problem {
    let at = lost.at.map_or(String::new(), |at| format!(" (byte {at})"));
    let problem = Problem::new(lost.table.into(), format!("{}{at}", lost.message));
    match (lost.after, lost.up_to) {
        (Some((session, segment, _)), Some(to)) if (session, segment) == (to.0, to.1) => {
            problem.of_segment(session, segment)
        }
        _ => problem,
    }
}

impl From<Table> for Part {
    fn from(table: Table) -> Self {
        match table {
            Table::Runs => Self::Entries,
            Table::Traces => Self::Traces,
            Table::Heads => Self::Heads,
            Table::Sessions => Self::Sessions,
            Table::Index => Self::Index,
            Table::Metadata => Self::Metadata,
            Table::Names => Self::Names,
            Table::Meta => Self::Meta,
        }
    }
}

impl From<Basis> for RecoverBasis {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Newest => Self::Newest,
            Basis::Older => Self::Older,
            Basis::Journal => Self::Journal,
            Basis::Scan => Self::Scan,
        }
    }
}
