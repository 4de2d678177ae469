//! A writer's archive while it is open, and how each call of a plan is made on it.

use std::path::Path;
use std::time::Duration;

use sessiondb::portable::Merge;
use sessiondb::{Archive, Durability, Log, StoreError};
use uuid::Uuid;

use super::plan::{ALONE, Call, Change, Entry, Growth, TRACES};
use crate::raw::{raw, raws};

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
                index = Some(shared(&self.archive).append(&raw(text.as_bytes()))?.index);
            }
            Call::Branch { from, len, to } => {
                let (from, to) = (self.log(*from), self.log(*to));
                let (session, from, to) = (from.session_id(), from.segment_id(), to.segment_id());
                self.archive.log(session, from).branch(*len as u64, to)?;
            }
            Call::Erase { log, range } => {
                let range = range.start as u64..range.end as u64;
                self.log(*log).erase(range).map(drop)?;
            }
            Call::Merge(grown) => self.merge(grown)?,
            Call::Compact => {
                let (archive, _) = self.archive.compact(None)?;
                return Ok((Self { archive, ..self }, None));
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
                shared(&archive).append(&raw(entry.text().as_bytes()))?;
                archive.close()?;
            }
        }
        Ok((self, index))
    }

    fn merge(&self, grown: &[Growth]) -> Result<(), StoreError> {
        let other = Archive::in_memory()?;
        for Growth { log, had, new } in grown {
            let log = log_of(&other, self.writer, *log);
            log.append_many(raws(texts(&[&had[..], new].concat())))?;
        }
        let report = Merge::new(&self.archive).run(&other, None)?;
        assert_eq!(report.conflicts().count(), 0, "{report:?}");
        Ok(())
    }

    fn make_one(&self, change: &Change, synced: bool) -> Result<(), StoreError> {
        let log = |log| self.log(log).with_durability(durability(synced));
        match change {
            Change::Append {
                log: number,
                expected: None,
                entries,
            } => log(*number).append_many(raws(texts(entries))).map(drop),
            Change::Append {
                log: number,
                expected: Some(expected),
                entries,
            } => {
                let texts = texts(entries);
                refusable(log(*number).append_at(*expected, raws(&texts)).map(drop))
            }
            Change::Truncate { log: number, len } => log(*number).truncate(*len as u64),
            Change::Replace {
                log: number,
                entries,
            } => log(*number).replace(raws(texts(entries))),
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
                    batch.append_at(&self.log(*log), *expected, raws(texts(entries)))?;
                }
                Change::Append { log, entries, .. } => {
                    for entry in entries {
                        batch.append(&self.log(*log), &raw(entry.text().as_bytes()))?;
                    }
                }
                Change::Truncate { log, len } => {
                    batch.truncate(&self.log(*log), *len as u64);
                }
                Change::Replace { log, entries } => {
                    batch.replace(&self.log(*log), raws(texts(entries)))?;
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
    let of_session = if number == ALONE { 100 } else { 1 };
    let session = Uuid::from_u128(u128::from(writer) + of_session);
    let segment = Uuid::from_u128(number as u128 + 1);
    if number == TRACES {
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
