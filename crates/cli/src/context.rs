//! What every command needs: the archive opened as the global options say, and a voice.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use clap::builder::styling::Style;
use sessiondb::{Archive, Sharing, StoreError};

use crate::args::{Command, ConsentArgs, Durability, Globals};
use crate::data_folder;
use crate::exit::{Code, Failure};
use crate::output;

#[derive(Debug, Clone)]
pub(crate) struct Context {
    archive: PathBuf,
    globals: Globals,
}

/// What a command does with the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only read it.
    Read,
    /// Change one that is there.
    Write,
    /// Change it, and create it if it is missing.
    Create,
}

impl Context {
    pub(crate) fn new(globals: Globals, command: &Command) -> Result<Self, Failure> {
        Self::with(globals, matches!(command, Command::Sync(_)))
    }

    /// For a command that makes no archive.
    pub(crate) fn of(globals: Globals) -> Result<Self, Failure> {
        Self::with(globals, false)
    }

    fn with(mut globals: Globals, may_be_missing: bool) -> Result<Self, Failure> {
        let why = match globals.archive.take() {
            Some(archive) if !archive.as_os_str().is_empty() => {
                return Ok(Self { archive, globals });
            }
            Some(_) => "the name of the archive is empty",
            None => match data_folder::archive() {
                Some(archive) if may_be_missing || archive.exists() => {
                    return Ok(Self { archive, globals });
                }
                _ => "no archive is named, and `sessiondb sync` has made none yet",
            },
        };
        Err(Failure::new(
            Code::Usage,
            format_args!(
                "{why}; give it with --archive FILE or in the variable SESSIONDB_ARCHIVE, as in \
                 `sessiondb -a all.sessiondb ls`"
            ),
        ))
    }

    /// The same on another archive.
    #[cfg(feature = "remote")]
    pub(crate) fn on(self, archive: PathBuf) -> Self {
        Self { archive, ..self }
    }

    /// The URL of a remote, if that is what was given for the archive.
    pub(crate) fn url(&self) -> Option<&str> {
        let text = self.archive.to_str()?;
        let (scheme, _) = text.split_once("://")?;
        // A single letter is a drive of Windows.
        let is_scheme = scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric());
        is_scheme.then_some(text)
    }

    /// Where the archive is that the command works on.
    pub(crate) fn archive(&self) -> &Path {
        &self.archive
    }

    /// Opens it for a command that lists what would go: for reading alone unless it may do it at once.
    pub(crate) fn open_to_ask(&self, consent: ConsentArgs) -> Result<Archive, Failure> {
        self.open(if consent.yes {
            Access::Write
        } else {
            Access::Read
        })
    }

    /// The archive that was opened so, once it is to be done.
    pub(crate) fn open_to_do(
        &self,
        consent: ConsentArgs,
        archive: Archive,
    ) -> Result<Archive, Failure> {
        if consent.yes {
            return Ok(archive);
        }
        drop(archive);
        self.open(Access::Write)
    }

    /// Opens the archive that the command works on.
    pub(crate) fn open(&self, access: Access) -> Result<Archive, Failure> {
        self.open_at(&self.archive, access)
    }

    pub(crate) fn open_at(&self, path: &Path, access: Access) -> Result<Archive, Failure> {
        Archive::options()
            .create(access == Access::Create)
            .read_only(access == Access::Read)
            .sharing(if self.globals.exclusive {
                Sharing::Exclusive
            } else {
                Sharing::Shared
            })
            .lock_timeout(self.globals.lock_timeout)
            .durability(match self.globals.durability {
                Durability::Synced => sessiondb::Durability::Synced,
                Durability::Written => sessiondb::Durability::Written,
            })
            .open(path)
            .map_err(|error| match error {
                StoreError::Io(cause)
                    if cause.kind() == io::ErrorKind::NotFound && access != Access::Create =>
                {
                    Failure::new(
                        Code::NotFound,
                        format_args!(
                            "{}: no such archive; check the path, or create it with \
                             `sessiondb import`",
                            path.display()
                        ),
                    )
                }
                other => other.into(),
            })
    }

    /// Says something on standard error, unless `--quiet`.
    pub(crate) fn say(&self, message: impl Display) {
        if !self.globals.quiet {
            insist(message);
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.globals.quiet
    }
}

/// Says what has to be known, `--quiet` or not.
pub(crate) fn insist(message: impl Display) {
    output::tell(Style::new(), "", format_args!("{message}\n"));
}
