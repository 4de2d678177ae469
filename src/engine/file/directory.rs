//! Making the names in a directory survive power loss.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the names in a file's folder survive power loss.
pub(crate) fn sync_names_beside(path: &Path) -> io::Result<()> {
    let path = path.canonicalize()?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
