//! R7: writers that are killed while they work. What they were told was done is there, in its
//! place; of the call that they were in, all is there or nothing; and work goes on.

mod deaths;
mod open;
mod plan;
mod stored;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sessiondb::{Archive, StoreError, testing};

use self::open::{Open, made_path, options, shared};
use self::plan::{Call, Entry, Logs, Plan};
use self::stored::{Stored, brief, check, stored_logs, texts_now, texts_of};
use super::child::{Child, Parent, Task};
use super::row::{Dice, Row, by_form, deep, seed};
use crate::raw::raw;
use crate::scratch::Scratch;

/// How often writers are killed on one archive before the next one is made.
const KILLS_PER_ARCHIVE: u64 = 25;

/// What a writer is told to do.
#[derive(Debug, Serialize, Deserialize)]
struct Orders {
    path: PathBuf,
    writer: u64,
    seed: u64,
    run: u64,
    synced: bool,
    logs: Logs,
}

/// What a writer says.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    /// It is about to make its next call.
    Begins,
    /// The call was acknowledged; where its shared entry went.
    Done(Option<u64>),
    Failed(String),
}

/// The child: writes until it is killed.
pub(super) fn write(parent: &Parent) {
    let orders: Orders = parent.hear();
    if let Err(err) = follow(orders, parent) {
        parent.tell(&Word::Failed(err.to_string()));
    }
}

fn follow(orders: Orders, parent: &Parent) -> Result<(), StoreError> {
    let mut plan = Plan::new(orders.seed, orders.run);
    let mut logs = orders.logs;
    let mut open = Open::new(&orders.path, orders.writer, orders.synced)?;
    loop {
        let call = plan.draw(&logs);
        parent.tell(&Word::Begins);
        let index;
        (open, index) = open.make(&call)?;
        parent.tell(&Word::Done(index));
        logs = logs.after(&call);
    }
}

/// A writer as its parent follows it: the same plan, and how far it has come.
struct Writer {
    child: Child,
    number: u64,
    run: u64,
    plan: Plan,
    logs: Logs,
    /// The call that it has begun and that was not acknowledged.
    pending: Option<Call>,
    failure: Option<String>,
}

impl Writer {
    fn start(mut child: Child, archive: &Path, number: u64, run: u64, logs: Logs) -> Self {
        child.tell(&Orders {
            path: archive.to_owned(),
            writer: number,
            seed: seed(),
            run,
            synced: run.is_multiple_of(2),
            logs: logs.clone(),
        });
        Self {
            child,
            number,
            run,
            plan: Plan::new(seed(), run),
            logs,
            pending: None,
            failure: None,
        }
    }

    /// Takes in one word; false if there are no more. Calls that leave something beside the
    /// writer's own logs are put down in `seen`.
    fn listen(&mut self, seen: &mut Seen) -> bool {
        match self.child.hear() {
            Some(Word::Begins) => self.pending = Some(self.plan.draw(&self.logs)),
            Some(Word::Done(index)) => {
                let call = self.pending.take().expect("it had begun a call");
                self.logs = self.logs.after(&call);
                seen.acknowledged += 1;
                match (call, index) {
                    (Call::Shared(entry), Some(index)) => seen.shared.push((index, entry)),
                    (Call::Create(entry), _) => seen.made.push((entry, true)),
                    _ => {}
                }
            }
            Some(Word::Failed(failure)) => self.failure = Some(failure),
            None => return false,
        }
        true
    }
}

/// What writers have left beside their own logs, and figures that show that something was tried.
#[derive(Default)]
struct Seen {
    acknowledged: u64,
    /// Entries of the shared log, with the place that was acknowledged.
    shared: Vec<(u64, Entry)>,
    /// Entries of the shared log whose writer was killed before it was told.
    unsure: Vec<Entry>,
    /// Archives that were made; whether that was acknowledged.
    made: Vec<(Entry, bool)>,
    /// Kills within a call that took effect, and that did not.
    within: [u64; 2],
    /// Kills within calls of some kinds.
    cut_off: BTreeMap<&'static str, u64>,
    /// Whether a compaction was cut off that may have left its copy.
    compacted: bool,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        for (sum, calls) in self.within.iter_mut().zip(other.within) {
            *sum += calls;
        }
        for (kind, calls) in other.cut_off {
            *self.cut_off.entry(kind).or_default() += calls;
        }
    }
}

