//! What can go wrong in a store of an SDK.

use sessiondb::{ErrorKind, SessionId, StoreError};

/// Why a store did not do what it was asked to. Nothing was written, unless [`kind`](Self::kind) is
/// [`ErrorKind::OutcomeUnknown`].
///
/// ```
/// use sessiondb::{Archive, ErrorKind};
/// use sessiondb_sdk::{ClaudeKey, ClaudeStore};
///
/// let store = ClaudeStore::new(&Archive::in_memory()?);
/// let no_object = store.append(&ClaudeKey::main("project", "session"), &["[]"], |_| Ok(None));
/// assert_eq!(no_object.unwrap_err().kind(), ErrorKind::Invalid);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SdkError {
    /// The archive refused.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// The call asks for what cannot be.
    #[error("{subject}: {reason}")]
    Invalid {
        /// What it was given.
        subject: String,
        /// Why that cannot be, and what can.
        reason: String,
    },

    /// Two names have the same id. What the archive holds is of the other one, and was left as it is.
    #[error(
        "{wanted} has the id {session} in the archive, under which {found} is kept; \
         use another name, or another archive"
    )]
    Collision {
        /// The id.
        session: SessionId,
        /// What was asked for.
        wanted: String,
        /// What is there.
        found: String,
    },

    /// What is kept beside a session is not what this version writes.
    #[error("note {key:?} cannot be read: {reason}; a newer version may have written it")]
    Unreadable {
        /// The key of the note.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl SdkError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Collision { .. } => ErrorKind::Conflict,
            Self::Unreadable { .. } => ErrorKind::Incompatible,
        }
    }

    pub(crate) fn invalid(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            subject: subject.into(),
            reason: reason.into(),
        }
    }
}

/// Whether a change was made, or somebody else was there first: then nothing was written, and it is decided anew.
pub(crate) fn unless_conflict(done: Result<(), StoreError>) -> Result<bool, SdkError> {
    match done {
        Ok(()) => Ok(true),
        Err(
            StoreError::Conflict { .. }
            | StoreError::ConditionFailed { .. }
            | StoreError::NoteChanged { .. },
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
