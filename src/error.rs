//! What can go wrong, as a caller can act on it.

mod condition;
mod io_error;
mod kind;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use self::condition::Condition;
pub use self::kind::ErrorKind;
use crate::ids::{SegmentId, SessionId};

/// Why a store did not do what it was asked to.
///
/// The variants are what a caller can act on; the message says what went wrong, where, and what
/// to do about it.
///
/// ```
/// use sessiondb::{MemoryStore, Store, StoreError, new_segment_id, new_session_id};
///
/// let segment = new_segment_id();
/// let missing = MemoryStore::new().read_all(new_session_id(), segment);
/// assert!(matches!(missing, Err(StoreError::NotFound(id)) if id == segment));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused. Where a file is concerned the message names it.
    #[error("{0}")]
    Io(#[from] io::Error),

    /// A value could not be turned into JSON, or JSON not into a value.
    #[error("JSON: {0}")]
    Serde(#[from] serde_json::Error),

    /// There is no such segment.
    #[error("segment {0} not found")]
    NotFound(SegmentId),

    /// There is no such entry, or it is not JSON. The message counts entries from 0, as all
    /// messages do.
    #[error("entry {}: {message}", line.saturating_sub(1))]
    Corrupt {
        /// The number of the entry, counted from 1: that of its line in a file of JSON lines.
        line: usize,
        /// What is wrong with it, with session and segment where known.
        message: String,
    },

    /// An entry does not fit the type as which it was to be read. It is as it was written, other
    /// entries can be read, and so can its raw bytes.
    #[error(
        "session {session}, segment {segment}: entry {index} does not fit the type: {message}; \
         its raw bytes can still be read"
    )]
    DoesNotFit {
        /// The session.
        session: SessionId,
        /// The segment.
        segment: SegmentId,
        /// The number of the entry, counted from 0.
        index: u64,
        /// What does not fit.
        message: String,
    },

    /// A name that cannot be a file name: empty, `.`, `..`, or with `/` or NUL in it.
    #[error(
        "invalid name {0:?}: a name is not empty, `.` or `..` and contains neither `/` nor NUL"
    )]
    InvalidPodName(String),

    /// There is no such session.
    #[error("session {0} not found")]
    SessionNotFound(SessionId),

    /// The segment has no turn of that number.
    #[error("segment {segment} has no turn {turn}: its last complete turn is {last}")]
    TurnNotFound {
        /// The segment that was to be forked.
        segment: SegmentId,
        /// The turn that was asked for.
        turn: u64,
        /// The last turn that has ended.
        last: u64,
    },

    /// The segment does not have the length that the caller expected: another writer was there.
    /// Nothing was changed.
    #[error(
        "segment {segment} of session {session} has {actual} entries where {expected} were expected: \
         another writer changed it, and nothing was written; read it again, or fork"
    )]
    Conflict {
        /// The session.
        session: SessionId,
        /// The segment.
        segment: SegmentId,
        /// The number of entries that the caller expected.
        expected: u64,
        /// The number of entries that there are.
        actual: u64,
    },

    /// A condition of a [`Batch`](crate::Batch) does not hold. Nothing was written.
    #[error(
        "session {session}{}: expected {expected}, found {actual}; nothing was written",
        OfSegment(*segment)
    )]
    ConditionFailed {
        /// The session.
        session: SessionId,
        /// The segment, where the condition is on one.
        segment: Option<SegmentId>,
        /// What was to be so.
        expected: Condition,
        /// What is so instead, in words.
        actual: String,
    },

    /// A note is not what the caller expected: another writer was there. Nothing was changed.
    #[error(
        "note {key:?} is not as expected: another writer changed it, and nothing was written; read it again"
    )]
    NoteChanged {
        /// The key of the note.
        key: String,
    },

    /// Another process kept the archive to itself for longer than the lock timeout.
    #[error(
        "{}: busy: {} held it for all of the {} ms that this call waited; \
         try again, raise the lock timeout, or end that process",
        path.display(), Holder(*holder), waited.as_millis()
    )]
    Busy {
        /// The archive.
        path: PathBuf,
        /// The process that holds it, where known.
        holder: Option<u32>,
        /// How long this call waited.
        waited: Duration,
    },

    /// The file system has no byte-range locks, by which processes share an archive, or has none
    /// left. Nothing was changed. Opened with [`Sharing::Exclusive`](crate::Sharing::Exclusive) an
    /// archive needs none.
    #[error(
        "{}: this file system gives no byte-range locks ({source}), by which processes share an \
         archive; open it with `Sharing::Exclusive`, or `sessiondb --exclusive`, which need none",
        path.display()
    )]
    NoLocks {
        /// The archive.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The archive was opened by the process that this one was forked from. Nothing was done. What
    /// the parent opened is the parent's; a child opens the archive by its path for itself.
    #[error(
        "{}: this handle was opened by process {parent}, from which this one was forked, and works only \
         there; open the archive again in this process",
        path.display()
    )]
    Forked {
        /// The archive.
        path: PathBuf,
        /// The process that opened it.
        parent: u32,
    },

    /// The file that was opened is not what its path leads to any more: it was removed, moved, replaced or
    /// written over by another program. Nothing more is written to it through this handle. What the call
    /// that noticed it wrote may be in that file, and was not acknowledged. Reads still work, unless
    /// something else stands in the file.
    #[error("{}: not the file that was opened: {what}; nothing more is written through this handle, so open the archive again", path.display())]
    Displaced {
        /// The path by which the archive was opened.
        path: PathBuf,
        /// What has become of the file.
        what: String,
        /// By what path the file that is open can still be reached, where that is known.
        file: Option<PathBuf>,
    },

    /// An earlier write failed with an I/O error, after which nothing is known of what a further
    /// write would do. Reads still work.
    #[error("{}: refused, since an earlier write failed ({cause}); close the archive and open it again", path.display())]
    Poisoned {
        /// The archive.
        path: PathBuf,
        /// The earlier failure.
        cause: String,
    },

    /// A write failed with an I/O error. It may or may not have taken effect; after opening the
    /// archive again, a read shows which. Until then the handle refuses further writes.
    #[error(
        "{}: the write failed and its outcome is unknown: {source}; \
         open the archive again to see whether it took effect",
        path.display()
    )]
    OutcomeUnknown {
        /// The archive.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The archive was opened for reading only, or could not be opened otherwise.
    #[error("{}: opened for reading only: {reason}", path.display())]
    ReadOnly {
        /// The archive.
        path: PathBuf,
        /// What was asked of it.
        reason: String,
    },

    /// The file is something else. It was left as it is.
    #[error("{}: not a sessiondb archive: {reason}", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// How that shows.
        reason: String,
    },

    /// The archive is of a format that this version of the crate does not know. It was left as
    /// it is.
    #[error(
        "{}: the archive has format version {found}, and this sessiondb supports version {supported}; {}",
        path.display(),
        if found > supported {
            "a newer program wrote it: update this one"
        } else {
            "it is of a draft that is not read any more"
        }
    )]
    UnsupportedVersion {
        /// The archive.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest format version that this crate supports.
        supported: u32,
    },

    /// A branch was to share more entries than there are. Nothing was written.
    #[error(
        "session {session}, segment {segment}: it has {actual} entries, and a branch cannot share \
         the first {len} of them"
    )]
    BranchPastEnd {
        /// The session.
        session: SessionId,
        /// The segment to branch off.
        segment: SegmentId,
        /// How many entries were to be shared.
        len: u64,
        /// How many there are.
        actual: u64,
    },

    /// Entries were to be erased that are not there. Nothing was written.
    #[error(
        "session {session}, segment {segment}: it has {actual} entries, and none can be erased up \
         to number {end}"
    )]
    ErasePastEnd {
        /// The session.
        session: SessionId,
        /// The segment.
        segment: SegmentId,
        /// The number behind the last entry that was to be erased.
        end: u64,
        /// How many there are.
        actual: u64,
    },

    /// A segment was to be made that is there already. Nothing was written.
    #[error("session {session}, segment {segment}: it is there already; use another id")]
    SegmentExists {
        /// The session.
        session: SessionId,
        /// The segment.
        segment: SegmentId,
    },

    /// The archive makes use of something that this build does not have. It was left as it is.
    #[error("{}: the archive holds {what}", path.display())]
    UnsupportedFeature {
        /// The archive.
        path: PathBuf,
        /// What it makes use of.
        what: String,
    },

    /// An entry, a name or metadata is larger than the format allows. Nothing was written.
    #[error("{subject} has {len_bytes} bytes, which is over the limit of {limit_bytes}")]
    TooLarge {
        /// What is too large, with session, segment and position where it has them.
        subject: String,
        /// Its length.
        len_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },

    /// A raw entry is not one JSON value on one line. Nothing was written.
    #[error(
        "session {session}, segment {segment}: entry {position} of this call is not one JSON value on one line: {message}"
    )]
    InvalidEntry {
        /// The session.
        session: SessionId,
        /// The segment.
        segment: SegmentId,
        /// Which of the entries handed over, counted from 0.
        position: usize,
        /// What is wrong with it.
        message: String,
    },

    /// The archive holds bytes that it did not write. No wrong answer was given.
    #[error("{}: damaged: {place}: {message}", path.display())]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// The session, segment and entry, or the part of the file.
        place: String,
        /// What is wrong there.
        message: String,
    },
}

