//! The first page of a file, without opening the archive.

use std::path::Path;

use redb::StorageBackend;

use super::patient::Patient;
use crate::engine::fault::system::named;
use crate::engine::file::storage::{open_regular, storage_of};
use crate::engine::file::superblock::Superblock;
use crate::error::StoreError;

/// The length of a file, and what its first page says. It is opened for reading only, and not locked.
pub(crate) fn read_head(path: &Path) -> Result<(u64, Result<Superblock, StoreError>), StoreError> {
    let file = storage_of(open_regular(path, true)?, path);
    let file = Patient::new(file.map_err(|err| named(path, &err))?);
    let len = file.len().map_err(|err| named(path, &err))?;
    Ok((len, Superblock::read_first(&file, len, path)))
}
