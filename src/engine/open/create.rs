//! Atomic creation: a new archive has another name until it is whole, so that at its path there is
//! never less than a whole archive.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::StorageBackend;

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::Outcome;
use crate::engine::fault::system::named;
use crate::engine::file::ArchiveFile;
use crate::engine::file::flush::flush;
use crate::engine::file::patience::opened;
use crate::engine::file::place::{Folder, Place, is_there};
use crate::engine::file::superblock::Superblock;
use crate::engine::tables::packing::Packing;
use crate::engine::tables::{Checkpointed, Tables, TablesOptions};
use crate::error::StoreError;

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
            // By a handle that may write: Windows lets no other sync.
            let open = |path| File::options().read(true).write(true).open(path);
            let synced = place.temporary().and_then(|path| opened(|| open(path)));
            let synced = synced.and_then(|file| flush(&file));
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
    let checkpointed = Checkpointed::none(superblock);
    write_whole(&file, superblock, checkpointed, 1 << 20, |_| Ok(()))
        .map_err(|fault| fault.at(path))
}

/// Writes an archive with what `put` puts into its tables, and syncs it.
pub(crate) fn write_whole(
    file: &ArchiveFile,
    superblock: &Superblock,
    checkpointed: Checkpointed,
    cache_bytes: usize,
    put: impl FnOnce(&mut Tables) -> Outcome<()>,
) -> Outcome<()> {
    superblock.write(file.storage())?;
    let options = TablesOptions {
        packing: Packing::of_copies(superblock),
        by_use: superblock.has_sessions_by_use(),
        cache_bytes,
        shared: false,
        read_only: false,
    };
    let mut tables = Tables::create(file.image(), options, checkpointed)?;
    put(&mut tables)?;
    tables.close()?;
    Ok(file.storage().sync_data()?)
}

/// How an open treats a file that is there, or is not.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Creation {
    /// The file must be there.
    Never,
    /// The file is made if it is not there.
    IfMissing(Superblock),
    /// The file must not be there.
    Always(Superblock),
}

/// Makes the file if `creation` asks for it.
pub(crate) fn create_if_asked(path: &Path, creation: Creation) -> Result<(), StoreError> {
    match creation {
        Creation::Never => Ok(()),
        Creation::Always(new) => create(path, &new),
        Creation::IfMissing(_) if !is_missing(path)? => Ok(()),
        Creation::IfMissing(new) => match create(path, &new) {
            // Another process was faster, which is as good.
            Err(StoreError::Io(err)) if err.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created,
        },
    }
}

/// Whether nothing is there; an empty path is refused when it is opened.
fn is_missing(path: &Path) -> Result<bool, StoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(false),
        Err(_) if path.as_os_str().is_empty() => Ok(false),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(err) => Err(named(path, &err).into()),
    }
}
