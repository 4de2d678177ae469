//! Why a file is not imported as it is, in words that say what helps.

use std::fmt;
use std::io;
use std::path::Path;

use super::ids::Place;
use super::lines::Position;
use crate::ids::diverged;
use crate::{SegmentId, StoreError};

/// Why a file is not imported as it is.
pub(super) enum Stop {
    /// The file cannot be imported; others can.
    File(String),
    /// The file differs from what is stored. `segment` is the one to try instead.
    Diverged {
        message: String,
        index: u64,
        segment: SegmentId,
    },
    /// Another writer has changed the log since the file was compared with it. `appended` entries
    /// of the file had been appended before.
    Overtaken { appended: u64 },
    /// All of the log was taken away for good.
    Forgotten { entries: u64 },
    /// No file can be imported.
    Archive(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Archive(error)
    }
}

impl Stop {
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        Self::File(format!("{}: {error}", path.display()))
    }

    /// A file that holds something, but nothing of a log.
    pub(super) fn no_log(path: &Path, what: &str) -> Self {
        Self::File(format!(
            "{}: no log: {what}; nothing was imported",
            path.display()
        ))
    }

    pub(super) fn bad_line(path: &Path, at: Position, message: &str) -> Self {
        Self::File(format!(
            "{}; nothing was imported: {message}",
            Location(path, at)
        ))
    }

    pub(super) fn diverged(
        path: &Path,
        at: Position,
        place: Place,
        index: u64,
        entry: &[u8],
    ) -> Self {
        Self::Diverged {
            message: format!(
                "{}: differs from entry {index} (counted from 0) of segment {} of session {}; \
                 nothing was imported; `--on-conflict=branch` goes on with the file in a branch",
                Location(path, at),
                place.segment,
                place.session,
            ),
            index,
            segment: diverged(place.segment, index, entry),
        }
    }

    /// An append that was refused after `appended` entries of the file had been appended.
    pub(super) fn append(path: &Path, appended: u64, error: StoreError) -> Self {
        let path = path.display();
        match error {
            StoreError::Conflict { .. } => Self::Overtaken { appended },
            StoreError::TooLarge { .. } if appended == 0 => Self::File(format!("{path}: {error}")),
            StoreError::TooLarge { .. } => Self::File(format!(
                "{path}: {error}; {appended} entries of the file were imported before that, \
                 and importing it again goes on from there if the log still agrees"
            )),
            error => Self::Archive(error),
        }
    }
}

/// A place in a file as messages name it.
struct Location<'a>(&'a Path, Position);

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, Position { line, byte_offset }) = self;
        write!(f, "{}:{line} (byte offset {byte_offset})", path.display())
    }
}
