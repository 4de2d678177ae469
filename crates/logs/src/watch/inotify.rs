//! What Linux tells of changes in folders.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::notices::{Seen, folders_in};

/// What comes at about the same time is brought in together.
const TOGETHER: Duration = Duration::from_millis(100);
const BUFFER_BYTES: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Inotify {
    queue: OwnedFd,
    folders: HashMap<i32, PathBuf>,
    /// Folders that there was no room to watch.
    pub(super) left: Vec<PathBuf>,
}

impl Inotify {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            queue: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            folders: HashMap::new(),
            left: Vec::new(),
        })
    }

    /// Watches a folder with all below it, or a file by the folder that it is in.
    pub(super) fn add(&mut self, place: &Path) -> io::Result<()> {
        if !place.is_dir() {
            return self.add_folder(place.parent().unwrap_or(place));
        }
        for folder in folders_in(place) {
            match self.add_folder(&folder) {
                // It is gone again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                added => added?,
            }
        }
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path) -> io::Result<()> {
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let watch = inotify::add_watch(&self.queue, folder, flags)?;
        self.folders.insert(watch, folder.to_owned());
        Ok(())
    }

    /// Waits until something changes, so long at most.
    pub(super) fn wait(&mut self, timeout: Duration) -> Seen {
        let mut seen = Seen::default();
        let timeout = Timespec::try_from(timeout).ok();
        let mut queues = [PollFd::new(&self.queue, PollFlags::IN)];
        if poll(&mut queues, timeout.as_ref()).is_ok_and(|ready| ready > 0) {
            std::thread::sleep(TOGETHER);
            self.read(&mut seen);
        }
        seen
    }

    fn read(&mut self, seen: &mut Seen) {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut new_folders = Vec::new();
        let mut reader = Reader::new(&self.queue, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(_) => break,
            };
            let told = event.events();
            if told.contains(ReadFlags::QUEUE_OVERFLOW) {
                seen.is_incomplete = true;
                continue;
            }
            if told.contains(ReadFlags::IGNORED) {
                self.folders.remove(&event.wd());
                continue;
            }
            let Some(folder) = self.folders.get(&event.wd()) else {
                continue;
            };
            let Some(name) = event.file_name() else {
                continue;
            };
            let path = folder.join(OsStr::from_bytes(name.to_bytes()));
            let is_new = told.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
            if told.contains(ReadFlags::ISDIR) {
                new_folders.push(path.clone());
            }
            if is_new {
                seen.appeared.insert(path);
            } else {
                seen.changed.insert(path);
            }
        }
        for folder in new_folders {
            if self.add(&folder).is_err() {
                self.left.push(folder);
            }
        }
    }
}
