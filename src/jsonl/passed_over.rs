//! What an import leaves out and says so: files that are named like no log, and what cannot be
//! read.

use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ids;
use super::path_text::serialize_path;

/// Something in a folder that an import did not take for a log, by its name or by what it is.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::{Import, PassedOverKind};
///
/// # let folder = tempfile::tempdir()?;
/// # let logs = folder.path();
/// std::fs::write(logs.join("log.jsonl"), "{}\n")?;
/// std::fs::write(logs.join("old.jsonl.gz"), "")?;
/// let report = Import::new(&Archive::in_memory()?).run(&[logs.to_owned()], None)?;
/// let passed_over = &report.passed_over[0];
/// assert_eq!(passed_over.path, logs.join("old.jsonl.gz"));
/// assert_eq!(passed_over.kind, PassedOverKind::Compressed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PassedOver {
    /// What was passed over.
    #[serde(serialize_with = "serialize_path")]
    pub path: PathBuf,
    /// Why.
    pub kind: PassedOverKind,
}

impl PassedOver {
    /// Says that this was passed over, for imports that look at more than names.
    pub fn new(path: PathBuf, kind: PassedOverKind) -> Self {
        Self { path, kind }
    }

    /// A file that is named like one that an export leaves beside the logs, and is none.
    pub(super) fn session_file(path: PathBuf) -> Self {
        let kind = PassedOverKind::Json;
        Self { path, kind }
    }
}

/// Why something in a folder is not imported.
///
/// ```
/// use sessiondb::jsonl::PassedOverKind;
///
/// assert_eq!(serde_json::to_string(&PassedOverKind::Compressed)?, r#""compressed""#);
/// assert!(PassedOverKind::Compressed.advice().contains("unpack"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PassedOverKind {
    /// Its name is that of a compressed file.
    Compressed,
    /// Its name ends with `.json`.
    Json,
    /// It is an SQLite database of no agent that is known, or one that this build cannot read.
    Database,
    /// Its name is another one.
    Other,
    /// It is a link to a folder.
    FolderLink,
    /// It is neither a file nor a folder.
    Special,
}

impl PassedOverKind {
    /// What it is, and what helps.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Compressed => "compressed; unpack it and import what comes out",
            Self::Json => {
                "named *.json, one document; if it is a log, with one JSON value a line, import it \
                 by its name"
            }
            Self::Database => {
                "a database; sessions are read from those of opencode and goose, by builds with the \
                 feature `sqlite`"
            }
            Self::Other => "named neither *.jsonl nor *.ndjson; a log is imported by its name",
            Self::FolderLink => "a link to a folder; give the folder that it leads to",
            Self::Special => "neither a file nor a folder",
        }
    }

    fn of_name(path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("gz" | "zst" | "xz" | "bz2" | "lz4" | "br" | "zip" | "7z" | "tgz") => {
                Self::Compressed
            }
            Some("json") => Self::Json,
            _ => Self::Other,
        }
    }
}

/// Something that an import could not look at: a path or folder that cannot be read, or a link
/// that leads nowhere.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::Import;
///
/// # let folder = tempfile::tempdir()?;
/// let missing = folder.path().join("missing");
/// let report = Import::new(&Archive::in_memory()?).run(&[missing.clone()], None)?;
/// assert_eq!(report.unreadable[0].path, missing);
/// assert_eq!(report.failed(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unreadable {
    /// What could not be read.
    #[serde(serialize_with = "serialize_path")]
    pub path: PathBuf,
    /// Why. It names the path.
    pub message: String,
    /// The kind of the error.
    #[serde(skip)]
    pub kind: io::ErrorKind,
}

impl Unreadable {
    /// Says that this could not be read, and why.
    pub fn new(path: &Path, error: &io::Error) -> Self {
        Self {
            path: path.to_owned(),
            message: format!("{}: {error}", path.display()),
            kind: error.kind(),
        }
    }
}

/// What something in a folder is to an import.
pub(super) enum Found {
    Folder,
    /// A log by its name, and its length.
    Log(u64),
    PassedOver(PassedOverKind),
}

/// Looks at something in a folder. Links are followed, but not into folders.
pub(super) fn look(path: &Path, file_type: FileType) -> io::Result<Found> {
    if file_type.is_dir() {
        return Ok(Found::Folder);
    }
    let is_log = path.file_name().is_some_and(ids::is_log_name);
    if file_type.is_file() && !is_log {
        return Ok(Found::PassedOver(PassedOverKind::of_name(path)));
    }
    let metadata = std::fs::metadata(path)?;
    Ok(if metadata.is_dir() {
        Found::PassedOver(PassedOverKind::FolderLink)
    } else if !metadata.is_file() && is_log {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            PassedOverKind::Special.advice(),
        ));
    } else if !metadata.is_file() {
        Found::PassedOver(PassedOverKind::Special)
    } else if is_log {
        Found::Log(metadata.len())
    } else {
        Found::PassedOver(PassedOverKind::of_name(path))
    })
}
