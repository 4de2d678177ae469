//! What an import did.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Serialize;
use sessiondb::jsonl::{FileReport, NameFile, Outcome, PassedOver, SessionFile, Unreadable};

/// What an import did, file by file.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_logs::Import;
///
/// # let folder = tempfile::tempdir()?;
/// let log = folder.path().join("log.jsonl");
/// std::fs::write(&log, "{\"type\":\"user\",\"sessionId\":\"s1\",\"isSidechain\":false}\n")?;
/// let report = Import::new(&Archive::in_memory()?).run(&[log], None)?;
/// assert_eq!((report.new_entries(), report.failed()), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[non_exhaustive]
pub struct ImportReport {
    /// One report a file, in the order in which they were imported.
    pub files: Vec<Imported>,
    /// One report a session that an export left a `session.json` of.
    pub session_files: Vec<SessionFile>,
    /// One report a record of a worker's name.
    pub name_files: Vec<NameFile>,
    /// What lies in the folders and was not taken for a log.
    pub passed_over: Vec<PassedOver>,
    /// What could not be looked at.
    pub unreadable: Vec<Unreadable>,
}

/// What became of one file, or of the files of one session.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_logs::Import;
///
/// # let folder = tempfile::tempdir()?;
/// let log = folder.path().join("log.jsonl");
/// std::fs::write(&log, "{\"type\":\"user\",\"sessionId\":\"s1\",\"isSidechain\":false}\n")?;
/// let report = Import::new(&Archive::in_memory()?).run(&[log], None)?;
/// assert_eq!(report.files[0].agent, Some("claude"));
/// assert!(!report.files[0].was_skipped);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Imported {
    /// What was done with it.
    #[serde(flatten)]
    pub report: FileReport,
    /// The agent that wrote it, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<&'static str>,
    /// Whether it was not read, as it is the same as when it was read last.
    pub was_skipped: bool,
    /// Whether its session was not in the archive before.
    pub is_new_session: bool,
    /// Whether its session is in the [trash](sessiondb::Archive::trash_session), where it stays.
    pub in_trash: bool,
    /// Entries at its end that were left for a later import, since the agent may yet write them anew.
    pub held_back: usize,
}

impl ImportReport {
    /// The number of files that failed, with what could not be looked at.
    pub fn failed(&self) -> usize {
        self.causes().count()
    }

    /// Why files failed.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        let of_files = self
            .files
            .iter()
            .filter_map(|file| match &file.report.outcome {
                Outcome::Failed(message) => Some(message.as_str()),
                _ => None,
            });
        let of_sessions = self.session_files.iter().filter_map(SessionFile::failure);
        let of_names = self.name_files.iter().filter_map(NameFile::failure);
        let unreadable = self.unreadable.iter().map(|item| item.message.as_str());
        of_files
            .chain(of_sessions)
            .chain(of_names)
            .chain(unreadable)
    }

    /// The number of entries (and traces) that were added to the archive.
    pub fn new_entries(&self) -> u64 {
        let new = |file: &Imported| match file.report.outcome {
            Outcome::Imported { new, .. } => new,
            _ => 0,
        };
        self.files.iter().map(new).sum()
    }

    /// The number of sessions that are in the [trash](sessiondb::Archive::trash_session), and stay there with
    /// what came in.
    pub fn in_trash(&self) -> usize {
        let in_trash = self.files.iter().filter(|file| file.in_trash);
        let sessions: HashSet<_> = in_trash.map(|file| file.report.session).collect();
        sessions.len()
    }

    /// The number of entries that were left for a later import, since the agent may yet write them anew.
    pub fn held_back(&self) -> usize {
        self.files.iter().map(|file| file.held_back).sum()
    }

    /// The number of files that nothing can come of: they were not there, or are no logs.
    pub fn is_nothing(&self) -> bool {
        self.files.is_empty() && self.session_files.is_empty() && self.name_files.is_empty()
    }

    /// The paths of all files that were read or skipped.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().map(|file| &file.report.path)
    }
}
