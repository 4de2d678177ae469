//! Errors of this crate that travel through redb, or the standard library, inside an I/O error.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub(crate) struct Damage {
    pub(crate) place: String,
    pub(crate) message: String,
}

/// A lock was not to be had before its deadline. An error of its own, since the system says of
/// other things that they timed out.
#[derive(Debug, thiserror::Error)]
#[error("a lock was not to be had before its deadline")]
pub(crate) struct LockTimeout;

impl From<LockTimeout> for io::Error {
    fn from(timeout: LockTimeout) -> Self {
        Self::new(io::ErrorKind::TimedOut, timeout)
    }
}

/// A commit was made while the header was looked at, and the look counts for nothing.
#[derive(Debug, thiserror::Error)]
#[error("the tables changed while a reader was beginning")]
pub(crate) struct Overtaken;

/// The system has no lock to give.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoLockLeft(pub(crate) io::Error);

/// The file is not what its path leads to any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Displaced {
    pub(crate) what: String,
    /// Where the file is now, if that is known.
    pub(crate) file: Option<PathBuf>,
}

impl Displaced {
    /// Something else stands in the file.
    pub(crate) fn overwritten(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            file: None,
        }
    }

    pub(crate) fn at(&self, path: &Path) -> StoreError {
        StoreError::Displaced {
            path: path.to_owned(),
            what: self.what.clone(),
            file: self.file.clone(),
        }
    }

    /// The one that an I/O error carries.
    pub(crate) fn carried_by(err: &io::Error) -> Option<&Self> {
        err.get_ref()?.downcast_ref()
    }
}
