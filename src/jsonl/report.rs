//! What an import did, file by file.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ids::Place;
use super::passed_over::{PassedOver, Unreadable};
use super::path_text::serialize_path;
use super::session_file::{self, SessionFile};
use super::workers::NameFile;
use crate::ids::{SegmentId, SessionId};

/// What an import did, file by file.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::Import;
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("log.jsonl");
/// std::fs::write(&file, "{\"kind\":\"invoke\"}\n")?;
/// let report = Import::new(&Archive::in_memory()?).run(&[file], None)?;
/// assert_eq!((report.new_entries(), report.failed()), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// One report per file, in the order in which they were imported.
    pub files: Vec<FileReport>,
    /// One report per session that an export left a `session.json` of.
    pub session_files: Vec<SessionFile>,
    /// One report per record of a worker's name.
    pub name_files: Vec<NameFile>,
    /// What lies in the folders and was not taken for a log.
    pub passed_over: Vec<PassedOver>,
    /// What could not be looked at.
    pub unreadable: Vec<Unreadable>,
}

impl ImportReport {
    /// The number of files that failed, with what could not be looked at.
    pub fn failed(&self) -> usize {
        let failed = |file: &&FileReport| matches!(file.outcome, Outcome::Failed(_));
        let names = self.name_files.iter().filter_map(NameFile::failure);
        self.files.iter().filter(failed).count()
            + session_file::failed(&self.session_files)
            + names.count()
            + self.unreadable.len()
    }

    /// The number of entries (and traces) that were added to the archive.
    pub fn new_entries(&self) -> u64 {
        let new = |file: &FileReport| match file.outcome {
            Outcome::Imported { new, .. } => new,
            _ => 0,
        };
        self.files.iter().map(new).sum()
    }
}

/// What became of one file.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::{Import, Outcome};
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("0198c1f2-0000-7000-8000-00000000000a.jsonl");
/// std::fs::write(&file, "{\"kind\":\"invoke\"}\n")?;
/// let report = Import::new(&Archive::in_memory()?).run(&[file], None)?;
/// assert_eq!(report.files[0].segment.to_string(), "0198c1f2-0000-7000-8000-00000000000a");
/// assert_eq!(report.files[0].outcome, Outcome::Imported { new: 1, total: 1 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileReport {
    /// The file.
    #[serde(serialize_with = "serialize_path")]
    pub path: PathBuf,
    /// The session that it belongs to.
    pub session: SessionId,
    /// The segment that it belongs to.
    pub segment: SegmentId,
    /// Whether it holds traces.
    pub trace: bool,
    /// The segment that the file is a branch of, if it has diverged from that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch_of: Option<SegmentId>,
    /// The number of its entries that were left out, since they were taken away from the archive for
    /// good.
    pub forgotten: u64,
    /// What was done.
    pub outcome: Outcome,
    /// What was noticed. Of very many warnings the last one tells the number of the rest.
    pub warnings: Vec<Warning>,
}

impl FileReport {
    /// A report without warnings, for imports that are made of [`Import::file`](super::Import::file).
    pub fn new(path: &Path, session: SessionId, segment: SegmentId, outcome: Outcome) -> Self {
        let place = Place {
            session,
            segment,
            trace: false,
        };
        Self::of(path, place, outcome)
    }

    pub(super) fn of(path: &Path, place: Place, outcome: Outcome) -> Self {
        Self {
            path: path.to_owned(),
            session: place.session,
            segment: place.segment,
            trace: place.trace,
            branch_of: None,
            forgotten: 0,
            outcome,
            warnings: Vec::new(),
        }
    }
}

/// What was done with a file.
///
/// ```
/// use sessiondb::jsonl::Outcome;
///
/// let json = serde_json::to_string(&Outcome::Imported { new: 2, total: 7 })?;
/// assert_eq!(json, r#"{"imported":{"new":2,"total":7}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Entries were added, or an empty segment was made.
    Imported {
        /// The number of entries that were added.
        new: u64,
        /// The number of entries that there are now.
        total: u64,
    },
    /// Everything in the file was there already.
    Unchanged {
        /// The number of entries that there are.
        total: u64,
    },
    /// All of it was taken away from the archive for good, and was left out.
    Forgotten {
        /// The number of entries that there were.
        entries: u64,
    },
    /// The file was not imported. The message names file, line and byte offset, and says what
    /// helps.
    Failed(String),
}

/// Something about a line of an imported file that its user should know.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::Import;
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("log.jsonl");
/// std::fs::write(&file, "{\"kind\":\"invoke\"}\n{\"kind\":")?;
/// let report = Import::new(&Archive::in_memory()?).run(&[file], None)?;
/// let warning = &report.files[0].warnings[0];
/// assert_eq!((warning.line, warning.byte_offset), (2, 18));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Warning {
    /// The line, counted from 1.
    pub line: u64,
    /// Where the line begins in the file, counted from 0.
    pub byte_offset: u64,
    /// What was noticed and done.
    pub message: String,
}
