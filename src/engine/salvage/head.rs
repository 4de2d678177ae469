//! The first page of a file, without opening the archive, and where what follows begins.

use std::path::Path;

use redb::StorageBackend;

use super::patient::Patient;
use crate::engine::fault::system::named;
use crate::engine::file::storage::{open_regular, storage_of};
use crate::engine::file::superblock::{
    JOURNAL_OFFSET, MAX_JOURNAL_BYTES, MIN_JOURNAL_BYTES, SUPERBLOCK_BYTES, Superblock,
};
use crate::engine::redb_format::page::MAGIC;
use crate::error::StoreError;

/// The length of a file, and what its first page says. It is opened for reading only, and not locked.
pub(crate) fn read_head(path: &Path) -> Result<(u64, Result<Superblock, StoreError>), StoreError> {
    let file = storage_of(open_regular(path, true)?, path);
    let file = Patient::new(file.map_err(|err| named(path, &err))?);
    let len = file.len().map_err(|err| named(path, &err))?;
    Ok((len, Superblock::read_first(&file, len, path)))
}

/// Where the image is, by the mark of a database where one may begin.
pub(super) fn guess_image_offset(file: &dyn StorageBackend, file_len: u64) -> Option<u64> {
    (1..=MAX_JOURNAL_BYTES / MIN_JOURNAL_BYTES)
        .map(|parts| JOURNAL_OFFSET + parts * MIN_JOURNAL_BYTES)
        .take_while(|offset| offset + SUPERBLOCK_BYTES <= file_len)
        .find(|offset| {
            let mut mark = MAGIC;
            mark.fill(0);
            file.read(*offset, &mut mark).is_ok() && mark == MAGIC
        })
}
