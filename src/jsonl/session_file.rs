//! `session.json`: what an archive knows of a session that is not in its logs, beside them in the
//! folder of an export.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::layout::{compact, pretty};
use super::not_exported::in_part;
use super::path_text::serialize_path;
use super::permissions::Permissions;
use super::unfinished::Unfinished;
use crate::archive::{Redactor, set_metadata};
use crate::engine::Op;
use crate::entry::names::NameRecord;
use crate::raw_json::{RawJson, fields};
use crate::relocation::Relocation;
use crate::{Archive, SessionId, Snapshot, StoreError};

const NAME: &str = "session.json";
/// The file's `kind`, by which it is told from other files of that name.
const KIND: &str = "sessiondb_session";

/// What became of a `session.json`.
///
/// ```
/// use sessiondb::jsonl::{Export, Import, SessionFileOutcome};
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let (archive, other) = (Archive::in_memory()?, Archive::in_memory()?);
/// let session = new_session_id();
/// archive.log(session, new_segment_id()).append(&1)?;
/// archive.update_metadata(session, |metadata| {
///     metadata.insert("title".to_owned(), "A title".into());
///     Ok::<_, sessiondb::StoreError>(())
/// })?;
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// Export::new(&archive).run(folder, None)?;
/// let report = Import::new(&other).run(&[folder.to_owned()], None)?;
/// assert_eq!(report.session_files[0].outcome, SessionFileOutcome::Changed);
/// assert_eq!(other.metadata(session)?, archive.metadata(session)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionFile {
    /// The file.
    #[serde(serialize_with = "serialize_path")]
    pub path: PathBuf,
    /// The session.
    pub session: SessionId,
    /// What was done.
    pub outcome: SessionFileOutcome,
    /// What differs, and stays as it is.
    pub notes: Vec<String>,
}

impl SessionFile {
    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match &self.outcome {
            SessionFileOutcome::Failed(message) => Some(message),
            _ => None,
        }
    }
}

/// What was done with a `session.json`, or with what it says.
///
/// ```
/// let json = serde_json::to_string(&sessiondb::jsonl::SessionFileOutcome::Changed)?;
/// assert_eq!(json, r#""changed""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionFileOutcome {
    /// An export has written the file; an import has taken something over from it.
    Changed,
    /// There was nothing to do.
    Unchanged,
    /// It failed. The message names the file and says what helps.
    Failed(String),
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    kind: String,
    session: SessionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Box<RawValue>>,
    /// The records of the names that point to it, those that tell their name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    names: Vec<Box<RawValue>>,
    /// Those that do not, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    records: BTreeMap<String, Box<RawValue>>,
}

impl Record {
    fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The same without what the redactor finds in the records of names.
    fn redacted(mut self, redactor: &Redactor) -> Result<Self, serde_json::Error> {
        for json in self.names.iter_mut().chain(self.records.values_mut()) {
            if let Some(redacted) = redactor.redact(&compact(json.get())) {
                *json = RawValue::from_string(redacted.as_str().to_owned())?;
            }
        }
        Ok(self)
    }

    fn name_records(&self) -> Result<Vec<NameRecord>, serde_json::Error> {
        let raw = |json: &RawValue| RawJson::new(compact(json.get()));
        let telling = self.names.iter();
        let telling = telling.map(|json| NameRecord::telling(raw(json)?));
        let others = self.records.iter();
        let others = others.map(|(name, json)| NameRecord::new(name.clone(), raw(json)?).map(Some));
        telling
            .chain(others)
            .filter_map(Result::transpose)
            .collect()
    }
}

/// How many of them failed.
pub(super) fn failed(files: &[SessionFile]) -> usize {
    files.iter().filter_map(SessionFile::failure).count()
}

fn path_of(folder: &Path, session: SessionId) -> PathBuf {
    folder.join(session.to_string()).join(NAME)
}

/// The session that the path would be the file of.
pub(super) fn session_of(path: &Path) -> Option<SessionId> {
    if path.file_name()? != NAME {
        return None;
    }
    let folder = path.parent()?.file_name()?.to_str()?;
    let is_hyphenated = folder.len() == uuid::fmt::Hyphenated::LENGTH;
    SessionId::try_parse(folder).ok().filter(|_| is_hyphenated)
}

