//! Store errors as errors of the operating system, for callers whose own interface speaks those.

use std::io::{self, ErrorKind};

use super::{Condition, StoreError};

/// [`StoreError::Io`] gives back what the operating system said. Any other error stays inside,
/// where [`io::Error::get_ref`] and a downcast find it, under the kind that says most of it:
///
/// | kind | error |
/// |---|---|
/// | `NotFound` | `NotFound`, `SessionNotFound`, `TurnNotFound`, a condition that something is there |
/// | `AlreadyExists` | `SegmentExists`, a condition that something is not there |
/// | `InvalidData` | `Corrupt`, `DoesNotFit`, `Damaged`, `NotAnArchive`, `Serde` |
/// | `InvalidInput` | `InvalidPodName`, `InvalidEntry`, `TooLarge`, `BranchPastEnd`, `ErasePastEnd` |
/// | `Unsupported` | `UnsupportedVersion`, `UnsupportedFeature`, `NoLocks` |
/// | `ResourceBusy` | `Busy` |
/// | `PermissionDenied` | `ReadOnly` |
/// | that of its source | `OutcomeUnknown` |
/// | `Other` | `Conflict`, `NoteChanged`, `Poisoned`, `Displaced`, `Forked`: no kind says what to do about them |
///
/// ```
/// use std::io;
/// use sessiondb::{MemoryStore, Store, StoreError, new_segment_id, new_session_id};
///
/// fn count(store: &dyn Store) -> io::Result<usize> {
///     Ok(store.read_entry_count(new_session_id(), new_segment_id())?)
/// }
/// let error = count(&MemoryStore::new()).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::NotFound);
/// let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
/// assert!(matches!(inner, Some(StoreError::NotFound(_))));
/// ```
impl From<StoreError> for io::Error {
    fn from(err: StoreError) -> Self {
        match err {
            StoreError::Io(source) => source,
            err => Self::new(kind_of(&err), err),
        }
    }
}

