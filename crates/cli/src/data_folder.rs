//! Where the archive is that nobody has named: in the folder for what programs keep of a person's. And where is what was
//! read of remotes.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "sessiondb";
const FILE: &str = "sessions.sessiondb";

/// The archive that `sync` makes where none is named; `None` without a home folder.
pub(crate) fn archive() -> Option<PathBuf> {
    Some(data_folder()?.join(FOLDER).join(FILE))
}

/// Where what was read of remotes is kept: in the folder for what programs can make again, or the one that
/// `SESSIONDB_CACHE` names; `None` if that is empty, or there is no home folder.
#[cfg(feature = "remote")]
pub(crate) fn cache() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SESSIONDB_CACHE") {
        return (!named.is_empty()).then(|| PathBuf::from(named));
    }
    if cfg!(windows) {
        return Some(data_folder()?.join(FOLDER).join("cache"));
    }
    let folder = if cfg!(target_os = "macos") {
        below_home("Library/Caches")
    } else {
        variable("XDG_CACHE_HOME").or_else(|| below_home(".cache"))
    };
    Some(folder?.join(FOLDER))
}

fn variable(name: &str) -> Option<PathBuf> {
    let set = |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    std::env::var_os(name).and_then(set)
}

fn below_home(path: &str) -> Option<PathBuf> {
    Some(std::env::home_dir()?.join(path)).filter(|path| path.is_absolute())
}

fn data_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        return variable("LOCALAPPDATA").or_else(|| below_home("AppData\\Local"));
    }
    if cfg!(target_os = "macos") {
        return below_home("Library/Application Support");
    }
    variable("XDG_DATA_HOME").or_else(|| below_home(".local/share"))
}

/// Makes the folder of an archive, for its owner alone.
pub(crate) fn make_folder_of(archive: &Path) -> io::Result<()> {
    let Some(folder) = archive.parent().filter(|folder| *folder != Path::new("")) else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