impl StoreError {
    /// The error of [`Store::truncate`](crate::Store::truncate) for a segment that holds fewer entries than asked for.
    pub fn truncate_past_end(
        session: SessionId,
        segment: SegmentId,
        entries_len: usize,
        actual: u64,
    ) -> Self {
        Self::Corrupt {
            line: entries_len,
            message: format!(
                "segment {segment} of session {session} holds {actual} entries and cannot be \
                 truncated to {entries_len}; nothing was changed"
            ),
        }
    }

    /// The error of a typed read for an entry that does not fit the type. `index` counts from 0.
    pub fn undecodable(
        session: SessionId,
        segment: SegmentId,
        index: u64,
        cause: &serde_json::Error,
    ) -> Self {
        Self::DoesNotFit {
            session,
            segment,
            index,
            message: cause.to_string(),
        }
    }
}

impl StoreError {
    /// What kind of error it is.
    ///
    /// ```
    /// use sessiondb::{ErrorKind, MemoryStore, Store, new_segment_id, new_session_id};
    ///
    /// let missing = MemoryStore::new().read_all(new_session_id(), new_segment_id());
    /// assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::SessionNotFound(_) | Self::TurnNotFound { .. } => {
                ErrorKind::NotFound
            }
            Self::Conflict { .. }
            | Self::ConditionFailed { .. }
            | Self::NoteChanged { .. }
            | Self::SegmentExists { .. } => ErrorKind::Conflict,
            Self::Busy { .. } => ErrorKind::Busy,
            Self::Serde(_)
            | Self::InvalidPodName(_)
            | Self::InvalidEntry { .. }
            | Self::BranchPastEnd { .. }
            | Self::ErasePastEnd { .. }
            | Self::Corrupt { .. }
            | Self::TooLarge { .. } => ErrorKind::Invalid,
            Self::DoesNotFit { .. } => ErrorKind::DoesNotFit,
            Self::NotAnArchive { .. }
            | Self::UnsupportedVersion { .. }
            | Self::UnsupportedFeature { .. }
            | Self::NoLocks { .. } => ErrorKind::Incompatible,
            Self::ReadOnly { .. } => ErrorKind::ReadOnly,
            Self::Damaged { .. } => ErrorKind::Damaged,
            Self::OutcomeUnknown { .. } => ErrorKind::OutcomeUnknown,
            Self::Poisoned { .. } | Self::Displaced { .. } | Self::Forked { .. } => {
                ErrorKind::Unusable
            }
            Self::Io(err) => match err.kind() {
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                io::ErrorKind::AlreadyExists => ErrorKind::Conflict,
                io::ErrorKind::InvalidInput => ErrorKind::Invalid,
                _ => ErrorKind::Io,
            },
        }
    }
}

