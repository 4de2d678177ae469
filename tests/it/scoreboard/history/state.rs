//! What an archive holds after a history, by the model and as it is read back.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sessiondb::{Archive, Snapshot, StoreError};
use uuid::Uuid;

use super::entry::{is_tombstone, redacted, tombstone};
use super::step::{PLACES, Place, Step, place};

/// Everything that an archive holds, as its callers see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct State {
    pub(super) logs: BTreeMap<Place, Vec<String>>,
    metadata: BTreeMap<u8, u64>,
    pub(super) names: BTreeMap<u8, u64>,
}

impl State {
    pub(in super::super) fn apply(&mut self, step: &Step) {
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
            Step::Erase(place, range) => {
                self.rewrite(*place, range.clone(), |old| Some(tombstone(old)));
            }
            Step::Redact(place, at) => self.rewrite(*place, *at..*at + 1, redacted),
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
    pub(in super::super) fn deletions(&self) -> Vec<Step> {
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

    /// Puts others in the place of entries, in all logs that share them.
    fn rewrite(&mut self, place: Place, range: Range<u64>, new: fn(&str) -> Option<String>) {
        for index in index(range.start)..index(range.end) {
            let entry = self.logs[&place][index].clone();
            let Some(new) = new(&entry) else {
                continue;
            };
            for log in self.sharing(place) {
                if let Some(own) = log.get_mut(index).filter(|own| **own == entry) {
                    own.clone_from(&new);
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
    pub(super) fn is_shared(&self, place: Place, from: u64) -> bool {
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

    pub(super) fn has_session(&self, session: u8) -> bool {
        self.logs.keys().any(|place| place.session == session)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &str> {
        self.logs.values().flatten().map(String::as_str)
    }

    pub(super) fn len(&self, place: Place) -> u64 {
        self.logs.get(&place).map_or(0, |log| log.len() as u64)
    }

    /// Whether it holds all that the other one does, perhaps with more behind it in its logs.
    pub(in super::super) fn begins_with(&self, other: &Self) -> bool {
        let holds = |(place, entries): (&Place, &Vec<String>)| {
            let log = self.logs.get(place);
            log.is_some_and(|log| log.starts_with(entries))
        };
        other.logs.iter().all(holds) && self.metadata == other.metadata && self.names == other.names
    }

    /// Reads the state of an archive.
    pub(in super::super) fn of(archive: &Archive) -> Result<Self, String> {
        Self::of_snapshot(&archive.snapshot().map_err(|err| err.to_string())?)
    }

    /// Reads a state. Its parts must agree with each other.
    pub(in super::super) fn of_snapshot(snapshot: &Snapshot) -> Result<Self, String> {
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
        for name in snapshot.names().map_err(fail)? {
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
    let log = if place.trace {
        snapshot.trace(session, segment)
    } else {
        snapshot.log(session, segment)
    };
    if !log.exists().map_err(fail)? {
        return Ok(None);
    }
    for entry in log.read(..).map_err(fail)? {
        entries.push(entry.map_err(fail)?.as_str().to_owned());
    }
    let len = log.len().map_err(fail)?;
    if len != entries.len() as u64 {
        return Err(format!(
            "{place:?}: {len} entries, and {} to be read",
            entries.len()
        ));
    }
    Ok(Some(entries))
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("a small log")
}
