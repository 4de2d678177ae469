//! Looks for changes where the system does not tell of them: at what was written to lately and at the
//! folders often, at all else as often as is cheap.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::notices::{Seen, folders_in};

/// A file that was written to within this time is looked at often.
const LATELY: Duration = Duration::from_secs(3600);
/// How often that is at most.
const OFTEN: Duration = Duration::from_millis(500);
/// How often all files are looked at, at most.
const SELDOM: Duration = Duration::from_secs(2);
/// How much longer than a look took nothing is looked at after it: at most 2 % of a processor.
const REST: u32 = 50;
/// A folder that was changed so lately may change once more without another time.
const TICK: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Poll {
    /// The times of the folders, of those that tell.
    folders: HashMap<PathBuf, Option<SystemTime>>,
    files: HashMap<PathBuf, Facts>,
    next: Option<Instant>,
    next_for_all: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    len_bytes: u64,
    modified: Option<SystemTime>,
}

/// A file that is not there.
const NOTHING: Facts = Facts {
    len_bytes: 0,
    modified: None,
};

impl Facts {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len_bytes: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }

    fn is_of_late(&self, now: SystemTime) -> bool {
        // A time in the future is as late as can be.
        let is_late = |modified| now.duration_since(modified).is_ok_and(|age| age >= LATELY);
        !self.modified.is_some_and(is_late)
    }
}

impl Poll {
    /// Watches a folder with all below it, or a file.
    pub(super) fn add(&mut self, place: &Path) {
        if !place.is_dir() {
            for path in std::iter::once(place.to_owned()).chain(crate::database::beside(place)) {
                let facts = std::fs::metadata(&path).map(|metadata| Facts::of(&metadata));
                self.files.insert(path, facts.unwrap_or(NOTHING));
            }
            return;
        }
        for folder in folders_in(place) {
            self.open(&folder, &mut Seen::default());
        }
    }

    /// Adds what has changed since the last look, if it is time for one.
    pub(super) fn look(&mut self, seen: &mut Seen) {
        let begun = Instant::now();
        if self.next.is_some_and(|next| begun < next) {
            return;
        }
        let looks_at_all = self.next_for_all.is_none_or(|next| begun >= next);
        self.look_at_files(looks_at_all, seen);
        if looks_at_all {
            self.next_for_all = Some(begun + SELDOM.max(begun.elapsed() * REST));
        }
        let lately = Instant::now();
        self.look_at_folders(seen);
        // A look at all has a rest of its own.
        let took = if looks_at_all {
            lately.elapsed()
        } else {
            begun.elapsed()
        };
        self.next = Some(begun + OFTEN.max(took * REST));
    }

    fn look_at_files(&mut self, all: bool, seen: &mut Seen) {
        let now = SystemTime::now();
        for (path, facts) in &mut self.files {
            if !all && !facts.is_of_late(now) {
                continue;
            }
            let found = std::fs::metadata(path).map(|metadata| Facts::of(&metadata));
            let found = found.unwrap_or(NOTHING);
            if found != *facts {
                *facts = found;
                seen.changed.insert(path.clone());
            }
        }
    }

    fn look_at_folders(&mut self, seen: &mut Seen) {
        let modified = |path: &Path| std::fs::metadata(path).and_then(|it| it.modified()).ok();
        let folders = self.folders.iter();
        let changed: Vec<PathBuf> = folders
            .filter(|(path, before)| modified(path) != **before)
            .map(|(path, _)| path.clone())
            .collect();
        for folder in changed {
            self.open(&folder, seen);
        }
    }

    /// Takes in what is in a folder, and below what is new in it.
    fn open(&mut self, folder: &Path, seen: &mut Seen) {
        let Ok(modified) = std::fs::metadata(folder).and_then(|it| it.modified()) else {
            self.folders.remove(folder);
            return;
        };
        let age = SystemTime::now().duration_since(modified);
        let is_settled = age.is_ok_and(|age| age > TICK);
        let modified = is_settled.then_some(modified);
        self.folders.insert(folder.to_owned(), modified);
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if !self.folders.contains_key(&path) {
                    seen.appeared.insert(path.clone());
                    self.open(&path, seen);
                }
            } else if !self.files.contains_key(&path)
                && let Ok(metadata) = std::fs::metadata(&path)
            {
                seen.appeared.insert(path.clone());
                self.files.insert(path, Facts::of(&metadata));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Looks at once, whatever the rest.
    fn look(poll: &mut Poll) -> Seen {
        let mut seen = Seen::default();
        (poll.next, poll.next_for_all) = (None, None);
        poll.look(&mut seen);
        seen
    }

    #[test]
    fn what_grows_and_what_appears_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("a/old"), folder.path().join("a/b/c/new"));
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(&old, "1").unwrap();
        let mut poll = Poll::default();
        poll.add(folder.path());
        assert!(look(&mut poll).changed.is_empty());

        fs::write(&old, "12").unwrap();
        let seen = look(&mut poll);
        assert!(seen.changed.contains(&old) && seen.appeared.is_empty());

        fs::create_dir_all(new.parent().unwrap()).unwrap();
        fs::write(&new, "1").unwrap();
        let seen = look(&mut poll);
        assert!(seen.appeared.contains(&new), "{seen:?}");
        let seen = look(&mut poll);
        assert!(seen.appeared.is_empty() && seen.changed.is_empty());
        fs::remove_dir_all(folder.path().join("a/b")).unwrap();
        look(&mut poll);
        assert!(look(&mut poll).changed.is_empty());
    }

    #[test]
    fn a_database_is_seen_by_what_is_written_ahead_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("opencode.db");
        fs::write(&database, "1").unwrap();
        let mut poll = Poll::default();
        poll.add(&database);
        let ahead = folder.path().join("opencode.db-wal");
        fs::write(&ahead, "1").unwrap();
        assert!(look(&mut poll).changed.contains(&ahead));
    }
}
