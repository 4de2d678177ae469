//! R23: what a crash left is read without a write: it shows what a writer finds there, and a reader
//! that has it open follows a writer that comes later.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use sessiondb::testing::{self, Bug, Opening, StorageBackend};
use sessiondb::{Archive, Durability};

use super::crash_oracle::Played;
use super::disk::{Disk, Pages, new_archive};
use super::history::{History, State, Step, play};
use super::loss::random_played;
use super::power::crashes;
use super::row::{Dice, Row, by_form, seed};
use super::shared::{Handle, Shared};

/// Where the image's header has its flags, with the shortest journal.
const FLAGS: usize = 8192 + (16 << 10) + 9;
const RECOVERY_REQUIRED: u8 = 2;
const PRIMARY_UNFLUSHED: u8 = 8;

/// What the cases came to.
#[derive(Debug, Default, Clone, Copy)]
struct Covered {
    /// Read in exclusive mode, and in shared mode.
    exclusive: u64,
    shared: u64,
    /// The last writer had not closed the image; it died in a commit that was not on the disk yet.
    unclosed: u64,
    unflushed: u64,
    /// After power loss, and after the death of the process alone.
    power_lost: u64,
    killed: u64,
    /// Steps that a writer took while a reader had the archive open.
    followed: u64,
}

fn open(handle: &Arc<Handle>, read_only: bool, shared: bool) -> Result<Archive, String> {
    let storage: Arc<dyn StorageBackend> = Arc::<Handle>::clone(handle);
    let opening = Opening {
        read_only,
        shared,
        durability: Durability::Written,
        ..Opening::default()
    };
    testing::open(storage, opening).map_err(|err| format!("read-only {read_only}: {err}"))
}

fn flags_of(image: &Pages) -> u8 {
    let mut flags = [0];
    let told = image.read(FLAGS, &mut flags);
    told.expect("an image has a header");
    flags[0]
}

/// Reads what a crash left, then lets a writer come.
fn read(
    history: &History,
    image: Pages,
    allowed: RangeInclusive<usize>,
    is_shared: bool,
    covered: &mut Covered,
) -> Result<(), String> {
    let flags = flags_of(&image);
    covered.unclosed += u64::from(flags & RECOVERY_REQUIRED != 0);
    covered.unflushed += u64::from(flags & PRIMARY_UNFLUSHED != 0);
    let storage = Shared::new(Disk::new(image));
    let reader = open(&storage.handle(), true, is_shared)?;
    let seen = State::of(&reader)?;
    let states = &history.states;
    let Some(at) = allowed.clone().rev().find(|at| states[*at] == seen) else {
        return Err(format!("states {allowed:?} are allowed, not {seen:.300?}"));
    };
    let report = reader.check(None).map_err(|err| err.to_string())?;
    if !report.is_clean() {
        return Err(format!("{:?}", report.problems));
    }
    if is_shared {
        covered.shared += 1;
        return follow(history, &storage, &reader, at, covered);
    }
    drop(reader);
    covered.exclusive += 1;
    if storage.disk.now() != 0 {
        return Err(format!("{} writes by a reader", storage.disk.now()));
    }
    let writer = open(&storage.handle(), false, false)?;
    let found = State::of(&writer)?;
    if found != seen {
        return Err(format!("state {at} was read, and then {found:.300?}"));
    }
    Ok(())
}

/// A writer comes beside the reader, and takes the next steps.
fn follow(
    history: &History,
    storage: &Arc<Shared>,
    reader: &Archive,
    at: usize,
    covered: &mut Covered,
) -> Result<(), String> {
    const STEPS: usize = 3;
    if storage.disk.now() != 0 {
        return Err(format!("{} writes by a reader", storage.disk.now()));
    }
    let writer = storage.handle();
    let archive = open(&writer, false, true)?;
    let found = State::of(&archive)?;
    let states = &history.states;
    if found != states[at] {
        return Err(format!("state {at} was read, a writer finds {found:.300?}"));
    }
    for number in at..(at + STEPS).min(history.steps.len()) {
        let step = &history.steps[number];
        if matches!(step, Step::Compact | Step::Reopen) {
            break;
        }
        play(&archive, step, number).map_err(|err| format!("{step:.200?}: {err}"))?;
        let read = State::of(reader)?;
        let written = State::of(&archive)?;
        if read != written {
            return Err(format!(
                "after {step:.200?} a reader sees {read:.300?}, and a writer {written:.300?}"
            ));
        }
        if written != states[number + 1] {
            return Err(format!("after {step:.200?} a writer sees {written:.300?}"));
        }
        covered.followed += 1;
    }
    // It dies as well.
    let left = State::of(&archive)?;
    writer.release();
    std::mem::forget(archive);
    let read = State::of(reader)?;
    if read != left {
        return Err(format!(
            "after the writer's death a reader sees {read:.300?}"
        ));
    }
    Ok(())
}

/// Reads at the moments of what was played: at all at which the header may not have been on the
/// disk, and at some of the others.
fn read_all(row: &mut Row, played: &Played, dice: &mut Dice, covered: &mut Covered, one_in: u64) {
    let mut second = Dice::new(dice.next());
    let events = (played.events.as_slice(), 0);
    crashes(&played.start, events, dice, 2, |crash, image| {
        let is_rare = flags_of(&image) & PRIMARY_UNFLUSHED != 0;
        if !is_rare && !second.one_in(one_in) {
            return true;
        }
        let power_lost = !crash.keeps_all();
        covered.power_lost += u64::from(power_lost);
        covered.killed += u64::from(!power_lost);
        let allowed = played.allowed(crash.after, power_lost);
        let is_shared = second.one_in(2);
        let done = read(&played.history, image, allowed, is_shared, covered);
        row.case(done.map_err(|err| format!("{crash}, shared {is_shared}: {err}")));
        row.violations() == 0
    });
}

