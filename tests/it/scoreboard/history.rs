//! Histories of changes to an archive, the state that each leaves, and an archive's state read
//! back.

/// Steps, drawn.
mod drawn;
/// How often they meet what is shared.
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Map, Value, json};
use sessiondb::{Archive, Durability, Log, Snapshot, StoreError};
use uuid::Uuid;

pub(super) use self::drawn::{SHORT_KINDS, fold_steps, random_step, short_steps};
use self::drawn::{entry, random_durability};
pub(super) use self::tally::Tally;
use super::row::Dice;

/// One log out of those that histories write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    session: u8,
    segment: u8,
    trace: bool,
}

const PLACES: [Place; 8] = [
    place(0, 0, false),
    place(0, 1, false),
    place(0, 2, false),
    place(0, 3, false),
    place(1, 0, false),
    place(1, 2, false),
    place(0, 0, true),
    place(1, 2, true),
];

const fn place(session: u8, segment: u8, trace: bool) -> Place {
    Place {
        session,
        segment,
        trace,
    }
}

impl Place {
    fn ids(self) -> (Uuid, Uuid) {
        let id = |number: u8| {
            Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
        };
        (id(self.session), id(16 + self.segment))
    }

    /// Traces are never shared.
    fn may_share_with(self, other: Self) -> bool {
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
pub(super) enum Step {
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
    pub(super) fn large_append(number: usize) -> Self {
        let entries = vec![entry(number, 0, 3_000)];
        Self::Append(PLACES[0], entries, Durability::Written)
    }

    /// Of what those have appended.
    pub(super) fn erase_first() -> Self {
        Self::Erase(PLACES[0], 0..1)
    }

    pub(super) fn append_of(number: usize, bytes: usize) -> Self {
        let entries = vec![entry(number, 0, bytes)];
        Self::Append(PLACES[5], entries, Durability::Written)
    }

    pub(super) fn small_append(number: usize) -> Self {
        let entries = vec![entry(number, 0, 40)];
        Self::Append(PLACES[0], entries, Durability::Written)
    }
}

/// Everything that an archive holds, as its callers see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    logs: BTreeMap<Place, Vec<String>>,
    metadata: BTreeMap<u8, u64>,
    names: BTreeMap<u8, u64>,
}

impl State {
    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::Append(place, entries, _) => self.append(*place, entries),
            Step::Batch(parts) => parts
                .iter()
                .for_each(|(place, entries)| self.append(*place, entries)),
            Step::Truncate(place, len) => {
                let log = self.logs.get_mut(place).expect("a log that is there");
                log.truncate(index(*len));
                // Traces are there as long as there are some.
                if place.trace && *len == 0 {
                    self.remove(*place);
                }
            }
            Step::Replace(place, entries) => {
                self.logs.insert(*place, entries.clone());
            }
            Step::Branch { from, len, to } => {
                let shared = &self.logs[from][..index(*len)];
                self.logs.insert(*to, shared.to_vec());
            }
            Step::Erase(place, range) => self.erase(*place, range.clone()),
            Step::DeleteLog(place) => self.remove(*place),
            Step::DeleteSession(session) => {
                self.logs.retain(|place, _| place.session != *session);
                self.metadata.remove(session);
            }
            Step::SetName(name, value) => drop(self.names.insert(*name, *value)),
            Step::DeleteName(name) => drop(self.names.remove(name)),
            Step::SetMetadata(session, value) => drop(self.metadata.insert(*session, *value)),
            Step::Sync | Step::Checkpoint | Step::Compact | Step::Background | Step::Reopen => {}
        }
    }

    /// Steps that take something away which nothing else shares.
    pub(super) fn deletions(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self
            .names
            .keys()
            .map(|name| Step::DeleteName(*name))
            .collect();
        let traces = self.logs.keys().filter(|place| place.trace);
        steps.extend(traces.map(|place| Step::Truncate(*place, 0)));
        let sessions: BTreeSet<u8> = self.logs.keys().map(|place| place.session).collect();
        // One each, since a deleted session has no traces any more.
        if steps.is_empty() {
            steps.extend(sessions.into_iter().map(Step::DeleteSession));
        }
        steps
    }

    fn append(&mut self, place: Place, entries: &[String]) {
        self.logs
            .entry(place)
            .or_default()
            .extend_from_slice(entries);
    }

    /// Puts tombstones in the place of entries, in all logs that share them.
    fn erase(&mut self, place: Place, range: Range<u64>) {
        for index in index(range.start)..index(range.end) {
            let entry = self.logs[&place][index].clone();
            for log in self.sharing(place) {
                if let Some(own) = log.get_mut(index).filter(|own| **own == entry) {
                    *own = tombstone(&entry);
                }
            }
        }
    }

    /// The logs that may share entries with this one, and itself. No two entries that were
    /// appended are alike, so one that is in several logs under one number is shared.
    fn sharing(&mut self, place: Place) -> impl Iterator<Item = &mut Vec<String>> {
        let logs = self.logs.iter_mut();
        let logs = logs.filter(move |(other, _)| **other == place || other.may_share_with(place));
        logs.map(|(_, log)| log)
    }

    /// Whether another log shares entries of this one from number `from` on.
    fn is_shared(&self, place: Place, from: u64) -> bool {
        let entries = self.logs.get(&place).map_or(&[][..], Vec::as_slice);
        self.logs.iter().any(|(other, log)| {
            let pairs = log.iter().zip(entries).skip(index(from));
            other.may_share_with(place)
                && pairs
                    .filter(|(_, entry)| !is_tombstone(entry))
                    .any(|(one, other)| one == other)
        })
    }

    fn remove(&mut self, place: Place) {
        self.logs.remove(&place);
        if !self.has_session(place.session) {
            self.metadata.remove(&place.session);
        }
    }

    fn has_session(&self, session: u8) -> bool {
        self.logs.keys().any(|place| place.session == session)
    }

    fn entries(&self) -> impl Iterator<Item = &str> {
        self.logs.values().flatten().map(String::as_str)
    }

    fn len(&self, place: Place) -> u64 {
        self.logs.get(&place).map_or(0, |log| log.len() as u64)
    }

    /// Whether it holds all that the other one does, perhaps with more behind it in its logs.
    pub(super) fn begins_with(&self, other: &Self) -> bool {
        let holds = |(place, entries): (&Place, &Vec<String>)| {
            let log = self.logs.get(place);
            log.is_some_and(|log| log.starts_with(entries))
        };
        other.logs.iter().all(holds) && self.metadata == other.metadata && self.names == other.names
    }

    /// Reads the state of an archive.
    pub(super) fn of(archive: &Archive) -> Result<Self, String> {
        Self::of_snapshot(&archive.snapshot().map_err(|err| err.to_string())?)
    }

    /// Reads a state. Its parts must agree with each other.
    pub(super) fn of_snapshot(snapshot: &Snapshot) -> Result<Self, String> {
        let mut state = Self::default();
        let fail = |err: StoreError| err.to_string();
        for place in PLACES {
            if let Some(entries) = read_log(snapshot, place)? {
                state.logs.insert(place, entries);
            }
        }
        let listed: Result<Vec<_>, _> = snapshot.sessions().collect();
        let listed: Vec<Uuid> = listed.map_err(fail)?.iter().map(|info| info.id).collect();
        for session in [0, 1] {
            let id = place(session, 0, false).ids().0;
            if let Some(metadata) = snapshot.metadata(id).map_err(fail)? {
                let n = metadata["n"].as_u64().ok_or("metadata of nobody")?;
                state.metadata.insert(session, n);
            }
            if listed.contains(&id) != state.has_session(session) {
                return Err(format!(
                    "session {session} is listed and has no logs, or not"
                ));
            }
        }
        for name in snapshot.list_names().map_err(fail)? {
            let record = snapshot.read_name(&name).map_err(fail)?;
            let record = record.ok_or("a name is listed and has no record")?;
            let key = name.trim_start_matches("name-").parse();
            let n = record.extra["n"].as_u64().ok_or("a record of nobody")?;
            state.names.insert(key.map_err(|_| "a name of nobody")?, n);
        }
        Ok(state)
    }
}

