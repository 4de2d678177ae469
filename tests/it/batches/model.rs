//! Random batches give the same answers as a model that does one step after the other on a copy.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sessiondb::testing::Bug;
use sessiondb::{Archive, Batch, Condition, Log, SegmentId, StoreError};

use crate::model_store::{config, segment_id, session_id};

const IDS: u8 = 3;
const NAMES: [&str; 2] = ["worker-a", "worker-b"];

/// A log of the pool: session, segment, and whether it is that of the traces.
type Of = (u8, u8, bool);

#[derive(Debug, Clone)]
enum Step {
    Len(Of, u64),
    Absent(Of),
    Present(Of),
    Only(Of),
    SessionAbsent(u8),
    SessionPresent(u8),
    Append(Of, Vec<u16>),
    AppendAt(Of, u64, u16),
    Replace(Of, Vec<u16>),
    Truncate(Of, u64),
    Delete(Of),
    Branch(Of, u64, u8),
    DeleteSegment(u8, u8),
    DeleteSession(u8),
    Metadata(u8, u16),
    Name(usize, u16),
    DeleteName(usize),
}

/// Batches, each with whether another one is there in case that a condition fails, and whether the
/// journal is folded behind it.
type History = Vec<(Vec<Step>, Option<Vec<Step>>, bool)>;

fn step() -> impl Strategy<Value = Step> {
    let of = || (0..IDS, 0..IDS, prop::bool::weighted(0.2));
    let entries = || prop::collection::vec(any::<u16>(), 0..4);
    prop_oneof![
        3 => (of(), 0..5_u64).prop_map(|(of, len)| Step::Len(of, len)),
        2 => of().prop_map(Step::Absent),
        2 => of().prop_map(Step::Present),
        2 => of().prop_map(Step::Only),
        1 => (0..IDS).prop_map(Step::SessionAbsent),
        1 => (0..IDS).prop_map(Step::SessionPresent),
        8 => (of(), entries()).prop_map(|(of, entries)| Step::Append(of, entries)),
        2 => (of(), 0..5_u64, any::<u16>()).prop_map(|(of, at, entry)| Step::AppendAt(of, at, entry)),
        2 => (of(), entries()).prop_map(|(of, entries)| Step::Replace(of, entries)),
        2 => (of(), 0..4_u64).prop_map(|(of, len)| Step::Truncate(of, len)),
        1 => of().prop_map(Step::Delete),
        4 => (of(), 0..4_u64, 0..IDS).prop_map(|(of, at, to)| Step::Branch(of, at, to)),
        1 => (0..IDS, 0..IDS).prop_map(|(session, segment)| Step::DeleteSegment(session, segment)),
        1 => (0..IDS).prop_map(Step::DeleteSession),
        2 => (0..IDS, any::<u16>()).prop_map(|(session, value)| Step::Metadata(session, value)),
        2 => (0..2_usize, any::<u16>()).prop_map(|(name, value)| Step::Name(name, value)),
        1 => (0..2_usize).prop_map(Step::DeleteName),
    ]
}

fn history() -> impl Strategy<Value = History> {
    let batch = || prop::collection::vec(step(), 1..5);
    let otherwise = prop::option::weighted(0.3, batch());
    prop::collection::vec((batch(), otherwise, prop::bool::weighted(0.2)), 1..25)
}

/// How a batch ended, without the words.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Done,
    Otherwise,
    Conflict(u64, u64),
    Failed(Condition),
    NotFound(SegmentId),
    TooFar,
    Exists,
}

impl End {
    fn is_condition(&self) -> bool {
        matches!(self, Self::Conflict(..) | Self::Failed(_))
    }
}