/// What an export writes beside the logs.
pub(super) struct ToExport<'a> {
    pub(super) archive: &'a Archive,
    pub(super) sessions: &'a [SessionId],
    pub(super) folder: &'a Path,
    pub(super) force: bool,
    pub(super) permissions: Permissions,
    pub(super) relocation: &'a Relocation,
}

impl ToExport<'_> {
    /// Writes what the logs do not say of the sessions, as far as it can be read.
    pub(super) fn write(
        &self,
        unreadable: &mut Vec<String>,
    ) -> Result<Vec<SessionFile>, StoreError> {
        let mut files = Vec::new();
        for record in self.records(unreadable)? {
            let path = path_of(self.folder, record.session);
            let written = write(&path, &record.to_bytes()?, self.force, self.permissions);
            let outcome = written.unwrap_or_else(|error| {
                SessionFileOutcome::Failed(format!("{}: {error}", path.display()))
            });
            files.push(SessionFile {
                path,
                session: record.session,
                outcome,
                notes: Vec::new(),
            });
        }
        Ok(files)
    }

    /// What there is to write of the sessions: of those that have metadata or a name.
    fn records(&self, unreadable: &mut Vec<String>) -> Result<Vec<Record>, StoreError> {
        let snapshot = self.archive.snapshot()?;
        let mut names = match names_by_session(&snapshot) {
            Ok(names) => names,
            Err(error) => {
                // A file without its names would pass for one that has none.
                unreadable.push(in_part(error, &"names and metadata")?);
                return Ok(Vec::new());
            }
        };
        let mut records = Vec::new();
        for &session in self.sessions {
            let metadata = match snapshot.raw_metadata(session) {
                Ok(metadata) => metadata,
                Err(error) => {
                    let part = format_args!("metadata of session {session}");
                    unreadable.push(in_part(error, &part)?);
                    continue;
                }
            };
            let metadata = metadata
                .map(|json| {
                    RawValue::from_string(pretty(self.relocation.metadata(&json).as_str(), 1))
                })
                .transpose()?;
            let names = names.remove(&session).unwrap_or_default();
            if metadata.is_some() || !names.is_empty() {
                let (telling, others): (Vec<_>, Vec<_>) =
                    names.into_iter().partition(NameRecord::tells_name);
                let laid_out = |json: &RawJson| RawValue::from_string(pretty(json.as_str(), 2));
                let others = others.iter();
                let others = others.map(|of| Ok((of.name.clone(), laid_out(&of.json)?)));
                let telling = telling.iter().map(|of| laid_out(&of.json));
                records.push(Record {
                    kind: KIND.to_owned(),
                    session,
                    metadata,
                    names: telling.collect::<Result<_, _>>()?,
                    records: others.collect::<Result<_, serde_json::Error>>()?,
                });
            }
        }
        Ok(records)
    }
}

fn names_by_session(
    snapshot: &Snapshot,
) -> Result<HashMap<SessionId, Vec<NameRecord>>, StoreError> {
    let mut names: HashMap<SessionId, Vec<NameRecord>> = HashMap::new();
    for record in snapshot.name_records()? {
        if let Some(session) = record.session() {
            names.entry(session).or_default().push(record);
        }
    }
    Ok(names)
}