/// One archive, and the writers that are killed on it.
struct Round {
    scratch: Scratch,
    archive: PathBuf,
    dice: Dice,
    writers: Vec<Writer>,
    /// A process that has started and waits for its orders.
    spare: Child,
    next_run: u64,
    seen: Seen,
}

impl Round {
    fn new(number: u64, writers: u64) -> Self {
        let scratch = Scratch::new();
        let archive = scratch.fresh();
        testing::create_file(&archive, 16 << 10).expect("an archive is made");
        let mut round = Self {
            scratch,
            archive,
            dice: Dice::new(seed().wrapping_add(number)),
            writers: Vec::new(),
            spare: Child::start(Task::Write, &()),
            next_run: number << 16,
            seen: Seen::default(),
        };
        for number in 0..writers {
            let writer = round.start(number, Logs::default());
            round.writers.push(writer);
        }
        round
    }

    fn start(&mut self, number: u64, logs: Logs) -> Writer {
        let child = std::mem::replace(&mut self.spare, Child::start(Task::Write, &()));
        self.next_run += 1;
        Writer::start(child, &self.archive, number, self.next_run, logs)
    }

    /// Kills one of the writers at a moment drawn from the seed, looks at what it has left, and
    /// has another go on in its place.
    fn kill(&mut self) -> Result<(), String> {
        let victim = self.dice.index(self.writers.len());
        let words = self.dice.below(30);
        let pause = Duration::from_micros(match self.dice.below(4) {
            0 => 0,
            1..3 => self.dice.below(300),
            _ => self.dice.below(4000),
        });
        let writer = &mut self.writers[victim];
        let mut heard = 0;
        while heard < words && writer.listen(&mut self.seen) {
            heard += 1;
        }
        let start = Instant::now();
        while start.elapsed() < pause {
            std::hint::spin_loop();
        }
        writer.child.kill();
        while writer.listen(&mut self.seen) {}
        let (number, run) = (writer.number, writer.run);
        let seen = format!("seed {}, writer {number}, run {run}", seed());
        if let Some(failure) = &writer.failure {
            return Err(format!("{seen}: a call failed: {failure}"));
        }
        if heard < words {
            return Err(format!("{seen}: the writer ended by itself"));
        }
        let logs = self
            .verify(victim)
            .map_err(|violation| format!("{seen}: {violation}"))?;
        self.writers[victim] = self.start(number, logs);
        Ok(())
    }

    /// Looks at what the writer that has just been killed has left, and returns it.
    fn verify(&mut self, victim: usize) -> Result<Logs, String> {
        let number = self.writers[victim].number;
        let named = |err: StoreError| err.to_string();
        // A reader may see the call that was cut off only once a writer has been there.
        let glimpse = if self.dice.one_in(2) {
            let viewer = options().read_only(true).open(&self.archive);
            let viewer = viewer.map_err(|err| format!("it does not open for reading: {err}"))?;
            check(&viewer)?;
            Some(stored_logs(&viewer, number).map_err(named)?)
        } else {
            None
        };
        let archive = options().open(&self.archive);
        let archive = archive.map_err(|err| format!("the archive does not open: {err}"))?;
        self.go_on(&archive)
            .map_err(|err| format!("work does not go on: {err}"))?;
        check(&archive)?;
        let stored = stored_logs(&archive, number).map_err(named)?;
        let logs = self.verify_logs(victim, glimpse.as_ref(), &stored)?;
        self.verify_shared(&archive)?;
        self.verify_made()?;
        Ok(logs)
    }

