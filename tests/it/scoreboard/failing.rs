//! R4, R6: every call to the disk fails, once or from then on, while changes are made and while a
//! crash is recovered from.

use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sessiondb::testing::Bug;
use sessiondb::{Archive, StoreError};

use super::crash_oracle::{Played, open, take, verify};
use super::disk::{Disk, Fault, Pages, new_archive};
use super::history::{History, State, Step};
use super::power::crashes;
use super::row::{Dice, Row, by_form};

fn random_fault(dice: &mut Dice, at_call: u64) -> Fault {
    let kinds = [ErrorKind::StorageFull, ErrorKind::Other];
    Fault {
        at_call,
        from_then_on: dice.one_in(2),
        kind: kinds[dice.index(kinds.len())],
        short: dice.one_in(3),
    }
}

/// How far a history came on a disk that fails.
struct Reached {
    /// What was acknowledged last.
    acknowledged: usize,
    /// What may be there.
    at_most: usize,
}

/// Takes the steps until one fails. What it says must be true, and the handle must refuse to go
/// on if the outcome is unknown.
fn play_until_failure(disk: &Arc<Disk>, history: &History) -> Result<Reached, String> {
    let mut reached = Reached {
        acknowledged: 0,
        at_most: 0,
    };
    let Ok(mut archive) = open(disk, history) else {
        return Ok(reached);
    };
    for step in 0..history.steps.len() {
        let reopens = matches!(history.steps[step], Step::Reopen);
        // A reopening gives the handle away.
        let kept = (!reopens).then(|| archive.clone());
        match take(archive, disk, history, step) {
            Ok(next) => archive = next,
            Err(_) if reopens => return Ok(reached),
            Err(err) => {
                let said = says_the_truth(&err).map_err(|err| format!("step {step}: {err}"))?;
                reached.at_most += usize::from(said == Said::Unknown);
                let archive = kept.expect("no reopening");
                disk.mend();
                let kept = keeps_its_word(&archive, history, step, said);
                kept.map_err(|err| format!("step {step}, after {said:?}: {err}"))?;
                return Ok(reached);
            }
        }
        (reached.acknowledged, reached.at_most) = (step + 1, step + 1);
    }
    Ok(reached)
}

/// What an error says of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// It may be there.
    Unknown,
    /// It is not.
    Undone,
}

fn says_the_truth(err: &StoreError) -> Result<Said, String> {
    let text = err.to_string();
    if !text.contains("test.sessiondb") {
        return Err(format!("it does not name the file: {text}"));
    }
    match err {
        StoreError::OutcomeUnknown { .. } => Ok(Said::Unknown),
        StoreError::Poisoned { .. } | StoreError::Io(_) => Ok(Said::Undone),
        other => Err(format!("an unexpected error: {other:?}")),
    }
}

/// After an unknown outcome no write is let through, though the disk works again; reads go on, and
/// show one of the states that may be there.
fn keeps_its_word(
    archive: &Archive,
    history: &History,
    step: usize,
    said: Said,
) -> Result<(), String> {
    if said == Said::Unknown {
        let refused = archive.write_name("after", &record("after"));
        if !matches!(refused, Err(StoreError::Poisoned { .. })) {
            return Err(format!("a write after it: {refused:?}"));
        }
    }
    let states = &history.states[step..=step + 1];
    let state = State::of(archive).map_err(|err| format!("reading: {err}"))?;
    if states.contains(&state) {
        return Ok(());
    }
    Err(format!("it shows {state:.300?}"))
}

fn record(name: &str) -> sessiondb::entry::WorkerRecord {
    sessiondb::entry::WorkerRecord::new(sessiondb::entry::WorkerName::new(name).expect("a name"))
}

/// One fault in one history. Returns whether a call failed at all.
fn survives(history: &History, fault: Fault) -> Result<bool, String> {
    let disk = Disk::new(new_archive());
    disk.set_fault(Some(fault));
    let played = catch_unwind(AssertUnwindSafe(|| play_until_failure(&disk, history)));
    let reached = played.map_err(|_| "a panic left the API".to_owned())??;
    let failed = disk.failed() > 0;
    let allowed = reached.acknowledged..=reached.at_most;
    verify(history, disk.content(), allowed)?;
    Ok(failed)
}

