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

/// Device and inode; on Windows the serial number of the volume and the index of the file on it.
#[cfg(any(unix, windows))]
type Inner = (u64, u64);
#[cfg(not(any(unix, windows)))]
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

#[cfg(windows)]
impl FileId {
    /// That of an open file.
    pub(crate) fn of(file: &File, _path: &Path) -> io::Result<Self> {
        let file = winapi_util::file::information(file)?;
        Ok(Self((file.volume_serial_number(), file.file_index())))
    }

    /// That of the file that a path leads to.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Self::of(&open_to_ask(path)?, path)
    }
}

/// The number of names of the file that a path leads to, where the system counts them.
#[cfg(unix)]
pub(crate) fn names_of(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(path)?.nlink())
}

#[cfg(windows)]
pub(crate) fn names_of(path: &Path) -> io::Result<u64> {
    Ok(winapi_util::file::information(open_to_ask(path)?)?.number_of_links())
}

#[cfg(not(any(unix, windows)))]
pub(crate) fn names_of(_path: &Path) -> io::Result<u64> {
    Ok(1)
}

/// A handle that may neither read nor write, so that it is in nobody's way.
#[cfg(windows)]
fn open_to_ask(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;

    /// With it folders are opened too.
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    let mut options = File::options();
    options
        .access_mode(0)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    options.open(path)
}

/// Where files have no number that can be asked for, no open file is ever replaced either.
#[cfg(not(any(unix, windows)))]
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
