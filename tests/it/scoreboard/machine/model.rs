//! What the archive should show: a `MemoryStore`, and a naive model of what only an archive has.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sessiondb::entry::{WorkerName, WorkerRecord};
use sessiondb::{Archive, MemoryStore, SessionId, Store, TraceEntry};

use super::steps::{Answer, Change, NAMES, Part, Place, key, log_entries, record};
use crate::model_store::{
    self, Outcome, SEGMENTS, SESSIONS, compare, outcome, segment_id, session_id,
};

/// What the archive should show.
#[derive(Default)]
pub(super) struct Model {
    logs: MemoryStore,
    metadata: BTreeMap<SessionId, Map<String, Value>>,
    names: BTreeMap<String, WorkerRecord>,
}

impl Model {
    /// The length of a log, 0 if it is not there.
    fn len(&self, place: Place) -> usize {
        let (session, segment) = place.ids();
        self.logs.read_entry_count(session, segment).unwrap_or(0)
    }

    fn has_session(&self, session: SessionId) -> bool {
        self.metadata.contains_key(&session)
            || self.logs.list_sessions().unwrap().contains(&session)
    }

    /// The logs for which `keep` is true, told whether it is asked about traces.
    fn copy(&self, keep: impl Fn(Place, bool) -> bool) -> MemoryStore {
        let copy = MemoryStore::new();
        for place in Place::all() {
            let (session, segment) = place.ids();
            if keep(place, false)
                && let Ok(entries) = self.logs.read_all(session, segment)
            {
                copy.create_segment(session, segment, &entries).unwrap();
            }
            for trace in self.logs.read_traces(session, segment) {
                if keep(place, true) {
                    copy.append_trace(session, segment, &trace).unwrap();
                }
            }
        }
        copy
    }

    /// Keeps only these logs. Metadata goes with the last log of its session.
    fn retain(&mut self, keep: impl Fn(Place, bool) -> bool) {
        let before = self.logs.list_sessions().unwrap();
        self.logs = self.copy(keep);
        let sessions = self.logs.list_sessions().unwrap();
        self.metadata
            .retain(|session, _| sessions.contains(session) || !before.contains(session));
    }

    pub(super) fn compare(&self, archive: &Archive, place: &str) {
        compare(archive, &self.logs, place);
        self.compare_traces(archive, place);
        self.compare_sums(archive, place);
        for session in (0..SESSIONS).map(session_id) {
            let metadata = archive.metadata(session).unwrap();
            assert_eq!(metadata.as_ref(), self.metadata.get(&session), "{place}");
        }
        let names: Vec<&str> = self.names.keys().map(String::as_str).collect();
        assert_eq!(archive.names().unwrap(), names, "{place}");
        for name in NAMES {
            let record = archive.read_name(name).unwrap();
            assert_eq!(record.as_ref(), self.names.get(name), "{place}");
        }
    }

    fn compare_traces(&self, archive: &Archive, place: &str) {
        for log in Place::all() {
            let (session, segment) = log.ids();
            let traces = archive.trace(session, segment);
            let found = traces.read(..).unwrap().decode::<TraceEntry>();
            let found: Result<Vec<TraceEntry>, _> = found.collect();
            let expected = self.logs.read_traces(session, segment);
            assert_eq!(found.unwrap(), expected, "{place}: traces of {log:?}");
        }
    }

    /// What an archive says of sessions and segments without reading entries.
    fn compare_sums(&self, archive: &Archive, place: &str) {
        for number in 0..SESSIONS {
            let session = session_id(number);
            let info = archive.session(session).unwrap();
            assert_eq!(info.is_some(), self.has_session(session), "{place}");
            let Some(info) = info else { continue };
            let mut sums = [0; 4];
            for segment in (0..SEGMENTS).map(segment_id) {
                let exists = self.logs.exists(session, segment).unwrap();
                let entries = self.logs.read_all(session, segment).unwrap_or_default();
                let texts = entries
                    .iter()
                    .map(|entry| serde_json::to_string(entry).unwrap());
                sums[0] += u64::from(exists);
                sums[1] += entries.len() as u64;
                sums[2] += texts.map(|text| text.len() as u64).sum::<u64>();
                sums[3] += self.logs.read_traces(session, segment).len() as u64;
            }
            let found = [info.segments, info.entries, info.entry_bytes, info.traces];
            assert_eq!(found, sums, "{place}: session {number}");
        }
    }

    /// Makes a change, and gives what it must give.
    pub(super) fn make(&mut self, change: &Change) -> Answer {
        let there = |model: &Self, place: Place| {
            let (session, segment) = place.ids();
            let traces = !model.logs.read_traces(session, segment).is_empty();
            [model.logs.exists(session, segment).unwrap(), traces]
        };
        match change {
            Change::Store(op) => model_store::apply(&self.logs, op).map(|()| true),
            Change::Batch(parts) => self.batch(parts),
            Change::AppendAt(place, expected, entries) => {
                self.batch(&[Part::AppendAt(*place, *expected, entries.clone())])
            }
            Change::DeleteLog(place, traces) => {
                let found = there(self, *place)[usize::from(*traces)];
                self.retain(|log, kind| (log, kind) != (*place, *traces));
                Outcome::Done(found)
            }
            Change::DeleteSegment(place) => {
                let found = there(self, *place).contains(&true);
                self.retain(|log, _| log != *place);
                Outcome::Done(found)
            }
            Change::DeleteSession(session) => {
                let found = self.has_session(session_id(*session));
                self.retain(|log, _| log.0 != *session);
                self.metadata.remove(&session_id(*session));
                Outcome::Done(found)
            }
            Change::SetMetadata(session, number) => self.change_metadata(*session, |metadata| {
                metadata.clear();
                metadata.insert("number".to_owned(), json!(number));
            }),
            Change::UpdateMetadata(session, number) => self.change_metadata(*session, |metadata| {
                metadata.insert(key(*number), json!(number));
            }),
            Change::WriteName(name, number) => {
                self.names
                    .insert(NAMES[*name].to_owned(), record(*name, *number));
                Outcome::Done(true)
            }
            Change::UpdateName(name, number) => {
                let name = WorkerName::new(NAMES[*name]).unwrap();
                let record = self.names.entry(name.to_string());
                let record = record.or_insert_with(|| WorkerRecord::new(name));
                record.extra.insert(key(*number), json!(number));
                Outcome::Done(true)
            }
            Change::DeleteName(name) => Outcome::Done(self.names.remove(NAMES[*name]).is_some()),
        }
    }

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
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Answer {
        change(self.metadata.entry(session_id(session)).or_default());
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
