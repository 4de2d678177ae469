//! Atomic creation: a new archive has another name until it is whole, so that at its path there is
//! never less than a whole archive.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::base::{Absorbed, Base, BaseOptions};
use super::fault::{Outcome, named};
use super::file::ArchiveFile;
use super::pack::Packing;
use super::seeded::{Bug, seeded};
use super::superblock::Superblock;
use crate::store::StoreError;

/// Where an archive is made.
pub(crate) trait Place {
    /// A new file without content, under a name that nobody opens.
    fn new_file(&self) -> io::Result<Arc<dyn StorageBackend>>;
    /// Gives the file its name, which must be free.
    fn publish(&self) -> io::Result<()>;
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
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let place = Folder::of(path)?;
    let storage = place.new_file().map_err(failed)?;
    let filled = write_new(storage, path, superblock)
        .and_then(|()| fill(&place.temporary))
        .and_then(|filled| {
            let synced = File::open(&place.temporary).and_then(|file| file.sync_all());
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
    let written: Outcome<()> = (|| {
        superblock.write(file.storage())?;
        let options = BaseOptions {
            packing: Packing::of_checkpoints(superblock.compressed),
            cache_bytes: 1 << 20,
            shared: false,
            read_only: false,
        };
        Base::create(file.image(), options, Absorbed::none(superblock))?.close()?;
        Ok(file.storage().sync_data()?)
    })();
    written.map_err(|fault| fault.at(path))
}

/// A folder of the file system.
struct Folder {
    parent: PathBuf,
    path: PathBuf,
    temporary: PathBuf,
}

impl Folder {
    fn of(path: &Path) -> Result<Self, StoreError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let name = path.file_name().ok_or_else(|| StoreError::NotAnArchive {
            path: path.to_owned(),
            reason: "the path has no file name".to_owned(),
        })?;
        sweep(folder, name);
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.new", uuid::Uuid::now_v7()));
        Ok(Self {
            parent: folder.to_owned(),
            path: path.to_owned(),
            temporary: folder.join(temporary),
        })
    }
}

impl Place for Folder {
    fn new_file(&self) -> io::Result<Arc<dyn StorageBackend>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.temporary)?;
        let backend = FileBackend::new(file);
        Ok(Arc::new(
            backend.map_err(|err| io::Error::other(err.to_string()))?,
        ))
    }

    fn publish(&self) -> io::Result<()> {
        match std::fs::hard_link(&self.temporary, &self.path) {
            Ok(()) => Ok(()),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Err(err),
            // A file system without hard links: the two steps are then not one.
            Err(_) if !self.path.exists() => std::fs::rename(&self.temporary, &self.path),
            Err(err) => Err(err),
        }
    }

    fn remove_first_name(&self) -> io::Result<()> {
        std::fs::remove_file(&self.temporary)
    }

    fn sync(&self) -> io::Result<()> {
        if cfg!(unix) {
            File::open(&self.parent)?.sync_all()?;
        }
        Ok(())
    }
}

/// Removes what processes left behind that died while they made this archive. One that is at it
/// takes milliseconds, not minutes.
fn sweep(folder: &Path, name: &std::ffi::OsStr) {
    let prefix = format!(".{}.", name.to_string_lossy());
    let Ok(files) = std::fs::read_dir(folder) else {
        return;
    };
    for file in files.flatten() {
        let (found, path) = (file.file_name(), file.path());
        let found = found.to_string_lossy();
        let id = found
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(".new"));
        let ours = id.is_some_and(|id| uuid::Uuid::try_parse(id).is_ok());
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| modified.elapsed().ok());
        if ours && age.is_some_and(|age| age > Duration::from_secs(60)) {
            let _ = std::fs::remove_file(path);
        }
    }
}
