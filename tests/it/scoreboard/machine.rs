//! R11: a state machine. An archive that is folded, closed and opened in between answers as
//! `MemoryStore` does, and as a naive model of what only an archive has.

/// The calls of a history, and how they are drawn.
mod steps;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::{Map, Value};
use sessiondb::testing::{self, Bug, Opening, StorageBackend};
use sessiondb::{Archive, Durability, MemoryStore, PodRecord, SessionId, Store, TraceEntry};

use self::steps::{History, Kind, NAMES, Place, Step};
use super::row::{Dice, Row, by_form, seed};
use crate::model_store::{SEGMENTS, SESSIONS, compare, segment_id, session_id};
use crate::scratch::Scratch;

const JOURNAL_BYTES: u64 = 16 << 10;

#[test]
fn r11_state_machine() {
    let mut row = Row::new("R11");
    let cases = by_form(256, 10_000);
    let (tried, folds) = (Cell::new(0_u64), Cell::new(0_u64));
    let outcome = run(cases, seed(), 4096, &|history| {
        tried.set(tried.get() + 1);
        folds.set(folds.get() + play(history, None));
        Ok(())
    });
    (1..tried.get()).for_each(|_| row.case(Ok(())));
    row.case(outcome);
    row.finish(u64::from(cases));
    // Where nothing was folded in the background, the row says less than it seems to.
    assert!(
        folds.get() >= u64::from(cases) / 16,
        "{} folds",
        folds.get()
    );
}

/// A fold that forgets what it folds is seen.
#[test]
fn r11_can_fail() {
    let caught = run(64, seed(), 0, &|history| {
        let seeded = Seeded::new(Bug::DoNotFold);
        play(history, Some(Kind::Storage));
        drop(seeded);
        Ok(())
    });
    assert!(caught.is_err());
}

/// Tries histories that are drawn from a seed; of one that fails the shortest form is told.
fn run(
    cases: u32,
    seed: u64,
    max_shrink_iters: u32,
    play: &dyn Fn(&History) -> Result<(), TestCaseError>,
) -> Result<(), String> {
    let config = Config {
        cases,
        max_shrink_iters,
        failure_persistence: None,
        ..Config::default()
    };
    let mut dice = Dice::new(seed);
    let chacha: Vec<u8> = (0..4).flat_map(|_| dice.next().to_le_bytes()).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &chacha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    match runner.run(&steps::histories(), |history| play(&history)) {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, history)) => Err(format!("{reason}\n{history:#?}")),
        Err(TestError::Abort(reason)) => Err(reason.to_string()),
    }
}

/// A bug that is switched on for this thread as long as this lives.
struct Seeded;

impl Seeded {
    fn new(bug: Bug) -> Self {
        testing::seed(Some(bug));
        Self
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        testing::seed(None);
    }
}

/// Makes each call of the history on an archive and on the model, and compares all they show.
/// Returns how often an epoch that had ended was folded by hand.
fn play(history: &History, kind: Option<Kind>) -> u64 {
    let mut folds = 0;
    let mut subject = Subject::new(kind.unwrap_or(history.kind));
    let mut model = Model::default();
    for (number, step) in history.steps.iter().enumerate() {
        let place = format!("after step {number}, {step:?}");
        match step {
            Step::Change(change) => {
                let version = subject.archive.version().unwrap();
                let found = change.on_archive(&subject.archive);
                let expected = change.on_model(&mut model);
                assert_eq!(found, expected, "{place}");
                assert!(subject.archive.version().unwrap() >= version, "{place}");
            }
            Step::Checkpoint => subject.archive.checkpoint().unwrap(),
            Step::Background => folds += u64::from(testing::run_background(&subject.archive)),
            Step::Reopen => subject = subject.reopen(),
        }
        model.compare(&subject.archive, &place);
    }
    let report = subject.archive.check(&mut |_| ()).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
    folds
}

/// The archive under test, and where it is kept.
struct Subject {
    archive: Archive,
    home: Home,
}

enum Home {
    Memory,
    Storage(Arc<dyn StorageBackend>),
    File(Scratch),
}

impl Subject {
    fn new(kind: Kind) -> Self {
        let home = match kind {
            Kind::Memory => Home::Memory,
            Kind::Storage => Home::Storage(testing::create_in_memory(JOURNAL_BYTES).unwrap()),
            Kind::File => {
                let scratch = Scratch::new();
                testing::create_file(&file_in(&scratch), JOURNAL_BYTES).unwrap();
                Home::File(scratch)
            }
        };
        let archive = match kind {
            Kind::Memory => Archive::in_memory().unwrap(),
            _ => home.open(),
        };
        Self { archive, home }
    }

    /// Closes the archive and opens it again. In memory alone it would be gone.
    fn reopen(self) -> Self {
        let Self { archive, home } = self;
        if let Home::Memory = home {
            return Self { archive, home };
        }
        archive.close().unwrap();
        let archive = home.open();
        Self { archive, home }
    }
}

impl Home {
    fn open(&self) -> Archive {
        match self {
            Self::Memory => unreachable!("it is made once"),
            Self::Storage(storage) => {
                testing::open(Arc::clone(storage), Opening::default()).unwrap()
            }
            Self::File(scratch) => {
                let options = Archive::options().create(false);
                options
                    .durability(Durability::Written)
                    .open(file_in(scratch))
                    .unwrap()
            }
        }
    }
}

fn file_in(scratch: &Scratch) -> PathBuf {
    scratch.path().join("archive.sessiondb")
}

/// What the archive should show.
#[derive(Default)]
struct Model {
    logs: MemoryStore,
    metadata: BTreeMap<SessionId, Map<String, Value>>,
    names: BTreeMap<String, PodRecord>,
}

impl Model {
    /// The length of a log, 0 if it is not there.
    fn len(&self, place: Place) -> usize {
        let (session, segment) = place.ids();
        self.logs.read_entry_count(session, segment).unwrap_or(0)
    }

    fn has_session(&self, session: SessionId) -> bool {
        self.logs.list_sessions().unwrap().contains(&session)
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
        self.logs = self.copy(keep);
        let sessions = self.logs.list_sessions().unwrap();
        self.metadata
            .retain(|session, _| sessions.contains(session));
    }

    fn compare(&self, archive: &Archive, place: &str) {
        compare(archive, &self.logs, place);
        self.compare_traces(archive, place);
        self.compare_sums(archive, place);
        for session in (0..SESSIONS).map(session_id) {
            let metadata = archive.metadata(session).unwrap();
            assert_eq!(metadata.as_ref(), self.metadata.get(&session), "{place}");
        }
        let names: Vec<&str> = self.names.keys().map(String::as_str).collect();
        assert_eq!(archive.list_names().unwrap(), names, "{place}");
        for name in NAMES {
            let record = archive.read_name(name).unwrap();
            assert_eq!(record.as_ref(), self.names.get(name), "{place}");
        }
    }

    fn compare_traces(&self, archive: &Archive, place: &str) {
        for log in Place::all() {
            let (session, segment) = log.ids();
            let traces = archive.trace(session, segment);
            let found = traces.read::<TraceEntry>(..).unwrap();
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
}
