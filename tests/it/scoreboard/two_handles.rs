//! Two archives open on one disk: their changes alternate, one does things in the midst of the
//! other's calls, and either dies at any call. What happens on the disk is played as a history.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sessiondb::testing::{self, Opening, StorageBackend};
use sessiondb::{Archive, Durability, StoreError};

use super::crash_oracle::Played;
use super::disk::{Disk, Pages};
use super::history::{History, State, Step, play, random_step};
use super::row::Dice;
use super::shared::{Handle, Shared};

/// One of the two.
struct Process {
    handle: Arc<Handle>,
    archive: Archive,
}

/// More than a history has steps.
const APART: usize = 10_000;

/// What was done, in the order in which it took effect, and when.
struct Record {
    history: History,
    marks: Vec<(usize, usize)>,
    dice: Dice,
    failure: Option<String>,
    met: Met,
}

/// What the moves came to, so that a test can tell that they met each other.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    /// Changes in the midst of a call of the other one.
    pub(super) in_the_midst: u64,
    /// Changes that the other one was in the way of.
    pub(super) busy: u64,
    /// Changes whose process died in the midst of them, and that were there or not.
    pub(super) died_after: u64,
    pub(super) died_before: u64,
}

struct Pair {
    shared: Arc<Shared>,
    record: Arc<Mutex<Record>>,
    processes: [Option<Process>; 2],
}

/// Plays so many random moves on a disk with a new archive.
pub(super) fn random_pair(
    dice: &mut Dice,
    start: &Pages,
    moves: usize,
) -> Result<(Played, Met), String> {
    let record = Record {
        history: History::of(Vec::new(), History::random_durability(dice)),
        marks: Vec::new(),
        dice: Dice::new(dice.next()),
        failure: None,
        met: Met::default(),
    };
    let mut pair = Pair {
        shared: Shared::new(Disk::new(start.clone())),
        record: Arc::new(Mutex::new(record)),
        processes: [None, None],
    };
    for number in 0..moves {
        pair.make_move(dice)
            .map_err(|err| format!("move {number}: {err}"))?;
    }
    let events = pair.shared.disk.events();
    let mut record = pair.lock_record();
    let history = std::mem::replace(
        &mut record.history,
        History::of(Vec::new(), History::random_durability(dice)),
    );
    let marks = std::mem::take(&mut record.marks);
    let met = record.met;
    drop(record);
    Ok((
        Played::from_parts(history, start.clone(), events, marks),
        met,
    ))
}

/// One opens the disk and reads, and just before one of its calls the other one fills and folds
/// several halves of the journal. What is read then, and what is read next, must be one of the
/// states that there were, and the last.
pub(super) fn overtaken(call: u64, before: usize, meanwhile: usize) -> Result<(), String> {
    let shared = Shared::new(Disk::new(super::disk::new_archive()));
    let writer = start(&shared, Durability::Written)?;
    let states = Arc::new(Mutex::new(vec![State::default()]));
    let write = {
        let (states, archive) = (Arc::clone(&states), writer.archive.clone());
        move |number: usize| {
            let step = Step::large_append(number);
            match play(&archive, &step, number) {
                Ok(()) => {}
                // The reader opens for writing as well.
                Err(StoreError::Busy { .. }) => return,
                Err(err) => panic!("{err}"),
            }
            let mut states = states.lock().expect("no panic");
            let mut state = states.last().cloned().unwrap_or_default();
            state.apply(&step);
            states.push(state);
        }
    };
    (0..before).for_each(&write);
    let handle = shared.handle();
    let numbers = before..before + meanwhile;
    handle.meanwhile(call, Box::new(move || numbers.for_each(&write)));
    let reader = open(handle, Durability::Written)?;
    let seen = State::of(&reader.archive)?;
    reader.handle.forget_plan();
    let now = State::of(&reader.archive)?;
    let states = states.lock().expect("no panic");
    if !states.contains(&seen) || Some(&now) != states.last() {
        return Err(format!(
            "call {call}, {before} and {meanwhile} writes: {now:.300?}"
        ));
    }
    Ok(())
}

