//! Files that belong to a session without being logs: the large results of tools that Claude Code puts
//! beside them. Each is a segment of one entry that holds the text and its path.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sessiondb::archive::Redactor;
use sessiondb::jsonl::{FileReport, Outcome};
use sessiondb::{Archive, Durability, RawJson, SegmentId, SessionId, StoreError};
use uuid::Uuid;

const KIND: &str = "sessiondb_sidecar";
const FOLDER: &str = "tool-results";

/// A file beside a session's log.
#[derive(Debug, Clone)]
pub(crate) struct Sidecar {
    session: SessionId,
    /// Its path below the session's folder.
    name: String,
}

/// The entry that such a file is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SidecarEntry {
    kind: String,
    /// The path below the session's folder.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SidecarEntry {
    /// The file that an entry is, if it is one.
    pub(crate) fn of(entry: &[u8]) -> Option<Self> {
        let known: Self = serde_json::from_slice(entry).ok()?;
        (known.kind == KIND).then_some(known)
    }
}

impl Sidecar {
    /// The file at `{session}/tool-results/{name}.txt`.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let folder = path.parent()?;
        let is_text = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("txt"));
        if !is_text || folder.file_name()? != FOLDER {
            return None;
        }
        let session = folder.parent()?.file_name()?.to_str()?;
        let session = SessionId::try_parse(session)
            .ok()
            .filter(|_| session.len() == 36)?;
        let name = format!("{FOLDER}/{}", path.file_name()?.to_str()?);
        Some(Self { session, name })
    }

    fn segment(&self) -> SegmentId {
        Uuid::new_v5(&self.session, format!("sidecar\0{}", self.name).as_bytes())
    }

    /// Stores the file, in the place of what it was before.
    pub(crate) fn import(
        &self,
        archive: &Archive,
        path: &PathBuf,
        redactor: Option<&Redactor>,
    ) -> Result<FileReport, StoreError> {
        let (session, segment) = (self.session, self.segment());
        let report = |outcome| FileReport::new(path, session, segment, outcome);
        let now = archive.snapshot()?;
        let forgotten = now.forgotten(session, segment)?;
        if forgotten.is_some_and(|mark| mark.is_whole()) {
            return Ok(report(Outcome::Forgotten { entries: 1 }));
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                return Ok(report(Outcome::Failed(format!(
                    "{}: {error}",
                    path.display()
                ))));
            }
        };
        let entry = RawJson::new(serde_json::to_string(&SidecarEntry {
            kind: KIND.to_owned(),
            path: self.name.clone(),
            text,
        })?)?;
        let redacted = redactor.and_then(|redactor| redactor.redact(entry.as_str()));
        let log = archive
            .log(session, segment)
            .with_durability(Durability::Written);
        if log.exists()? {
            let there = log.read(..)?.next().transpose()?;
            let redactions = now.redactions(session)?;
            let is_same = |there: &sessiondb::Entry| {
                **there == *redacted.as_ref().unwrap_or(&entry).as_str().as_bytes()
                    || **there == *entry.as_str().as_bytes()
                    || redactions.is_of(there, entry.as_str().as_bytes())
            };
            if there.is_some_and(|there| is_same(&there)) {
                return Ok(report(Outcome::Unchanged { total: 1 }));
            }
        }
        let mut batch = archive.batch().with_durability(Durability::Written);
        if let Some(redacted) = &redacted {
            let (redacted, was) = (redacted.as_str().as_bytes(), entry.as_str().as_bytes());
            batch.mark_redacted(session, redacted, was);
        }
        batch.replace(&log, [redacted.unwrap_or(entry)])?;
        batch.commit()?;
        Ok(report(Outcome::Imported { new: 1, total: 1 }))
    }
}
