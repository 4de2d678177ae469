//! R11: a state machine. An archive that is folded, closed and opened in between answers as
//! `MemoryStore` does, and as a naive model of what only an archive has.

/// What the archive should show.
mod model;
/// The calls of a history, and how they are drawn.
mod steps;

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use sessiondb::testing::{self, Bug, Opening, StorageBackend};
use sessiondb::{Archive, Durability};

use self::model::Model;
use self::steps::{History, Kind, Step};
use super::row::{Dice, Row, by_form, seed};
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
                let expected = model.make(change);
                assert_eq!(found, expected, "{place}");
                assert!(subject.archive.version().unwrap() >= version, "{place}");
            }
            Step::Checkpoint => subject.archive.checkpoint().unwrap(),
            Step::Background => folds += u64::from(testing::run_background(&subject.archive)),
            Step::Reopen => subject = subject.reopen(),
        }
        model.compare(&subject.archive, &place);
    }
    let report = subject.archive.check(None).unwrap();
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