fn read_log(snapshot: &Snapshot, place: Place) -> Result<Option<Vec<String>>, String> {
    let fail = |err: StoreError| format!("{place:?}: {err}");
    let (session, segment) = place.ids();
    let mut entries = Vec::new();
    let read = if place.trace {
        snapshot.read_raw_traces(session, segment, ..)
    } else {
        snapshot.read_raw(session, segment, ..)
    };
    let read = match read {
        Err(StoreError::NotFound(_)) => return Ok(None),
        read => read.map_err(fail)?,
    };
    for entry in read {
        entries.push(entry.map_err(fail)?.as_str().to_owned());
    }
    if place.trace {
        return Ok(Some(entries).filter(|entries| !entries.is_empty()));
    }
    let len = snapshot.len(session, segment).map_err(fail)?;
    if len != entries.len() as u64 {
        return Err(format!(
            "{place:?}: {len} entries, and {} to be read",
            entries.len()
        ));
    }
    Ok(Some(entries))
}

/// Steps, and the state before each and after the last.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) steps: Vec<Step>,
    pub(super) states: Vec<State>,
    /// What `append` promises where a step does not say.
    pub(super) durability: Durability,
}

impl History {
    pub(super) fn of(steps: Vec<Step>, durability: Durability) -> Self {
        let mut state = State::default();
        let mut states = vec![state.clone()];
        for step in &steps {
            state.apply(step);
            states.push(state.clone());
        }
        Self {
            steps,
            states,
            durability,
        }
    }

