//! R9, stopped: at each of its calls to the disk a process is stopped, and others go on. Who only reads
//! keeps nobody waiting, and then reads a state that there was; who writes keeps no reader waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sessiondb::Archive;
use sessiondb::testing::{self, Bug, Opening, StorageBackend};

use super::disk::{Disk, new_archive};
use super::history::{State, Step, play, random_step};
use super::row::{Dice, Row, by_form};
use super::shared::{Call, Handle, Shared, Tear};

/// The bytes of redb's header.
const HEADER_LEN: usize = 320;

/// A process that only reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// Opens for reading, reads, and closes.
    Passing,
    /// Has it open for writing.
    Viewer,
}

/// What happened while one was stopped, and at which kinds of calls that was.
#[derive(Debug, Clone, Default)]
struct Met {
    stops: BTreeMap<String, u64>,
    steps: u64,
    folds: u64,
    compactions: u64,
    openings: u64,
    closings: u64,
    reads: u64,
}

/// All who are not stopped, and what there was.
struct Others {
    shared: Arc<Shared>,
    writer: Option<(Arc<Handle>, Archive)>,
    states: Vec<State>,
    dice: Dice,
    failure: Option<String>,
    met: Met,
}

impl Others {
    fn new(seed: u64) -> Result<Self, String> {
        let mut others = Self {
            shared: Shared::new(Disk::new(new_archive())),
            writer: None,
            states: vec![State::default()],
            dice: Dice::new(seed),
            failure: None,
            met: Met::default(),
        };
        for _ in 0..4 {
            others.step(|number, _, _| Step::large_append(number))?;
            others.fold()?;
        }
        Ok(others)
    }

    fn writer(&mut self) -> Result<&Archive, String> {
        if self.writer.is_none() {
            let handle = self.shared.handle();
            self.writer = Some((Arc::clone(&handle), open(&handle, false)?));
            self.met.openings += 1;
        }
        let writer = self.writer.as_ref().map(|(_, archive)| archive);
        writer.ok_or_else(String::new)
    }

    fn step(&mut self, step: impl Fn(usize, &mut Dice, &State) -> Step) -> Result<(), String> {
        let (number, mut state) = (self.states.len(), self.last().clone());
        let step = step(number, &mut self.dice, &state);
        play(self.writer()?, &step, number).map_err(|err| format!("{step:.100?}: {err}"))?;
        self.met.steps += 1;
        self.met.compactions += u64::from(matches!(step, Step::Compact));
        state.apply(&step);
        self.states.push(state);
        Ok(())
    }

    fn fold(&mut self) -> Result<(), String> {
        let folded = testing::run_background(self.writer()?);
        self.met.folds += u64::from(folded);
        Ok(())
    }

