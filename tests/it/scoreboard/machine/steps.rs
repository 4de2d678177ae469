//! The calls of a history: how they are drawn, and what each does to an archive.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sessiondb::entry::{Active, WorkerName, WorkerRecord};
use sessiondb::{Archive, Batch, LogEntry, SegmentId, SessionId, StoreError};

use crate::model_store::{
    self, Op, Outcome, SEGMENTS, SESSIONS, log_entry, outcome, segment_id, session_id,
};
use crate::raw::raws;

/// The names that a history uses.
pub(super) const NAMES: [&str; 3] = ["builder", "größe", "worker-2"];

/// Calls on an archive of some kind.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) kind: Kind,
    pub(super) steps: Vec<Step>,
}

/// Where the archive is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Any storage, with background work by hand.
    Storage,
    /// Memory, gone with the last handle.
    Memory,
    /// A file, with background work in its thread.
    File,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Change(Change),
    Checkpoint,
    Background,
    Reopen,
}

/// What changes the archive, and the model with it.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// A call of the trait.
    Store(Op),
    /// What only an archive has.
    Batch(Vec<Part>),
    AppendAt(Place, Expected, Vec<u16>),
    DeleteLog(Place, bool),
    DeleteSegment(Place),
    DeleteSession(u8),
    SetMetadata(u8, u16),
    UpdateMetadata(u8, u16),
    WriteName(usize, u16),
    UpdateName(usize, u16),
    DeleteName(usize),
}

/// One change of a batch.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Append(Place, u16),
    AppendAt(Place, Expected, Vec<u16>),
    Replace(Place, Vec<u16>),
    Truncate(Place, usize),
}

/// The length that a conditional append names: the actual one, or another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    Actual,
    OneMore,
    Just(u64),
}

/// Session and segment, as numbers of a small pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub(super) u8, u8);

impl Place {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..SESSIONS).flat_map(|session| (0..SEGMENTS).map(move |segment| Self(session, segment)))
    }

    pub(super) fn ids(self) -> (SessionId, SegmentId) {
        (session_id(self.0), segment_id(self.1))
    }
}

pub(super) fn histories() -> impl Strategy<Value = History> {
    let kind =
        prop_oneof![4 => Just(Kind::Storage), 1 => Just(Kind::Memory), 1 => Just(Kind::File)];
    let steps = prop::collection::vec(steps(), 1..40);
    (kind, steps).prop_map(|(kind, steps)| History { kind, steps })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => changes().prop_map(Step::Change),
        1 => Just(Step::Checkpoint),
        2 => Just(Step::Background),
        2 => Just(Step::Reopen),
    ]
}

fn changes() -> impl Strategy<Value = Change> {
    let session = || 0..SESSIONS;
    let name = || 0..NAMES.len();
    prop_oneof![
        12 => model_store::ops().prop_map(Change::Store),
        3 => (places(), expected(), entries(1..4))
            .prop_map(|(place, expected, entries)| Change::AppendAt(place, expected, entries)),
        3 => prop::collection::vec(parts(), 0..5).prop_map(Change::Batch),
        1 => (places(), any::<bool>()).prop_map(|(place, traces)| Change::DeleteLog(place, traces)),
        1 => places().prop_map(Change::DeleteSegment),
        1 => session().prop_map(Change::DeleteSession),
        1 => (session(), any::<u16>()).prop_map(|(s, number)| Change::SetMetadata(s, number)),
        1 => (session(), any::<u16>()).prop_map(|(s, number)| Change::UpdateMetadata(s, number)),
        1 => (name(), any::<u16>()).prop_map(|(name, number)| Change::WriteName(name, number)),
        1 => (name(), any::<u16>()).prop_map(|(name, number)| Change::UpdateName(name, number)),
        1 => name().prop_map(Change::DeleteName),
    ]
}

fn parts() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => (places(), any::<u16>()).prop_map(|(place, entry)| Part::Append(place, entry)),
        2 => (places(), expected(), entries(1..4))
            .prop_map(|(place, expected, entries)| Part::AppendAt(place, expected, entries)),
        2 => (places(), entries(0..6)).prop_map(|(place, entries)| Part::Replace(place, entries)),
        2 => (places(), 0..6_usize).prop_map(|(place, len)| Part::Truncate(place, len)),
    ]
}

fn places() -> impl Strategy<Value = Place> {
    (0..SESSIONS, 0..SEGMENTS).prop_map(|(session, segment)| Place(session, segment))
}

fn expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        4 => Just(Expected::Actual),
        1 => Just(Expected::OneMore),
        1 => (0..4_u64).prop_map(Expected::Just),
    ]
}

fn entries(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), count)
}

/// What a change gives: for a deletion, whether there was something.
pub(super) type Answer = Outcome<bool>;

