//! Why something of an archive is not exported, while the rest is.

use std::fmt;
use std::io;
use std::path::Path;

use crate::StoreError;

/// Why a file is not exported.
pub(super) enum Stop {
    /// The file cannot be exported; others can.
    File(String),
    /// No file can be exported.
    Archive(StoreError),
}

impl Stop {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self::File(format!("{}: {error}", path.display()))
    }

    /// A log that cannot be read.
    pub(super) fn log(path: &Path, error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) | StoreError::Corrupt { .. } | StoreError::Damaged { .. } => {
                Self::File(format!("{}: not written: {error}", path.display()))
            }
            error => Self::Archive(error),
        }
    }
}

/// What an error says of a part of the archive that cannot be read, while others can; other errors
/// come back.
pub(super) fn in_part(error: StoreError, part: &dyn fmt::Display) -> Result<String, StoreError> {
    match error {
        StoreError::Corrupt { .. } | StoreError::Damaged { .. } => {
            Ok(format!("{part}: not written: {error}"))
        }
        error => Err(error),
    }
}
