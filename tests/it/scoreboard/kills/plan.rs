//! What a writer does: a history drawn from a seed, the calls that it is made of, and what the
//! logs must hold after each.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::super::row::Dice;

/// How many logs a writer has to itself. The first are segments of one session, which can share
/// entries; the last but one has a session of its own, and the last is a trace log.
pub(super) const LOGS: usize = 6;
const SEGMENTS: usize = LOGS - 2;
pub(super) const ALONE: usize = LOGS - 2;
pub(super) const TRACES: usize = LOGS - 1;
/// A log that is longer is cut before anything else is done.
const LONGEST: usize = 40;

/// An entry by what makes it: its bytes follow from these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) pad_bytes: usize,
    pub(super) erased: bool,
}

impl Entry {
    pub(super) fn text(self) -> String {
        if self.erased {
            return r#"{"kind":"erased"}"#.to_owned();
        }
        let pad = char::from(b'a' + u8::try_from(self.id % 26).expect("below 26"));
        let pad = String::from(pad).repeat(self.pad_bytes);
        format!("[{},\"{pad}\"]", self.id)
    }
}

/// A change of one log.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Append {
        log: usize,
        expected: Option<u64>,
        entries: Vec<Entry>,
    },
    Truncate {
        log: usize,
        len: usize,
    },
    Replace {
        log: usize,
        entries: Vec<Entry>,
    },
    Delete {
        log: usize,
    },
}

/// One call of a writer.
#[derive(Debug, Clone)]
pub(super) enum Call {
    One(Change, bool),
    Batch(Vec<Change>),
    /// One more entry for the log that all writers append to.
    Shared(Entry),
    Branch {
        from: usize,
        len: usize,
        to: usize,
    },
    Erase {
        log: usize,
        range: Range<usize>,
    },
    Merge(Vec<Growth>),
    Compact,
    Checkpoint,
    Reopen {
        synced: bool,
    },
    /// Makes another archive with one entry, in the same folder.
    Create(Entry),
}

/// A log of another archive that is merged: it begins with what this one has, and goes on.
#[derive(Debug, Clone)]
pub(super) struct Growth {
    pub(super) log: usize,
    pub(super) had: Vec<Entry>,
    pub(super) new: Vec<Entry>,
}

impl Call {
    /// What the call is, where it is one that is counted.
    pub(super) fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Branch { .. } => Some("branch"),
            Self::Erase { .. } => Some("erase"),
            Self::Merge(_) => Some("merge"),
            Self::Compact => Some("compact"),
            _ => None,
        }
    }
}

/// What the logs of one writer hold; `None` is a log that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Logs(pub(super) [Option<Vec<Entry>>; LOGS]);

impl Logs {
    /// What they hold after the call. A call that is refused changes nothing.
    pub(super) fn after(&self, call: &Call) -> Self {
        let mut logs = self.clone();
        let made = match call {
            Call::One(change, _) => logs.change(change),
            Call::Batch(changes) => changes.iter().all(|change| logs.change(change)),
            Call::Branch { from, len, to } => {
                let shared = self.0[*from].iter().flatten().take(*len);
                logs.0[*to] = Some(shared.copied().collect());
                true
            }
            Call::Erase { log, range } => {
                logs.erase(*log, range.clone());
                true
            }
            Call::Merge(grown) => {
                for growth in grown {
                    logs.grow(growth);
                }
                true
            }
            _ => true,
        };
        if made { logs } else { self.clone() }
    }

    /// What they may hold if the call was cut off: before it, after it, and of a merge with only
    /// one of the sessions merged. The later states come first.
    pub(super) fn around(&self, call: Option<&Call>) -> Vec<Self> {
        let mut around = Vec::new();
        around.extend(call.map(|call| self.after(call)));
        if let Some(Call::Merge(grown)) = call {
            for alone in [true, false] {
                let mut logs = self.clone();
                let part = grown.iter().filter(|growth| (growth.log == ALONE) == alone);
                part.for_each(|growth| logs.grow(growth));
                around.push(logs);
            }
        }
        around.push(self.clone());
        around
    }

    fn erase(&mut self, log: usize, range: Range<usize>) {
        let erased: Vec<u64> = self.0[log].iter().flatten().map(|entry| entry.id).collect();
        let sharing = if log < SEGMENTS {
            0..SEGMENTS
        } else {
            log..log + 1
        };
        for log in self.0[sharing].iter_mut().flatten() {
            for index in range.clone() {
                let entry = log.get_mut(index);
                if let Some(entry) = entry.filter(|entry| entry.id == erased[index]) {
                    entry.erased = true;
                }
            }
        }
    }

    fn grow(&mut self, growth: &Growth) {
        let held = self.0[growth.log].get_or_insert_default();
        held.extend(&growth.new);
    }