impl Change {
    pub(super) fn on_archive(&self, archive: &Archive) -> Answer {
        let trace = |place: &Place| archive.trace(place.ids().0, place.ids().1);
        let log = |place: &Place| archive.log(place.ids().0, place.ids().1);
        outcome(match self {
            Self::Store(op) => return model_store::apply(archive, op).map(|()| true),
            Self::Batch(parts) => batch(archive, parts).map(|()| true),
            Self::AppendAt(place, expected, entries) => {
                let log = log(place);
                let expected = expected.of(log.len().unwrap_or(0));
                log.append_at(expected, log_entries(entries))
                    .map(|receipt| {
                        assert_eq!(receipt.index, expected);
                        assert_eq!(receipt.len, expected + entries.len() as u64);
                        true
                    })
            }
            Self::DeleteLog(place, true) => trace(place).delete(),
            Self::DeleteLog(place, false) => log(place).delete(),
            Self::DeleteSegment(place) => archive.delete_segment(place.ids().0, place.ids().1),
            Self::DeleteSession(session) => archive.delete_session(session_id(*session)),
            Self::SetMetadata(session, number) => {
                let metadata = json!({"number": number});
                let metadata = metadata.as_object().unwrap();
                archive
                    .set_metadata(session_id(*session), metadata)
                    .map(|()| true)
            }
            Self::UpdateMetadata(session, number) => archive
                .update_metadata(session_id(*session), |metadata| {
                    metadata.insert(key(*number), json!(number));
                    Ok(())
                })
                .map(|()| true),
            Self::WriteName(name, number) => archive
                .write_name(NAMES[*name], &record(*name, *number))
                .map(|()| true),
            Self::UpdateName(name, number) => archive
                .update_name(NAMES[*name], |record| {
                    let record: &mut Map<String, Value> = record.get_or_insert_default();
                    record.insert(key(*number), json!(number));
                    Ok(())
                })
                .map(|()| true),
            Self::DeleteName(name) => archive.delete_name(NAMES[*name]),
        })
    }
}

/// The lengths that a batch expects are those before it, and what its parts before make of them;
/// both sides must mean the same, so the archive's are counted along.
fn batch(archive: &Archive, parts: &[Part]) -> Result<(), StoreError> {
    let mut batch = archive.batch();
    let mut lens = std::collections::BTreeMap::new();
    for part in parts {
        part.add_to(&mut batch, archive, &mut lens)?;
    }
    batch.commit()
}

impl Part {
    fn add_to(
        &self,
        batch: &mut Batch,
        archive: &Archive,
        lens: &mut std::collections::BTreeMap<(u8, u8), u64>,
    ) -> Result<(), StoreError> {
        let (Self::Append(place, _)
        | Self::AppendAt(place, ..)
        | Self::Replace(place, _)
        | Self::Truncate(place, _)) = self;
        let (session, segment) = place.ids();
        let log = archive.log(session, segment);
        let len = lens
            .entry((place.0, place.1))
            .or_insert_with(|| log.len().unwrap_or(0));
        match self {
            Self::Append(_, entry) => {
                batch.append(&log, &log_entry(*entry))?;
                *len += 1;
            }
            Self::AppendAt(_, expected, entries) => {
                batch.append_at(&log, expected.of(*len), raws(texts(entries)))?;
                *len += entries.len() as u64;
            }
            Self::Replace(_, entries) => {
                batch.replace(&log, raws(texts(entries)))?;
                *len = entries.len() as u64;
            }
            Self::Truncate(_, to) => {
                batch.truncate(&log, *to as u64);
                *len = *to as u64;
            }
        }
        Ok(())
    }
}

impl Expected {
    pub(super) fn of(self, actual: u64) -> u64 {
        match self {
            Self::Actual => actual,
            Self::OneMore => actual + 1,
            Self::Just(len) => len,
        }
    }
}

pub(super) fn log_entries(numbers: &[u16]) -> Vec<LogEntry> {
    numbers.iter().copied().map(log_entry).collect()
}

fn texts(numbers: &[u16]) -> Vec<String> {
    let text = |entry| serde_json::to_string(&entry).unwrap();
    log_entries(numbers).into_iter().map(text).collect()
}

pub(super) fn key(number: u16) -> String {
    format!("key-{}", number % 4)
}

pub(super) fn record(name: usize, number: u16) -> WorkerRecord {
    let mut record = WorkerRecord::new(WorkerName::new(NAMES[name]).unwrap());
    record.active = number.is_multiple_of(2).then(|| Active {
        session_id: session_id(0),
        segment_id: None,
        extra: serde_json::Map::new(),
    });
    record.extra.insert("number".to_owned(), json!(number));
    record
}