    /// The logs of the writer hold what they held after its last acknowledged call, or after the
    /// one that it was in; and who saw the latter saw what stays.
    fn verify_logs(
        &mut self,
        victim: usize,
        glimpse: Option<&Stored>,
        stored: &Stored,
    ) -> Result<Logs, String> {
        let writer = &mut self.writers[victim];
        let pending = writer.pending.take();
        let before = writer.logs.clone();
        let mut around = before.around(pending.as_ref());
        match &pending {
            Some(Call::Shared(entry)) => self.seen.unsure.push(*entry),
            Some(Call::Create(entry)) => self.seen.made.push((*entry, false)),
            Some(Call::Compact) => self.seen.compacted = true,
            _ => {}
        }
        if let Some(kind) = pending.as_ref().and_then(Call::kind) {
            *self.seen.cut_off.entry(kind).or_default() += 1;
        }
        let states: Vec<Stored> = around.iter().map(texts_of).collect();
        let state_of = |seen: &Stored, by| {
            let found = states.iter().position(|state| state == seen);
            found.ok_or_else(|| {
                format!(
                    "its logs hold {} for {by}, not {}, and not what {pending:?} makes of it",
                    brief(seen),
                    brief(&texts_of(&before)),
                )
            })
        };
        let seen = glimpse.map(|glimpse| state_of(glimpse, "a reader"));
        let found = state_of(stored, "a writer")?;
        if seen.transpose()?.is_some_and(|seen| seen < found) {
            return Err(format!("{pending:?} was seen, and then was not there"));
        }
        if around[0] != before {
            self.seen.within[usize::from(found > 0)] += 1;
        }
        Ok(around.swap_remove(found))
    }

    /// Each shared entry stands where that was acknowledged.
    fn verify_shared(&self, archive: &Archive) -> Result<(), String> {
        let stored = texts_now(&shared(archive)).map_err(|err| err.to_string())?;
        let stored = stored.unwrap_or_default();
        for (index, entry) in &self.seen.shared {
            let place = usize::try_from(*index).map_err(|err| err.to_string())?;
            if stored.get(place) != Some(&entry.text()) {
                return Err(format!(
                    "entry {} was acknowledged at {index} of the shared log, where {:?} is",
                    entry.id,
                    stored.get(place)
                ));
            }
        }
        Ok(())
    }

    /// With all writers dead, the shared log holds what was acknowledged, perhaps what its writers
    /// were killed over, and nothing else, each once.
    fn verify_shared_ended(&self, archive: &Archive) -> Result<(), String> {
        self.verify_shared(archive)?;
        let stored = texts_now(&shared(archive)).map_err(|err| err.to_string())?;
        let mut unsure: Vec<String> = self.seen.unsure.iter().map(|entry| entry.text()).collect();
        let mut acknowledged = self.seen.shared.clone();
        acknowledged.sort_unstable_by_key(|(index, _)| *index);
        let mut acknowledged = acknowledged.into_iter().peekable();
        for (index, text) in (0..).zip(stored.unwrap_or_default()) {
            if acknowledged.next_if(|(at, _)| *at == index).is_some() {
                continue;
            }
            let Some(place) = unsure.iter().position(|unsure| *unsure == text) else {
                return Err(format!("nobody appended {text} at {index}"));
            };
            unsure.swap_remove(place);
        }
        match acknowledged.next() {
            Some((index, _)) => Err(format!("two entries were acknowledged at {index}")),
            None => Ok(()),
        }
    }

    /// An archive that a writer was making is there as a whole or not at all.
    fn verify_made(&mut self) -> Result<(), String> {
        let mut unfinished = Vec::new();
        for (entry, acknowledged) in std::mem::take(&mut self.seen.made) {
            let path = made_path(&self.archive, entry);
            if !acknowledged {
                unfinished.push(entry);
            }
            if !path.exists() && !acknowledged {
                continue;
            }
            let named = |err: StoreError| format!("an archive that was made: {err}");
            let archive = options().create(false).open(&path).map_err(named)?;
            check(&archive)?;
            let stored = texts_now(&shared(&archive)).map_err(named)?;
            let whole = stored == Some(vec![entry.text()]);
            if !(whole || stored.is_none() && !acknowledged) {
                return Err(format!("an archive that was made holds {stored:?}"));
            }
            archive.close().map_err(named)?;
            std::fs::remove_file(&path).map_err(|err| err.to_string())?;
        }
        self.verify_folder(&unfinished)
    }