/// One folds in the background, and just before one of its calls the other one erases. Tells
/// whether that was refused; then nothing may have changed.
pub(super) fn erased_meanwhile(call: u64) -> Result<bool, String> {
    let shared = Shared::new(Disk::new(super::disk::new_archive()));
    let one = start(&shared, Durability::Written)?;
    let other = start(&shared, Durability::Written)?;
    let mut before = State::default();
    for number in 0..3 {
        let step = Step::large_append(number);
        play(&one.archive, &step, number).map_err(|err| err.to_string())?;
        before.apply(&step);
    }
    let mut after = before.clone();
    after.apply(&Step::erase_first());
    let told = Arc::new(Mutex::new(None));
    let erase = {
        let (told, archive) = (Arc::clone(&told), other.archive.clone());
        move || *told.lock().expect("no panic") = Some(play(&archive, &Step::erase_first(), 3))
    };
    one.handle.meanwhile(call, Box::new(erase));
    testing::run_background(&one.archive);
    one.handle.forget_plan();
    let told = told.lock().expect("no panic").take();
    let (expected, refused) = match &told {
        Some(Ok(())) => (after, false),
        Some(Err(StoreError::Busy { .. })) => (before, true),
        None => (before, false),
        Some(Err(err)) => return Err(format!("call {call}: {err}")),
    };
    for process in [&one, &other] {
        let found = State::of(&process.archive)?;
        if found != expected {
            return Err(format!("call {call}, {told:?}: {found:.300?}"));
        }
    }
    Ok(refused)
}

fn start(shared: &Arc<Shared>, durability: Durability) -> Result<Process, String> {
    open(shared.handle(), durability)
}

fn open(handle: Arc<Handle>, durability: Durability) -> Result<Process, String> {
    let storage: Arc<dyn StorageBackend> = Arc::<Handle>::clone(&handle);
    let opening = Opening {
        shared: true,
        durability,
        ..Opening::default()
    };
    let archive = testing::open(storage, opening).map_err(|err| format!("opening: {err}"))?;
    Ok(Process { handle, archive })
}

