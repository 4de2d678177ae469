//! Where the file of an open archive is: whether its path still leads to it, and what has become of it if not.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::file_id::FileId;
use crate::store::StoreError;

/// An open file, and the path that led to it.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    /// Absolute, so that it does not depend on the working directory.
    path: PathBuf,
    id: FileId,
    #[cfg(target_os = "linux")]
    descriptor: std::os::fd::RawFd,
}

/// The file is not what its path leads to any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Displaced {
    what: String,
    file: Option<PathBuf>,
}

impl Displaced {
    /// Something else stands in the file.
    pub(crate) fn overwritten(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            file: None,
        }
    }

    pub(crate) fn at(&self, path: &Path) -> StoreError {
        StoreError::Displaced {
            path: path.to_owned(),
            what: self.what.clone(),
            file: self.file.clone(),
        }
    }

    /// The one that an I/O error carries.
    pub(crate) fn carried_by(err: &io::Error) -> Option<&Self> {
        err.get_ref()?.downcast_ref()
    }
}

impl Whereabouts {
    /// Those of a file that was opened by the path just now.
    pub(crate) fn of(file: &File, path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            id: FileId::of(file, path)?,
            #[cfg(target_os = "linux")]
            descriptor: std::os::fd::AsRawFd::as_raw_fd(file),
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
