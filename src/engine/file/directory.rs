//! Making the names in a directory survive power loss.

use std::io;
use std::path::Path;

/// Makes the names in a file's folder survive power loss.
pub(crate) fn sync_names_beside(path: &Path) -> io::Result<()> {
    let path = path.canonicalize()?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    crate::engine::file::flush::flush(&std::fs::File::open(folder)?)
}

/// Windows flushes a folder by a handle that may write to it, which few file systems and few users have. It
/// promises nothing of names, so a refusal is no failure.
#[cfg(windows)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    use std::os::windows::fs::OpenOptionsExt;

    /// Without it no folder is opened.
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    let mut options = std::fs::File::options();
    options.read(true).write(true);
    let opened = options
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
        .open(folder);
    let _ = opened.and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(not(any(unix, windows)))]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