fn kind_of(err: &StoreError) -> ErrorKind {
    match err {
        StoreError::Io(source) | StoreError::OutcomeUnknown { source, .. } => source.kind(),
        StoreError::NotFound(_)
        | StoreError::SessionNotFound(_)
        | StoreError::TurnNotFound { .. } => ErrorKind::NotFound,
        StoreError::SegmentExists { .. } => ErrorKind::AlreadyExists,
        StoreError::ConditionFailed { expected, .. } => match expected {
            Condition::Present | Condition::SessionPresent => ErrorKind::NotFound,
            Condition::Absent | Condition::SessionAbsent | Condition::OnlySegment => {
                ErrorKind::AlreadyExists
            }
        },
        StoreError::Serde(_)
        | StoreError::Corrupt { .. }
        | StoreError::DoesNotFit { .. }
        | StoreError::Damaged { .. }
        | StoreError::NotAnArchive { .. } => ErrorKind::InvalidData,
        StoreError::InvalidPodName(_)
        | StoreError::InvalidEntry { .. }
        | StoreError::TooLarge { .. }
        | StoreError::BranchPastEnd { .. }
        | StoreError::ErasePastEnd { .. } => ErrorKind::InvalidInput,
        StoreError::UnsupportedVersion { .. }
        | StoreError::UnsupportedFeature { .. }
        | StoreError::NoLocks { .. } => ErrorKind::Unsupported,
        StoreError::Busy { .. } => ErrorKind::ResourceBusy,
        StoreError::ReadOnly { .. } => ErrorKind::PermissionDenied,
        StoreError::Conflict { .. }
        | StoreError::NoteChanged { .. }
        | StoreError::Poisoned { .. }
        | StoreError::Displaced { .. }
        | StoreError::Forked { .. } => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    /// One of each, with the kind that it is to have.
    fn table() -> Vec<(StoreError, ErrorKind)> {
        let (session, segment, path) = (Uuid::nil(), Uuid::max(), || "a.sessiondb".into());
        let (reason, len) = (|| "for a reason".to_owned(), 2);
        let failed = |expected| StoreError::ConditionFailed {
            session,
            segment: Some(segment),
            expected,
            actual: reason(),
        };
        let json = serde_json::from_str::<u8>("x").unwrap_err();
        let full = || io::Error::from(ErrorKind::StorageFull);
        #[rustfmt::skip]
        let table = vec![
            (StoreError::Io(full()), ErrorKind::StorageFull),
            (StoreError::OutcomeUnknown { path: path(), source: full() }, ErrorKind::StorageFull),
            (StoreError::Serde(json), ErrorKind::InvalidData),
            (StoreError::NotFound(segment), ErrorKind::NotFound),
            (StoreError::SessionNotFound(session), ErrorKind::NotFound),
            (StoreError::TurnNotFound { segment, turn: 2, last: 1 }, ErrorKind::NotFound),
            (StoreError::Corrupt { line: 1, message: reason() }, ErrorKind::InvalidData),
            (StoreError::DoesNotFit { session, segment, index: 1, message: reason() }, ErrorKind::InvalidData),
            (StoreError::InvalidPodName("/".to_owned()), ErrorKind::InvalidInput),
            (StoreError::Conflict { session, segment, expected: 1, actual: 2 }, ErrorKind::Other),
            (StoreError::NoteChanged { key: reason() }, ErrorKind::Other),
            (failed(Condition::Absent), ErrorKind::AlreadyExists),
            (failed(Condition::SessionAbsent), ErrorKind::AlreadyExists),
            (failed(Condition::OnlySegment), ErrorKind::AlreadyExists),
            (failed(Condition::Present), ErrorKind::NotFound),
            (failed(Condition::SessionPresent), ErrorKind::NotFound),
            (StoreError::Busy { path: path(), holder: None, waited: Duration::ZERO }, ErrorKind::ResourceBusy),
            (StoreError::NoLocks { path: path(), source: full() }, ErrorKind::Unsupported),
            (StoreError::Poisoned { path: path(), cause: reason() }, ErrorKind::Other),
            (StoreError::Displaced { path: path(), what: reason(), file: None }, ErrorKind::Other),
            (StoreError::Forked { path: path(), parent: 2 }, ErrorKind::Other),
            (StoreError::ReadOnly { path: path(), reason: reason() }, ErrorKind::PermissionDenied),
            (StoreError::NotAnArchive { path: path(), reason: reason() }, ErrorKind::InvalidData),
            (StoreError::UnsupportedVersion { path: path(), found: 9, supported: 2 }, ErrorKind::Unsupported),
            (StoreError::UnsupportedFeature { path: path(), what: reason() }, ErrorKind::Unsupported),
            (StoreError::BranchPastEnd { session, segment, len, actual: 1 }, ErrorKind::InvalidInput),
            (StoreError::ErasePastEnd { session, segment, end: 2, actual: 1 }, ErrorKind::InvalidInput),
            (StoreError::SegmentExists { session, segment }, ErrorKind::AlreadyExists),
            (StoreError::TooLarge { subject: reason(), len_bytes: 2, limit_bytes: 1 }, ErrorKind::InvalidInput),
            (StoreError::InvalidEntry { session, segment, position: 1, message: reason() }, ErrorKind::InvalidInput),
            (StoreError::Damaged { path: path(), place: reason(), message: reason() }, ErrorKind::InvalidData),
        ];
        table
    }

    #[test]
    fn each_error_has_its_kind_and_stays_inside() {
        for (err, kind) in table() {
            let (shown, is_io) = (err.to_string(), matches!(err, StoreError::Io(_)));
            let outer = io::Error::from(err);
            assert_eq!(outer.kind(), kind, "{shown}");
            assert_eq!(outer.to_string(), shown);
            let inner = outer.get_ref().and_then(|inner| inner.downcast_ref());
            let inner: Option<&StoreError> = inner;
            assert_eq!(inner.is_some(), !is_io, "{shown}");
        }
    }

    #[test]
    fn what_the_operating_system_said_comes_back_as_it_was() {
        const ENOSPC: i32 = 28;
        let err = StoreError::from(io::Error::from_raw_os_error(ENOSPC));
        assert_eq!(io::Error::from(err).raw_os_error(), Some(ENOSPC));
    }
}
