//! Which entries logs have already, by the ids that they carry: read once, and gone on from where that was.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sessiondb::archive::LogSnapshot;
use sessiondb::{SegmentId, SessionId, StoreError};

use crate::ids::fingerprint;
use crate::json::id_of;

/// The most ids that are kept of all logs; about 32 MiB.
const MOST_IDS: usize = 1 << 20;
/// The most logs.
const MOST_LOGS: usize = 4096;

type LogKey = (SessionId, SegmentId);

/// What is known of the logs that were written to last.
#[derive(Debug, Default)]
pub(super) struct KnownLogs {
    logs: Mutex<Logs>,
}

#[derive(Debug, Default)]
struct Logs {
    slots: HashMap<LogKey, Slot>,
    /// Counts on with each use.
    uses: u64,
    ids: usize,
}

#[derive(Debug, Default)]
struct Slot {
    known: Arc<Mutex<Known>>,
    last_use: u64,
    ids: usize,
}

/// What is known of one log.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Which log it is, of those that had the same id.
    born: Option<SegmentId>,
    /// How many of its entries were read.
    read: u64,
    /// The last one of them.
    last: u128,
    ids: HashSet<u128>,
}

impl KnownLogs {
    /// What is known of a log. It is to be held while the log is looked at, so that no older state of it is
    /// compared with a newer one.
    pub(super) fn of(&self, log: LogKey) -> Arc<Mutex<Known>> {
        let mut logs = self.locked();
        logs.uses += 1;
        let last_use = logs.uses;
        let slot = logs.slots.entry(log).or_default();
        slot.last_use = last_use;
        Arc::clone(&slot.known)
    }

    /// Keeps to the bounds, now that a log has so many ids.
    pub(super) fn keep_within(&self, log: LogKey, ids: usize) {
        let mut logs = self.locked();
        if let Some(slot) = logs.slots.get_mut(&log) {
            let before = std::mem::replace(&mut slot.ids, ids);
            logs.ids = logs.ids + ids - before;
        }
        if logs.ids > MOST_IDS || logs.slots.len() > MOST_LOGS {
            logs.shrink(log);
        }
    }

    fn locked(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logs {
    /// Lets go of those that were used longest ago, to a quarter below the bounds. The one that is in use stays.
    fn shrink(&mut self, in_use: LogKey) {
        let mut by_use: Vec<(u64, LogKey)> = self
            .slots
            .iter()
            .filter(|(log, _)| **log != in_use)
            .map(|(log, slot)| (slot.last_use, *log))
            .collect();
        by_use.sort_unstable();
        for (_, log) in by_use {
            if self.ids <= MOST_IDS / 4 * 3 && self.slots.len() <= MOST_LOGS / 4 * 3 {
                break;
            }
            if let Some(slot) = self.slots.remove(&log) {
                self.ids -= slot.ids;
            }
        }
    }
}

impl Known {
    /// Reads what the log has beyond what is known, and all of it if it is not the log that was read.
    pub(super) fn catch_up(
        &mut self,
        log: &LogSnapshot,
        born: SegmentId,
        len: u64,
    ) -> Result<(), StoreError> {
        if !self.is_of(log, born, len)? {
            *self = Self {
                born: Some(born),
                ..Self::default()
            };
        }
        if self.read == len {
            return Ok(());
        }
        let mut last = None;
        for entry in log.read(self.read..len)? {
            let entry = entry?;
            // What was erased or is no object has no id.
            self.ids.extend(id_of(entry.as_str()).ok().flatten());
            last = Some(entry);
        }
        // Only now, so that entries that could not be read are read again.
        self.read = len;
        self.last = last.map_or(self.last, |last| fingerprint(&last));
        Ok(())
    }

    /// Whether what was read is the beginning of this log.
    fn is_of(&self, log: &LogSnapshot, born: SegmentId, len: u64) -> Result<bool, StoreError> {
        if self.born != Some(born) || self.read > len {
            return Ok(false);
        }
        let Some(last) = self.read.checked_sub(1) else {
            return Ok(true);
        };
        let entry = log.read(last..=last)?.next().transpose()?;
        Ok(entry.is_some_and(|entry| fingerprint(&entry) == self.last))
    }

    pub(super) fn has(&self, id: u128) -> bool {
        self.ids.contains(&id)
    }

    /// Takes down what was appended at that length, if nothing else has come in between.
    pub(super) fn appended(
        &mut self,
        born: SegmentId,
        at: u64,
        entries: u64,
        last: u128,
        ids: impl Iterator<Item = u128>,
    ) {
        let is_new = at == 0 && self.born != Some(born);
        if is_new {
            *self = Self {
                born: Some(born),
                ..Self::default()
            };
        }
        if self.born == Some(born) && self.read == at {
            self.ids.extend(ids);
            self.read = at + entries;
            self.last = last;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(number: u128) -> LogKey {
        let id = SessionId::from_u128(number);
        (id, id)
    }

    #[test]
    fn logs_that_were_used_longest_ago_are_let_go() {
        let known = KnownLogs::default();
        for number in 0..8 {
            known.of(log(number));
            known.keep_within(log(number), MOST_IDS / 8);
        }
        known.of(log(0));
        known.of(log(8));
        known.keep_within(log(8), MOST_IDS / 8);
        let logs = known.locked();
        assert!(logs.ids <= MOST_IDS / 4 * 3, "{}", logs.ids);
        let left = |number| logs.slots.contains_key(&log(number));
        assert!(left(0) && left(8) && left(7) && !left(1) && !left(2));
        assert_eq!(
            logs.ids,
            logs.slots.values().map(|slot| slot.ids).sum::<usize>()
        );
    }

    #[test]
    fn one_log_may_be_larger_than_all_are_to_be() {
        let known = KnownLogs::default();
        known.of(log(1));
        known.keep_within(log(1), 2 * MOST_IDS);
        assert!(known.locked().slots.contains_key(&log(1)));
    }
}
