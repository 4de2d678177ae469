//! Sessions of opencode, of which each message and each part has a file of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sessiondb_agents::{Document, opencode};

/// Where a session's files are.
#[derive(Debug)]
pub(crate) struct Storage {
    session: PathBuf,
    messages: Vec<(PathBuf, Vec<PathBuf>)>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Storage {
    /// The files of the session in `storage/session/{project}/{session}.json`.
    pub(crate) fn of_session(path: &Path) -> Option<Self> {
        let folder = path.parent()?.parent()?;
        if folder.file_name()? != "session" {
            return None;
        }
        let storage = folder.parent()?;
        let id = id_in(path)?;
        let messages = files_in(&storage.join("message").join(id)).into_iter();
        let messages = messages.map(|message| {
            let parts = id_in(&message).map(|id| files_in(&storage.join("part").join(id)));
            (message, parts.unwrap_or_default())
        });
        Some(Self {
            session: path.to_owned(),
            messages: messages.collect(),
        })
    }

    /// All files of it but the session's own.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for (message, parts) in &self.messages {
            paths.push(message.clone());
            paths.extend(parts.iter().cloned());
        }
        paths
    }

    /// All of it as one document.
    pub(crate) fn read(&self) -> io::Result<Document> {
        let session = fs::read_to_string(&self.session)?;
        let mut messages = Vec::with_capacity(self.messages.len());
        for (message, parts) in &self.messages {
            let parts = parts.iter().map(fs::read_to_string);
            messages.push((
                fs::read_to_string(message)?,
                parts.collect::<io::Result<_>>()?,
            ));
        }
        Ok(opencode::assemble(&session, &messages))
    }
}

fn id_in(path: &Path) -> Option<String> {
    let named: Named = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let is_name = !named.id.is_empty() && !named.id.contains(['/', '\\']) && named.id != "..";
    is_name.then_some(named.id)
}

/// The JSON files of a folder, sorted by name.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    paths.sort();
    paths
}