    /// Fills the journal several times over, folds it, and changes all else that there is; others
    /// open, read and close meanwhile.
    fn go_on(&mut self) -> Result<(), String> {
        for _ in 0..4 + self.dice.below(10) {
            match self.dice.below(12) {
                0..6 => self.step(|number, _, _| Step::large_append(number))?,
                6..8 => self.step(|number, dice, state| random_step(dice, state, number))?,
                8 => self.step(|_, _, _| Step::Compact)?,
                9 => self.read_anew()?,
                10 => self.close()?,
                _ => self.step(|_, _, _| Step::Checkpoint)?,
            }
            if self.writer.is_some() && !self.dice.one_in(4) {
                self.fold()?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        if let Some((_, archive)) = self.writer.take() {
            archive.close().map_err(|err| format!("closing: {err}"))?;
            self.met.closings += 1;
        }
        Ok(())
    }

    /// A process that opens the archive now reads the last state.
    fn read_anew(&mut self) -> Result<(), String> {
        let archive = open(&self.shared.handle(), true)?;
        must_read(&archive, &self.states[self.states.len() - 1..])?;
        self.met.reads += 1;
        archive.close().map(drop).map_err(|err| err.to_string())
    }

    fn last(&self) -> &State {
        &self.states[self.states.len() - 1]
    }
}

fn must_read(archive: &Archive, allowed: &[State]) -> Result<(), String> {
    let found = State::of(archive).map_err(|err| format!("another reader: {err}"))?;
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(format!("another reader finds {found:.200?}"))
}

/// Without patience: whoever would have to wait fails.
fn open(handle: &Arc<Handle>, read_only: bool) -> Result<Archive, String> {
    let storage: Arc<dyn StorageBackend> = Arc::<Handle>::clone(handle);
    let opening = Opening {
        read_only,
        shared: true,
        ..Opening::default()
    };
    testing::open(storage, opening).map_err(|err| format!("opening: {err}"))
}

type Shares = Arc<Mutex<Others>>;
type Stops = Vec<(u64, Option<Tear>)>;

fn lock(others: &Shares) -> MutexGuard<'_, Others> {
    others.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops it at the first of these calls, and has the others go on; and then at the next, counted
/// from there.
fn stop(handle: &Arc<Handle>, others: &Shares, mut stops: Stops) {
    if stops.is_empty() {
        return;
    }
    let (call, tear) = stops.remove(0);
    let (same, shares) = (Arc::clone(handle), Arc::clone(others));
    let meanwhile = move || {
        let gone_on = lock(&shares).go_on();
        if let Err(failure) = gone_on {
            lock(&shares).failure.get_or_insert(failure);
        }
        stop(&same, &shares, stops);
    };
    handle.meanwhile_torn(call, tear, Box::new(meanwhile));
}

/// Reads, and is stopped meanwhile, in which others do what they draw from a seed of their own.
/// Returns its calls.
fn read(kind: Reader, seeds: [u64; 2], stops: &Stops) -> Result<(Vec<Call>, Met), String> {
    let mut others = Others::new(seeds[0])?;
    others.dice = Dice::new(seeds[1]);
    let handle = others.shared.handle();
    let viewer = match kind {
        Reader::Passing => None,
        Reader::Viewer => {
            let archive = open(&handle, false)?;
            State::of(&archive)?;
            // The next look begins another view.
            others.step(|_, _, _| Step::large_append(100))?;
            others.step(|_, _, _| Step::Checkpoint)?;
            Some(archive)
        }
    };
    let from = others.states.len() - 1;
    let others = Arc::new(Mutex::new(others));
    handle.calls();
    stop(&handle, &others, stops.clone());
    let archive = viewer.map_or_else(|| open(&handle, true), Ok)?;
    for _ in 0..2 {
        let snapshot = archive.snapshot().map_err(|err| err.to_string())?;
        let seen = State::of_snapshot(&snapshot)?;
        if !lock(&others).states[from..].contains(&seen) {
            return Err(format!("it reads {seen:.200?}"));
        }
        if State::of_snapshot(&snapshot)? != seen {
            return Err("a snapshot changes".to_owned());
        }
    }
    if kind == Reader::Passing {
        archive.close().map_err(|err| format!("closing: {err}"))?;
    }
    handle.forget_plan();
    let calls = handle.calls();
    let mut others = lock(&others);
    if let Some(failure) = others.failure.take() {
        return Err(format!("meanwhile {failure}"));
    }
    others.step(|number, _, _| Step::large_append(number))?;
    others.read_anew()?;
    Ok((calls, others.met.clone()))
}

/// The ways in which a read may be torn: redb's header between its flags and its commits, and
/// between and within these; another read anywhere.
fn tears(call: Call, dice: &mut Dice) -> Vec<Option<Tear>> {
    let cuts = match call {
        Call::Read(_, HEADER_LEN) => vec![10, 64, 100, 192, 250],
        Call::Read(_, len) if len > 1 => vec![1 + dice.index(len - 1)],
        _ => Vec::new(),
    };
    let torn = cuts.into_iter().flat_map(|at| {
        let torn = move |end_first| Some(Tear { at, end_first });
        [torn(false), torn(true)]
    });
    [None].into_iter().chain(torn).collect()
}

fn name_of(call: Call, tear: Option<Tear>) -> &'static str {
    match call {
        Call::Read(_, HEADER_LEN) if tear.is_some() => "header, torn",
        Call::Read(_, HEADER_LEN) => "header",
        Call::Read(..) if tear.is_some() => "read, torn",
        Call::Read(..) => "read",
        Call::Length => "length",
        Call::Write => "write",
        Call::Lock => "lock",
        Call::Unlock => "unlock",
        Call::QueryLock => "query",
    }
}

/// Stops readers at all their calls, in so many histories, and every second time once more soon
/// after.
fn stop_readers(row: &mut Row, rounds: u64) -> Result<Met, String> {
    let (mut all, mut dice) = (Met::default(), Dice::new(super::row::seed()));
    for _ in 0..rounds {
        for kind in [Reader::Passing, Reader::Viewer] {
            let seed = dice.next();
            row.within(format!("{kind:?}, seed {seed}"));
            let (calls, _) = read(kind, [seed, 0], &Vec::new())?;
            for (number, call) in (0..).zip(calls) {
                for tear in tears(call, &mut dice) {
                    let again = (dice.below(12), None);
                    let stops = [(number, tear), again];
                    let stops = stops[..if row.cases().is_multiple_of(2) { 1 } else { 2 }].to_vec();
                    let others = dice.next();
                    let outcome = read(kind, [seed, others], &stops);
                    all.stopped(format!("{kind:?} at {}", name_of(call, tear)));
                    let met = outcome.map(|(_, met)| all.add(&met));
                    row.case(
                        met.map_err(|err| format!("{call:?}, {stops:?}, others {others}: {err}")),
                    );
                }
                if row.violations() > 0 {
                    return Ok(all);
                }
            }
        }
    }
    Ok(all)
}

impl Met {
    fn stopped(&mut self, at: String) {
        *self.stops.entry(at).or_default() += 1;
    }

    fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.folds += other.folds;
        self.compactions += other.compactions;
        self.openings += other.openings;
        self.closings += other.closings;
        self.reads += other.reads;
    }

    fn must_be_at_least(&self, least: u64, kinds: &[String]) {
        println!("{self:?}");
        let Self {
            steps,
            folds,
            compactions,
            openings,
            closings,
            reads,
            ..
        } = *self;
        let all = [steps, folds, compactions, openings, closings, reads];
        assert!(all.iter().all(|met| *met >= least), "fewer than {least}");
        for kind in kinds {
            assert!(self.stops.contains_key(kind), "none was {kind}");
        }
    }
}

#[test]
fn r09_a_stopped_reader_keeps_nobody_waiting_and_reads_what_there_was() {
    let mut row = Row::new("R9, stopped readers");
    let met = stop_readers(&mut row, by_form(1, 80)).unwrap();
    row.finish(by_form(150, 12_000));
    let calls = [
        "header",
        "header, torn",
        "read",
        "read, torn",
        "lock",
        "unlock",
    ];
    let of = |kind: &'static str| calls.iter().map(move |call| format!("{kind} at {call}"));
    let opening = ["length", "query"].map(|call| format!("Passing at {call}"));
    let kinds: Vec<_> = of("Passing").chain(of("Viewer")).chain(opening).collect();
    met.must_be_at_least(by_form(50, 1_000), &kinds);
}

/// Whether a reader that keeps others waiting, or is overtaken, is noticed.
pub(super) fn catches(_: Bug) -> bool {
    let mut row = Row::new("R9, stopped readers");
    stop_readers(&mut row, 2).is_err() || row.violations() > 0
}

/// What a process does that is stopped while it writes; the last one closes.
fn writes() -> Vec<Option<Step>> {
    let steps = [
        Step::large_append(100),
        Step::Background,
        Step::Checkpoint,
        Step::erase_first(),
        Step::Compact,
    ];
    steps.into_iter().map(Some).chain([None]).collect()
}

/// Writes, and is stopped at that call while others read. Returns its calls.
fn write(step: Option<&Step>, seed: u64, call: u64) -> Result<Vec<Call>, String> {
    let mut others = Others::new(seed)?;
    // So that there is something to fold, and no room in the journal.
    for _ in 0..3 {
        others.step(|number, _, _| Step::large_append(number))?;
    }
    let [reader, viewer] = [true, false].map(|read_only| open(&others.shared.handle(), read_only));
    let open_ones = [reader?, viewer?];
    for archive in &open_ones {
        must_read(archive, &others.states[others.states.len() - 1..])?;
    }
    let (handle, archive) = others.writer.take().ok_or("a writer")?;
    let mut after = others.last().clone();
    if let Some(step) = step {
        after.apply(step);
    }
    let allowed = [others.last().clone(), after];
    let others = Arc::new(Mutex::new(others));
    let shares = Arc::clone(&others);
    let meanwhile = move || {
        let mut others = lock(&shares);
        let read: Result<(), String> = open(&others.shared.handle(), true).and_then(|fresh| {
            let mut all = open_ones.iter().chain([&fresh]);
            all.try_for_each(|archive| must_read(archive, &allowed))
        });
        others.failure = read.err();
    };
    handle.calls();
    handle.meanwhile(call, Box::new(meanwhile));
    let done = match step {
        Some(step) => play(&archive, step, 100),
        None => archive.close().map(drop),
    };
    handle.forget_plan();
    done.map_err(|err| err.to_string())?;
    match lock(&others).failure.take() {
        Some(failure) => Err(format!("meanwhile {failure}")),
        None => Ok(handle.calls()),
    }
}

#[test]
fn r09_a_stopped_writer_keeps_no_reader_waiting() {
    let mut row = Row::new("R9, stopped writers");
    let mut dice = Dice::new(super::row::seed());
    for _ in 0..by_form(1, 10) {
        for step in writes() {
            let seed = dice.next();
            row.within(format!("{step:.100?}, seed {seed}"));
            let calls = write(step.as_ref(), seed, u64::MAX).unwrap();
            let step_by = by_form(3, 1);
            for (number, call) in (0..).zip(calls).step_by(step_by) {
                let written = write(step.as_ref(), seed, number).map(drop);
                row.case(written.map_err(|err| format!("call {number}, {call:?}: {err}")));
            }
        }
    }
    row.finish(by_form(100, 3_000));
}
