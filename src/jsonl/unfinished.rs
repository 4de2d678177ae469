//! Files that have a temporary name until they are whole and on the disk, and a thread that waits for
//! the disk while the next one is written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope};

use super::permissions::Permissions;
use crate::engine::{flush, patiently};

/// A file under a temporary name, which is removed unless it is finished: under its own name it is
/// never there in part.
///
/// ```
/// use std::io::Write;
/// use sessiondb::jsonl::{Permissions, Unfinished};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("log.jsonl");
/// let unfinished = Unfinished::create(&path, Permissions::exactly(0o600))?;
/// unfinished.file().write_all(b"{}\n")?;
/// assert!(!path.exists());
/// unfinished.finish()?;
/// assert_eq!(std::fs::read(&path)?, b"{}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Unfinished {
    file: File,
    path: PathBuf,
    target: PathBuf,
    renamed: bool,
}

impl Unfinished {
    /// Creates it in the folder where `target` is to be.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn create(target: &Path, permissions: Permissions) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.tmp", crate::new_segment_id()));
        Ok(Self {
            file: permissions.create_file(&path)?,
            path,
            target: target.to_owned(),
            renamed: false,
        })
    }

    /// The file, to be written to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Waits until it is on the disk, and gives it its name, in the place of what had it before.
    ///
    /// # Errors
    ///
    /// Those of the system; nothing is left of it then.
    pub fn finish(mut self) -> io::Result<()> {
        flush(&self.file)?;
        patiently(|| fs::rename(&self.path, &self.target))?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.renamed {
            // The failure that led here is the one to report.
            let _ = patiently(|| fs::remove_file(&self.path));
        }
    }
}

/// A thread that finishes files, one after another.
pub(super) struct Finisher {
    /// `None` if there is no thread to be had.
    files: Option<SyncSender<Unfinished>>,
    finished: Receiver<io::Result<()>>,
}

impl Finisher {
    /// Begins the thread, which ends with this.
    pub(super) fn begin<'s>(scope: &'s Scope<'s, '_>) -> Self {
        let (sender, files) = sync_channel::<Unfinished>(1);
        let (results, finished) = sync_channel(1);
        let finish_all = move || {
            for file in files {
                if results.send(file.finish()).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name("sessiondb-sync".to_owned());
        let begun = thread.spawn_scoped(scope, finish_all).is_ok();
        Self {
            files: begun.then_some(sender),
            finished,
        }
    }

    /// Has the file finished beside this thread, which [`wait`](Self::wait)s before the next one; or
    /// finishes it here, and returns how that went.
    pub(super) fn start(&self, file: Unfinished) -> Option<io::Result<()>> {
        match &self.files {
            Some(files) => files.send(file).err().map(|unsent| unsent.0.finish()),
            None => Some(file.finish()),
        }
    }

    /// How it went with the file that was started last.
    pub(super) fn wait(&self) -> io::Result<()> {
        let ended = |_| io::Error::other("the thread that waits for the disk has ended");
        self.finished.recv().map_err(ended)?
    }
}
