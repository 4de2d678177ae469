//! The changes that an archive knows. A batch of them is applied as a whole, in one place.

use std::sync::Arc;

use crate::engine::fault::Outcome;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, OriginRecord};
use crate::engine::model::row::ParentLink;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// What the names of notes begin with, which those of workers may not hold.
pub(crate) const NOTE_MARK: &str = "/";

/// The names of the notes on a session, which ends with it: from the first one on, and up to the
/// second.
pub(crate) fn notes_of(session: SessionId) -> [String; 2] {
    // The character behind the slash.
    ["/", "0"].map(|end| format!("{NOTE_MARK}session/{session}{end}"))
}

/// What the keys of the notes begin with that mark what was deleted for good.
pub(crate) const FORGOTTEN: &str = "sessiondb/forgotten/";

/// Whether it is the stored name of a note that marks what was deleted for good.
pub(crate) fn is_forgotten(name: &str) -> bool {
    let key = name.strip_prefix(NOTE_MARK);
    key.is_some_and(|key| key.starts_with(FORGOTTEN))
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// Adds entries to the end of a log, which is created if need be.
    Append {
        log: LogId,
        /// The length that the log must have; a conflict otherwise.
        expected: Option<u64>,
        entries: Entries,
        origin: Option<OriginRecord>,
        at_ms: u64,
    },
    /// Adds one entry that is read while it is stored, and so goes past the journal.
    AppendLarge {
        log: LogId,
        /// The length that the log must have; a conflict otherwise.
        expected: Option<u64>,
        entry: LargeEntry,
        origin: Option<OriginRecord>,
        at_ms: u64,
    },
    /// Makes a log hold just these entries, whether or not it was there.
    Replace {
        log: LogId,
        entries: Entries,
        origin: Option<OriginRecord>,
        at_ms: u64,
    },
    /// Makes a segment whose log begins with the first `len` entries of another one of the
    /// session, which it shares with it.
    Branch {
        session: SessionId,
        from: SegmentId,
        len: u64,
        to: SegmentId,
        origin: Option<OriginRecord>,
        at_ms: u64,
    },
    /// Puts entries in the place of those that a log has from number `first` on, wherever they
    /// are shared.
    Erase {
        log: LogId,
        first: u64,
        entries: Entries,
        at_ms: u64,
    },
    /// Removes the entries from number `len` on.
    Truncate { log: LogId, len: u64, at_ms: u64 },
    /// Removes a log.
    DeleteLog { log: LogId },
    /// Removes a session with all that belongs to it.
    DeleteSession { session: SessionId },
    /// Sets the metadata of a session, a JSON object. A session that is not there begins with it.
    SetMetadata {
        session: SessionId,
        json: Vec<u8>,
        at_ms: u64,
    },
    /// Sets the record of a name: a JSON object.
    SetName { name: String, json: Vec<u8> },
    /// Removes a name.
    DeleteName { name: String },
    /// Changes nothing, and refuses where the condition does not hold. It is never written down.
    Expect(Expect),
}

/// An entry that is not in memory.
pub(crate) trait EntrySource: Send + Sync {
    fn len(&self) -> u64;

    /// Calls `each` with its bytes, a part at a time, in their order. Fails with
    /// [`StoreError::InvalidEntry`] if they cannot be had.
    fn read(&self, each: &mut dyn FnMut(&[u8]) -> Outcome<()>) -> Outcome<()>;
}

/// An entry that is not in memory, as ops hold it.
#[derive(Clone)]
pub(crate) struct LargeEntry(pub(crate) Arc<dyn EntrySource>);

impl PartialEq for LargeEntry {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for LargeEntry {}

impl std::fmt::Debug for LargeEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LargeEntry({} bytes)", self.0.len())
    }
}

/// What must be so for the ops around it to take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The log has that many entries; one that is not there has none.
    Len { log: LogId, len: u64 },
    /// The log is not there.
    Absent(LogId),
    /// The log is there.
    Present(LogId),
    /// The session has no segment besides that of the log, which need not be there.
    OnlySegment(LogId),
    /// There is no such session.
    SessionAbsent(SessionId),
    /// There is such a session.
    SessionPresent(SessionId),
    /// A note, by the name that it is stored under, is this JSON, or is not there.
    Note { name: String, json: Option<Vec<u8>> },
    /// It could be decided what to change, which it could not.
    Decided(Undecided),
}

/// Why it could not be decided what to change.
#[derive(Debug, Clone)]
pub(crate) struct Undecided(pub(crate) Arc<StoreError>);

impl PartialEq for Undecided {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Undecided {}

impl Op {
    /// Whether it is a condition, which changes nothing.
    pub(crate) fn is_condition(&self) -> bool {
        matches!(self, Self::Expect(_))
    }

    /// Whether it never comes to the journal, however long that is.
    pub(crate) fn is_large(&self) -> bool {
        matches!(self, Self::AppendLarge { .. })
    }

    /// Whether it only takes something away, or marks what is taken away with it, or changes
    /// nothing.
    pub(crate) fn is_deletion(&self) -> bool {
        match self {
            Self::Expect(_)
            | Self::Truncate { .. }
            | Self::DeleteLog { .. }
            | Self::DeleteSession { .. }
            | Self::DeleteName { .. } => true,
            Self::SetName { name, .. } => is_forgotten(name),
            _ => false,
        }
    }

    /// Makes a log that begins with what it shares, if anything, or makes one empty.
    pub(crate) fn begin(
        log: LogId,
        shared: Option<ParentLink>,
        origin: Option<OriginRecord>,
        at_ms: u64,
    ) -> Self {
        match shared {
            Some(parent) => Self::Branch {
                session: log.session,
                from: parent.segment,
                len: parent.len,
                to: log.segment,
                origin,
                at_ms,
            },
            None => Self::Replace {
                log,
                entries: Entries::default(),
                origin,
                at_ms,
            },
        }
    }

    /// Sets the metadata of a session that is made with it if it is not there, and has these times then.
    pub(crate) fn set_metadata(
        session: SessionId,
        json: Vec<u8>,
        created_ms: u64,
        updated_ms: u64,
    ) -> impl Iterator<Item = Self> {
        let later = (updated_ms > created_ms).then_some(updated_ms);
        let times = [Some(created_ms), later].into_iter().flatten();
        times.map(move |at_ms| Self::SetMetadata {
            session,
            json: json.clone(),
            at_ms,
        })
    }

    /// Appends an entry that stands for nothing.
    pub(crate) fn append_null(log: LogId, expected: Option<u64>, at_ms: u64) -> Self {
        let mut entries = Entries::default();
        entries.push(b"null");
        Self::Append {
            log,
            expected,
            entries,
            origin: None,
            at_ms,
        }
    }

    /// Sets the time of the last change of a log of that length, which no other op sets alone.
    pub(crate) fn touch(log: LogId, len: u64, at_ms: u64) -> [Self; 2] {
        let truncate = Self::Truncate { log, len, at_ms };
        [Self::append_null(log, Some(len), at_ms), truncate]
    }
}
