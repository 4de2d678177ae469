//! The folders of workers: the session of a log whose path does not name it, and the records of
//! the workers' names.
//!
//! A worker's folder holds `session/session.json`, which names its session, the logs in
//! `session/segments`, and its record in `metadata.json`. Older ones have records in
//! `pods/{name}/metadata.json`, and logs in `{session}/{segment}.jsonl`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::layout::compact;
use super::path_text::serialize_path;
use super::session_file::SessionFileOutcome;
use crate::archive::Redactor;
use crate::entry::names::NameRecord;
use crate::raw_json::RawJson;
use crate::{Archive, SessionId, StoreError};

const MANIFEST: &str = "session.json";
const RECORD: &str = "metadata.json";
const SEGMENTS: &str = "segments";

/// What became of the record of a worker's name.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::{Import, SessionFileOutcome};
///
/// # let folder = tempfile::tempdir()?;
/// # let worker = folder.path().join("pods").join("scout");
/// std::fs::create_dir_all(&worker)?;
/// std::fs::write(worker.join("log.jsonl"), "{\"kind\":\"invoke\"}\n")?;
/// std::fs::write(worker.join("metadata.json"), r#"{"pod_name":"scout","port":7}"#)?;
/// let archive = Archive::in_memory()?;
/// let report = Import::new(&archive).run(&[folder.path().to_owned()], None)?;
/// assert_eq!(report.name_files[0].outcome, SessionFileOutcome::Changed);
/// assert_eq!(archive.read_name("scout")?.expect("it is there").extra["port"], 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NameFile {
    /// The file.
    #[serde(serialize_with = "serialize_path")]
    pub path: PathBuf,
    /// The name; empty if the file could not be read.
    pub name: String,
    /// What was done.
    pub outcome: SessionFileOutcome,
    /// What differs, and stays as it is.
    pub notes: Vec<String>,
}

impl NameFile {
    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match &self.outcome {
            SessionFileOutcome::Failed(message) => Some(message),
            _ => None,
        }
    }
}

/// The session of a log in the folder of a worker, as the file beside the logs' folder names it.
pub(super) fn session_of_log(log: &Path) -> Option<SessionId> {
    #[derive(Deserialize)]
    struct Manifest {
        session_id: SessionId,
    }
    let segments = log.parent()?;
    if segments.file_name()? != SEGMENTS {
        return None;
    }
    let manifest = fs::read(segments.parent()?.join(MANIFEST)).ok()?;
    let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
    Some(manifest.session_id)
}

/// Whether the file names the session of the logs beside it.
pub(super) fn is_manifest(path: &Path) -> bool {
    let is_named = path.file_name().is_some_and(|name| name == MANIFEST);
    is_named && path.with_file_name(SEGMENTS).is_dir()
}

/// Whether the file is the record of a worker's name.
pub(super) fn is_record(path: &Path) -> bool {
    let above = |path: &Path, names: &[&str]| {
        let name = path
            .parent()
            .and_then(Path::parent)
            .and_then(Path::file_name);
        name.is_some_and(|name| names.iter().any(|one| name == *one))
    };
    let is_named = path.file_name().is_some_and(|name| name == RECORD);
    let has_session = || path.with_file_name("session").join(MANIFEST).is_file();
    is_named && (above(path, &["pods", "workers"]) || has_session())
}

/// Takes the record over, where there is none of its name yet.
pub(super) fn import(
    archive: &Archive,
    path: &Path,
    redactor: Option<&Redactor>,
) -> Result<NameFile, StoreError> {
    let file = |name: &str, outcome, notes| NameFile {
        path: path.to_owned(),
        name: name.to_owned(),
        outcome,
        notes,
    };
    let failed = |name: &str, error: &dyn std::fmt::Display| {
        let message = format!("{}: {error}", path.display());
        file(name, SessionFileOutcome::Failed(message), Vec::new())
    };
    let theirs = match read(path, redactor) {
        Ok(theirs) => theirs,
        Err(error) => return Ok(failed("", &error)),
    };
    let name = &theirs.name;
    let taken = archive.commit(|now| match now.read_name_as(name)? {
        None => Ok((
            vec![theirs.op()?],
            (SessionFileOutcome::Changed, Vec::new()),
        )),
        Some(here) => {
            let note = format!("name {name:?} differs; it stays as it is in the archive");
            let differs = !theirs.says(&here);
            let notes = Vec::from_iter(differs.then_some(note));
            Ok((Vec::new(), (SessionFileOutcome::Unchanged, notes)))
        }
    });
    match taken {
        Ok((outcome, notes)) => Ok(file(name, outcome, notes)),
        Err(error @ (StoreError::TooLarge { .. } | StoreError::InvalidPodName(_))) => {
            Ok(failed(name, &error))
        }
        Err(error) => Err(error),
    }
}

/// Reads a record. One that does not tell its name has that of its folder.
fn read(path: &Path, redactor: Option<&Redactor>) -> io::Result<NameRecord> {
    let text = String::from_utf8(fs::read(path)?);
    let text = text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let json = RawJson::new(compact(&text))?;
    let redacted = redactor.and_then(|redactor| redactor.redact(json.as_str()));
    let json = redacted.unwrap_or(json);
    if let Some(telling) = NameRecord::telling(json.clone())? {
        return Ok(telling);
    }
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let name = folder.to_string_lossy().into_owned();
    Ok(NameRecord::new(name, json)?)
}
