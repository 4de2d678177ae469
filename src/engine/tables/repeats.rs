//! Which values of a run are stored once beside the runs: those that repeat, and those that are large by themselves.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use crate::engine::fault::Outcome;
use crate::engine::model::compress;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::shared_value::{ValueName, fingerprint, large_values};
use crate::engine::tables::groups::Stored;
use crate::engine::tables::read::TablesView;
use crate::engine::tables::shared_values::SharedView;

/// From this length on (512 KiB) a value is stored beside the runs when it comes for the first time: it would fill most
/// of a run.
pub(super) const LARGE_BYTES: usize = 512 << 10;
/// About what a value costs besides its bytes, and what each run that uses it costs.
const VALUE_COST: usize = 150;
const USE_COST: usize = 45;
/// The level of zstd that says how long a value is alone.
const LEVEL: i32 = 1;

/// How many values that came lately are known (each some 24 bytes), in two halves of which the older is given up.
const MOST_RECENT: usize = 1 << 16;

/// Whether a value that comes so often is smaller stored once. Of text what counts is how long it is among its like: a
/// third of what it is alone within a run, and some more in a group. What hardly compresses is as long anywhere.
fn pays(times: u8, value: &[u8], grouped: bool) -> bool {
    let alone = compress::compress(&[], value, LEVEL).map_or(value.len(), |frame| frame.len());
    let is_text = alone < value.len() / 5 * 3;
    let (within, once) = match (is_text, grouped) {
        (true, true) => (alone / 3, alone / 5 * 2),
        (true, false) => (alone / 3, alone / 2),
        (false, _) => (alone, alone),
    };
    let times = usize::from(times);
    within * times > once + VALUE_COST + USE_COST * times
}

/// The values that came lately, by their fingerprints: where each came last, and how often it came.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    halves: Mutex<[HashMap<u64, (u64, u8)>; 2]>,
}

impl Recent {
    /// Takes note of a value at that place, and tells how often it came. What is packed anew in its old place does not
    /// come again.
    fn times(&self, fingerprint: u64, place: u64) -> u8 {
        let mut halves = lock(&self.halves);
        let [newer, older] = &mut *halves;
        let known = newer.get(&fingerprint).or_else(|| older.get(&fingerprint));
        let times = match known {
            Some((last, times)) if *last == place => *times,
            Some((_, times)) => times.saturating_add(1),
            None => 1,
        };
        newer.insert(fingerprint, (place, times));
        if newer.len() >= MOST_RECENT / 2 {
            *older = std::mem::take(newer);
        }
        times
    }
}

/// In how many runs each value is, by fingerprints.
#[derive(Debug, Default)]
pub(crate) struct Counts(HashMap<u64, u8>);

impl Counts {
    /// Counts the values of one run.
    pub(super) fn add(&mut self, lines: &[u8]) {
        let values = large_values(lines).into_iter();
        let values = values.filter_map(|range| lines.get(range)).map(fingerprint);
        for value in values.collect::<HashSet<_>>() {
            let count = self.0.entry(value).or_default();
            *count = count.saturating_add(1);
        }
    }
}

/// What is taken out of runs that are packed in one transaction.
pub(crate) struct Repeats<'r> {
    rule: Rule<'r>,
    /// Those that a run of this transaction brings, and those that are to stay where they are.
    decided: Mutex<HashMap<u64, Option<ValueName>>>,
}

enum Rule<'r> {
    /// Nothing.
    Nothing,
    /// What is in the tables already, and what comes again.
    Known(&'r Recent, Box<SharedView>),
    /// What is in several runs.
    Counted(&'r Counts),
}

/// A value that is taken out of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TakenValue {
    pub(crate) name: ValueName,
    /// Whether the tables do not have it yet, nor another run brings it.
    pub(crate) is_new: bool,
}

impl<'r> Repeats<'r> {
    pub(crate) fn of_nothing() -> Self {
        Self::new(Rule::Nothing)
    }

    pub(super) fn known(recent: &'r Recent, tables: SharedView) -> Self {
        Self::new(Rule::Known(recent, Box::new(tables)))
    }

    pub(super) fn counted(counts: &'r Counts) -> Self {
        Self::new(Rule::Counted(counts))
    }

    fn new(rule: Rule<'r>) -> Self {
        Self {
            rule,
            decided: Mutex::default(),
        }
    }

    pub(crate) fn are_none(&self) -> bool {
        matches!(self.rule, Rule::Nothing)
    }

    /// The value of that entry, if it is to be stored beside the run; `short` is its fingerprint.
    pub(crate) fn take(
        &self,
        (log, entry): (&LogId, u64),
        short: u64,
        value: &[u8],
    ) -> Option<TakenValue> {
        let name = || ValueName::new(short, value);
        let times = match &self.rule {
            Rule::Nothing => return None,
            Rule::Counted(counts) => counts.0.get(&short).copied().unwrap_or(1),
            Rule::Known(recent, tables) => {
                let times = recent.times(short, place(log, entry));
                // What cannot be read is not relied on.
                match tables.stored(short, name).ok()? {
                    Stored::Whole(name) => return Some(TakenValue::known(name)),
                    Stored::Damaged => return None,
                    Stored::Unknown => times,
                }
            }
        };
        let may_pay = times >= 2 || value.len() >= LARGE_BYTES;
        may_pay.then(|| self.decide(name(), times, value))?
    }

    fn decide(&self, name: ValueName, times: u8, value: &[u8]) -> Option<TakenValue> {
        let short = name.fingerprint();
        let counted = matches!(self.rule, Rule::Counted(_));
        // Another value with the same fingerprint stays where it is.
        let brought = |brought: ValueName| (brought == name).then(|| TakenValue::known(name));
        match lock(&self.decided).get(&short) {
            Some(Some(other)) => return brought(*other),
            Some(None) if counted => return None,
            _ => {}
        }
        let wanted = value.len() >= LARGE_BYTES || pays(times, value, counted);
        let mut decided = lock(&self.decided);
        if let Some(Some(other)) = decided.get(&short) {
            // By another thread meanwhile.
            return brought(*other);
        }
        decided.insert(short, wanted.then_some(name));
        wanted.then_some(TakenValue { name, is_new: true })
    }
}

impl TakenValue {
    fn known(name: ValueName) -> Self {
        let is_new = false;
        Self { name, is_new }
    }
}

impl TablesView {
    /// In how many of the runs each value is.
    pub(super) fn count_values(&self, mut each_run: impl FnMut()) -> Outcome<Counts> {
        let mut counts = Counts::default();
        for kind in [LogKind::Entries, LogKind::Traces] {
            self.for_each_head(|session, segment, _| {
                let log = LogId {
                    session,
                    segment,
                    kind,
                };
                self.for_each_run_of(&log, |found| {
                    if let Ok(run) = &found.run {
                        counts.add(run.entries().payload());
                    }
                    each_run();
                    Ok(())
                })
            })?;
        }
        Ok(counts)
    }
}

fn place(log: &LogId, entry: u64) -> u64 {
    let mut bytes = [log.session.into_bytes(), log.segment.into_bytes()].concat();
    bytes.push(log.kind.tag());
    bytes.extend_from_slice(&entry.to_le_bytes());
    xxh3_64(&bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