fn write(
    path: &Path,
    bytes: &[u8],
    force: bool,
    permissions: Permissions,
) -> io::Result<SessionFileOutcome> {
    match fs::read(path) {
        Ok(there) if there == bytes => return Ok(SessionFileOutcome::Unchanged),
        Ok(_) if !force => {
            let reason = "holds something else than the archive has of the session; it was left \
                          as it was; `--force` replaces it";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    if let Some(folder) = path.parent() {
        permissions.create_folder(folder)?;
    }
    let unfinished = Unfinished::create(path, permissions)?;
    unfinished.file().write_all(bytes)?;
    unfinished.finish()?;
    Ok(SessionFileOutcome::Changed)
}

/// Takes over what the file says, where there is nothing yet. A file that no export has written
/// is passed over.
pub(super) fn import(
    archive: &Archive,
    path: &Path,
    session: SessionId,
    relocation: &Relocation,
    redactor: Option<&Redactor>,
) -> Result<Option<SessionFile>, StoreError> {
    let mut notes = Vec::new();
    let outcome = match read(path, session) {
        Ok(None) => return Ok(None),
        Ok(Some((mut record, mut metadata))) => {
            if let Some(redactor) = redactor {
                record = record.redacted(redactor)?;
                metadata = metadata.map(|json| redactor.redact(json.as_str()).unwrap_or(json));
            }
            let metadata = metadata.map(|metadata| relocation.metadata(&metadata));
            match archive.commit(|now| take(now, &record, metadata.as_ref())) {
                Ok(taken) => {
                    notes = taken.notes;
                    taken.outcome
                }
                Err(StoreError::SessionNotFound(_)) => {
                    SessionFileOutcome::Failed(no_session(path, session))
                }
                Err(error @ (StoreError::TooLarge { .. } | StoreError::InvalidPodName(_))) => {
                    SessionFileOutcome::Failed(format!("{}: {error}", path.display()))
                }
                Err(error) => return Err(error),
            }
        }
        Err(error) => SessionFileOutcome::Failed(format!("{}: {error}", path.display())),
    };
    Ok(Some(SessionFile {
        path: path.to_owned(),
        session,
        outcome,
        notes,
    }))
}

/// Whether the file holds metadata, with which a session may begin.
pub(super) fn has_metadata(path: &Path, session: SessionId) -> bool {
    matches!(read(path, session), Ok(Some((_, Some(_)))))
}

/// The report on a file whose session is in no archive; `None` if it is not one of an export.
pub(super) fn without_session(path: &Path, session: SessionId) -> Option<SessionFile> {
    let message = match read(path, session) {
        Ok(None) => return None,
        Ok(Some(_)) => no_session(path, session),
        Err(error) => format!("{}: {error}", path.display()),
    };
    Some(SessionFile {
        path: path.to_owned(),
        session,
        outcome: SessionFileOutcome::Failed(message),
        notes: Vec::new(),
    })
}

fn no_session(path: &Path, session: SessionId) -> String {
    let error = StoreError::SessionNotFound(session);
    format!(
        "{}: {error}; import a log of the session with it",
        path.display()
    )
}

/// Reads the file; `None` if it is not one of an export.
fn read(path: &Path, session: SessionId) -> io::Result<Option<(Record, Option<RawJson>)>> {
    let bytes = fs::read(path)?;
    if memchr::memmem::find(&bytes, KIND.as_bytes()).is_none() {
        return Ok(None);
    }
    let record: Record = serde_json::from_slice(&bytes)?;
    if record.kind != KIND {
        return Ok(None);
    }
    if record.session != session {
        let reason = format!(
            "is of session {}, and lies in the folder of another; move it there",
            record.session
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let metadata = match &record.metadata {
        Some(json) => {
            let json = RawJson::new(compact(json.get()))?;
            fields(&json)?;
            Some(json)
        }
        None => None,
    };
    record.name_records()?;
    Ok(Some((record, metadata)))
}

struct Taken {
    outcome: SessionFileOutcome,
    notes: Vec<String>,
}

fn take(
    now: &Snapshot,
    record: &Record,
    metadata: Option<&RawJson>,
) -> Result<(Vec<Op>, Taken), StoreError> {
    let session = record.session;
    let (mut ops, mut notes) = (Vec::new(), Vec::new());
    if metadata.is_none() && now.session(session)?.is_none() {
        return Err(StoreError::SessionNotFound(session));
    }
    match (now.raw_metadata(session)?, metadata) {
        (None, Some(metadata)) => ops.push(set_metadata(session, metadata.to_vec()?)?),
        (Some(here), Some(there)) if here != *there && fields(&here)? != fields(there)? => notes
            .push(format!(
                "the metadata of session {session} differs; it stays as it is in the archive"
            )),
        _ => {}
    }
    let records = record.name_records()?;
    if records.len() < record.names.len() + record.records.len() {
        notes.push("a record that does not tell its name was passed over".to_owned());
    }
    for theirs in records {
        let name = &theirs.name;
        match now.read_name_as(name)? {
            None => ops.push(theirs.op()?),
            Some(here) if !theirs.says(&here) => notes.push(format!(
                "name {name:?} differs; it stays as it is in the archive"
            )),
            Some(_) => {}
        }
    }
    let outcome = if ops.is_empty() {
        SessionFileOutcome::Unchanged
    } else {
        SessionFileOutcome::Changed
    };
    Ok((ops, Taken { outcome, notes }))
}
