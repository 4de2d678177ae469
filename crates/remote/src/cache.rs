//! A local cache of what was read of remotes: whole objects, blocks, and word filters of packs, in a folder of this machine.
//! Nothing in it is believed: whoever reads verifies by a hash. It can be deleted at any time.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::hash::{HalfSum, Sum};

/// The most bytes of all remotes together, if nothing else is said.
const MAX_BYTES: u64 = 1 << 30;
/// A use is noted once in this time, and what is left of a write that died goes after it.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// What a file is named while it is written.
const TEMPORARY: &str = "tmp-";

/// A folder in which a [`Remote`](crate::Remote) keeps what was read of it, so that it is read once.
///
/// What is taken out is verified by the hash by which the remote names it; a file that is cut short or damaged is
/// thrown away and read again. Several processes may use one folder. Each [listing](crate::listing) removes what
/// no state at the remote names any more, and what was not used for longest once there is too much.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// use sessiondb_remote::{Cache, Remote};
///
/// let cache = Cache::new(dir.path()).max_bytes(64 << 20);
/// let remote = Remote::in_memory("example").with_cache(&cache);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    max_bytes: u64,
}

impl Cache {
    /// One in that folder, which is made when something is kept, of at most 1 GiB.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            max_bytes: MAX_BYTES,
        }
    }

    /// How many bytes of all remotes it holds after a listing, at most.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The part of it that is of one remote.
    pub(crate) fn of(&self, remote: &str) -> Kept {
        Kept {
            folder: self.folder.join(Sum::of(remote.as_bytes()).to_string()),
            cache: self.clone(),
            written: AtomicU64::new(0),
        }
    }
}

/// What is kept of one remote.
#[derive(Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
    cache: Cache,
    /// The bytes that were written since the last look at how many there are.
    written: AtomicU64,
}

/// What is kept under which name. Half a hash finds it; what is found is verified by all of one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item {
    /// A manifest or a base.
    Object(HalfSum),
    /// The block of a pack that begins there.
    Block(HalfSum, u64),
    /// The word filters of a pack.
    Filters(HalfSum),
}

impl Item {
    fn file(self) -> String {
        match self {
            Self::Object(sum) => format!("object-{sum}"),
            Self::Block(pack, at) => format!("block-{pack}-{at:x}"),
            Self::Filters(pack) => format!("words-{pack}"),
        }
    }

    /// The object that a file is of, or is of a part of.
    fn object(file: &str) -> Option<HalfSum> {
        file.split('-').nth(1)?.parse().ok()
    }
}

impl Kept {
    /// What is kept, if the caller finds that it is what it has to be.
    pub(crate) fn get<T>(&self, item: Item, verify: impl FnOnce(&Bytes) -> Option<T>) -> Option<T> {
        let path = self.folder.join(item.file());
        let bytes = Bytes::from(fs::read(&path).ok()?);
        let found = verify(&bytes);
        if found.is_none() {
            // Another process may have put a sound one there meanwhile: then that is read again, too.
            let _ = fs::remove_file(&path);
        } else {
            note_use(&path);
        }
        found
    }

    /// Keeps something, if that can be done: without it it is read again.
    pub(crate) fn put(&self, item: Item, bytes: &[u8]) {
        let done = self.write(item, bytes);
        if done.is_ok() {
            let len = bytes.len() as u64;
            let written = self.written.fetch_add(len, Ordering::Relaxed) + len;
            if written > self.cache.max_bytes / 8 {
                self.bound();
            }
        }
    }

    fn write(&self, item: Item, bytes: &[u8]) -> std::io::Result<()> {
        make_folder(&self.folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.persist(self.folder.join(item.file()))?;
        Ok(())
    }

    /// Removes what is of none of these objects, and then what was not used for longest if there is too much.
    pub(crate) fn keep_only(&self, objects: &HashSet<HalfSum>) {
        for (path, name, modified) in files(&self.folder) {
            let is_old = || modified.elapsed().is_ok_and(|age| age > HOUR);
            let is_kept = match Item::object(&name) {
                Some(sum) => objects.contains(&sum),
                None => name.starts_with(TEMPORARY) && !is_old(),
            };
            if !is_kept {
                let _ = fs::remove_file(path);
            }
        }
        self.bound();
    }

    fn bound(&self) {
        self.written.store(0, Ordering::Relaxed);
        let folders = fs::read_dir(&self.cache.folder).into_iter().flatten();
        let folders = folders.flatten().map(|folder| folder.path());
        let mut all: Vec<_> = folders
            .flat_map(|folder| files(&folder).collect::<Vec<_>>())
            .map(|(path, _, modified)| {
                (modified, fs::metadata(&path).map_or(0, |of| of.len()), path)
            })
            .collect();
        all.sort();
        let mut bytes: u64 = all.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in all {
            if bytes <= self.cache.max_bytes {
                break;
            }
            if fs::remove_file(path).is_ok() {
                bytes -= len;
            }
        }
    }
}

/// The files of a folder, their names, and when they were used last.
fn files(folder: &Path) -> impl Iterator<Item = (PathBuf, String, SystemTime)> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let modified = entry.metadata().ok()?.modified().ok()?;
        Some((
            entry.path(),
            entry.file_name().into_string().ok()?,
            modified,
        ))
    })
}

fn note_use(path: &Path) {
    let modified = fs::metadata(path).and_then(|of| of.modified());
    let is_noted = modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age < HOUR));
    if !is_noted {
        let file = File::options().append(true).open(path);
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
    }
}

/// For its owner alone: what is in it was said in sessions.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(bytes: &Bytes) -> Option<Bytes> {
        (bytes.first() == Some(&b'!')).then(|| bytes.clone())
    }

    #[test]
    fn what_is_not_sound_is_thrown_away() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Cache::new(dir.path()).of("a");
        let item = Item::Object(HalfSum::of(b"1"));
        assert_eq!(kept.get(item, sound), None);
        kept.put(item, b"!1");
        assert_eq!(kept.get(item, sound).as_deref(), Some(&b"!1"[..]));
        assert_eq!(Cache::new(dir.path()).of("b").get(item, sound), None);
        kept.put(item, b"1");
        assert_eq!(kept.get(item, sound), None);
        assert!(!kept.folder.join(item.file()).exists());
    }

    #[test]
    fn what_nobody_names_goes_and_what_is_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Cache::new(dir.path()).max_bytes(8).of("a");
        let pack = HalfSum::of(b"pack");
        let items = [
            Item::Object(HalfSum::of(b"1")),
            Item::Block(pack, 8),
            Item::Filters(pack),
        ];
        for item in items {
            kept.put(item, b"!");
        }
        kept.keep_only(&HashSet::from([pack]));
        let is_there = items.map(|item| kept.get(item, sound).is_some());
        assert_eq!(is_there, [false, true, true]);
        let used = SystemTime::now() - 2 * HOUR;
        let file = File::options()
            .append(true)
            .open(kept.folder.join(items[1].file()))
            .unwrap();
        file.set_modified(used).unwrap();
        kept.put(items[0], b"!1234567");
        let is_there = items.map(|item| kept.get(item, sound).is_some());
        assert_eq!(is_there, [true, false, false]);
    }
}
