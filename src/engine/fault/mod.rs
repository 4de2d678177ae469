//! What can go wrong below the archive, before the path of the file is added to it.

pub(crate) mod carried;
pub(crate) mod failures;
pub(crate) mod system;

use std::io;
use std::path::Path;

use crate::engine::fault::carried::{Damage, Overtaken};
use crate::engine::fault::system::named;
use crate::error::StoreError;

/// The result of everything inside the engine.
pub(crate) type Outcome<T> = Result<T, Fault>;

/// A failure inside the engine.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The caller's mistake, or something that already has all it needs to be said.
    Store(StoreError),
    /// redb or the file below it failed.
    Redb(Box<redb::Error>),
    /// Bytes that this crate did not write.
    Damaged {
        /// Session, segment and entry, or the part of the file.
        place: String,
        /// What is wrong there.
        message: String,
    },
}

impl Fault {
    pub(crate) fn damaged(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Damaged {
            place: place.into(),
            message: message.into(),
        }
    }

    /// Whether a lock was not to be had before its deadline.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        match self {
            Self::Redb(err) => match err.as_ref() {
                redb::Error::Io(err) => {
                    system::is_lock_timeout(err) || system::is_lock_violation(err)
                }
                redb::Error::DatabaseAlreadyOpen | redb::Error::WouldBlock => true,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a commit was made while this process looked at the header of the image.
    pub(crate) fn is_overtaken(&self) -> bool {
        matches!(self, Self::Redb(err) if matches!(&**err, redb::Error::Io(err)
            if err.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Overtaken>)))
    }

    /// Whether there was no room for a change, of which nothing is left.
    pub(crate) fn is_no_room(&self) -> bool {
        matches!(self, Self::Store(StoreError::Io(err)) if is_no_room(err))
    }

    /// Whether an entry could not be had that was to be stored, so that nothing was.
    pub(crate) fn is_of_a_source(&self) -> bool {
        matches!(self, Self::Store(StoreError::InvalidEntry { .. }))
    }

    /// What the system said, if it said something.
    pub(crate) fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Redb(err) => match err.as_ref() {
                redb::Error::Io(err) => Some(err.kind()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether redb would have to put the image in order, which it may not where it only reads.
    pub(crate) fn is_of_disorder(&self) -> bool {
        matches!(self, Self::Redb(err) if matches!(**err, redb::Error::RepairAborted))
    }

    /// Whether redb refuses because something failed before.
    pub(crate) fn is_of_an_earlier_read(&self) -> bool {
        matches!(self, Self::Redb(err)
            if matches!(**err, redb::Error::PreviousIo | redb::Error::DatabaseClosed))
    }

    /// The error that a caller of a read, or of an open, gets.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Store(err) => err,
            Self::Damaged { place, message } => StoreError::Damaged {
                path: path.to_owned(),
                place,
                message,
            },
            Self::Redb(err) => system::of_redb(path, *err),
        }
    }
}

/// Whether the system had no room for what was to be written.
pub(crate) fn is_no_room(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// The error of a change for which there was no room, and which has left nothing behind.
pub(crate) fn no_room(path: &Path, kind: io::ErrorKind) -> StoreError {
    let cause = match kind {
        io::ErrorKind::QuotaExceeded => "the quota on the disk is used up",
        io::ErrorKind::FileTooLarge => "the file may not become larger",
        _ => "the disk is full",
    };
    let kind = match kind {
        io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => kind,
        _ => io::ErrorKind::StorageFull,
    };
    let message =
        format!("{cause}, and nothing was changed; free some megabytes on the disk and try again");
    named(path, &io::Error::new(kind, message)).into()
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        let Damage { place, message } = damage;
        Self::Damaged { place, message }
    }
}

impl From<StoreError> for Fault {
    fn from(err: StoreError) -> Self {
        Self::Store(err)
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for Fault {
            fn from(err: redb::$error) -> Self {
                Self::Redb(Box::new(err.into()))
            }
        }
    )*};
}

from_redb!(
    StorageError,
    TableError,
    TransactionError,
    CommitError,
    CompactionError,
    DatabaseError
);

impl From<redb::BackendError> for Fault {
    fn from(err: redb::BackendError) -> Self {
        Self::Redb(Box::new(err.into()))
    }
}

impl From<io::Error> for Fault {
    fn from(err: io::Error) -> Self {
        Self::Redb(Box::new(redb::Error::Io(err)))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(err) => err.fmt(f),
            Self::Redb(err) => err.fmt(f),
            Self::Damaged { place, message } => write!(f, "{place}: {message}"),
        }
    }
}
