//! What became of the source logs, and why some are kept.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use sessiondb::{SegmentId, SessionId};

use super::report::as_text;

/// What is known of the source logs of an archive.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_logs::Free;
///
/// let report = Free::new(&Archive::in_memory()?).find(None)?;
/// assert_eq!((report.files.len(), report.bytes), (0, 0));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[non_exhaustive]
pub struct FreeReport {
    /// One report a file that is there, sorted by path.
    pub files: Vec<FreeFile>,
    /// The bytes of those files of which every byte is in the archive; with
    /// [`Free::run`](super::Free::run) of those that were deleted.
    pub bytes: u64,
}

/// One source log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FreeFile {
    /// The file.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// The session that it came into.
    pub session: SessionId,
    /// The segment.
    pub segment: SegmentId,
    /// Its length now.
    pub len_bytes: u64,
    /// What became of it.
    pub outcome: FreeOutcome,
}

/// What became of a source log.
///
/// ```
/// use sessiondb_logs::{FreeOutcome, Kept};
///
/// let json = serde_json::to_string(&FreeOutcome::Kept(Kept::Changed))?;
/// assert_eq!(json, r#"{"kept":"changed"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FreeOutcome {
    /// Every byte of it is in the archive: it can be deleted.
    Safe,
    /// It was deleted.
    Freed,
    /// It stays.
    Kept(Kept),
    /// It could not be read or deleted. The message names it.
    Failed(String),
}

/// Why a source log stays.
///
/// ```
/// use sessiondb_logs::Kept;
///
/// assert_eq!(Kept::Changed.to_string(), "it has changed since it was imported");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kept {
    /// It is not what it was when it was imported.
    Changed,
    /// A process has it open.
    InUse {
        /// Its id.
        process: u32,
    },
    /// It was written to within the last hour, and it cannot be told here who has it open.
    Recent,
    /// Not all of it is in the archive as it is.
    Differs {
        /// From this byte on.
        byte_offset: u64,
    },
    /// It is a document, and that which is in the archive is not equal to it.
    OtherDocument,
    /// The session has many files.
    ManyFiles,
    /// Its session is in the trash, from which it may go for good.
    InTrash,
    /// It is a link to a file, or no file.
    NoFile,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("it has changed since it was imported"),
            Self::InUse { process } => write!(f, "process {process} has it open"),
            Self::Recent => f.write_str(
                "it was written to within the last hour, and it cannot be told who has it open",
            ),
            Self::Differs { byte_offset } => write!(
                f,
                "what the archive would write differs from byte offset {byte_offset} on: something was \
                 mended, left out or erased"
            ),
            Self::OtherDocument => f.write_str("the archive has no document that is equal to it"),
            Self::ManyFiles => f.write_str("it is one of the many files of a session"),
            Self::InTrash => f.write_str("its session is in the trash"),
            Self::NoFile => f.write_str("it is a link, or no file"),
        }
    }
}