fn random_images(row: &mut Row, images: u64, one_in: u64) -> Covered {
    let mut covered = Covered::default();
    for number in 0.. {
        if row.cases() >= images || row.violations() > 0 {
            break;
        }
        let mut dice = Dice::new(seed() ^ (number << 24) ^ 0x17);
        row.within(format!("history {number}"));
        match random_played(number, &mut dice) {
            Ok(played) => read_all(row, &played, &mut dice, &mut covered, one_in),
            Err(err) => row.case(Err(err)),
        }
    }
    covered
}

#[test]
fn r23_what_a_crash_left_is_read_without_a_write() {
    let mut row = Row::new("R23");
    let images = by_form(500, 50_000);
    let covered = random_images(&mut row, images, 4);
    row.finish(images);
    println!("R23: {covered:?}");
    let Covered {
        exclusive,
        shared,
        unclosed,
        unflushed,
        power_lost,
        killed,
        followed,
    } = covered;
    let counts = [
        exclusive, shared, unclosed, unflushed, power_lost, killed, followed,
    ];
    assert!(
        counts.iter().all(|count| *count >= by_form(3, 100)),
        "a combination that was not met: {covered:?}"
    );
}

/// Whether a bug that is switched on shows.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R23");
    random_images(&mut row, 300, 40);
    row.violations() > 0
}

/// What only a writer can mend keeps nobody from reading: a sync that failed, a name that may be
/// lost with power, a change that a writer died in.
#[test]
fn marks_for_writers_are_left_to_writers() {
    const NOTES: usize = 4096;
    for (mark, value) in [(4, 1), (5, 1), (8, 1)] {
        for is_shared in [false, true] {
            let disk = Disk::new(new_archive());
            let archive = open(&Shared::new(Arc::clone(&disk)).handle(), false, true).unwrap();
            play(&archive, &Step::small_append(0), 0).unwrap();
            let state = State::of(&archive).unwrap();
            let mut image = disk.content();
            image.write(NOTES + mark, &[value]);
            let storage = Shared::new(Disk::new(image));
            let reader = open(&storage.handle(), true, is_shared).unwrap();
            for _ in 0..2 {
                assert_eq!(State::of(&reader).unwrap(), state, "mark at {mark}");
            }
            reader.close().unwrap();
            assert_eq!(storage.disk.now(), 0, "mark at {mark}");
        }
    }
}

/// The shortest case of what R23 is about: the writer is gone, and its journal is not folded.
#[test]
fn an_archive_that_was_not_closed_is_read_and_left_alone() {
    for is_shared in [false, true] {
        let storage = Shared::new(Disk::new(new_archive()));
        let writer = storage.handle();
        let archive = open(&writer, false, true).unwrap();
        play(&archive, &Step::small_append(0), 0).unwrap();
        let state = State::of(&archive).unwrap();
        writer.release();
        std::mem::forget(archive);
        let events = storage.disk.now();
        let reader = open(&storage.handle(), true, is_shared).unwrap();
        assert_eq!(State::of(&reader).unwrap(), state);
        reader.close().unwrap();
        assert_eq!(storage.disk.now(), events, "shared {is_shared}");
    }
}

/// What one who only reads and one who may write see, one after the other, just before a call of a third
/// one that erases, and how the image's header was marked then.
fn seen_before_call(call: u64) -> Option<(u8, [State; 2])> {
    let storage = Shared::new(Disk::new(new_archive()));
    let writer = storage.handle();
    let archive = open(&writer, false, true).unwrap();
    for number in 0..3 {
        play(&archive, &Step::large_append(number), number).unwrap();
    }
    let reader = open(&storage.handle(), true, true).unwrap();
    let other = open(&storage.handle(), false, true).unwrap();
    let seen = Arc::new(Mutex::new(None));
    let look = {
        let (seen, disk) = (Arc::clone(&seen), Arc::clone(&storage.disk));
        move || {
            let states = [&reader, &other].map(|archive| State::of(archive).unwrap());
            *seen.lock().unwrap() = Some((flags_of(&disk.content()), states));
        }
    };
    writer.meanwhile(call, Box::new(look));
    play(&archive, &Step::erase_first(), 3).unwrap();
    writer.forget_plan();
    seen.lock().unwrap().take()
}

/// Looks before each call of an erasure. Returns how many calls there were, before how many of them a commit
/// was not on the disk yet, and where the one who only reads saw something else.
fn look_before_each_call() -> (u64, u64, Vec<u64>) {
    let (mut unflushed, mut unlike) = (0, Vec::new());
    for call in 0.. {
        let Some((flags, [by_reader, by_writer])) = seen_before_call(call) else {
            return (call, unflushed, unlike);
        };
        unflushed += u64::from(flags & PRIMARY_UNFLUSHED != 0);
        if by_reader != by_writer {
            unlike.push(call);
        }
    }
    unreachable!("a change makes so many calls and no more")
}

/// A commit that is not on the disk yet is shown to nobody while there is one who may write: those see
/// the one before, and who reads after them must not have seen more.
#[test]
fn a_reader_is_not_ahead_of_those_who_may_write() {
    let (calls, unflushed, unlike) = look_before_each_call();
    println!("{calls} calls, before {unflushed} of them a commit was not on the disk");
    assert!(
        unlike.is_empty(),
        "something else is seen before calls {unlike:?}"
    );
    assert!(calls > 20 && unflushed > 0, "of {calls} {unflushed}");
}

/// Whether a bug that is switched on shows.
pub(super) fn readers_catch(_: Bug) -> bool {
    !look_before_each_call().2.is_empty()
}