impl Pair {
    fn make_move(&mut self, dice: &mut Dice) -> Result<(), String> {
        let who = dice.index(2);
        if self.processes[who].is_none() {
            self.processes[who] = Some(self.start()?);
        }
        match dice.below(16) {
            0 => self.kill(who),
            1 => self.close(who)?,
            2..4 => self.die_in_the_midst(who, dice)?,
            4..9 => self.do_in_the_midst(who, dice)?,
            _ => {
                let process = self.processes[who].as_ref().expect("it was started");
                take_step(&self.record, &self.shared.disk, &process.archive);
            }
        }
        match self.lock_record().failure.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn start(&self) -> Result<Process, String> {
        start(&self.shared, self.lock_record().history.durability)
    }

    /// It dies between two calls.
    fn kill(&mut self, who: usize) {
        if let Some(process) = self.processes[who].take() {
            process.handle.release();
            // A dead process closes nothing.
            std::mem::forget(process.archive);
        }
    }

    fn close(&mut self, who: usize) -> Result<(), String> {
        let process = self.processes[who].take().expect("it was started");
        process
            .archive
            .close()
            .map(drop)
            .map_err(|err| format!("closing: {err}"))
    }

    /// It dies at a call of a step. Whoever has the archive open, or opens it now, then sees the step
    /// done or not, and once somebody has written that is settled.
    fn die_in_the_midst(&mut self, who: usize, dice: &mut Dice) -> Result<(), String> {
        let process = self.processes[who].as_ref().expect("it was started");
        let mut record = self.lock_record();
        let number = record.history.steps.len();
        let before = record.history.states.last().cloned().unwrap_or_default();
        let step = step_of_one(&mut record.dice, &before, number);
        drop(record);
        let began = self.shared.disk.now();
        process.handle.die_after(dice.below(60));
        let outcome = play(&process.archive, &step, number);
        let died = process.handle.is_dead();
        self.kill_or_spare(who, died);
        if self.processes[1 - who].is_none() {
            self.processes[1 - who] = Some(self.start()?);
        }
        let archive = &self.processes[1 - who]
            .as_ref()
            .expect("it was started")
            .archive;
        let seen = State::of(archive)?;
        // If the step is not there, the next one takes its place in the history, and the number
        // behind it: what is appended here must have one that no other step has.
        let next_number = APART + number;
        let next = Step::small_append(next_number);
        let next_began = self.shared.disk.now();
        play(archive, &next, next_number).map_err(|err| format!("after a death: {err}"))?;
        let found = State::of(archive)?;
        let with_step = History::of_two(&before, &step, &next);
        let without = History::of_two(&before, &Step::Background, &next);
        let mut record = self.lock_record();
        let returned = if outcome.is_ok() {
            next_began
        } else {
            usize::MAX
        };
        if [&with_step[1], &without[1]]
            .iter()
            .all(|state| **state != seen)
        {
            return Err(format!("{step:.200?} by one that died shows {seen:.300?}"));
        }
        if found == with_step[2] {
            // It may not have been acknowledged, but whoever looked has seen it.
            record.history.push(step);
            record.marks.push((began, returned));
            record.met.died_after += u64::from(died && with_step[1] != before);
        } else if outcome.is_ok() || seen != before || found != without[2] {
            return Err(format!(
                "{step:.200?} by one that died, then an append: {found:.300?}"
            ));
        } else {
            record.met.died_before += u64::from(died);
        }
        record.history.push(next);
        record.marks.push((next_began, self.shared.disk.now()));
        Ok(())
    }

    fn kill_or_spare(&mut self, who: usize, died: bool) {
        if died {
            self.kill(who);
        } else if let Some(process) = &self.processes[who] {
            process.handle.forget_plan();
        }
    }

    /// One folds, syncs or reads, and in the midst of a call of it the other one changes things.
    fn do_in_the_midst(&mut self, who: usize, dice: &mut Dice) -> Result<(), String> {
        if self.processes[1 - who].is_none() {
            self.processes[1 - who] = Some(self.start()?);
        }
        let [process, other] =
            [who, 1 - who].map(|who| self.processes[who].as_ref().expect("it was started"));
        let (record, disk) = (Arc::clone(&self.record), Arc::clone(&self.shared.disk));
        let (archive, steps) = (other.archive.clone(), 1 + dice.below(3));
        let from = self.lock_record().history.states.len() - 1;
        let meanwhile = move || {
            let before = steps_of(&record);
            (0..steps).for_each(|_| take_step(&record, &disk, &archive));
            let taken = steps_of(&record) - before;
            lock(&record).met.in_the_midst += taken;
        };
        process
            .handle
            .meanwhile(dice.below(40), Box::new(meanwhile));
        let archive = &process.archive;
        let done = match dice.below(4) {
            0 => busy_is_well(archive.checkpoint()),
            1 => busy_is_well(archive.sync()),
            2 => {
                testing::run_background(archive);
                Ok(())
            }
            _ => self.read(archive, from),
        };
        process.handle.forget_plan();
        done
    }

    /// What is read while another one writes is one of the states that there were meanwhile.
    fn read(&self, archive: &Archive, from: usize) -> Result<(), String> {
        let snapshot = archive.snapshot().map_err(|err| err.to_string())?;
        let read = State::of_snapshot(&snapshot)?;
        let record = self.lock_record();
        if record.history.states[from..].contains(&read) {
            return Ok(());
        }
        Err(format!("a read shows {read:.300?}"))
    }

    fn lock_record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

fn steps_of(record: &Mutex<Record>) -> u64 {
    lock(record).history.steps.len() as u64
}

fn busy_is_well(done: Result<(), StoreError>) -> Result<(), String> {
    match done {
        Ok(()) | Err(StoreError::Busy { .. }) => Ok(()),
        Err(err) => Err(err.to_string()),
    }
}

/// A random step that says the same of what either has written: a sync promises nothing of what
/// the other one has.
fn step_of_one(dice: &mut Dice, state: &State, number: usize) -> Step {
    match random_step(dice, state, number) {
        Step::Sync => Step::Checkpoint,
        step => step,
    }
}

/// Takes a random step, unless the other one is in the way.
fn take_step(record: &Mutex<Record>, disk: &Disk, archive: &Archive) {
    let mut record = lock(record);
    let number = record.history.steps.len();
    let state = record.history.states.last().cloned().unwrap_or_default();
    let step = step_of_one(&mut record.dice, &state, number);
    let began = disk.now();
    match play(archive, &step, number) {
        Ok(()) => {
            record.history.push(step);
            record.marks.push((began, disk.now()));
        }
        Err(StoreError::Busy { .. }) => record.met.busy += 1,
        Err(err) => record.failure = Some(format!("{step:.200?}: {err}")),
    }
}
