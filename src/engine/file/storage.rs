//! What an opened file is as storage. Every file that is read and written as an archive comes through here.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::engine::fault::system::named;
use crate::engine::file::names::must_be_of_a_file;
use crate::engine::file::patience;
use crate::error::StoreError;

/// The storage of a file that was opened by the path just now.
pub(crate) fn storage_of(file: File, path: &Path) -> io::Result<Arc<dyn StorageBackend>> {
    let synced = Synced::of(&file, path)?;
    let bytes = FileBackend::new(file).map_err(|err| io::Error::other(err.to_string()))?;
    Ok(synced.over(bytes))
}

/// Opens a regular file; anything else is not an archive, and opening it might even wait.
pub(crate) fn open_regular(path: &Path, read_only: bool) -> Result<File, StoreError> {
    let refuse = |reason: &str| StoreError::NotAnArchive {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    if path.as_os_str().is_empty() {
        return Err(refuse("the path is empty"));
    }
    must_be_of_a_file(path)?;
    let metadata = std::fs::metadata(path).map_err(|err| named(path, &err))?;
    if metadata.is_dir() {
        return Err(refuse("it is a directory"));
    }
    if !metadata.is_file() {
        return Err(refuse("it is not a regular file"));
    }
    let open = || OpenOptions::new().read(true).write(!read_only).open(path);
    Ok(patience::opened(open).map_err(|err| named(path, &err))?)
}

/// How the bytes of the file are put on the disk: as redb does it.
#[cfg(not(any(windows, target_os = "macos")))]
struct Synced;

#[cfg(not(any(windows, target_os = "macos")))]
impl Synced {
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    fn of(_file: &File, _path: &Path) -> io::Result<Self> {
        Ok(Self)
    }

    #[allow(clippy::unused_self, reason = "elsewhere it has something")]
    fn over(self, bytes: FileBackend) -> Arc<dyn StorageBackend> {
        #[cfg(feature = "_testing")]
        return super::mandatory::if_asked(bytes);
        #[cfg(not(feature = "_testing"))]
        Arc::new(bytes)
    }
}

#[cfg(any(windows, target_os = "macos"))]
use self::otherwise::Synced;

/// A file that is not put on the disk as redb does it.
#[cfg(any(windows, target_os = "macos"))]
mod otherwise {
    use std::fs::File;
    use std::io;
    use std::path::Path;
    #[cfg(windows)]
    use std::path::PathBuf;
    use std::sync::Arc;
    #[cfg(windows)]
    use std::sync::OnceLock;

    use redb::StorageBackend;
    use redb::backends::FileBackend;

    use crate::engine::file::flush::flush;
    #[cfg(windows)]
    use crate::engine::file::identity::FileId;
    use crate::engine::file::locks::forward_locks;

    /// The same file once more: where a drive cannot be made to flush, `fsync` has to do.
    #[cfg(target_os = "macos")]
    #[derive(Debug)]
    pub(super) struct Synced(File);

    #[cfg(target_os = "macos")]
    impl Synced {
        pub(super) fn of(file: &File, _path: &Path) -> io::Result<Self> {
            file.try_clone().map(Self)
        }

        fn sync(&self, _bytes: &FileBackend) -> io::Result<()> {
            flush(&self.0)
        }
    }

    /// A second handle, opened with the first sync: Windows does one thing at a time by a handle, and readers
    /// would wait for the disk.
    #[cfg(windows)]
    #[derive(Debug)]
    pub(super) struct Synced {
        path: PathBuf,
        id: FileId,
        second: OnceLock<Option<File>>,
    }

    #[cfg(windows)]
    impl Synced {
        pub(super) fn of(file: &File, path: &Path) -> io::Result<Self> {
            let path = std::path::absolute(path)?;
            Ok(Self {
                id: FileId::of(file, &path)?,
                path,
                second: OnceLock::new(),
            })
        }

        fn sync(&self, bytes: &FileBackend) -> io::Result<()> {
            match self.second.get_or_init(|| self.open()) {
                Some(second) => flush(second),
                None => bytes.sync_data(),
            }
        }

        /// `None` if the path leads elsewhere by now, or may not be opened.
        fn open(&self) -> Option<File> {
            let second = File::options().read(true).write(true).open(&self.path);
            let is_it = |file: &File| FileId::of(file, &self.path).is_ok_and(|id| id == self.id);
            second.ok().filter(is_it)
        }
    }

    impl Synced {
        pub(super) fn over(self, bytes: FileBackend) -> Arc<dyn StorageBackend> {
            Arc::new(Storage {
                bytes,
                synced: self,
            })
        }
    }

    #[derive(Debug)]
    struct Storage {
        bytes: FileBackend,
        synced: Synced,
    }

    impl StorageBackend for Storage {
        fn len(&self) -> io::Result<u64> {
            self.bytes.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.bytes.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.bytes.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.synced.sync(&self.bytes)
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.bytes.write(offset, data)
        }

        forward_locks!(bytes);
    }
}
