//! What an export did.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use sessiondb::jsonl::{ExportOutcome, SessionFile, SessionFileOutcome};
use sessiondb::{SegmentId, SessionId};

/// What an export did, file by file.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_logs::Export;
///
/// # let folder = tempfile::tempdir()?;
/// let report = Export::new(&Archive::in_memory()?).run(folder.path(), None)?;
/// assert_eq!((report.files.len(), report.failed(), report.written()), (0, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[non_exhaustive]
pub struct ExportReport {
    /// One report a file, session by session.
    pub files: Vec<Exported>,
    /// One report a `session.json`: of the sessions of no known agent that have metadata, or a name
    /// that points to them.
    pub session_files: Vec<SessionFile>,
    /// What could not be read of the archive, so that it is not known which files it would become.
    pub unreadable: Vec<String>,
    /// How many sessions were left out since they are in the trash.
    pub in_trash: usize,
}

/// What became of one file.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_logs::{Export, Likeness};
///
/// let archive = Archive::in_memory()?;
/// archive.log(new_session_id(), new_segment_id()).append("one")?;
/// # let folder = tempfile::tempdir()?;
/// let report = Export::new(&archive).run(folder.path(), None)?;
/// assert_eq!((report.files[0].agent, report.files[0].likeness), (None, Likeness::Bytes));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exported {
    /// The file.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// The agent that would have written it, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<&'static str>,
    /// The session that it belongs to.
    pub session: SessionId,
    /// The segment that is in it.
    pub segment: SegmentId,
    /// Whether it holds traces.
    pub trace: bool,
    /// How like it is to the file that came in.
    pub likeness: Likeness,
    /// Whether it has an id in its name, since another session has the name that it would have.
    pub is_renamed: bool,
    /// What was done.
    pub outcome: ExportOutcome,
}

/// How like a file is to the one that came in.
///
/// ```
/// use sessiondb_logs::Likeness;
///
/// assert_eq!(serde_json::to_string(&Likeness::Bytes)?, r#""bytes""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Likeness {
    /// Byte for byte, but for what was erased or cut off since.
    Bytes,
    /// Equal JSON.
    Json,
    /// What was not sound in the file is mended or missing: lines that were taken apart, holes of NUL
    /// bytes, lines that were left out, blank lines.
    Mended,
    /// Paths in it were rewritten.
    Rebased,
    /// Something was redacted of its session, so that it may not be what came in.
    Redacted,
}

impl ExportReport {
    /// The number of files that failed, with what could not be read.
    pub fn failed(&self) -> usize {
        self.causes().count()
    }

    /// Why files failed.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        let of_files = self.files.iter().filter_map(Exported::failure);
        let of_sessions = self.session_files.iter().filter_map(SessionFile::failure);
        let unreadable = self.unreadable.iter().map(String::as_str);
        of_files.chain(of_sessions).chain(unreadable)
    }

    /// The number of files that were written.
    pub fn written(&self) -> usize {
        let written = |file: &&Exported| matches!(file.outcome, ExportOutcome::Written { .. });
        let changed = |file: &&SessionFile| file.outcome == SessionFileOutcome::Changed;
        self.files.iter().filter(written).count()
            + self.session_files.iter().filter(changed).count()
    }
}

impl Exported {
    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match &self.outcome {
            ExportOutcome::Failed(message) => Some(message),
            _ => None,
        }
    }
}

/// A path as text, whatever bytes it is of.
pub(crate) fn as_text<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}
