//! One thing that is wrong, with where it is.

use std::fmt;

use serde::Serialize;

use crate::engine::{LogId, LogKind, Lost, Table};
use crate::ids::{SegmentId, SessionId};

/// A part of an archive.
///
/// ```
/// assert_eq!(sessiondb::doctor::Part::Entries.to_string(), "entries");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// The first page of the file.
    Superblock,
    /// The changes that are not in the tables yet.
    Journal,
    /// The entries of segments.
    Entries,
    /// The traces of segments.
    Traces,
    /// What is known of a segment without its entries.
    Heads,
    /// What is known of a session without its segments.
    Sessions,
    /// The index by segment.
    Index,
    /// The metadata of sessions.
    Metadata,
    /// The names.
    Names,
    /// The word filters, which tell a search what it need not read. No entry depends on them.
    Filters,
    /// The index of the sessions by their last use.
    LastUse,
    /// The values that several runs of entries share.
    Values,
    /// How much of the journal is in the tables.
    Meta,
    /// The database that holds the tables.
    Database,
}

impl Part {
    pub(super) fn of(kind: LogKind) -> Self {
        match kind {
            LogKind::Entries => Self::Entries,
            LogKind::Traces => Self::Traces,
        }
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
            Table::Values | Table::Groups => Self::Values,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Superblock => "superblock",
            Self::Journal => "journal",
            Self::Entries => "entries",
            Self::Traces => "traces",
            Self::Heads => "heads",
            Self::Sessions => "sessions",
            Self::Index => "index by segment",
            Self::Metadata => "metadata",
            Self::Names => "names",
            Self::Filters => "word filters",
            Self::LastUse => "index by last use",
            Self::Values => "shared values",
            Self::Meta => "state of the journal",
            Self::Database => "database",
        })
    }
}

/// Some consecutive entries of a log, counted from 0.
///
/// ```
/// let report = sessiondb::Archive::in_memory()?.check(None)?;
/// for range in report.problems.iter().filter_map(|problem| problem.entries) {
///     eprintln!("from {} to {:?}", range.from, range.to);
/// }
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EntryRange {
    /// The first of them.
    pub from: u64,
    /// The one behind the last; `None` if nobody knows how long the log was.
    pub to: Option<u64>,
}

impl EntryRange {
    pub(super) fn from(from: u64) -> Self {
        Self { from, to: None }
    }

    pub(super) fn new(from: u64, to: u64) -> Self {
        Self { from, to: Some(to) }
    }
}

impl fmt::Display for EntryRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(to) if to == self.from + 1 => write!(f, "entry {}", self.from),
            Some(to) => write!(f, "entries {} to {}", self.from, to.saturating_sub(1)),
            None => write!(f, "entries from {} on", self.from),
        }
    }
}

/// One thing that is wrong with an archive. Shown as one line.
///
/// ```
/// let report = sessiondb::Archive::in_memory()?.check(None)?;
/// for problem in &report.problems {
///     eprintln!("{problem}");
/// }
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The part of the archive.
    pub part: Part,
    /// The session, if it is about one.
    pub session: Option<SessionId>,
    /// The segment, if it is about one.
    pub segment: Option<SegmentId>,
    /// The entries, if it is about some.
    pub entries: Option<EntryRange>,
    /// What is wrong.
    pub message: String,
}

impl Problem {
    pub(super) fn new(part: Part, message: impl Into<String>) -> Self {
        Self {
            part,
            session: None,
            segment: None,
            entries: None,
            message: message.into(),
        }
    }

    pub(super) fn saying(self, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..self
        }
    }

    pub(super) fn of_session(self, session: SessionId) -> Self {
        Self {
            session: Some(session),
            ..self
        }
    }

    pub(super) fn of_segment(self, session: SessionId, segment: SegmentId) -> Self {
        Self {
            session: Some(session),
            segment: Some(segment),
            ..self
        }
    }

    pub(super) fn of_log(log: &LogId, entries: EntryRange, message: impl Into<String>) -> Self {
        Self {
            entries: Some(entries),
            ..Self::new(Part::of(log.kind), message).of_segment(log.session, log.segment)
        }
    }

    pub(super) fn of_filter(log: &LogId, entries: EntryRange, message: impl Into<String>) -> Self {
        Self {
            part: Part::Filters,
            ..Self::of_log(log, entries, message)
        }
    }

    /// What could not be read of a table.
    pub(super) fn of_lost(lost: &Lost) -> Self {
        let at = lost.at.map_or(String::new(), |at| format!(" (byte {at})"));
        let problem = Self::new(lost.table.into(), format!("{}{at}", lost.message));
        match (lost.after, lost.up_to) {
            (Some((session, segment, _)), Some(to)) if (session, segment) == (to.0, to.1) => {
                problem.of_segment(session, segment)
            }
            _ => problem,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(session) = self.session {
            write!(f, "session {session}, ")?;
        }
        if let Some(segment) = self.segment {
            write!(f, "segment {segment}, ")?;
        }
        match self.entries {
            Some(entries) if self.part == Part::Traces => write!(f, "traces: {entries}")?,
            Some(entries) => write!(f, "{entries}")?,
            None => write!(f, "{}", self.part)?,
        }
        write!(f, ": {}", self.message)
    }
}
