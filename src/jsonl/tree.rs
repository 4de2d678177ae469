//! Finds the files that an import is asked for: those named, and all logs below the folders named;
//! and what an export left there of sessions beside their logs. What is no log, or cannot be read,
//! is named and stops nothing.

use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use super::ids::Place;
use super::passed_over::{self, Found as Seen, PassedOver, PassedOverKind, Unreadable};
use super::session_file;
use super::workers;
use crate::{SegmentId, SessionId};

/// What lies below some paths: the logs, by their names, and what is none.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let logs = folder.path();
/// std::fs::write(logs.join("log.jsonl"), "{}\n")?;
/// std::fs::write(logs.join("notes.txt"), "")?;
/// let found = sessiondb::jsonl::find(&[logs.to_owned()]);
/// assert_eq!((found.logs.len(), found.passed_over.len()), (1, 1));
/// assert_eq!(found.logs[0].len_bytes, 3);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The logs, those of a folder sorted by path.
    pub logs: Vec<FoundFile>,
    /// The files that say of a session what its logs do not.
    pub(super) sessions: Vec<(PathBuf, SessionId)>,
    /// The records of workers' names.
    pub(super) records: Vec<PathBuf>,
    /// What is no log by its name, or by what it is.
    pub passed_over: Vec<PassedOver>,
    /// What could not be looked at.
    pub unreadable: Vec<Unreadable>,
}

/// A log that was [found](Found), and where it belongs by its path alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundFile {
    /// The file.
    pub path: PathBuf,
    /// The session that its path names, or one made from its path.
    pub session: SessionId,
    /// The segment that its path names, or one made from its path.
    pub segment: SegmentId,
    /// Whether it holds traces.
    pub trace: bool,
    /// Its length, in bytes.
    pub len_bytes: u64,
    /// Whether its writer counts a line only once its line end is there.
    pub line_ends_count: bool,
}

impl FoundFile {
    /// The log at `path`, which is `absolute`.
    fn new(path: PathBuf, absolute: &Path, root: Option<&Path>, len_bytes: u64) -> Self {
        let mut place = Place::of(absolute, root);
        let of_worker = workers::session_of_log(absolute);
        if let Some(session) = of_worker {
            place.session = session;
        }
        Self {
            path,
            session: place.session,
            segment: place.segment,
            trace: place.trace,
            len_bytes,
            line_ends_count: of_worker.is_some() || place.is_spelt_by(absolute),
        }
    }
}

/// Finds the logs of `paths`: the files among them, and in the folders what is named like a log. Links
/// to folders are not followed.
pub fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        if let Err(error) = found.add(path) {
            found.unreadable.push(Unreadable::new(path, &error));
        }
    }
    found
}

impl FoundFile {
    pub(super) fn place(&self) -> Place {
        Place {
            session: self.session,
            segment: self.segment,
            trace: self.trace,
        }
    }
}

impl Found {
    /// Whether there is anything beside logs that an import takes over: what an export left of
    /// sessions beside their logs, or the records of workers' names.
    pub fn has_more_than_logs(&self) -> bool {
        !self.sessions.is_empty() || !self.records.is_empty()
    }

    /// Adds what a path leads to that was given by its name.
    fn add(&mut self, path: &Path) -> io::Result<()> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            let root = fs::canonicalize(path)?;
            let before = self.count();
            self.walk(path, &root);
            if self.count() == before {
                let message = "no log, *.jsonl or *.ndjson, in this folder";
                return Err(io::Error::new(io::ErrorKind::NotFound, message));
            }
            return Ok(());
        }
        if !metadata.is_file() {
            let message = PassedOverKind::Special.advice();
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let absolute = absolute(path)?;
        if let Some(session) = session_file::session_of(&absolute) {
            self.sessions.push((path.to_owned(), session));
            return Ok(());
        }
        if workers::is_record(&absolute) {
            self.records.push(path.to_owned());
            return Ok(());
        }
        let log = FoundFile::new(path.to_owned(), &absolute, None, metadata.len());
        self.logs.push(log);
        Ok(())
    }

    /// How much there is that a folder can hold to be imported, or cannot be read.
    fn count(&self) -> usize {
        self.logs.len() + self.records.len() + self.unreadable.len()
    }

    /// Adds all logs below `folder`, whose absolute path is `root`. Links to folders are not
    /// followed, so a walk always ends.
    fn walk(&mut self, folder: &Path, root: &Path) {
        let mut pending = Vec::new();
        self.open(folder, Path::new(""), &mut pending);
        while let Some((below, file_type)) = pending.pop() {
            let path = folder.join(&below);
            let absolute = root.join(&below);
            if let Some(session) = session_file::session_of(&absolute) {
                self.sessions.push((path, session));
                continue;
            }
            if workers::is_manifest(&absolute) {
                // The place of the logs beside it is read from there.
                continue;
            }
            if !file_type.is_dir() && workers::is_record(&absolute) {
                self.records.push(path);
                continue;
            }
            match passed_over::look(&path, file_type) {
                Ok(Seen::Folder) => self.open(&path, &below, &mut pending),
                Ok(Seen::Log(len_bytes)) => {
                    let log = FoundFile::new(path, &absolute, Some(root), len_bytes);
                    self.logs.push(log);
                }
                Ok(Seen::PassedOver(kind)) => self.passed_over.push(PassedOver { path, kind }),
                Err(error) => self.unreadable.push(Unreadable::new(&path, &error)),
            }
        }
    }

    /// Adds what is in a folder to what the walk has to look at, in such an order that the first
    /// comes out first. What can be read of it counts, even if not all can.
    fn open(&mut self, path: &Path, below: &Path, pending: &mut Vec<(PathBuf, FileType)>) {
        let start = pending.len();
        let mut read = || -> io::Result<()> {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                pending.push((below.join(entry.file_name()), entry.file_type()?));
            }
            Ok(())
        };
        if let Err(error) = read() {
            self.unreadable.push(Unreadable::new(path, &error));
        }
        if let Some(opened) = pending.get_mut(start..) {
            opened.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        }
    }
}

/// The path of a file with its folder's links resolved. The file's own name stays, even if it is
/// a link: names carry the ids.
fn absolute(file: &Path) -> io::Result<PathBuf> {
    let folder = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder)?;
    Ok(folder.join(file.file_name().unwrap_or_default()))
}
