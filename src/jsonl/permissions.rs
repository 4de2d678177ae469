//! Who may read what an export writes: on Unix whoever may read the archive, unless asked
//! otherwise.

#[cfg(unix)]
use std::fs;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// The permission bits of new files and folders. Elsewhere than on Unix they say nothing.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::Permissions;
///
/// let folder = tempfile::tempdir()?;
/// let made = folder.path().join("logs/today");
/// Permissions::of(Archive::in_memory()?.path()).create_folder(&made)?;
/// assert!(made.is_dir());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(unix),
    allow(dead_code, reason = "nothing is done with them there")
)]
pub struct Permissions {
    file: u32,
    /// Whether they were asked for, so that the process's mask takes nothing off.
    exact: bool,
}

/// Nobody but the owner.
const PRIVATE: u32 = 0o600;

impl Permissions {
    /// Exactly these bits for files, such as `0o644`; whoever may read them may look into new folders.
    pub fn exactly(file: u32) -> Self {
        Self {
            file: file & 0o777,
            exact: true,
        }
    }

    /// Those of the archive at `path`, less what the process's mask takes off; private ones if it has
    /// no file.
    pub fn of(path: &Path) -> Self {
        Self {
            file: mode_of(path).unwrap_or(PRIVATE),
            exact: false,
        }
    }

    /// Creates a file that is not there.
    pub(super) fn create_file(self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, self.file);
        let file = options.open(path)?;
        #[cfg(unix)]
        if self.exact {
            let exactly = std::os::unix::fs::PermissionsExt::from_mode(self.file);
            file.set_permissions(exactly)?;
        }
        Ok(file)
    }

    /// Creates a folder and those above it, as far as they are not there.
    ///
    /// # Errors
    ///
    /// Those of the system, with the folder's path.
    pub fn create_folder(self, folder: &Path) -> io::Result<()> {
        self.create(folder)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))
    }

    fn create(self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent().filter(|above| *above != Path::new("")) {
            self.create(above)?;
        }
        #[cfg_attr(not(unix), allow(unused_mut))]
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, self.folder());
        match builder.create(folder) {
            // Somebody else has made it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                #[cfg(unix)]
                if self.exact {
                    let exactly = std::os::unix::fs::PermissionsExt::from_mode(self.folder());
                    fs::set_permissions(folder, exactly)?;
                }
                Ok(())
            }
        }
    }

    /// Whoever may read a file may look into the folder.
    #[cfg(unix)]
    fn folder(self) -> u32 {
        0o700 | self.file | ((self.file & 0o444) >> 2)
    }
}

#[cfg(unix)]
fn mode_of(path: &Path) -> Option<u32> {
    let metadata = fs::metadata(path).ok()?;
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
    // The owner has to be able to write what is exported.
    Some(PRIVATE | (mode & 0o666))
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> Option<u32> {
    None
}
