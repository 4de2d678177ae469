//! Where the file of an open archive is: whether its path still leads to it, and what has become of it if not.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::{Mutex, PoisonError};
#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

use crate::engine::fault::carried::Displaced;
use crate::engine::file::identity::FileId;

/// An open file, and the path that led to it.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    /// Absolute, so that it does not depend on the working directory.
    path: PathBuf,
    id: FileId,
    #[cfg(target_os = "linux")]
    descriptor: std::os::fd::RawFd,
    /// `None` if it may not be looked at.
    #[cfg(target_os = "linux")]
    folder: Option<File>,
    /// The folder as it was when the file was last seen at its path, and when that was.
    #[cfg(target_os = "linux")]
    seen: Mutex<Option<(Times, Instant)>>,
}

/// How long a look by the path is good for while its folder does not change: one further up may have got
/// another name.
#[cfg(target_os = "linux")]
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The times of a folder. Whatever happens to a name in it changes them.
#[cfg(target_os = "linux")]
#[derive(Debug, PartialEq, Eq)]
struct Times {
    changed: (i64, i64),
    modified: (i64, i64),
}

#[cfg(target_os = "linux")]
impl Times {
    fn of(folder: &File) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let folder = folder.metadata().ok()?;
        Some(Self {
            changed: (folder.ctime(), folder.ctime_nsec()),
            modified: (folder.mtime(), folder.mtime_nsec()),
        })
    }

    /// Whether another change would have another time. The coarsest clock of a file system, that of FAT,
    /// ticks every two seconds.
    fn are_past(&self) -> bool {
        const TICK_SECONDS: u64 = 2;
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let latest = self.changed.0.max(self.modified.0);
        u64::try_from(latest).is_ok_and(|latest| now.as_secs() > latest + TICK_SECONDS)
    }
}

impl Whereabouts {
    /// Those of a file that was opened by the path just now.
    pub(crate) fn of(file: &File, path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self {
            id: FileId::of(file, &path)?,
            #[cfg(target_os = "linux")]
            descriptor: std::os::fd::AsRawFd::as_raw_fd(file),
            #[cfg(target_os = "linux")]
            folder: path.parent().and_then(|folder| File::open(folder).ok()),
            #[cfg(target_os = "linux")]
            seen: Mutex::default(),
            path,
        })
    }

    pub(crate) fn id(&self) -> &FileId {
        &self.id
    }

    /// Whether the path leads to the file. A look that fails for another reason than that there is
    /// nothing proves nothing.
    pub(crate) fn is_at_its_path(&self) -> bool {
        match FileId::at(&self.path) {
            Ok(there) => there == self.id,
            Err(err) => !is_absence(&err),
        }
    }

    /// What has become of the file, if it is not at its path.
    pub(crate) fn displaced(&self) -> Option<Displaced> {
        let gone = match FileId::at(&self.path) {
            Ok(there) if there == self.id => return None,
            Ok(_) => "another file has taken its place",
            Err(err) if is_absence(&err) => "nothing is there any more",
            Err(_) => return None,
        };
        let (file, where_it_is) = self.place();
        Some(Displaced {
            what: format!("{gone}; {where_it_is}"),
            file,
        })
    }

    /// Whether the path led to the file a moment ago, and its folder has not changed since. Linux is not
    /// asked for the times of the file then: once it has told them, it puts down another with the next
    /// write, and a sync takes a tenth longer.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_known_to_be_there(&self) -> bool {
        let times = self.folder.as_ref().and_then(Times::of);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(times), Some((before, at))) = (&times, &*seen)
            && times == before
            && at.elapsed() < LOOK_AGAIN_AFTER
        {
            return true;
        }
        let is_there = FileId::at(&self.path).is_ok_and(|there| there == self.id);
        // A link may lead to another folder.
        let is_link = std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.is_symlink());
        *seen = times
            .filter(|times| is_there && !is_link && times.are_past())
            .map(|times| (times, Instant::now()));
        is_there
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn is_known_to_be_there(&self) -> bool {
        false
    }

    /// Where the file is now, as far as the system tells, and in words.
    fn place(&self) -> (Option<PathBuf>, String) {
        let unknown = || (None, "where the file is now is not known".to_owned());
        let Some(link) = self.link() else {
            return unknown();
        };
        let Ok(metadata) = std::fs::metadata(&link) else {
            return unknown();
        };
        let name = std::fs::read_link(&link).ok();
        let name = name.filter(|name| FileId::at(name).is_ok_and(|there| there == self.id));
        match name {
            Some(name) => {
                let words = format!("the file is {} now", name.display());
                (Some(name), words)
            }
            None if has_no_name(&metadata) => {
                let words = format!(
                    "the file has no name any more, and can be copied from {} until this process closes it",
                    link.display()
                );
                (Some(link), words)
            }
            None => {
                let words = format!(
                    "the file has another name that is not known, and can be copied from {}",
                    link.display()
                );
                (Some(link), words)
            }
        }
    }

    /// The link by which the system tells where an open file is.
    #[cfg(target_os = "linux")]
    fn link(&self) -> Option<PathBuf> {
        let (process, descriptor) = (std::process::id(), self.descriptor);
        let link = PathBuf::from(format!("/proc/{process}/fd/{descriptor}"));
        link.exists().then_some(link)
    }

    #[cfg(not(target_os = "linux"))]
    fn link(&self) -> Option<PathBuf> {
        None
    }
}

fn is_absence(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(unix)]
fn has_no_name(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.nlink() == 0
}

#[cfg(not(unix))]
fn has_no_name(_metadata: &std::fs::Metadata) -> bool {
    false
}
