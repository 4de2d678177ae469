//! What changed in folders, by whichever way there is to learn of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(target_os = "linux")]
use super::inotify::Inotify;
use super::poll::Poll;

/// What changed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Files that were there and were written to.
    pub(super) changed: HashSet<PathBuf>,
    /// Files and folders that were not there before.
    pub(super) appeared: HashSet<PathBuf>,
    /// Whether there were more changes than could be told.
    pub(super) is_incomplete: bool,
}

#[derive(Debug)]
pub(super) struct Notices {
    #[cfg(target_os = "linux")]
    system: Option<Inotify>,
    /// Folders of which the system does not tell.
    poll: Poll,
}

impl Notices {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            system: Inotify::new().ok(),
            poll: Poll::default(),
        }
    }

    /// Watches a file, or a folder with all below it.
    pub(super) fn add(&mut self, place: &Path) {
        #[cfg(target_os = "linux")]
        if let Some(system) = &mut self.system
            && system.add(place).is_ok()
        {
            return;
        }
        self.poll.add(place);
    }

    /// Waits until something changes, so long at most.
    pub(super) fn wait(&mut self, timeout: Duration) -> Seen {
        #[cfg(target_os = "linux")]
        if let Some(system) = &mut self.system {
            let mut seen = system.wait(timeout);
            for folder in std::mem::take(&mut system.left) {
                self.poll.add(&folder);
                seen.is_incomplete = true;
            }
            self.poll.look(&mut seen);
            return seen;
        }
        let mut seen = Seen::default();
        std::thread::sleep(timeout);
        self.poll.look(&mut seen);
        seen
    }
}

/// The folders in a folder and below it, itself first. Links are not followed.
pub(super) fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(folder) = folders.get(at).cloned() {
        at += 1;
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    folders
}