macro_rules! clone_of {
    ($error:ident, $($variant:ident { $($field:ident),* })*) => {
        match $error {
            Self::Io(err) => Self::Io(same_io_error(err)),
            Self::Serde(err) => Self::Serde(serde::de::Error::custom(err)),
            Self::NotFound(segment) => Self::NotFound(*segment),
            Self::InvalidPodName(name) => Self::InvalidPodName(name.clone()),
            Self::SessionNotFound(session) => Self::SessionNotFound(*session),
            Self::OutcomeUnknown { path, source } => Self::OutcomeUnknown {
                path: path.clone(),
                source: same_io_error(source),
            },
            Self::NoLocks { path, source } => Self::NoLocks {
                path: path.clone(),
                source: same_io_error(source),
            },
            $(Self::$variant { $($field),* } => Self::$variant { $($field: $field.clone()),* },)*
        }
    };
}

/// Several callers whose writes failed together get the same error each. A copy of what the system
/// or the JSON reader said keeps the kind and the words, not what they were made of.
impl Clone for StoreError {
    fn clone(&self) -> Self {
        clone_of!(self,
            Corrupt { line, message }
            DoesNotFit { session, segment, index, message }
            TurnNotFound { segment, turn, last }
            Conflict { session, segment, expected, actual }
            ConditionFailed { session, segment, expected, actual }
            NoteChanged { key }
            Busy { path, holder, waited }
            Poisoned { path, cause }
            Forked { path, parent }
            Displaced { path, what, file }
            ReadOnly { path, reason }
            NotAnArchive { path, reason }
            UnsupportedVersion { path, found, supported }
            BranchPastEnd { session, segment, len, actual }
            ErasePastEnd { session, segment, end, actual }
            SegmentExists { session, segment }
            UnsupportedFeature { path, what }
            TooLarge { subject, len_bytes, limit_bytes }
            InvalidEntry { session, segment, position, message }
            Damaged { path, place, message }
        )
    }
}

/// The same error once more, as far as that can be.
pub(crate) fn same_io_error(err: &io::Error) -> io::Error {
    match err.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(err.kind(), err.to_string()),
    }
}

struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

struct OfSegment(Option<SegmentId>);

impl fmt::Display for OfSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(segment) => write!(f, ", segment {segment}"),
            None => Ok(()),
        }
    }
}