/// Faults at every call of some histories, or at as many as wanted.
fn random_faults(row: &mut Row, cases: u64) {
    const STEPS: usize = 14;
    for number in 0.. {
        if row.cases() >= cases || row.violations() > 20 {
            return;
        }
        let mut dice = Dice::new(super::row::seed() ^ (number << 24) ^ 4);
        let history = History::random(&mut dice, STEPS);
        for call in 0.. {
            let fault = random_fault(&mut dice, call);
            match survives(&history, fault) {
                Ok(true) => row.case(Ok(())),
                Ok(false) => break,
                Err(err) => row.case(Err(format!("history {number}, {fault:?}: {err}"))),
            }
        }
    }
}

/// Closing folds what is in the journal. Who has written nothing has nothing to be in doubt about,
/// whatever fails there.
#[test]
fn who_wrote_nothing_closes_without_an_unknown_outcome() {
    let history = History::of(
        (0..5).map(Step::small_append).collect(),
        sessiondb::Durability::Synced,
    );
    let disk = Disk::new(new_archive());
    let mut archive = open(&disk, &history).unwrap();
    for step in 0..history.steps.len() {
        archive = take(archive, &disk, &history, step).unwrap();
    }
    archive.sync().unwrap();
    let image = disk.content();
    drop(archive);
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        for call in 0.. {
            let disk = Disk::new(image.clone());
            let archive = open(&disk, &history).unwrap();
            assert_eq!(State::of(&archive).unwrap(), history.states[5]);
            disk.set_fault(Some(Fault {
                at_call: call,
                from_then_on: call % 2 == 0,
                kind,
                short: false,
            }));
            let closed = archive.close();
            let unknown = matches!(
                closed,
                Err(StoreError::OutcomeUnknown { .. } | StoreError::Poisoned { .. })
            );
            assert!(!unknown, "{kind:?} at {call}: {closed:?}");
            if disk.failed() == 0 {
                closed.unwrap();
                break;
            }
            verify(&history, disk.content(), 5..=5).unwrap();
        }
    }
}

#[test]
fn r04_a_failing_disk_loses_nothing_that_was_acknowledged() {
    let mut row = Row::new("R4");
    let cases = by_form(1_000, 20_000);
    random_faults(&mut row, cases);
    row.finish(cases);
}

/// Whether a bug that is switched on shows.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R4");
    random_faults(&mut row, 1_000);
    row.violations() > 0
}

/// Faults at every call while a crash is recovered from; then the disk works again.
fn fail_recovery(
    row: &mut Row,
    history: &History,
    image: &Pages,
    allowed: RangeInclusive<usize>,
    dice: &mut Dice,
) {
    for call in 0.. {
        let fault = random_fault(dice, call);
        let disk = Disk::new(image.clone());
        disk.set_fault(Some(fault));
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let archive = open(&disk, history).ok()?;
            State::of(&archive).ok()
        }));
        let failed = disk.failed() > 0;
        let verified = match opened {
            Err(_) => Err("a panic left the API".to_owned()),
            Ok(Some(state)) if !history.states[allowed.clone()].contains(&state) => {
                Err(format!("it shows {state:.300?}"))
            }
            Ok(_) => verify(history, disk.content(), allowed.clone()).map(drop),
        };
        row.case(verified.map_err(|err| format!("{fault:?}: {err}")));
        if !failed {
            return;
        }
    }
}

/// Faults at every call of the recovery of some crashes, until there were as many cases.
fn random_recovery_faults(row: &mut Row, cases: u64) {
    for number in 0.. {
        if row.cases() >= cases || row.violations() > 20 {
            return;
        }
        let mut dice = Dice::new(super::row::seed() ^ (number << 24) ^ 6);
        let history = History::random(&mut dice, 30);
        let played = match Played::of(&history, 0..history.steps.len(), new_archive()) {
            Ok(played) => played,
            Err(err) => return row.case(Err(format!("history {number}: {err}"))),
        };
        let mut second = Dice::new(dice.next());
        let events = (played.events.as_slice(), 0);
        crashes(&played.start, events, &mut dice, 1, |crash, image| {
            if second.one_in(16) {
                row.within(format!("history {number}, {crash}"));
                let allowed = played.allowed(crash.after, !crash.keeps_all());
                fail_recovery(row, &history, &image, allowed, &mut second);
            }
            row.cases() < cases
        });
    }
}

#[test]
fn r06_a_disk_that_fails_during_recovery_loses_nothing() {
    let mut row = Row::new("R6");
    let cases = by_form(500, 15_000);
    random_recovery_faults(&mut row, cases);
    row.finish(cases);
}

/// Whether a bug in recovery that is switched on shows.
pub(super) fn recovery_catches(_: Bug) -> bool {
    let mut row = Row::new("R6");
    random_recovery_faults(&mut row, 500);
    row.violations() > 0
}