    /// Beside the archive lies nothing but what a creation or a compaction was killed over. While other writers
    /// are alive they may be making an archive.
    fn verify_folder(&self, unfinished: &[Entry]) -> Result<(), String> {
        if self.writers.len() > 1 {
            return Ok(());
        }
        let of = |entry: &Entry| unfinished_prefix(&made_path(&self.archive, *entry));
        let mut others = self.scratch.names();
        others.retain(|name| !self.archive.ends_with(name));
        for name in others {
            let temporary = unfinished.iter().any(|entry| name.starts_with(&of(entry)));
            let copy = self.seen.compacted && name.starts_with(&unfinished_prefix(&self.archive));
            if !temporary && !copy {
                return Err(format!("{name} lies beside the archive"));
            }
            let path = self.scratch.path().join(name);
            std::fs::remove_file(path).map_err(|err| err.to_string())?;
        }
        Ok(())
    }

    /// One more shared entry, by this process.
    fn go_on(&mut self, archive: &Archive) -> Result<(), StoreError> {
        self.next_run += 1;
        let entry = Entry {
            id: self.next_run << 32,
            pad_bytes: 1,
            erased: false,
        };
        let receipt = shared(archive).append(&raw(entry.text().as_bytes()))?;
        self.seen.shared.push((receipt.index, entry));
        Ok(())
    }

    /// Kills those that are left, one by one, and looks at the whole.
    fn end(&mut self) -> Result<(), String> {
        for victim in 0..self.writers.len() {
            self.writers[victim].child.kill();
            while self.writers[victim].listen(&mut self.seen) {}
            if let Some(failure) = &self.writers[victim].failure {
                return Err(format!("a call failed: {failure}"));
            }
        }
        for victim in 0..self.writers.len() {
            self.verify(victim)?;
        }
        let archive = options()
            .open(&self.archive)
            .map_err(|err| err.to_string())?;
        self.verify_shared_ended(&archive)?;
        archive.close().map(drop).map_err(|err| err.to_string())
    }
}

/// Kills writers on one archive after the other, and adds up what was seen.
fn kill_on(numbers: impl Iterator<Item = u64>) -> (Row, Seen) {
    let (mut row, mut all) = (Row::new("R7"), Seen::default());
    for number in numbers {
        // One writer, and several, by turns.
        let mut round = Round::new(number, if number % 2 == 0 { 1 } else { 3 });
        for _ in 0..KILLS_PER_ARCHIVE {
            let outcome = round.kill();
            let broken = outcome.is_err();
            row.case(outcome);
            if broken {
                break;
            }
        }
        if row.violations() == 0
            && let Err(violation) = round.end()
        {
            row.case(Err(format!("seed {}, round {number}: {violation}", seed())));
        }
        all.add(std::mem::take(&mut round.seen));
    }
    (row, all)
}

#[test]
fn killed_writers_leave_what_was_acknowledged() {
    let kills: u64 = by_form(50, 5000);
    // Most of the time goes by in waiting for the disk.
    let threads = by_form(2, 4);
    let mut row = Row::new("R7");
    let mut all = Seen::default();
    std::thread::scope(|scope| {
        let rounds = kills / KILLS_PER_ARCHIVE;
        let started: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || kill_on((first as u64..rounds).step_by(threads))))
            .collect();
        for thread in started {
            let (part, seen) = thread.join().expect("a thread that kills");
            row.absorb(part);
            all.add(seen);
        }
    });
    let Seen {
        acknowledged,
        within,
        cut_off,
        ..
    } = all;
    println!(
        "R7: {acknowledged} calls acknowledged; of calls that were cut off, {} had taken effect \
         and {} had not; {cut_off:?}",
        within[0], within[1]
    );
    assert!(acknowledged > kills, "hardly anything was written");
    assert!(
        !deep() || within.iter().all(|calls| *calls > 0),
        "calls were not cut off before and after they took effect"
    );
    assert!(
        !deep() || cut_off.len() == 4 && cut_off.values().all(|calls| *calls > 20),
        "some kinds of calls were hardly cut off"
    );
    row.finish(kills);
}

/// How the names of files begin that are to become the archive at the path.
fn unfinished_prefix(path: &Path) -> String {
    let name = path.file_name().expect("a name").as_encoded_bytes();
    format!(".sessiondb-{:016x}-", xxhash_rust::xxh3::xxh3_64(name))
}
