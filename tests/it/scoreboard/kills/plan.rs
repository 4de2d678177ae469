//! What a writer does: a history drawn from a seed, the calls that it is made of, and what the
//! logs must hold after each.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sessiondb::{Archive, Durability, Log, StoreError};
use uuid::Uuid;

use super::super::row::Dice;

/// How many logs a writer has to itself; the last of them is a trace log.
pub(super) const LOGS: usize = 4;
/// A log that is longer is cut before anything else is done.
const LONGEST: usize = 40;

/// An entry by what makes it: its bytes follow from these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) pad_bytes: usize,
}

impl Entry {
    pub(super) fn text(self) -> String {
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
    Checkpoint,
    Reopen {
        synced: bool,
    },
    /// Makes another archive with one entry, in the same folder.
    Create(Entry),
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
            _ => true,
        };
        if made { logs } else { self.clone() }
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
            0..40 => Call::One(self.append(logs, log), self.dice.one_in(2)),
            40..52 => {
                let other = (log + 1 + self.dice.index(LOGS - 1)) % LOGS;
                Call::Batch(vec![self.any(logs, log), self.append(logs, other)])
            }
            52..68 => Call::One(self.any(logs, log), self.dice.one_in(2)),
            68..80 => Call::Shared(self.entry(100)),
            80..88 => Call::Checkpoint,
            88..96 => Call::Reopen {
                synced: self.dice.one_in(2),
            },
            96..98 => Call::One(Change::Delete { log }, self.dice.one_in(2)),
            _ => Call::Create(self.entry(100)),
        }
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
        }
    }
}

/// A writer's archive while it is open.
pub(super) struct Open {
    archive: Archive,
    writer: u64,
}

impl Open {
    pub(super) fn new(path: &Path, writer: u64, synced: bool) -> Result<Self, StoreError> {
        let durability = durability(synced);
        let archive = options().durability(durability).open(path)?;
        Ok(Self { archive, writer })
    }

    /// Makes the call. Tells where a shared entry went.
    pub(super) fn make(self, call: &Call) -> Result<(Self, Option<u64>), StoreError> {
        let mut index = None;
        match call {
            Call::One(change, synced) => self.make_one(change, *synced)?,
            Call::Batch(changes) => refusable(self.batch(changes)?.commit())?,
            Call::Shared(entry) => {
                let text = entry.text();
                index = Some(shared(&self.archive).append_raw(text.as_bytes())?.index);
            }
            Call::Checkpoint => self.archive.checkpoint()?,
            Call::Reopen { synced } => {
                let path = self.archive.path().to_owned();
                self.archive.close()?;
                return Ok((Self::new(&path, self.writer, *synced)?, None));
            }
            Call::Create(entry) => {
                let archive = options()
                    .create_new(true)
                    .open(made_path(self.archive.path(), *entry))?;
                shared(&archive).append_raw(entry.text().as_bytes())?;
                archive.close()?;
            }
        }
        Ok((self, index))
    }

    fn make_one(&self, change: &Change, synced: bool) -> Result<(), StoreError> {
        let log = |log| self.log(log).with_durability(durability(synced));
        match change {
            Change::Append {
                log: number,
                expected: None,
                entries,
            } => log(*number).append_many_raw(&texts(entries)).map(drop),
            Change::Append {
                log: number,
                expected: Some(expected),
                entries,
            } => {
                let texts = texts(entries);
                refusable(log(*number).append_at_raw(*expected, &texts).map(drop))
            }
            Change::Truncate { log: number, len } => log(*number).truncate(*len as u64),
            Change::Replace {
                log: number,
                entries,
            } => log(*number).replace_raw(&texts(entries)),
            Change::Delete { log: number } => log(*number).delete().map(drop),
        }
    }

    fn batch(&self, changes: &[Change]) -> Result<sessiondb::Batch, StoreError> {
        let mut batch = self.archive.batch();
        for change in changes {
            match change {
                Change::Append {
                    log,
                    expected: Some(expected),
                    entries,
                } => {
                    batch.append_at_raw(&self.log(*log), *expected, &texts(entries))?;
                }
                Change::Append { log, entries, .. } => {
                    for entry in entries {
                        batch.append_raw(&self.log(*log), entry.text().as_bytes())?;
                    }
                }
                Change::Truncate { log, len } => {
                    batch.truncate(&self.log(*log), *len as u64);
                }
                Change::Replace { log, entries } => {
                    batch.replace_raw(&self.log(*log), &texts(entries))?;
                }
                Change::Delete { .. } => unreachable!("not drawn for a batch"),
            }
        }
        Ok(batch)
    }

    fn log(&self, number: usize) -> Log {
        log_of(&self.archive, self.writer, number)
    }
}

pub(super) fn options() -> sessiondb::ArchiveOptions {
    Archive::options()
        .lock_timeout(Duration::from_secs(60))
        .sync_interval(Duration::from_millis(2))
}

/// A log of a writer.
pub(super) fn log_of(archive: &Archive, writer: u64, number: usize) -> Log {
    let session = Uuid::from_u128(u128::from(writer) + 1);
    let segment = Uuid::from_u128(number as u128 + 1);
    if number == LOGS - 1 {
        archive.trace(session, segment)
    } else {
        archive.log(session, segment)
    }
}

/// The log that all writers append to.
pub(super) fn shared(archive: &Archive) -> Log {
    archive.log(Uuid::from_u128(1000), Uuid::from_u128(1000))
}

/// Where an archive is made beside another.
pub(super) fn made_path(archive: &Path, entry: Entry) -> std::path::PathBuf {
    archive.with_extension(format!("made-{}", entry.id))
}

fn durability(synced: bool) -> Durability {
    if synced {
        Durability::Synced
    } else {
        Durability::Written
    }
}

fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.text()).collect()
}

/// A conflict is an answer too: the model knows when there must be one.
fn refusable(done: Result<(), StoreError>) -> Result<(), StoreError> {
    match done {
        Err(StoreError::Conflict { .. }) => Ok(()),
        done => done,
    }
}
