//! R1, R2, R10: power loss at every write, change of length and sync; again while the first is
//! recovered from; and at all crash points of all short sequences. And the bugs that they find.

use sessiondb::Durability;
use sessiondb::testing::{Bug, seed};

use super::disk::new_archive;
use super::history::{History, Step, short_steps};
use super::played::{Played, verify};
use super::power::crashes;
use super::row::{Dice, Row, by_form};

/// Loses power at the moments of a history, from the step `from` on, and verifies what is left.
/// `most` images a moment.
fn lose_power(
    row: &mut Row,
    history: &History,
    (name, most): (&str, usize),
    dice: &mut Dice,
    last_only: bool,
) {
    let played = match Played::of(history, 0..history.steps.len(), new_archive()) {
        Ok(played) => played,
        Err(err) => return row.case(Err(format!("{name}: {err}"))),
    };
    let from = if last_only {
        played.last_began() + 1
    } else {
        0
    };
    crashes(
        &played.start,
        (&played.events, from),
        dice,
        most,
        |crash, image| {
            let allowed = played.allowed(crash.after, !crash.keeps_all());
            let verified = verify(history, image, allowed);
            row.case(
                verified
                    .map(drop)
                    .map_err(|err| format!("{name}, {crash}: {err}")),
            );
            row.violations() == 0
        },
    );
}

/// Random histories, until there were as many images or a violation.
fn random_histories(row: &mut Row, images: u64, most: usize) {
    const STEPS: usize = 40;
    for number in 0.. {
        if row.cases() >= images || row.violations() > 0 {
            return;
        }
        let mut dice = Dice::new(super::row::seed() + number);
        let history = History::random(&mut dice, STEPS);
        lose_power(
            row,
            &history,
            (&format!("history {number}"), most),
            &mut dice,
            false,
        );
    }
}

#[test]
fn r01_power_loss_anywhere_leaves_an_exact_prefix() {
    let mut row = Row::new("R1");
    let images = by_form(4_000, 500_000);
    random_histories(&mut row, images, by_form(12, 60));
    row.finish(images);
}

/// Loses power, and loses it once more at the moments of opening and going on.
fn lose_power_twice(row: &mut Row, number: u64, images: u64) {
    const STEPS: usize = 3;
    let mut dice = Dice::new(super::row::seed() ^ number << 32);
    let history = History::random(&mut dice, 30);
    let played = match Played::of(&history, 0..history.steps.len(), new_archive()) {
        Ok(played) => played,
        Err(err) => return row.case(Err(format!("history {number}: {err}"))),
    };
    let mut second = Dice::new(dice.next());
    crashes(
        &played.start,
        (&played.events, 0),
        &mut dice,
        2,
        |crash, image| {
            if !second.one_in(4) {
                return true;
            }
            let name = format!("history {number}, {crash}");
            let allowed = played.allowed(crash.after, !crash.keeps_all());
            let steps = match verify(&history, image.clone(), allowed) {
                Ok(reached) => reached..(reached + STEPS).min(history.steps.len()),
                Err(err) => {
                    row.case(Err(format!("{name}: {err}")));
                    return true;
                }
            };
            match Played::of(&history, steps, image) {
                Ok(again) => {
                    crashes(
                        &again.start,
                        (&again.events, 0),
                        &mut second,
                        4,
                        |crash, image| {
                            let allowed = again.allowed(crash.after, !crash.keeps_all());
                            let verified = verify(&history, image, allowed);
                            row.case(
                                verified
                                    .map(drop)
                                    .map_err(|err| format!("{name}, then {crash}: {err}")),
                            );
                            true
                        },
                    );
                }
                Err(err) => row.case(Err(format!("{name}: {err}"))),
            }
            row.cases() < images && row.violations() == 0
        },
    );
}

#[test]
fn r02_power_loss_during_recovery_loses_no_more() {
    let mut row = Row::new("R2");
    let images = by_form(2_000, 200_000);
    for number in 0.. {
        if row.cases() >= images || row.violations() > 0 {
            break;
        }
        lose_power_twice(&mut row, number, images);
    }
    row.finish(images);
}

/// Every sequence of so many steps out of all kinds, and every moment of its last step: those of
/// the steps before are met in the shorter sequences.
fn short_sequences(row: &mut Row, len: u32, most: usize) {
    const KINDS: usize = 8;
    for number in 0..KINDS.pow(len) {
        let kinds = (0..len).map(|place| number / KINDS.pow(place) % KINDS);
        let steps: Vec<Step> = short_steps(kinds);
        let mut dice = Dice::new(number as u64);
        let history = History::of(steps, Durability::Synced);
        let name = format!("{:.300?}", history.steps);
        lose_power(row, &history, (&name, most), &mut dice, true);
    }
}

#[test]
fn r10_all_short_sequences_survive_all_their_crashes() {
    let mut row = Row::new("R10");
    for len in 1..=by_form(2, 4) {
        short_sequences(&mut row, len, by_form(8, 16));
    }
    row.finish(by_form(1_000, 100_000));
}

/// Whether power loss shows the bug.
fn catches(bug: Bug) -> bool {
    let mut row = Row::new("R14");
    seed(Some(bug));
    random_histories(&mut row, 4_000, 12);
    for number in 0..20 {
        if row.violations() == 0 {
            lose_power_twice(&mut row, number, u64::MAX);
        }
    }
    seed(None);
    row.violations() > 0
}

#[test]
fn r14_power_loss_shows_the_bugs_in_what_is_synced_and_chained() {
    for bug in [
        Bug::SkipSync,
        Bug::AcknowledgeEarly,
        Bug::ForgetChain,
        Bug::ForgetSalt,
        Bug::DoNotFold,
    ] {
        assert!(catches(bug), "{bug:?} is not found");
    }
}