    fn change(&mut self, change: &Change) -> bool {
        match change {
            Change::Append {
                log,
                expected,
                entries,
            } => {
                let held = self.0[*log].as_ref().map_or(0, Vec::len);
                if expected.is_some_and(|expected| expected != held as u64) {
                    return false;
                }
                self.0[*log].get_or_insert_default().extend(entries);
            }
            Change::Truncate { log, len } => {
                let held = self.0[*log]
                    .as_mut()
                    .expect("drawn for a log that is there");
                held.truncate(*len);
            }
            Change::Replace { log, entries } => self.0[*log] = Some(entries.clone()),
            Change::Delete { log } => self.0[*log] = None,
        }
        true
    }

    fn len(&self, log: usize) -> Option<usize> {
        self.0[log].as_ref().map(Vec::len)
    }
}

/// The calls of one writer, drawn one after the other. Parent and child draw the same.
pub(super) struct Plan {
    dice: Dice,
    run: u64,
    made: u64,
}

impl Plan {
    /// No other run of the same archive has this number.
    pub(super) fn new(seed: u64, run: u64) -> Self {
        let dice = Dice::new(seed ^ run.wrapping_mul(0x9e37_79b9));
        Self { dice, run, made: 0 }
    }

    pub(super) fn draw(&mut self, logs: &Logs) -> Call {
        let log = self.dice.index(LOGS);
        if logs.len(log).is_some_and(|len| len > LONGEST) {
            return Call::One(Change::Truncate { log, len: 3 }, false);
        }
        match self.dice.below(100) {
            0..32 => Call::One(self.append(logs, log), self.dice.one_in(2)),
            32..42 => {
                let other = (log + 1 + self.dice.index(LOGS - 1)) % LOGS;
                Call::Batch(vec![self.any(logs, log), self.append(logs, other)])
            }
            42..56 => Call::One(self.any(logs, log), self.dice.one_in(2)),
            56..66 => Call::Shared(self.entry(100)),
            66..71 => Call::Checkpoint,
            71..77 => Call::Reopen {
                synced: self.dice.one_in(2),
            },
            77..85 => self.branch(logs),
            85..90 => self.erase(logs, log),
            90..93 => self.merge(logs, log),
            93..96 => Call::Compact,
            96..98 => Call::One(Change::Delete { log }, self.dice.one_in(2)),
            _ => Call::Create(self.entry(100)),
        }
    }

    /// A branch, or where all segments are there already, room for one.
    fn branch(&mut self, logs: &Logs) -> Call {
        let from = self.dice.index(SEGMENTS);
        let free: Vec<usize> = (0..SEGMENTS)
            .filter(|log| logs.len(*log).is_none())
            .collect();
        match (logs.len(from), free.is_empty()) {
            (Some(len), false) => Call::Branch {
                from,
                len: self.dice.index(len + 1),
                to: free[self.dice.index(free.len())],
            },
            (Some(_), true) => Call::One(Change::Delete { log: from }, self.dice.one_in(2)),
            (None, _) => Call::One(self.append(logs, from), self.dice.one_in(2)),
        }
    }

    fn erase(&mut self, logs: &Logs, log: usize) -> Call {
        let len = logs.len(log).unwrap_or(0);
        if len == 0 {
            return Call::One(self.append(logs, log), self.dice.one_in(2));
        }
        let from = self.dice.index(len);
        let range = from..from + 1 + self.dice.index((len - from).min(3));
        Call::Erase { log, range }
    }

    /// What is new is in both sessions, and in both logs of a segment.
    fn merge(&mut self, logs: &Logs, log: usize) -> Call {
        let grown = [log % SEGMENTS, ALONE, TRACES].map(|log| Growth {
            log,
            had: logs.0[log].clone().unwrap_or_default(),
            new: self.entries(1),
        });
        Call::Merge(grown.to_vec())
    }

    fn any(&mut self, logs: &Logs, log: usize) -> Change {
        match (self.dice.below(3), logs.len(log)) {
            (0, Some(len)) => Change::Truncate {
                log,
                len: self.dice.index(len + 1),
            },
            (1, _) => Change::Replace {
                log,
                entries: self.entries(0),
            },
            _ => self.append(logs, log),
        }
    }

    fn append(&mut self, logs: &Logs, log: usize) -> Change {
        let held = logs.len(log).unwrap_or(0) as u64;
        let expected = match self.dice.below(12) {
            0 => Some(held + 1),
            1..4 => Some(held),
            _ => None,
        };
        Change::Append {
            log,
            expected,
            entries: self.entries(1),
        }
    }

    fn entries(&mut self, at_least: u64) -> Vec<Entry> {
        let several = if self.dice.one_in(3) { 5 } else { 1 };
        let count = at_least + self.dice.below(several);
        (0..count)
            .map(|_| {
                // The largest do not fit into half of the shortest journal.
                let limit = match self.dice.below(20) {
                    0 => 20_000,
                    1..4 => 4000,
                    _ => 200,
                };
                self.entry(limit)
            })
            .collect()
    }

    fn entry(&mut self, limit: u64) -> Entry {
        self.made += 1;
        Entry {
            id: self.run << 32 | self.made,
            pad_bytes: self.dice.index(usize::try_from(limit).expect("small")),
            erased: false,
        }
    }
}
