//! Atomic creation: a new archive has another name until it is whole, so that at its path there is
//! never less than a whole archive.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::base::{Absorbed, Base, BaseOptions};
use super::fault::{Outcome, named};
use super::file::ArchiveFile;
use super::file_id::FileId;
use super::pack::Packing;
use super::seeded::{Bug, seeded};
use super::superblock::Superblock;
use super::temporary::{self, Temporary};
use crate::store::StoreError;

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

/// Writes a new archive and publishes it under `path` if nothing is there.
pub(crate) fn create(path: &Path, superblock: &Superblock) -> Result<(), StoreError> {
    create_in(&Folder::of(path)?, path, superblock)
}

/// Writes a new archive, lets `fill` write to it under the name that it has meanwhile, and
/// publishes it under `path` if nothing is there and `fill` did not fail.
pub(crate) fn create_filled<T>(
    path: &Path,
    superblock: &Superblock,
    fill: impl FnOnce(&Path) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let failed = |err: io::Error| StoreError::from(named(path, &err));
    if is_there(path).map_err(failed)? {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let place = Folder::of(path)?;
    let storage = place.new_file().map_err(failed)?;
    let filled = write_new(storage, path, superblock)
        .and_then(|()| fill(place.temporary().map_err(failed)?))
        .and_then(|filled| {
            let synced = place.temporary().and_then(File::open);
            let synced = synced.and_then(|file| file.sync_all());
            synced.and_then(|()| place.publish()).map_err(failed)?;
            Ok(filled)
        });
    let _ = place.remove_first_name();
    let filled = filled?;
    place.sync().map_err(failed)?;
    Ok(filled)
}

/// The same as [`create`] in any place; `path` is its name in errors.
pub(crate) fn create_in(
    place: &dyn Place,
    path: &Path,
    superblock: &Superblock,
) -> Result<(), StoreError> {
    let failed = |err: io::Error| StoreError::from(named(path, &err));
    let file = place.new_file().map_err(failed)?;
    let publish = || place.publish().map_err(failed);
    let written = if seeded(Bug::PublishEarly) {
        publish().and_then(|()| write_new(file, path, superblock))
    } else {
        write_new(file, path, superblock).and_then(|()| publish())
    };
    // After a successful publication this removes the second name of the same file.
    let _ = place.remove_first_name();
    written?;
    place.sync().map_err(failed)
}

fn write_new(
    file: Arc<dyn StorageBackend>,
    path: &Path,
    superblock: &Superblock,
) -> Result<(), StoreError> {
    let file = ArchiveFile::on(file, path, superblock);
    let absorbed = Absorbed::none(superblock);
    write_whole(&file, superblock, absorbed, 1 << 20, |_| Ok(())).map_err(|fault| fault.at(path))
}

/// Writes an archive with what `put` puts into its tables, and syncs it.
pub(super) fn write_whole(
    file: &ArchiveFile,
    superblock: &Superblock,
    absorbed: Absorbed,
    cache_bytes: usize,
    put: impl FnOnce(&mut Base) -> Outcome<()>,
) -> Outcome<()> {
    superblock.write(file.storage())?;
    let options = BaseOptions {
        packing: Packing::of_copies(superblock.compressed),
        cache_bytes,
        shared: false,
        read_only: false,
    };
    let mut base = Base::create(file.image(), options, absorbed)?;
    put(&mut base)?;
    base.close()?;
    Ok(file.storage().sync_data()?)
}

/// A folder of the file system.
pub(super) struct Folder {
    parent: PathBuf,
    path: PathBuf,
    /// The file before it has its name, once there is one.
    temporary: OnceLock<Temporary>,
    /// The file to be replaced, if one is.
    replaced: Option<File>,
}

impl Folder {
    /// For a file in the place of this one, which `path` leads to.
    pub(super) fn replacing(path: &Path) -> Result<Self, StoreError> {
        let failed = |err: io::Error| StoreError::from(named(path, &err));
        // A rename would replace a symbolic link, not what it leads to.
        let path = path.canonicalize().map_err(failed)?;
        let replaced = Some(File::open(&path).map_err(failed)?);
        let folder = Self::of(&path)?;
        Ok(Self { replaced, ..folder })
    }

    /// Makes the names in a file's folder survive power loss.
    pub(super) fn sync_names_beside(path: &Path) -> io::Result<()> {
        let path = path.canonicalize()?;
        sync_folder(path.parent().unwrap_or(Path::new(".")))
    }

    fn of(path: &Path) -> Result<Self, StoreError> {
        if path.file_name().is_none() {
            return Err(StoreError::NotAnArchive {
                path: path.to_owned(),
                reason: "the path has no file name".to_owned(),
            });
        }
        let parent = temporary::folder_of(path).to_owned();
        temporary::sweep_folder(&parent);
        Ok(Self {
            parent,
            path: path.to_owned(),
            temporary: OnceLock::new(),
            replaced: None,
        })
    }

    fn temporary(&self) -> io::Result<&Path> {
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
        let backend = FileBackend::new(file);
        Ok(Arc::new(
            backend.map_err(|err| io::Error::other(err.to_string()))?,
        ))
    }

    fn publish(&self) -> io::Result<()> {
        let temporary = self.temporary()?;
        match std::fs::hard_link(temporary, &self.path) {
            Ok(()) => Ok(()),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Err(err),
            // A file system without hard links: the two steps are then not one.
            Err(err) if has_no_links(&err) && !is_there(&self.path)? => {
                std::fs::rename(temporary, &self.path)
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
        std::fs::rename(self.temporary()?, &self.path)
    }

    fn remove_first_name(&self) -> io::Result<()> {
        std::fs::remove_file(self.temporary()?)
    }

    fn sync(&self) -> io::Result<()> {
        sync_folder(&self.parent)
    }
}

/// Whether a link was refused because the file system has none.
fn has_no_links(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied | io::ErrorKind::TooManyLinks
    )
}

fn is_there(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
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
