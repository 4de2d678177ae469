//! What can be said of a file without opening it as an archive.

use std::path::Path;

use serde::Serialize;
use uuid::Uuid;

use crate::engine::{OLDEST_VERSION, harm, read_head};
use crate::error::StoreError;

/// The version of redb that is built in.
pub const REDB_VERSION: &str = "4.6.0";
/// The version of this library.
pub const LIBRARY_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The format versions that are read; new archives have the last one.
pub const FORMAT_VERSIONS: std::ops::RangeInclusive<u32> =
    OLDEST_VERSION..=crate::engine::FORMAT_VERSION;

/// What can be said of a file without opening it as an archive: see [`look`].
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("agent.sessiondb");
/// # sessiondb::Archive::open(&path)?.close()?;
/// let look = sessiondb::doctor::look(&path)?;
/// assert_eq!(look.head.unwrap().format_version, 4);
/// assert!(look.problem.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Look {
    /// The length of the file, in bytes.
    pub file_bytes: u64,
    /// What may harm an archive in that place, as
    /// [`Archive::place_warning`](crate::Archive::place_warning) has it.
    pub place_warning: Option<String>,
    /// What its first page says; `None` if that cannot be read, or is not one of an archive.
    pub head: Option<FileHead>,
    /// Why there is no head.
    pub problem: Option<String>,
}

/// What the first page of an archive says.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("agent.sessiondb");
/// let archive = sessiondb::Archive::open(&path)?;
/// let head = sessiondb::doctor::look(&path)?.head.unwrap();
/// assert_eq!(head.archive_id, archive.stats()?.archive_id);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileHead {
    /// The version of its format.
    pub format_version: u32,
    /// The id that it got at its creation.
    pub archive_id: Uuid,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The length of its journal, in bytes.
    pub journal_bytes: u64,
}

/// Looks at a file without opening it as an archive, so that something can be said of one that is damaged or
/// that others keep. Nothing is written, and no lock is taken.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("other");
/// std::fs::write(&path, "no archive")?;
/// let look = sessiondb::doctor::look(&path)?;
/// assert!(look.problem.unwrap().contains("not a sessiondb archive"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`StoreError::Io`] if the file cannot be opened.
pub fn look(path: impl AsRef<Path>) -> Result<Look, StoreError> {
    let path = path.as_ref();
    let (file_bytes, superblock) = read_head(path)?;
    let (head, problem) = match superblock {
        Ok(superblock) => {
            let head = FileHead {
                format_version: superblock.version,
                archive_id: superblock.archive_id,
                created_ms: superblock.created_ms,
                journal_bytes: superblock.journal_bytes,
            };
            (Some(head), None)
        }
        Err(error) => (None, Some(error.to_string())),
    };
    Ok(Look {
        file_bytes,
        place_warning: harm(path),
        head,
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version stands in `Cargo.toml` alone otherwise, which no code can read.
    #[test]
    fn the_version_of_redb_is_the_one_that_is_built_in() {
        let manifest = include_str!("../../Cargo.toml");
        // As it is written, and as a package has it.
        let forms = [
            format!("redb = {{ version = \"={REDB_VERSION}\""),
            format!("[dependencies.redb]\nversion = \"={REDB_VERSION}\""),
        ];
        assert!(forms.iter().any(|form| manifest.contains(form)));
    }
}
