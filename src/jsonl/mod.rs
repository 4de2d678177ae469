//! JSONL in and out: folders of log files become part of an archive and come back byte for byte.
//!
//! [`Import`] reads files of one JSON value per line, [`Export`] writes
//! `{folder}/{session}/{segment}.jsonl`, with the traces beside it in `{segment}.trace.jsonl`.
//! Both stream: memory grows with the longest line, not with the file.
//!
//! **What is a log.** In a folder, what is named `*.jsonl` or `*.ndjson`, in letters of any case; the
//! report names what was passed over, and what could not be read, which stops nothing else. A file
//! that is given by its name is read whatever it is called. One that holds something, but no entry
//! nor the beginning of one, is no log and fails; an empty one is an empty log.
//!
//! **Where a file goes.** A file whose name ends with `.trace.jsonl` holds traces, any other
//! entries. The last UUID in the file's name (written with hyphens) is the segment. A folder
//! above it whose whole name is a UUID is the session: the file's own folder, or the nearest one
//! up to the folder that was given to the import. If only the name has a UUID, it is session and
//! segment; if only a folder has, the segment's id is made from the name; if neither has, both
//! are made from the absolute path. The same path thus always gives the same ids.
//!
//! **Folders of workers.** In `{worker}/session/segments` the session is the one that
//! `{worker}/session/session.json` names. The record of a worker's name, `{worker}/metadata.json` or
//! `pods/{name}/metadata.json`, is taken over where there is none of that name yet. In these layouts,
//! `{session}/{segment}.jsonl` among them, a line is one once its line end is there;
//! [`LastLine`] says otherwise.
//!
//! **Importing again.** A file is compared with what is stored, line by line. Equal lines are
//! passed over, further lines are appended, and a file that ends early changes nothing: importing
//! twice is importing once, and a file that has grown adds its new lines. A file that differs has
//! diverged: it fails and changes nothing, unless [`Import::as_new`] sends it to a segment of its
//! own.
//!
//! **What is not in the logs.** The metadata of a session, and the names that point to it, are in
//! `{folder}/{session}/session.json`; a session that has neither has no such file. An import takes
//! them over where there are none yet, and reports what differs. Other files of that name are
//! passed over.
//!
//! **What makes a line.** Lines end with `\n`. Blank lines, and a byte order mark at the start of
//! the file, are no entries. All else is kept as it is, white space around the value included. A
//! last line without line end is an entry if it is whole (see [`LastLine`]); if not, its writer was interrupted, and
//! it is left out with a [`Warning`]. Any other line that is not one JSON value is bad, and
//! [`BadLines`] says what becomes of it.

mod addition;
mod bad_line;
mod comparison;
mod existing;
mod export;
mod ids;
mod import;
mod layout;
mod lines;
mod no_log;
mod nuls;
mod passed_over;
mod permissions;
mod session_file;
mod tree;
mod unfinished;
mod warnings;
mod workers;

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::ids::{SegmentId, SessionId};

pub use export::{Export, ExportOutcome, ExportProgress, ExportReport, ExportedFile};
pub use import::{Import, nothing_to_import};
pub use passed_over::{PassedOver, PassedOverKind, Unreadable};
pub use session_file::{SessionFile, SessionFileOutcome};
pub use workers::NameFile;

/// What an import does with a bad line: one that is not UTF-8, not JSON, or several values. Files'
/// lines are counted from 1, as editors do, entries from 0.
///
/// ```
/// assert_eq!(sessiondb::jsonl::BadLines::default(), sessiondb::jsonl::BadLines::Fail);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadLines {
    /// Fail the file and import nothing of it.
    #[default]
    Fail,
    /// Leave the line out, with a warning.
    Skip,
    /// Take a line that consists of several whole JSON values apart, with a warning; fail on any
    /// other bad line.
    Split,
    /// Drop the NUL bytes that a crash left in a line, with a warning that says where and how many, and
    /// what was left out because it is torn. What is whole beside them becomes entries; fail on any
    /// other bad line.
    DropNuls,
    /// Store the line inside an entry `{"kind":"sessiondb_bad_line","text":...}` (`"hex"` if it
    /// is not UTF-8), with a warning. Export writes the line back as it was.
    Keep,
}

/// What an import does with a last line that has no line end and is one JSON value. Its writer may
/// have been in the middle of it.
///
/// ```
/// assert_eq!(sessiondb::jsonl::LastLine::default(), sessiondb::jsonl::LastLine::ByLayout);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastLine {
    /// Leave it out, with a warning, in the layouts whose writers cut such a line off and go on
    /// without it: the folders of workers, and `{session}/{segment}.jsonl`. Else take it.
    #[default]
    ByLayout,
    /// Take it.
    Take,
    /// Leave it out, with a warning. A later import takes it once its line end is there.
    Drop,
}

/// How far an import is.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::{Import, Progress};
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("log.jsonl");
/// std::fs::write(&file, "{\"kind\":\"invoke\"}\n")?;
/// let (mut found, mut read) = (0, 0);
/// Import::new(&Archive::in_memory()?).run(&[file], &mut |progress| match progress {
///     Progress::Found { bytes, .. } => found = bytes,
///     Progress::Read { bytes } => read += bytes,
///     Progress::Done(report) => println!("{}", report.path.display()),
/// })?;
/// assert_eq!((found, read), (18, 18));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Progress<'a> {
    /// All files are found. Comes once, before any is read.
    Found {
        /// How many files there are.
        files: u64,
        /// How long they are together.
        bytes: u64,
    },
    /// Some more bytes are done with. All of them together are those that were found.
    Read {
        /// How many more.
        bytes: u64,
    },
    /// A file is done with.
    Done(&'a FileReport),
}

/// What an import did, file by file.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::Import;
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("log.jsonl");
/// std::fs::write(&file, "{\"kind\":\"invoke\"}\n")?;
/// let report = Import::new(&Archive::in_memory()?).run(&[file], &mut |_| ())?;
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
/// let report = Import::new(&Archive::in_memory()?).run(&[file], &mut |_| ())?;
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
    /// What was done.
    pub outcome: Outcome,
    /// What was noticed. Of very many warnings the last one tells the number of the rest.
    pub warnings: Vec<Warning>,
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
/// let report = Import::new(&Archive::in_memory()?).run(&[file], &mut |_| ())?;
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

/// Writes a path as text: a report on a file whose name is not UTF-8 is better than none.
fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
