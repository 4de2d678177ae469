//! The changes that histories are made of, and how each is made on an archive.

use std::ops::Range;

use serde_json::{Map, Value, json};
use sessiondb::archive::Redaction;
use sessiondb::{Archive, Durability, Log, StoreError};
use uuid::Uuid;

use super::entry::{entry, redacted};
use crate::raw::{raw, raws};

/// One log out of those that histories write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Place {
    pub(super) session: u8,
    pub(super) segment: u8,
    pub(super) trace: bool,
}

pub(super) const PLACES: [Place; 8] = [
    place(0, 0, false),
    place(0, 1, false),
    place(0, 2, false),
    place(0, 3, false),
    place(1, 0, false),
    place(1, 2, false),
    place(0, 0, true),
    place(1, 2, true),
];

pub(super) const fn place(session: u8, segment: u8, trace: bool) -> Place {
    Place {
        session,
        segment,
        trace,
    }
}

impl Place {
    pub(super) fn ids(self) -> (Uuid, Uuid) {
        let id = |number: u8| {
            Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
        };
        (id(self.session), id(16 + self.segment))
    }

    /// Traces are never shared.
    pub(super) fn may_share_with(self, other: Self) -> bool {
        self != other && self.session == other.session && !self.trace && !other.trace
    }

    fn log(self, archive: &Archive) -> Log {
        let (session, segment) = self.ids();
        if self.trace {
            archive.trace(session, segment)
        } else {
            archive.log(session, segment)
        }
    }
}

/// One change, or something that must change nothing.
#[derive(Debug, Clone)]
pub(in super::super) enum Step {
    Append(Place, Vec<String>, Durability),
    Batch(Vec<(Place, Vec<String>)>),
    Truncate(Place, u64),
    Replace(Place, Vec<String>),
    /// A segment that shares the first entries of another one, and is not there yet.
    Branch {
        from: Place,
        len: u64,
        to: Place,
    },
    Erase(Place, Range<u64>),
    Redact(Place, u64),
    DeleteLog(Place),
    DeleteSession(u8),
    SetName(u8, u64),
    DeleteName(u8),
    SetMetadata(u8, u64),
    Sync,
    Checkpoint,
    /// In place: the disk holds nothing but this archive.
    Compact,
    /// What the background thread would do.
    Background,
    Reopen,
}

impl Step {
    /// Three of these do not fit into one half of the journal.
    pub(in super::super) fn large_append(number: usize) -> Self {
        let entries = vec![entry(number, 0, 3_000)];
        Self::Append(PLACES[0], entries, Durability::Written)
    }

    /// Of what those have appended.
    pub(in super::super) fn erase_first() -> Self {
        Self::Erase(PLACES[0], 0..1)
    }

    pub(in super::super) fn append_of(number: usize, bytes: usize) -> Self {
        let entries = vec![entry(number, 0, bytes)];
        Self::Append(PLACES[5], entries, Durability::Written)
    }

    pub(in super::super) fn small_append(number: usize) -> Self {
        let entries = vec![entry(number, 0, 40)];
        Self::Append(PLACES[0], entries, Durability::Written)
    }
}

/// Takes a step on an archive. Reopening it is left to whoever has the disk.
pub(in super::super) fn play(
    archive: &Archive,
    step: &Step,
    number: usize,
) -> Result<(), StoreError> {
    // The same in each try, so that a change that was lost comes again byte for byte.
    let log = |place: &Place| place.log(archive).with_timestamp(1000 + number as u64);
    match step {
        Step::Append(place, entries, durability) => {
            let log = log(place).with_durability(*durability);
            log.append_many(raws(entries)).map(drop)
        }
        Step::Batch(parts) => {
            let mut batch = archive.batch();
            for (place, entries) in parts {
                for entry in entries {
                    batch.append(&log(place), &raw(entry.as_bytes()))?;
                }
            }
            batch.commit()
        }
        Step::Truncate(place, len) => log(place)
            .with_durability(archive.durability())
            .truncate(*len),
        Step::Replace(place, entries) => log(place).replace(raws(entries)),
        Step::Branch { from, len, to } => {
            let ((session, from), (_, to)) = (from.ids(), to.ids());
            archive.log(session, from).branch(*len, to).map(drop)
        }
        Step::Erase(place, range) => log(place).erase(range.clone()).map(drop),
        Step::Redact(place, index) => redact(&log(place), *index),
        Step::DeleteLog(place) => log(place)
            .with_durability(archive.durability())
            .delete()
            .map(drop),
        Step::DeleteSession(session) => {
            let id = self::place(*session, 0, false).ids().0;
            archive.delete_session(id).map(drop)
        }
        Step::SetName(name, value) => archive.update_name(&format!("name-{name}"), |record| {
            let record: &mut Map<String, Value> = record.get_or_insert_default();
            record.insert("n".to_owned(), json!(value));
            Ok(())
        }),
        Step::DeleteName(name) => archive.delete_name(&format!("name-{name}")).map(drop),
        Step::SetMetadata(session, value) => {
            let id = self::place(*session, 0, false).ids().0;
            let metadata = Map::from_iter([("n".to_owned(), json!(value))]);
            archive.set_metadata(id, &metadata)
        }
        Step::Sync => archive.sync(),
        // Closing does the same to the file.
        Step::Checkpoint | Step::Reopen => archive.checkpoint(),
        Step::Compact => archive
            .clone()
            .compact(None)
            .map(drop)
            .map_err(StoreError::from),
        Step::Background => {
            sessiondb::testing::run_background(archive);
            Ok(())
        }
    }
}

fn redact(log: &Log, index: u64) -> Result<(), StoreError> {
    let entry = log.read(index..=index)?.next().transpose()?;
    let change = entry.and_then(|entry| {
        let now = raw(redacted(entry.as_str())?.as_bytes());
        Some(Redaction::new(index, entry.as_str(), now))
    });
    log.redact(change).map(drop)
}
