//! Entries on their way into a log: what each must be, and what a segment's first entry says of its
//! origin.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use uuid::Uuid;

use super::entry::MAX_ENTRY_BYTES;
use super::to_entry::ToEntry;
use crate::engine::{Entries, LogId, LogKind, OriginRecord};
use crate::entry::segment_log::LogEntry;
use crate::error::StoreError;
use crate::raw_json;

/// Collects entries for one log, each of them checked.
pub(crate) struct Collected {
    log: LogId,
    pub(super) entries: Entries,
}

impl Collected {
    pub(crate) fn new(log: LogId) -> Self {
        Self {
            log,
            entries: Entries::default(),
        }
    }

    /// All of these.
    pub(crate) fn all<I>(log: LogId, entries: I) -> Result<Self, StoreError>
    where
        I: IntoIterator<Item: ToEntry>,
    {
        let mut collected = Self::new(log);
        let mut entries = entries.into_iter();
        entries.try_for_each(|entry| collected.push(&entry))?;
        Ok(collected)
    }

    pub(super) fn push_log_entry(&mut self, entry: &LogEntry) -> Result<(), StoreError> {
        let LogEntry::Unknown(json) = entry else {
            return self.push(entry);
        };
        // It has been checked when it was made.
        let bytes = json.as_str().as_bytes();
        self.next_place().check_len(bytes)?;
        self.entries.push(bytes);
        Ok(())
    }

    /// Entries that were collected elsewhere, and are known to be entries or yet to be checked.
    pub(super) fn of(log: LogId, entries: Entries, are_checked: bool) -> Result<Self, StoreError> {
        if !are_checked {
            let places = (0..).map(|position| Place { log, position });
            places
                .zip(entries.iter())
                .try_for_each(|(place, entry)| place.check(entry))?;
        }
        Ok(Self { log, entries })
    }

    pub(crate) fn push<E: ToEntry + ?Sized>(&mut self, entry: &E) -> Result<(), StoreError> {
        let place = self.next_place();
        // Straight behind the others: a large entry is not copied.
        self.entries.push_written(
            |payload| entry.write_json(payload),
            |entry| {
                place.check_len(entry)?;
                // Only a value that writes JSON of its own making can bring one in.
                match memchr::memchr(b'\n', entry) {
                    Some(_) => Err(place.invalid("it contains a line break".to_owned())),
                    None => Ok(()),
                }
            },
        )
    }

    /// What the first entry says of the segment's origin.
    pub(super) fn origin(&self) -> Option<OriginRecord> {
        match self.log.kind {
            LogKind::Entries => origin_of(self.entries.iter().next()?),
            LogKind::Traces => None,
        }
    }

    fn next_place(&self) -> Place {
        Place {
            log: self.log,
            position: usize::try_from(self.entries.len()).unwrap_or(usize::MAX),
        }
    }
}

/// An entry of a call, as errors name it.
#[derive(Clone, Copy)]
struct Place {
    log: LogId,
    /// Counted from 0.
    position: usize,
}

impl Place {
    fn check(self, entry: &[u8]) -> Result<(), StoreError> {
        self.check_len(entry)?;
        raw_json::check(entry).map_err(|message| self.invalid(message))
    }

    fn check_len(self, entry: &[u8]) -> Result<(), StoreError> {
        if entry.len() <= MAX_ENTRY_BYTES {
            return Ok(());
        }
        Err(StoreError::TooLarge {
            subject: format!("{}: entry {} of this call", self.log, self.position),
            len_bytes: entry.len() as u64,
            limit_bytes: MAX_ENTRY_BYTES as u64,
        })
    }

    fn invalid(self, message: String) -> StoreError {
        StoreError::InvalidEntry {
            session: self.log.session,
            segment: self.log.segment,
            position: self.position,
            message,
        }
    }
}

/// What the fields end with by which a first entry tells where its segment came from.
pub(super) const ORIGIN_MARK: &[u8] = b"ed_from\"";

/// Whether such a field may be in there.
pub(super) fn may_tell_origin(bytes: &[u8]) -> bool {
    static MARK: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(ORIGIN_MARK));
    MARK.find(bytes).is_some()
}

/// What a `segment_start` says of where the segment came from.
pub(crate) fn origin_of(first_entry: &[u8]) -> Option<OriginRecord> {
    // Most entries are none of that, and a first entry can hold a whole history.
    if !may_tell_origin(first_entry) {
        return None;
    }
    let first_entry = std::str::from_utf8(first_entry).ok()?;
    if !raw_json::is_object(first_entry) {
        return None;
    }
    origin_in(serde_json::from_str(first_entry).ok()?)
}

/// The fields of a first entry that tell.
#[derive(Deserialize)]
pub(super) struct Start {
    kind: String,
    forked_from: Option<From>,
    compacted_from: Option<From>,
}

#[derive(Deserialize)]
struct From {
    segment_id: Uuid,
    at_turn_index: u64,
}

/// What these fields say.
pub(super) fn origin_in(start: Start) -> Option<OriginRecord> {
    if start.kind != "segment_start" {
        return None;
    }
    let (kind, from) = match (start.compacted_from, start.forked_from) {
        (Some(from), _) => (2, from),
        (None, Some(from)) => (1, from),
        (None, None) => return None,
    };
    Some(OriginRecord {
        kind,
        segment: from.segment_id,
        at_turn: from.at_turn_index,
    })
}
