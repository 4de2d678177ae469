//! R1, R2, R10: power loss at every write, change of length and sync; again while the first is
//! recovered from; and at all crash points of all short sequences. And the bugs that they find.

use std::ops::RangeInclusive;

use sessiondb::Durability;
use sessiondb::testing::Bug;

use super::crash_oracle::{Played, verify};
use super::disk::{Pages, new_archive};
use super::history::tally::Tally;
use super::history::{History, SHORT_KINDS, Step, short_steps};
use super::power::crashes;
use super::row::{Dice, Row, by_form};
use super::two_handles::{Met, overtaken, random_pair};

/// Loses power at the moments of what was played, from the event `from` on, and verifies what is
/// left. `most` images a moment.
fn lose_power(row: &mut Row, played: &Played, from: usize, most: usize, dice: &mut Dice) {
    let events = (played.events.as_slice(), from);
    crashes(&played.start, events, dice, most, |crash, image| {
        let allowed = played.allowed(crash.after, !crash.keeps_all());
        let verified = verify(&played.history, image, allowed);
        row.case(verified.map(drop).map_err(|err| format!("{crash}: {err}")));
        row.violations() == 0
    });
}

/// A random history, every third by two archives at once, on a new archive.
pub(super) fn random_played(number: u64, dice: &mut Dice) -> Result<Played, String> {
    const STEPS: usize = 40;
    if number % 3 == 2 {
        return random_pair(dice, &new_archive(), STEPS).map(|(played, _)| played);
    }
    let history = History::random(dice, STEPS);
    Played::of(&history, 0..STEPS, new_archive())
}

/// Power loss in random histories, until there were as many images or a violation. Tells what was
/// done to shared entries.
fn random_histories(row: &mut Row, images: u64, most: usize) -> Tally {
    let mut tally = Tally::default();
    for number in 0.. {
        if row.cases() >= images || row.violations() > 0 {
            break;
        }
        let mut dice = Dice::new(super::row::seed() + number);
        row.within(format!("history {number}"));
        match random_played(number, &mut dice) {
            Ok(played) => {
                tally.add(&played.history);
                lose_power(row, &played, 0, most, &mut dice);
            }
            Err(err) => row.case(Err(err)),
        }
    }
    tally
}

#[test]
fn r01_power_loss_anywhere_leaves_an_exact_prefix() {
    let mut row = Row::new("R1");
    let images = by_form(4_000, 500_000);
    let tally = random_histories(&mut row, images, by_form(4, 16));
    row.finish(images);
    println!("R1: {tally:?}");
    tally.must_be_at_least(by_form(0, 20));
}

/// Loses power, and loses it once more at the moments of opening and going on.
fn lose_power_twice(row: &mut Row, number: u64, images: u64) {
    let mut dice = Dice::new(super::row::seed() ^ (number << 32) ^ 2);
    row.within(format!("history {number}"));
    let played = match random_played(number, &mut dice) {
        Ok(played) => played,
        Err(err) => return row.case(Err(err)),
    };
    let mut second = Dice::new(dice.next());
    let events = (played.events.as_slice(), 0);
    crashes(&played.start, events, &mut dice, 2, |crash, image| {
        if second.one_in(4) {
            row.within(format!("history {number}, {crash}"));
            let allowed = played.allowed(crash.after, !crash.keeps_all());
            match recover_recorded(&played.history, image, allowed) {
                Ok(again) => lose_power(row, &again, 0, 4, &mut second),
                Err(err) => row.case(Err(err)),
            }
        }
        row.cases() < images && row.violations() == 0
    });
}

/// Opens what a crash left, and takes the next steps, on a disk that records it.
fn recover_recorded(
    history: &History,
    image: Pages,
    allowed: RangeInclusive<usize>,
) -> Result<Played, String> {
    const STEPS: usize = 3;
    let reached = verify(history, image.clone(), allowed)?;
    let end = (reached + STEPS).min(history.steps.len());
    Played::of(history, reached..end, image)
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
    for number in 0..SHORT_KINDS.pow(len) {
        let kinds = (0..len).map(|place| number / SHORT_KINDS.pow(place) % SHORT_KINDS);
        let steps: Vec<Step> = short_steps(kinds);
        let mut dice = Dice::new(number as u64);
        let history = History::of(steps, Durability::Synced);
        row.within(format!("{:.300?}", history.steps));
        match Played::of(&history, 0..history.steps.len(), new_archive()) {
            Ok(played) => lose_power(row, &played, played.last_began() + 1, most, &mut dice),
            Err(err) => row.case(Err(err)),
        }
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

/// Whether power loss shows a bug that is switched on.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R1");
    random_histories(&mut row, 4_000, 4);
    for number in 0..20 {
        if row.violations() == 0 {
            lose_power_twice(&mut row, number, u64::MAX);
        }
    }
    row.violations() > 0
}

/// Whether two archives on one disk show it, without any loss of power.
pub(super) fn pairs_catch(_: Bug) -> bool {
    (0..400).any(|number| {
        let mut dice = Dice::new(super::row::seed() + number);
        random_pair(&mut dice, &new_archive(), 40).is_err()
    })
}

#[test]
fn two_archives_on_one_disk_do_meet() {
    let mut all = Met::default();
    for number in 0..100 {
        let mut dice = Dice::new(super::row::seed() + number);
        let (_, met) = random_pair(&mut dice, &new_archive(), 40).unwrap();
        all.in_the_midst += met.in_the_midst;
        all.busy += met.busy;
        all.died_after += met.died_after;
        all.died_before += met.died_before;
    }
    let Met {
        in_the_midst,
        busy,
        died_after,
        died_before,
    } = all;
    println!("{all:?}");
    assert!(
        [in_the_midst, busy, died_after, died_before]
            .iter()
            .all(|met| *met > 5)
    );
}

/// A reader that opens, overtaken at each of its calls by so many writes.
fn overtakings() -> Result<(), String> {
    for call in 0..120 {
        for before in 1..6 {
            for meanwhile in 1..7 {
                overtaken(call, before, meanwhile)?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_reader_that_is_overtaken_by_epochs_in_the_midst_of_a_look_begins_anew() {
    overtakings().unwrap();
}

/// Whether a bug in that is noticed.
pub(super) fn overtaking_catches(_: Bug) -> bool {
    overtakings().is_err()
}
