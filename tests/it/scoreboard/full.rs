//! R25: the disk is full for a while. What is refused is said to be undone, and is; reads go on; what
//! only deletes is let through; and once there is room everything goes on without opening anew.

use std::io::ErrorKind;
use std::ops::Range;
use std::sync::Arc;

use sessiondb::testing::Bug;
use sessiondb::{Archive, Durability, StoreError};

use super::crash_oracle::{open_with, verify_state};
use super::disk::{Disk, Full, new_archive};
use super::history::{State, Step, play, random_step};
use super::row::{Dice, Row, by_form};

/// So many steps are taken before, while the disk is full, and after.
const BEFORE: Range<usize> = 3..30;
const WHILE: usize = 20;
const AFTER: usize = 6;
/// For so many deletions in a row there must be room.
const DELETIONS: usize = 3;

/// What the cases met.
#[derive(Debug, Default)]
struct Seen {
    refused: u64,
    went_through: u64,
    deletions: u64,
    folds_refused: u64,
    reopened: u64,
    closed: u64,
    growth_refused: u64,
    holes_refused: u64,
}

struct Case {
    disk: Arc<Disk>,
    durability: Durability,
    archive: Option<Archive>,
    state: State,
    taken: usize,
}

impl Case {
    fn new(dice: &mut Dice) -> Result<Self, String> {
        let disk = Disk::new(new_archive());
        let durability = super::history::History::random_durability(dice);
        let archive = open_with(&disk, durability).map_err(|err| err.to_string())?;
        Ok(Self {
            disk,
            durability,
            archive: Some(archive),
            state: State::default(),
            taken: 0,
        })
    }

    fn archive(&self) -> Result<&Archive, String> {
        self.archive.as_ref().ok_or("it is not open".to_owned())
    }

    /// Takes a step; whether it was done. What is read afterwards must agree.
    fn take(&mut self, step: &Step) -> Result<bool, String> {
        let said = |err: &dyn std::fmt::Display| format!("{step:?}: {err}");
        let number = self.taken;
        self.taken += 1;
        let done = if matches!(step, Step::Reopen) {
            self.reopen().map(|()| true)
        } else {
            told(play(self.archive()?, step, number))
        };
        let done = done.map_err(|err| said(&err))?;
        if done {
            self.state.apply(step);
        }
        self.shows_its_state().map_err(|err| said(&err))?;
        Ok(done)
    }

    fn shows_its_state(&self) -> Result<(), String> {
        let found = State::of(self.archive()?)?;
        if found == self.state {
            return Ok(());
        }
        Err(format!("it shows {found:.300?}, not {:.300?}", self.state))
    }

    fn reopen(&mut self) -> Result<(), String> {
        let closed = self
            .archive
            .take()
            .map_or(Ok(()), |archive| archive.close().map(drop));
        closed.map_err(|err| format!("closing: {err}"))?;
        let opened = open_with(&self.disk, self.durability);
        self.archive = Some(opened.map_err(|err| format!("opening: {err}"))?);
        Ok(())
    }

    /// Appends less and less, until nothing has room.
    fn fill(&mut self, seen: &mut Seen) -> Result<(), String> {
        for bytes in [3_000, 800, 200, 50, 1] {
            for _ in 0..100 {
                let step = Step::append_of(self.taken, bytes);
                if !self.take(&step)? {
                    seen.folds_refused += 1;
                    break;
                }
            }
        }
        Ok(())
    }

    /// What only takes something away, and shares nothing, is done.
    fn delete(&mut self, seen: &mut Seen) -> Result<(), String> {
        for step in self.state.deletions().into_iter().take(DELETIONS) {
            if !self.take(&step)? {
                return Err(format!("{step:?}: there was no room for it"));
            }
            seen.deletions += 1;
        }
        Ok(())
    }

    fn end(mut self) -> Result<(), String> {
        self.reopen()?;
        self.shows_its_state()?;
        let image = self.disk.content();
        let state = self.state.clone();
        drop(self);
        verify_state(image, &state)
    }
}

