//! Sessions of opencode, of which each message and each part has a file of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Number;
use sessiondb_agents::{Document, opencode};

use crate::notes::Stamp;

/// A turn that has not ended is waited for so long: opencode writes its messages anew again and again
/// until then. One that was broken off never ends.
const TURN_MAY_TAKE: Duration = Duration::from_secs(600);
/// What follows the end of a turn comes so soon.
const AFTER_A_TURN: Duration = Duration::from_secs(2);
/// Whose last message is older has ended, however new its files are: they were copied.
const OVER_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Where a session's files are.
#[derive(Debug)]
pub(crate) struct Storage {
    session: PathBuf,
    messages: Vec<(PathBuf, Vec<PathBuf>)>,
}

impl Storage {
    /// The files of the session in `storage/session/{project}/{session}.json`.
    pub(crate) fn of_session(path: &Path) -> Option<Self> {
        let folder = path.parent()?.parent()?;
        if folder.file_name()? != "session" {
            return None;
        }
        let storage = folder.parent()?;
        let messages = files_of(&storage.join("message"), path).into_iter();
        let messages = messages.map(|message| {
            let parts = files_of(&storage.join("part"), &message);
            (message, parts)
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

    /// What tells whether all files are the same as when they were read.
    pub(crate) fn stamp(&self) -> io::Result<Stamp> {
        let mut whole = Stamp::of(&fs::metadata(&self.session)?);
        let parts = self.parts();
        for part in &parts {
            let stamp = Stamp::of(&fs::metadata(part)?);
            whole.len_bytes = whole.len_bytes.saturating_add(stamp.len_bytes);
            whole.modified_ns = whole.modified_ns.max(stamp.modified_ns);
            whole.settled &= stamp.settled;
        }
        whole.file = format!("{} and {} files", whole.file, parts.len());
        Ok(whole)
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

/// The files in the folder below `kind` that has the id of what `owner` holds. Files are named by their
/// ids, as a rule.
fn files_of(kind: &Path, owner: &Path) -> Vec<PathBuf> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let folder = kind.join(owner.file_stem().unwrap_or_default());
    if folder.is_dir() {
        return files_in(&folder);
    }
    let named = fs::read(owner).map(|text| serde_json::from_slice::<Named>(&text));
    let Ok(Ok(Named { id })) = named else {
        return Vec::new();
    };
    if id.is_empty() || id.contains(['/', '\\']) || id == ".." {
        return Vec::new();
    }
    files_in(&kind.join(id))
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

/// Takes the messages of a turn away that may yet change, if the session was last written to so long
/// ago. Returns how many there are.
pub(crate) fn hold_back(document: &mut Document, age: Duration) -> usize {
    #[derive(Deserialize)]
    struct Message {
        info: Info,
    }
    #[derive(Deserialize)]
    struct Info {
        role: String,
        finish: Option<String>,
        #[serde(default)]
        time: Times,
        error: Option<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize, Default)]
    struct Times {
        created: Option<Number>,
        completed: Option<Number>,
    }
    let read = |entry: &String| serde_json::from_str::<Message>(entry).map(|read| read.info);
    let Some(Ok(last)) = document.entries.last().map(read) else {
        return 0;
    };
    let has_ended = last.time.completed.is_some() || last.error.is_some();
    let told_ms = last.time.completed.or(last.time.created);
    let told = told_ms.and_then(|told| told.as_u64().map(Duration::from_millis));
    let now = Duration::from_millis(sessiondb::now_ms());
    if told.is_some_and(|told| told + OVER_AFTER < now) {
        return 0;
    }
    let is_last_answer =
        last.role == "assistant" && has_ended && last.finish.as_deref() != Some("tool-calls");
    let patience = if is_last_answer {
        AFTER_A_TURN
    } else {
        TURN_MAY_TAKE
    };
    if age >= patience {
        return 0;
    }
    let is_prompt = |entry: &String| read(entry).is_ok_and(|info| info.role == "user");
    let begun = document.entries.iter().rposition(is_prompt);
    document.entries.drain(begun.unwrap_or(0)..).count()
}