fn end_of(done: Result<bool, StoreError>) -> End {
    match done {
        Ok(true) => End::Done,
        Ok(false) => End::Otherwise,
        Err(StoreError::Conflict {
            expected, actual, ..
        }) => End::Conflict(expected, actual),
        Err(StoreError::ConditionFailed { expected, .. }) => End::Failed(expected),
        Err(StoreError::NotFound(segment)) => End::NotFound(segment),
        Err(StoreError::Corrupt { .. } | StoreError::BranchPastEnd { .. }) => End::TooFar,
        Err(StoreError::SegmentExists { .. }) => End::Exists,
        Err(other) => panic!("no batch fails like this: {other}"),
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    logs: BTreeMap<Of, Vec<u16>>,
    metadata: BTreeMap<u8, u16>,
    names: BTreeMap<usize, u16>,
}

impl Model {
    fn commit(&mut self, batch: &[Step], otherwise: Option<&[Step]>) -> End {
        match (self.tried(batch), otherwise) {
            (Ok(next), _) => {
                *self = next;
                End::Done
            }
            (Err(end), Some(otherwise)) if end.is_condition() => match self.tried(otherwise) {
                Ok(next) => {
                    *self = next;
                    End::Otherwise
                }
                Err(end) => end,
            },
            (Err(end), _) => end,
        }
    }

    fn tried(&self, batch: &[Step]) -> Result<Self, End> {
        let mut next = self.clone();
        batch.iter().try_for_each(|step| next.apply(step))?;
        Ok(next)
    }

    fn len(&self, of: Of) -> u64 {
        self.logs.get(&of).map_or(0, |log| log.len() as u64)
    }

    fn has_session(&self, session: u8) -> bool {
        self.logs.keys().any(|of| of.0 == session) || self.metadata.contains_key(&session)
    }

    fn apply(&mut self, step: &Step) -> Result<(), End> {
        let must = |holds: bool, end: End| if holds { Ok(()) } else { Err(end) };
        match step {
            Step::Len(of, len) => must(self.len(*of) == *len, End::Conflict(*len, self.len(*of))),
            Step::Absent(of) => must(!self.logs.contains_key(of), End::Failed(Condition::Absent)),
            Step::Present(of) => must(self.logs.contains_key(of), End::Failed(Condition::Present)),
            Step::Only(of) => {
                let is_other = |key: &&Of| key.0 == of.0 && key.1 != of.1 && !key.2;
                let alone = !self.logs.keys().any(|key| is_other(&key));
                must(alone, End::Failed(Condition::OnlySegment))
            }
            Step::SessionAbsent(session) => must(
                !self.has_session(*session),
                End::Failed(Condition::SessionAbsent),
            ),
            Step::SessionPresent(session) => must(
                self.has_session(*session),
                End::Failed(Condition::SessionPresent),
            ),
            step => self.change(step),
        }
    }

    fn change(&mut self, step: &Step) -> Result<(), End> {
        let had_logs: BTreeSet<u8> = self.logs.keys().map(|of| of.0).collect();
        match step {
            Step::Append(of, entries) => self.append(*of, entries),
            Step::AppendAt(of, at, entry) => {
                if self.len(*of) != *at {
                    return Err(End::Conflict(*at, self.len(*of)));
                }
                self.append(*of, &[*entry]);
            }
            Step::Replace(of, entries) => drop(self.logs.insert(*of, entries.clone())),
            Step::Truncate(of, len) => {
                if !of.2 && !self.logs.contains_key(of) {
                    return Err(End::NotFound(segment_id(of.1)));
                }
                if self.len(*of) < *len {
                    return Err(End::TooFar);
                }
                let log = self.logs.entry(*of).or_default();
                log.truncate(usize::try_from(*len).unwrap());
            }
            Step::Delete(of) => drop(self.logs.remove(of)),
            Step::Branch(of, at, to) => {
                let from = (of.0, of.1, false);
                let Some(log) = self.logs.get(&from) else {
                    return Err(End::NotFound(segment_id(of.1)));
                };
                let Some(shared) = log.get(..usize::try_from(*at).unwrap()) else {
                    return Err(End::TooFar);
                };
                let to = (of.0, *to, false);
                if self.logs.contains_key(&to) {
                    return Err(End::Exists);
                }
                self.logs.insert(to, shared.to_vec());
            }
            Step::DeleteSegment(session, segment) => {
                self.logs
                    .retain(|of, _| (of.0, of.1) != (*session, *segment));
            }
            Step::DeleteSession(session) => {
                self.logs.retain(|of, _| of.0 != *session);
                self.metadata.remove(session);
            }
            Step::Metadata(session, value) => drop(self.metadata.insert(*session, *value)),
            Step::Name(name, value) => drop(self.names.insert(*name, *value)),
            Step::DeleteName(name) => drop(self.names.remove(name)),
            condition => unreachable!("{condition:?}"),
        }
        // Empty traces are none, and metadata goes with the last log of its session.
        self.logs.retain(|of, log| !of.2 || !log.is_empty());
        let there: BTreeSet<u8> = self.logs.keys().map(|of| of.0).collect();
        self.metadata
            .retain(|session, _| there.contains(session) || !had_logs.contains(session));
        Ok(())
    }

    fn append(&mut self, of: Of, entries: &[u16]) {
        if !entries.is_empty() {
            self.logs.entry(of).or_default().extend(entries);
        }
    }
}

fn log_of(archive: &Archive, (session, segment, trace): Of) -> Log {
    if trace {
        archive.trace(session_id(session), segment_id(segment))
    } else {
        archive.log(session_id(session), segment_id(segment))
    }
}

fn metadata(value: u16) -> Map<String, Value> {
    Map::from_iter([("value".to_owned(), value.into())])
}

fn add(batch: &mut Batch, archive: &Archive, step: &Step) -> Result<(), StoreError> {
    let log = |of: &Of| log_of(archive, *of);
    let entries = |entries: &[u16]| -> Vec<Value> { entries.iter().map(|n| json!(n)).collect() };
    match step {
        Step::Len(of, len) => batch.expect_len(&log(of), *len),
        Step::Absent(of) => batch.expect_absent(&log(of)),
        Step::Present(of) => batch.expect_present(&log(of)),
        Step::Only(of) => batch.expect_only_segment(&log(of)),
        Step::SessionAbsent(session) => batch.expect_session_absent(session_id(*session)),
        Step::SessionPresent(session) => batch.expect_session_present(session_id(*session)),
        Step::Append(of, list) => batch.append_many(&log(of), entries(list))?,
        Step::AppendAt(of, at, entry) => batch.append_at(&log(of), *at, [*entry])?,
        Step::Replace(of, list) => batch.replace(&log(of), entries(list))?,
        Step::Truncate(of, len) => batch.truncate(&log(of), *len),
        Step::Delete(of) => batch.delete(&log(of)),
        Step::Branch(of, at, to) => batch.branch(&log(of), *at, segment_id(*to)),
        Step::DeleteSegment(session, segment) => {
            batch.delete_segment(session_id(*session), segment_id(*segment))
        }
        Step::DeleteSession(session) => batch.delete_session(session_id(*session)),
        Step::Metadata(session, value) => {
            batch.set_metadata(session_id(*session), &metadata(*value))?
        }
        Step::Name(name, value) => batch.write_name(NAMES[*name], &metadata(*value))?,
        Step::DeleteName(name) => batch.delete_name(NAMES[*name])?,
    };
    Ok(())
}

fn batch_of(archive: &Archive, steps: &[Step]) -> Batch {
    let mut batch = archive.batch();
    for step in steps {
        add(&mut batch, archive, step).expect("it can be added");
    }
    batch
}

/// What the archive holds, as the model has it.
fn content(archive: &Archive) -> Result<Model, StoreError> {
    let mut found = Model::default();
    for session in 0..IDS {
        for segment in 0..IDS {
            for trace in [false, true] {
                let of = (session, segment, trace);
                let log = log_of(archive, of);
                if log.exists()? {
                    let entries = log.read(..)?.decode().collect::<Result<_, _>>()?;
                    found.logs.insert(of, entries);
                }
            }
        }
        if let Some(metadata) = archive.metadata(session_id(session))? {
            found.metadata.insert(session, value_of(&metadata));
        }
    }
    for (number, name) in NAMES.iter().enumerate() {
        if let Some(record) = archive.read_name_as(name)? {
            found.names.insert(number, value_of(&record));
        }
    }
    Ok(found)
}

fn value_of(record: &Map<String, Value>) -> u16 {
    let value = record.get("value").and_then(Value::as_u64);
    u16::try_from(value.expect("a value")).expect("a small one")
}

fn run(history: &History) -> Result<(), String> {
    let archive = Archive::in_memory().map_err(|err| err.to_string())?;
    let mut model = Model::default();
    for (number, (steps, otherwise, fold)) in history.iter().enumerate() {
        let batch = batch_of(&archive, steps);
        let done = match otherwise {
            Some(otherwise) => batch.commit_or(batch_of(&archive, otherwise)),
            None => batch.commit().map(|()| true),
        };
        let expected = model.commit(steps, otherwise.as_deref());
        let end = end_of(done);
        if end != expected {
            return Err(format!("batch {number}: {end:?}, expected {expected:?}"));
        }
        if *fold {
            archive.checkpoint().map_err(|err| err.to_string())?;
        }
        let found = content(&archive).map_err(|err| err.to_string())?;
        if found != model {
            return Err(format!("batch {number}: {found:?}, expected {model:?}"));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn batches_do_all_or_nothing_as_the_model_does(history in history()) {
        let run = run(&history);
        prop_assert!(run.is_ok(), "{:?}", run);
    }
}

/// Whether the model finds a bug that is switched on.
pub(crate) fn catches(_: Bug) -> bool {
    let mut runner = proptest::test_runner::TestRunner::new(config(400));
    let found = runner.run(&history(), |history| {
        run(&history).map_err(TestCaseError::fail)
    });
    found.is_err()
}
