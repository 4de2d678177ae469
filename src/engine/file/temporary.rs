//! The name that a file has before it is whole: short, whatever the archive's is, and the same each
//! time, so that whoever opens the archive finds and removes what a dead process left under it.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::StorageBackend;
use xxhash_rust::xxh3::xxh3_64;

use crate::engine::file::identity::FileId;
use crate::engine::file::locks::MAKER_LOCK;
use crate::engine::file::patience::patiently;
use crate::engine::file::storage::storage_of;

/// How many processes may make files for one archive at once.
const SLOTS: u8 = 8;
const PREFIX: &str = ".sessiondb-";
/// How long to wait for one of them to be done.
const PATIENCE: Duration = Duration::from_secs(10);

/// A new file, whose maker is alive as long as this is.
#[derive(Debug)]
pub(crate) struct Temporary {
    pub(crate) path: PathBuf,
    /// Holds the lock that says so; `None` where there are no locks.
    _held: Option<Arc<dyn StorageBackend>>,
}

impl Temporary {
    /// Makes a file for the archive of this name in the folder.
    pub(crate) fn claim(folder: &Path, name: &OsStr) -> io::Result<(Self, File)> {
        let start = Instant::now();
        loop {
            for path in paths(folder, name) {
                remove_if_left(&path);
                if let Some(claimed) = Self::try_claim(path)? {
                    return Ok(claimed);
                }
            }
            if start.elapsed() >= PATIENCE {
                let message = format!(
                    "{SLOTS} files {PREFIX}* for it are being made already; wait until they are done, or \
                     remove them if nobody is at it"
                );
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// `None` if the name is taken, or was taken away again by somebody who saw no lock yet.
    fn try_claim(path: PathBuf) -> io::Result<Option<(Self, File)>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(err) => return Err(err),
        };
        // A handle of its own, since redb lets go of all locks of the one that it closes.
        let ours = FileId::of(&file, &path)?;
        let held = match lock(&path)? {
            Lock::Held(held) => Some(held),
            Lock::Unknown => None,
            Lock::Taken => return Ok(None),
        };
        if FileId::at(&path).ok() != Some(ours) {
            return Ok(None);
        }
        Ok(Some((Self { path, _held: held }, file)))
    }
}

/// Removes what dead processes have left while they made a file for the archive at `path`.
pub(crate) fn sweep(path: &Path) {
    let link = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    // They are beside the file itself.
    let followed = link.then(|| path.canonicalize().ok()).flatten();
    let path = followed.as_deref().unwrap_or(path);
    if let Some(name) = path.file_name() {
        for path in paths(folder_of(path), name) {
            remove_if_left(&path);
        }
    }
}

/// The same for all archives in a folder. Reads the whole folder.
pub(crate) fn sweep_folder(folder: &Path) {
    let Ok(files) = std::fs::read_dir(folder) else {
        return;
    };
    for file in files.flatten() {
        let name = file.file_name();
        if name.to_str().is_some_and(|name| key_in(name).is_some()) {
            remove_if_left(&file.path());
        }
    }
}

/// The folder that a path names a file in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn paths(folder: &Path, name: &OsStr) -> impl Iterator<Item = PathBuf> {
    // A fresh copy of a file that is not whole itself is made for the same archive.
    let own = name.to_str().and_then(key_in).map(str::to_owned);
    let key = own.unwrap_or_else(|| format!("{:016x}", xxh3_64(name.as_encoded_bytes())));
    (0..SLOTS).map(move |slot| folder.join(format!("{PREFIX}{key}-{slot}")))
}

/// What such a name says of the archive.
fn key_in(name: &str) -> Option<&str> {
    let (key, slot) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let is_hex = key.bytes().all(|byte| byte.is_ascii_hexdigit());
    (key.len() == 16 && is_hex && slot.parse::<u8>().ok()? < SLOTS).then_some(key)
}

enum Lock {
    Held(Arc<dyn StorageBackend>),
    Taken,
    /// There are no locks here.
    Unknown,
}

fn lock(path: &Path) -> io::Result<Lock> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Lock::Taken),
        Err(err) => return Err(err),
    };
    let storage = storage_of(file, path)?;
    let byte = Bound::Included(MAKER_LOCK);
    Ok(match storage.try_lock_range(byte, byte) {
        Ok(true) => Lock::Held(storage),
        Ok(false) => Lock::Taken,
        Err(_) => Lock::Unknown,
    })
}

/// Removes a file that nobody is at. What cannot be removed, or asked about, stays.
fn remove_if_left(path: &Path) {
    if !std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        return;
    }
    let before = FileId::at(path).ok();
    if let Ok(Lock::Held(_held)) = lock(path)
        && before.is_some()
        && FileId::at(path).ok() == before
    {
        let _ = patiently(|| std::fs::remove_file(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_same_length_and_are_known() {
        let folder = Path::new("folder");
        for len in [1, 15, 240, 255] {
            let name = "n".repeat(len);
            let made: Vec<_> = paths(folder, OsStr::new(&name)).collect();
            for path in &made {
                let temporary = path.file_name().unwrap().to_str().unwrap();
                assert_eq!(temporary.len(), 29);
                assert!(key_in(temporary).is_some(), "{temporary}");
                // A copy of it is made under the same names.
                assert!(paths(folder, OsStr::new(temporary)).eq(made.iter().cloned()));
            }
        }
        for other in [
            "a",
            ".sessiondb",
            ".sessiondb-0123456789abcdef",
            ".sessiondb-0123456789abcdef-8",
            ".sessiondb-0123456789abcde-0",
            ".sessiondb-0123456789abcdeg-0",
            "sessiondb-0123456789abcdef-0",
            ".sessiondb-0123456789abcdef.0",
        ] {
            assert!(key_in(other).is_none(), "{other}");
        }
    }

    #[test]
    fn what_a_live_process_makes_stays_and_what_a_dead_one_left_goes() {
        let scratch = tempfile::tempdir().unwrap();
        let archive = scratch.path().join("a");
        let name = archive.file_name().unwrap();
        let count = || std::fs::read_dir(scratch.path()).unwrap().count();
        let (first, first_file) = Temporary::claim(scratch.path(), name).unwrap();
        let (second, second_file) = Temporary::claim(scratch.path(), name).unwrap();
        assert_ne!(first.path, second.path);
        sweep(&archive);
        sweep_folder(scratch.path());
        assert_eq!(count(), 2);
        // As a process that died: the file is there, the lock is not.
        drop((first, first_file));
        sweep(&scratch.path().join("b"));
        assert_eq!(count(), 2);
        sweep(&archive);
        assert_eq!(count(), 1);
        drop((second, second_file));
        sweep_folder(scratch.path());
        assert_eq!(count(), 0);
    }
}
