//! What the system says of a call, by what the call was for, as errors of this crate. Whatever is
//! not listed here is an I/O error that names the file: an unknown error is never taken for damage,
//! for another process or for a file that is not there.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::BackendError;

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::carried::{Damage, Displaced, LockTimeout, NoLockLeft};
use crate::error::{StoreError, same_io_error};

/// "No locks available": the table of locks is full, or a remote file system has none.
const ENOLCK: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    37
} else {
    77
};
/// "Invalid argument", with which systems refuse locks that a file system does not have.
const EINVAL: i32 = 22;

/// Windows' word for a read or write of bytes that another handle has locked.
const ERROR_LOCK_VIOLATION: i32 = 33;

/// Whether another process keeps the bytes from being read or written, which says nothing about them. The tests
/// have such locks on every system.
pub(crate) fn is_lock_violation(err: &io::Error) -> bool {
    let has_such_locks = cfg!(any(windows, feature = "_testing"));
    has_such_locks && err.raw_os_error() == Some(ERROR_LOCK_VIOLATION)
}

/// Whether it is our own deadline that has passed.
pub(crate) fn is_lock_timeout(err: &io::Error) -> bool {
    let inner = err.get_ref().and_then(|err| err.downcast_ref());
    matches!(inner, Some(LockTimeout))
}

/// An error of a call that takes, asks for or releases a lock: that there are none is said in one
/// way, by which redb knows that it has to do without.
pub(crate) fn of_lock(err: BackendError) -> BackendError {
    match err {
        BackendError::Io(err)
            if err.kind() == io::ErrorKind::Unsupported || is_raw(&err, EINVAL) =>
        {
            BackendError::Unsupported
        }
        // redb must not do without: another process may have what this one did not get.
        BackendError::Io(err) if is_raw(&err, ENOLCK) => {
            BackendError::Io(io::Error::other(NoLockLeft(err)))
        }
        err => err,
    }
}

/// An error of a call that reads, writes, syncs, measures, cuts or locks the file.
pub(crate) fn of_file(path: &Path, err: &io::Error) -> StoreError {
    let damage = || err.get_ref().and_then(|err| err.downcast_ref::<Damage>());
    if let Some(displaced) = Displaced::carried_by(err) {
        return displaced.at(path);
    }
    let no_lock = err.get_ref().and_then(|err| err.downcast_ref());
    if let Some(NoLockLeft(said)) = no_lock {
        return no_locks(path, same_io_error(said));
    }
    match err.kind() {
        _ if is_lock_timeout(err) || is_lock_violation(err) => StoreError::Busy {
            path: path.to_owned(),
            holder: None,
            waited: Duration::ZERO,
        },
        io::ErrorKind::UnexpectedEof => damaged(path, &"the file ends before its data does"),
        // What the system itself says has a number.
        io::ErrorKind::InvalidData if err.raw_os_error().is_none() => match damage() {
            Some(Damage { place, message }) => StoreError::Damaged {
                path: path.to_owned(),
                place: place.clone(),
                message: message.clone(),
            },
            None => damaged(path, err),
        },
        _ if seeded(Bug::CallItDamage) => damaged(path, err),
        _ => StoreError::Io(named(path, err)),
    }
}

/// An error of redb. It says that bytes are wrong, that the file is in use, that something failed
/// before, or, where none of this is known, what it is.
pub(crate) fn of_redb(path: &Path, err: redb::Error) -> StoreError {
    use redb::Error;
    let other = |err: &dyn std::fmt::Display| {
        StoreError::Io(named(path, &io::Error::other(err.to_string())))
    };
    match err {
        Error::Io(err) => of_file(path, &err),
        Error::DatabaseAlreadyOpen | Error::WouldBlock => of_file(path, &LockTimeout.into()),
        Error::LockProtocolMismatch => other(
            &"a program that locks archives in another way has it open; end that program, or \
              bring both to one version of sessiondb",
        ),
        Error::Unsupported => no_locks(path, io::ErrorKind::Unsupported.into()),
        Error::RepairAborted => StoreError::ReadOnly {
            path: path.to_owned(),
            reason: "its last writer left it in a state that only a writer can put in order; \
                     open it for writing once"
                .to_owned(),
        },
        Error::PreviousIo | Error::DatabaseClosed | Error::LockPoisoned(_) => {
            StoreError::Poisoned {
                path: path.to_owned(),
                cause: "an earlier read or write of the file failed".to_owned(),
            }
        }
        err @ (Error::Corrupted(_)
        | Error::UpgradeRequired(_)
        | Error::TableTypeMismatch { .. }
        | Error::TableIsMultimap(_)
        | Error::TableIsNotMultimap(_)
        | Error::TypeDefinitionChanged { .. }
        | Error::TableDoesNotExist(_)) => damaged(path, &err),
        err => other(&err),
    }
}

fn no_locks(path: &Path, source: io::Error) -> StoreError {
    StoreError::NoLocks {
        path: path.to_owned(),
        source,
    }
}

fn damaged(path: &Path, message: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        place: "database image".to_owned(),
        message: message.to_string(),
    }
}

/// The error with the file's name in front of it; what the system said is its source.
pub(crate) fn named(path: &Path, err: &io::Error) -> io::Error {
    let named = Named {
        path: path.to_owned(),
        source: same_io_error(err),
    };
    io::Error::new(err.kind(), named)
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
struct Named {
    path: PathBuf,
    source: io::Error,
}

fn is_raw(err: &io::Error, number: i32) -> bool {
    cfg!(unix) && err.raw_os_error() == Some(number)
}
