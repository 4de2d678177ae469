//! The calls of a history: how they are drawn, and what each does to an archive and to the model.

use proptest::prelude::*;
use serde_json::json;
use sessiondb::{
    Active, Archive, Batch, LogEntry, MemoryStore, PodName, PodRecord, SegmentId, SessionId, Store,
    StoreError,
};

use super::Model;
use crate::model_store::{
    self, Op, Outcome, SEGMENTS, SESSIONS, log_entry, outcome, segment_id, session_id,
};

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
pub(super) struct Place(u8, u8);

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
type Answer = Outcome<bool>;

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
                log.append_at(expected, &log_entries(entries))
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
                })
                .map(|()| true),
            Self::WriteName(name, number) => archive
                .write_name(NAMES[*name], &record(*name, *number))
                .map(|()| true),
            Self::UpdateName(name, number) => archive
                .update_name(NAMES[*name], |record| {
                    record.extra.insert(key(*number), json!(number));
                })
                .map(|()| true),
            Self::DeleteName(name) => archive.delete_name(NAMES[*name]),
        })
    }

    pub(super) fn on_model(&self, model: &mut Model) -> Answer {
        let there = |model: &Model, place: Place| {
            let (session, segment) = place.ids();
            let traces = !model.logs.read_traces(session, segment).is_empty();
            [model.logs.exists(session, segment).unwrap(), traces]
        };
        match self {
            Self::Store(op) => model_store::apply(&model.logs, op).map(|()| true),
            Self::Batch(parts) => model.batch(parts),
            Self::AppendAt(place, expected, entries) => {
                model.batch(&[Part::AppendAt(*place, *expected, entries.clone())])
            }
            Self::DeleteLog(place, traces) => {
                let found = there(model, *place)[usize::from(*traces)];
                model.retain(|log, kind| (log, kind) != (*place, *traces));
                Outcome::Done(found)
            }
            Self::DeleteSegment(place) => {
                let found = there(model, *place).contains(&true);
                model.retain(|log, _| log != *place);
                Outcome::Done(found)
            }
            Self::DeleteSession(session) => {
                let found = model.has_session(session_id(*session));
                model.retain(|log, _| log.0 != *session);
                Outcome::Done(found)
            }
            Self::SetMetadata(session, number) => model.change_metadata(*session, |metadata| {
                metadata.clear();
                metadata.insert("number".to_owned(), json!(number));
            }),
            Self::UpdateMetadata(session, number) => model.change_metadata(*session, |metadata| {
                metadata.insert(key(*number), json!(number));
            }),
            Self::WriteName(name, number) => {
                model
                    .names
                    .insert(NAMES[*name].to_owned(), record(*name, *number));
                Outcome::Done(true)
            }
            Self::UpdateName(name, number) => {
                let name = PodName::new(NAMES[*name]).unwrap();
                let record = model.names.entry(name.to_string());
                let record = record.or_insert_with(|| PodRecord::new(name));
                record.extra.insert(key(*number), json!(number));
                Outcome::Done(true)
            }
            Self::DeleteName(name) => Outcome::Done(model.names.remove(NAMES[*name]).is_some()),
        }
    }
}

impl Model {
    fn batch(&mut self, parts: &[Part]) -> Answer {
        let copy = self.copy(|_, _| true);
        let before = std::mem::replace(&mut self.logs, copy);
        for part in parts {
            let done = self.part(part);
            if done != Outcome::Done(()) {
                self.logs = before;
                return done.map(|()| true);
            }
        }
        Outcome::Done(true)
    }

    fn part(&self, part: &Part) -> Outcome<()> {
        match part {
            Part::Append(place, entry) => append(&self.logs, *place, &[*entry]),
            Part::AppendAt(place, expected, entries) => {
                let len = self.len(*place) as u64;
                if expected.of(len) != len {
                    return Outcome::Conflict(len);
                }
                append(&self.logs, *place, entries)
            }
            Part::Replace(place, entries) => {
                let (session, segment) = place.ids();
                outcome(
                    self.logs
                        .create_segment(session, segment, &log_entries(entries)),
                )
            }
            Part::Truncate(place, len) => {
                let (session, segment) = place.ids();
                outcome(self.logs.truncate(session, segment, *len))
            }
        }
    }

    fn change_metadata(
        &mut self,
        session: u8,
        change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
    ) -> Answer {
        let session = session_id(session);
        if !self.has_session(session) {
            return Outcome::SessionNotFound(session);
        }
        change(self.metadata.entry(session).or_default());
        Outcome::Done(true)
    }
}

fn append(logs: &MemoryStore, place: Place, entries: &[u16]) -> Outcome<()> {
    let (session, segment) = place.ids();
    for entry in log_entries(entries) {
        logs.append(session, segment, &entry).unwrap();
    }
    Outcome::Done(())
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
                batch.append_at_raw(&log, expected.of(*len), &texts(entries))?;
                *len += entries.len() as u64;
            }
            Self::Replace(_, entries) => {
                batch.replace_raw(&log, &texts(entries))?;
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
    fn of(self, actual: u64) -> u64 {
        match self {
            Self::Actual => actual,
            Self::OneMore => actual + 1,
            Self::Just(len) => len,
        }
    }
}

fn log_entries(numbers: &[u16]) -> Vec<LogEntry> {
    numbers.iter().copied().map(log_entry).collect()
}

fn texts(numbers: &[u16]) -> Vec<String> {
    let text = |entry| serde_json::to_string(&entry).unwrap();
    log_entries(numbers).into_iter().map(text).collect()
}

fn key(number: u16) -> String {
    format!("key-{}", number % 4)
}

fn record(name: usize, number: u16) -> PodRecord {
    let mut record = PodRecord::new(PodName::new(NAMES[name]).unwrap());
    record.active = number.is_multiple_of(2).then(|| Active {
        session_id: session_id(0),
        segment_id: None,
        extra: serde_json::Map::new(),
    });
    record.extra.insert("number".to_owned(), json!(number));
    record
}
