//! Where the file of a new archive is made, and how it gets its name in one step.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use redb::StorageBackend;

use crate::engine::fault::system::named;
use crate::engine::file::directory::sync_folder;
use crate::engine::file::identity::FileId;
use crate::engine::file::names::must_be_of_a_file;
use crate::engine::file::patience::{is_held, patiently};
use crate::engine::file::storage::storage_of;
use crate::engine::file::temporary::{self, Temporary};
use crate::error::StoreError;

/// Where an archive is made.
pub(crate) trait Place {
    /// A new file without content, under a name that nobody opens.
    fn new_file(&self) -> io::Result<Arc<dyn StorageBackend>>;
    /// Gives the file its name, which must be free.
    fn publish(&self) -> io::Result<()>;
    /// Gives the file the name of the one that it replaces, which loses it.
    fn replace(&self) -> io::Result<()>;
    /// Takes the first name away.
    fn remove_first_name(&self) -> io::Result<()>;
    /// Makes the names survive power loss.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the file system.
pub(crate) struct Folder {
    parent: PathBuf,
    path: PathBuf,
    /// The file before it has its name, once there is one.
    temporary: OnceLock<Temporary>,
    /// The file to be replaced, if one is.
    replaced: Option<File>,
}

impl Folder {
    /// For a file in the place of this one, which `path` leads to.
    pub(crate) fn replacing(path: &Path) -> Result<Self, StoreError> {
        let failed = |err: io::Error| StoreError::from(named(path, &err));
        // A rename would replace a symbolic link, not what it leads to.
        let path = path.canonicalize().map_err(failed)?;
        let replaced = Some(File::open(&path).map_err(failed)?);
        let folder = Self::of(&path)?;
        Ok(Self { replaced, ..folder })
    }

    pub(crate) fn of(path: &Path) -> Result<Self, StoreError> {
        if path.file_name().is_none() {
            return Err(StoreError::NotAnArchive {
                path: path.to_owned(),
                reason: "the path has no file name".to_owned(),
            });
        }
        must_be_of_a_file(path)?;
        let parent = temporary::folder_of(path).to_owned();
        temporary::sweep_folder(&parent);
        Ok(Self {
            parent,
            path: path.to_owned(),
            temporary: OnceLock::new(),
            replaced: None,
        })
    }

    pub(crate) fn temporary(&self) -> io::Result<&Path> {
        let temporary = self.temporary.get().map(|temporary| &*temporary.path);
        temporary.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Place for Folder {
    fn new_file(&self) -> io::Result<Arc<dyn StorageBackend>> {
        let name = self.path.file_name().unwrap_or_default();
        let (temporary, file) = Temporary::claim(&self.parent, name)?;
        // There is one file for each place.
        let _ = self.temporary.set(temporary);
        if let Some(replaced) = &self.replaced {
            take_over(replaced, &file)?;
        }
        storage_of(file, self.temporary()?)
    }

    fn publish(&self) -> io::Result<()> {
        let temporary = self.temporary()?;
        match patiently(|| std::fs::hard_link(temporary, &self.path)) {
            Ok(()) => Ok(()),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Err(err),
            // A file system without hard links: the two steps are then not one.
            Err(err) if has_no_links(&err) && !is_there(&self.path)? => {
                patiently(|| std::fs::rename(temporary, &self.path))
            }
            Err(err) => Err(err),
        }
    }

    fn replace(&self) -> io::Result<()> {
        let there = FileId::at(&self.path)?;
        let replaced = match &self.replaced {
            Some(file) => Some(FileId::of(file, &self.path)?),
            None => None,
        };
        if replaced != Some(there) {
            return Err(io::Error::other("another file has taken its place"));
        }
        let temporary = self.temporary()?;
        // Refused for good, as Windows does on some file systems while a file is open.
        let refused = |err| {
            if is_held(&err) {
                io::Error::new(io::ErrorKind::PermissionDenied, err)
            } else {
                err
            }
        };
        patiently(|| std::fs::rename(temporary, &self.path)).map_err(refused)
    }

    fn remove_first_name(&self) -> io::Result<()> {
        let temporary = self.temporary()?;
        patiently(|| std::fs::remove_file(temporary))
    }

    fn sync(&self) -> io::Result<()> {
        sync_folder(&self.parent)
    }
}

/// Whether the file system lets a file take the place of one that is open, as others than Windows always do. It is
/// tried with two empty files beside the one at the path.
#[cfg(windows)]
pub(crate) fn replaces_open_files(path: &Path) -> bool {
    let tried = || {
        let path = path.canonicalize()?;
        let (folder, name) = (temporary::folder_of(&path), path.file_name());
        let (from, _file) = Temporary::claim(folder, name.unwrap_or_default())?;
        let (to, _file) = Temporary::claim(folder, name.unwrap_or_default())?;
        let replaced = std::fs::rename(&from.path, &to.path);
        for path in [from.path, to.path] {
            let _ = std::fs::remove_file(path);
        }
        replaced
    };
    tried().is_ok()
}

#[cfg(not(windows))]
pub(crate) fn replaces_open_files(_path: &Path) -> bool {
    cfg!(unix)
}

/// Whether a link was refused because the file system has none.
fn has_no_links(err: &io::Error) -> bool {
    /// "Incorrect function" and "not supported", as Windows says it on FAT.
    const WINDOWS_REFUSALS: [i32; 2] = [1, 50];
    let said = err.raw_os_error().filter(|_| cfg!(windows));
    said.is_some_and(|said| WINDOWS_REFUSALS.contains(&said))
        || matches!(
            err.kind(),
            io::ErrorKind::Unsupported
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::TooManyLinks
        )
}

pub(crate) fn is_there(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

/// Gives a new file the owner and the mode of the one that it replaces, so that whoever could use
/// that one can use this one.
#[cfg(unix)]
fn take_over(replaced: &File, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let (from, to) = (replaced.metadata()?, file.metadata()?);
    if (from.uid(), from.gid()) != (to.uid(), to.gid()) {
        fchown(file, Some(from.uid()), Some(from.gid()))?;
    }
    file.set_permissions(from.permissions())
}

#[cfg(not(unix))]
fn take_over(_replaced: &File, _file: &File) -> io::Result<()> {
    Ok(())
}
