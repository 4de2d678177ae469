//! Finds the files that an import is asked for: those named, and all `*.jsonl` below the folders
//! named; and what an export left there of sessions beside their logs.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ids::Place;
use super::session_file;
use super::workers;
use crate::SessionId;

/// The files of an import.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) logs: Vec<FoundFile>,
    /// The files that say of a session what its logs do not.
    pub(super) sessions: Vec<(PathBuf, SessionId)>,
    /// The records of workers' names.
    pub(super) records: Vec<PathBuf>,
}

/// A file to import.
#[derive(Debug)]
pub(super) struct FoundFile {
    pub(super) path: PathBuf,
    pub(super) place: Place,
    pub(super) len_bytes: u64,
    /// Whether a line is one only once its line end is there.
    pub(super) line_ends_count: bool,
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
            place,
            len_bytes,
            line_ends_count: of_worker.is_some() || place.is_spelt_by(absolute),
        }
    }
}

/// Finds all files of `paths`, those of a folder sorted by path.
pub(super) fn find(paths: &[PathBuf]) -> io::Result<Found> {
    let mut found = Found::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| naming(path, &error))?;
        if metadata.is_dir() {
            let root = fs::canonicalize(path).map_err(|error| naming(path, &error))?;
            let before = (found.logs.len(), found.records.len());
            walk(path, &root, &mut found)?;
            if (found.logs.len(), found.records.len()) == before {
                let message = format!("{}: no *.jsonl file in this folder", path.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, message));
            }
        } else if metadata.is_file() {
            let absolute = absolute(path)?;
            if let Some(session) = session_file::session_of(&absolute) {
                found.sessions.push((path.clone(), session));
                continue;
            }
            if workers::is_record(&absolute) {
                found.records.push(path.clone());
                continue;
            }
            let log = FoundFile::new(path.clone(), &absolute, None, metadata.len());
            found.logs.push(log);
        } else {
            let message = format!("{}: neither a file nor a folder", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    }
    Ok(found)
}

/// The path of a file with its folder's links resolved. The file's own name stays, even if it is
/// a link: names carry the ids.
fn absolute(file: &Path) -> io::Result<PathBuf> {
    let folder = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| naming(file, &error))?;
    Ok(folder.join(file.file_name().unwrap_or_default()))
}

/// Adds all `*.jsonl` files below `folder`, whose absolute path is `root`. Links to folders are
/// not followed, so a walk always ends.
fn walk(folder: &Path, root: &Path, found: &mut Found) -> io::Result<()> {
    let mut pending = vec![(PathBuf::new(), true)];
    while let Some((below, is_folder)) = pending.pop() {
        let path = folder.join(&below);
        if is_folder {
            // What is pushed last comes out first.
            let entries = read_sorted(&path)?.into_iter().rev();
            pending.extend(entries.map(|(name, is_folder)| (below.join(name), is_folder)));
        } else if path.as_os_str().as_encoded_bytes().ends_with(b".jsonl") {
            let len_bytes = match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => metadata.len(),
                Ok(_) => continue,
                // The import of the file will say why.
                Err(_) => 0,
            };
            let absolute = root.join(&below);
            let log = FoundFile::new(path, &absolute, Some(root), len_bytes);
            found.logs.push(log);
        } else if let Some(session) = session_file::session_of(&root.join(&below)) {
            found.sessions.push((path, session));
        } else if workers::is_record(&root.join(&below)) {
            found.records.push(path);
        }
    }
    Ok(())
}

/// The names in a folder, each with whether it is a folder itself.
fn read_sorted(folder: &Path) -> io::Result<Vec<(OsString, bool)>> {
    let read = || -> io::Result<Vec<_>> {
        fs::read_dir(folder)?
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name(), entry.file_type()?.is_dir()))
            })
            .collect()
    };
    let mut entries = read().map_err(|error| naming(folder, &error))?;
    entries.sort_unstable();
    Ok(entries)
}

fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