    /// One more step.
    pub(super) fn push(&mut self, step: Step) {
        let mut state = self.states.last().cloned().unwrap_or_default();
        state.apply(&step);
        self.states.push(state);
        self.steps.push(step);
    }

    pub(super) fn random_durability(dice: &mut Dice) -> Durability {
        random_durability(dice)
    }

    pub(super) fn random(dice: &mut Dice, len: usize) -> Self {
        let durability = random_durability(dice);
        let (mut steps, mut state) = (Vec::new(), State::default());
        while steps.len() < len {
            let step = random_step(dice, &state, steps.len());
            state.apply(&step);
            steps.push(step);
        }
        Self::of(steps, durability)
    }

    /// The state before two steps, between them and after them.
    pub(super) fn of_two(before: &State, first: &Step, second: &Step) -> [State; 3] {
        let mut between = before.clone();
        between.apply(first);
        let mut after = between.clone();
        after.apply(second);
        [before.clone(), between, after]
    }

    /// The entries that have been there, and are not after this step.
    pub(super) fn gone_after(&self, step: usize) -> Vec<&str> {
        let mut gone: BTreeSet<&str> = self.states[..=step]
            .iter()
            .flat_map(State::entries)
            .collect();
        for entry in self.states[step + 1].entries() {
            gone.remove(entry);
        }
        gone.retain(|entry| !is_tombstone(entry));
        gone.into_iter().collect()
    }

    /// Whether the step, once it has returned, is on the disk with all before it.
    pub(super) fn is_synced(&self, step: usize) -> bool {
        match &self.steps[step] {
            Step::Append(_, _, durability) => *durability == Durability::Synced,
            Step::Erase(..) | Step::Sync | Step::Checkpoint | Step::Compact | Step::Reopen => true,
            Step::Background => false,
            // As durable as the most durable of its logs; traces are only written.
            Step::Batch(parts) => {
                self.durability == Durability::Synced && parts.iter().any(|(place, _)| !place.trace)
            }
            _ => self.durability == Durability::Synced,
        }
    }
}

/// Takes a step on an archive. Reopening it is left to whoever has the disk.
pub(super) fn play(archive: &Archive, step: &Step, number: usize) -> Result<(), StoreError> {
    // The same in each try, so that a change that was lost comes again byte for byte.
    let log = |place: &Place| place.log(archive).with_timestamp(1000 + number as u64);
    match step {
        Step::Append(place, entries, durability) => {
            let log = log(place).with_durability(*durability);
            log.append_many_raw(entries).map(drop)
        }
        Step::Batch(parts) => {
            let mut batch = archive.batch();
            for (place, entries) in parts {
                for entry in entries {
                    batch.append_raw(&log(place), entry.as_bytes())?;
                }
            }
            batch.commit()
        }
        Step::Truncate(place, len) => log(place)
            .with_durability(archive.durability())
            .truncate(*len),
        Step::Replace(place, entries) => log(place).replace_raw(entries),
        Step::Branch { from, len, to } => {
            let ((session, from), (_, to)) = (from.ids(), to.ids());
            archive.branch_to(session, from, *len, to)
        }
        Step::Erase(place, range) => log(place).erase(range.clone()).map(drop),
        Step::DeleteLog(place) => log(place)
            .with_durability(archive.durability())
            .delete()
            .map(drop),
        Step::DeleteSession(session) => {
            let id = self::place(*session, 0, false).ids().0;
            archive.delete_session(id).map(drop)
        }
        Step::SetName(name, value) => archive.update_name(&format!("name-{name}"), |record| {
            record.extra.insert("n".to_owned(), json!(value));
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
        Step::Compact => archive.clone().compact(&mut |_| {}).map(drop),
        Step::Background => {
            sessiondb::testing::run_background(archive);
            Ok(())
        }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("a small log")
}

/// What stands in the place of an entry once it is erased: its time stays, if it has one.
fn tombstone(entry: &str) -> String {
    let entry: Value = serde_json::from_str(entry).expect("an entry is JSON");
    match entry.get("ts") {
        Some(ts) => format!(r#"{{"kind":"erased","ts":{ts}}}"#),
        None => r#"{"kind":"erased"}"#.to_owned(),
    }
}

fn is_tombstone(entry: &str) -> bool {
    entry.starts_with(r#"{"kind":"erased""#)
}
