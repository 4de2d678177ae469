//! What a caller can do about an error.

/// What kind of error it is: what a caller can do about it. See [`StoreError::kind`](crate::StoreError::kind).
///
/// ```
/// use sessiondb::{Archive, ErrorKind};
///
/// # let dir = tempfile::tempdir()?;
/// let missing = Archive::options().create(false).open(dir.path().join("none")).unwrap_err();
/// assert_eq!(missing.kind(), ErrorKind::NotFound);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was asked for is not there: a file, session, segment or turn.
    NotFound,
    /// Another writer was there first, or what was to be made is there already. Read again, and
    /// decide anew.
    Conflict,
    /// Another process has the archive to itself. Try again later.
    Busy,
    /// The call itself asks for what cannot be: mend it.
    Invalid,
    /// An entry is not of the type as which it was read. Read it as it is.
    DoesNotFit,
    /// The file cannot be used by this build, at this place or in this way.
    Incompatible,
    /// The archive was opened for reading only. Open it for writing.
    ReadOnly,
    /// The file holds what nobody wrote. Run [`check`](crate::Archive::check), and
    /// [`recover`](crate::doctor::recover) what is left.
    Damaged,
    /// The write may or may not have happened. Open the archive again and look.
    OutcomeUnknown,
    /// This handle is of no use any more. Open the archive again.
    Unusable,
    /// The operating system refused: the disk is full, there is no permission.
    Io,
}
