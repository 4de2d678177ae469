//! What a recovery found, log by log, and what it rests on.

use serde::Serialize;

use super::problem::{EntryRange, Part, Problem};
use crate::engine::{Basis, Salvaged, Table};
use crate::ids::{SegmentId, SessionId};

/// What the content of a recovered archive rests on, the surest first.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (broken, new) = (dir.path().join("broken.sessiondb"), dir.path().join("new.sessiondb"));
/// # sessiondb::Archive::open(&broken)?.close()?;
/// let report = sessiondb::doctor::recover(&broken, &new, None)?;
/// assert_eq!(report.basis, sessiondb::doctor::RecoverBasis::Newest);
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
/// archive.log(new_session_id(), new_segment_id()).append(&1)?;
/// archive.close()?;
///
/// let report = sessiondb::doctor::recover(&broken, &new, None)?;
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
/// for log in sessiondb::doctor::recover(&broken, &new, None)?.logs {
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
    /// How many entries were recovered, those in `parts` included.
    pub recovered: u64,
    /// How many there were; `None` if nobody knows.
    pub total: Option<u64>,
    /// Those that were not recovered.
    pub missing: Vec<EntryRange>,
    /// Entries behind a missing one. They are in segments of their own, since in the log they
    /// would have another number than they had.
    pub parts: Vec<RecoveredPart>,
}

/// Entries that stood behind missing ones, and the segment that holds them now.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (broken, new) = (dir.path().join("broken.sessiondb"), dir.path().join("new.sessiondb"));
/// # sessiondb::Archive::open(&broken)?.close()?;
/// let report = sessiondb::doctor::recover(&broken, &new, None)?;
/// for part in report.logs.iter().flat_map(|log| &log.parts) {
///     eprintln!("from {:?} on: segment {}", part.from, part.segment);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoveredPart {
    /// The number that the first of them had; `None` if nobody knows.
    pub from: Option<u64>,
    /// How many they are.
    pub entries: u64,
    /// The segment of the same session that holds them in the new archive.
    pub segment: SegmentId,
}

impl RecoverReport {
    pub(super) fn of(salvaged: &Salvaged) -> Self {
        let found = &salvaged.found;
        let losses = found.lost.iter().filter(|lost| !is_derived(lost.table));
        let mut notes = found.remarks.clone();
        let derived = found.lost.iter().filter(|lost| is_derived(lost.table));
        notes.extend(derived.map(|lost| format!("{}; it was made anew", Problem::of_lost(lost))));
        Self {
            complete: false,
            basis: salvaged.basis.into(),
            sessions: 0,
            segments: 0,
            entries: 0,
            traces: 0,
            missing_entries: 0,
            logs: Vec::new(),
            problems: losses.map(Problem::of_lost).collect(),
            notes,
        }
    }

    pub(super) fn finish(&mut self) {
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