/// Whether it was done; an error must say that it was not, for want of room.
fn told(done: Result<(), StoreError>) -> Result<bool, String> {
    match done {
        Ok(()) => Ok(true),
        Err(StoreError::Io(err)) if err.kind() == ErrorKind::StorageFull => {
            let text = err.to_string();
            if text.contains("test.sessiondb") && text.contains("disk is full") {
                return Ok(false);
            }
            Err(format!("it does not say which file, and why: {text}"))
        }
        Err(err) => Err(format!("{err:?}")),
    }
}

fn play_one(dice: &mut Dice, seen: &mut Seen) -> Result<(), String> {
    let mut case = Case::new(dice)?;
    let before = BEFORE.start + dice.index(BEFORE.end - BEFORE.start);
    for _ in 0..before {
        let step = random_step(dice, &case.state, case.taken);
        if !case.take(&step)? {
            return Err(format!("{step:?}: the disk was not full yet"));
        }
    }
    let full = if dice.one_in(2) {
        Full::NoGrowth
    } else {
        Full::NoHoles
    };
    case.disk.set_full(Some(full));
    if dice.one_in(2) {
        case.fill(seen)?;
        case.delete(seen)?;
    }
    for _ in 0..WHILE {
        let step = random_step(dice, &case.state, case.taken);
        let done = case.take(&step)?;
        seen.refused += u64::from(!done);
        seen.went_through += u64::from(done);
        seen.reopened += u64::from(matches!(step, Step::Reopen));
    }
    if dice.one_in(2) {
        seen.closed += 1;
        case.reopen()?;
        case.shows_its_state()?;
    }
    match full {
        Full::NoGrowth => seen.growth_refused += case.disk.refused(),
        Full::NoHoles => seen.holes_refused += case.disk.refused(),
    }
    case.disk.set_full(None);
    for _ in 0..AFTER {
        let step = random_step(dice, &case.state, case.taken);
        if !case.take(&step)? {
            return Err(format!("{step:?}: there was room again"));
        }
    }
    case.end()
}

fn fill_disks(row: &mut Row, cases: u64) -> Seen {
    let mut seen = Seen::default();
    for number in 0..cases {
        if row.violations() > 20 {
            break;
        }
        let mut dice = Dice::new(super::row::seed() ^ (number << 24) ^ 0x18);
        let played = play_one(&mut dice, &mut seen);
        row.case(played.map_err(|err| format!("history {number}: {err}")));
    }
    seen
}

#[test]
fn r25_a_full_disk_loses_nothing_and_stops_no_deletion() {
    let mut row = Row::new("R25");
    let cases = by_form(150, 2_000);
    let seen = fill_disks(&mut row, cases);
    println!("R25 {seen:?}");
    let met = [
        seen.refused,
        seen.went_through,
        seen.deletions,
        seen.folds_refused,
        seen.reopened,
        seen.closed,
        seen.growth_refused,
        seen.holes_refused,
    ];
    row.finish(cases);
    assert!(met.iter().all(|count| *count > 0), "not met: {seen:?}");
}

/// A frame that begins a half may fill nearly all of it, while the other half waits for room.
#[test]
fn a_long_frame_leaves_room_for_deletions() {
    let mut seen = Seen::default();
    for bytes in (6_000..8_200).step_by(50) {
        let mut case = Case::new(&mut Dice::new(bytes)).unwrap();
        let len = usize::try_from(bytes).unwrap();
        let deletable = [Step::SetName(0, 0), Step::SetName(1, 1)];
        let long = (2..4).map(|number| Step::append_of(number, len));
        for step in deletable.into_iter().chain(long) {
            assert!(case.take(&step).unwrap(), "{step:.60?}");
        }
        case.disk.set_full(Some(Full::NoGrowth));
        let deleted = case
            .fill(&mut seen)
            .and_then(|()| case.delete(&mut seen))
            .and_then(|()| case.end());
        assert_eq!(deleted, Ok(()), "behind a frame of {bytes} bytes");
    }
    assert!(seen.deletions > 0 && seen.folds_refused > 0, "{seen:?}");
}

/// Whether a bug that is switched on shows.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R25");
    fill_disks(&mut row, 100);
    row.violations() > 0
}
