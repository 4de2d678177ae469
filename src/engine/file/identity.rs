//! Which file a path leads to, by whatever name it goes.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::StoreError;

/// How often an open begins anew since another file has taken the place of the one it had.
pub(crate) const MAX_REPLACEMENTS: u32 = 100;

/// A file itself. While it is open no other file has the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FileId(Inner);

/// Device and inode.
#[cfg(unix)]
type Inner = (u64, u64);
#[cfg(not(unix))]
type Inner = std::path::PathBuf;

#[cfg(unix)]
impl FileId {
    /// That of an open file.
    pub(crate) fn of(file: &File, _path: &Path) -> io::Result<Self> {
        Ok(Self::from_metadata(&file.metadata()?))
    }

    /// That of the file that a path leads to.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::from_metadata(&std::fs::metadata(path)?))
    }

    fn from_metadata(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self((metadata.dev(), metadata.ino()))
    }
}

/// Where files have no number that can be asked for, no open file is ever replaced either.
#[cfg(not(unix))]
impl FileId {
    /// That of an open file.
    pub(crate) fn of(_file: &File, path: &Path) -> io::Result<Self> {
        Self::at(path)
    }

    /// That of the file that a path leads to.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        path.canonicalize().map(Self)
    }
}

/// The error of an open that began anew too often.
pub(crate) fn never_the_same(path: &Path) -> StoreError {
    io::Error::other(format!(
        "{}: each look at the path finds another file; open it where files keep their numbers",
        path.display()
    ))
    .into()
}
