//! What was read of logs, kept in memory: read once, and gone on from where that was.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sessiondb::archive::LogSnapshot;
use sessiondb::{Entry, SegmentId, SessionId, Snapshot, StoreError};

use crate::ids::fingerprint;

/// The most that is kept of all logs, in bytes.
const MOST_BYTES: usize = 64 << 20;
/// The most logs.
const MOST_LOGS: usize = 4096;

pub(crate) type LogKey = (SessionId, SegmentId);

/// What the entries of one log add up to.
pub(crate) trait Content: Default {
    /// Takes the next entry.
    fn take(&mut self, entry: &Entry);

    /// About how many bytes of memory it has.
    fn bytes(&self) -> usize;
}

/// What is kept of the logs that were used last.
#[derive(Debug)]
pub(crate) struct FollowedLogs<C> {
    logs: Mutex<Recent<C>>,
}

#[derive(Debug)]
struct Recent<C> {
    slots: HashMap<LogKey, Slot<C>>,
    /// Counts on with each use.
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Slot<C> {
    followed: Arc<Mutex<Followed<C>>>,
    last_use: u64,
    bytes: usize,
}

/// What was read of one log.
#[derive(Debug, Default)]
pub(crate) struct Followed<C> {
    /// Which log it is, of those that had the same id.
    born: Option<SegmentId>,
    /// How many of its entries were read.
    read: u64,
    /// How many bytes these have: others if one of them was erased or redacted.
    read_bytes: u64,
    /// The last one of them.
    last: u128,
    content: C,
}

impl<C> Default for FollowedLogs<C> {
    fn default() -> Self {
        let slots = Recent {
            slots: HashMap::new(),
            uses: 0,
            bytes: 0,
        };
        Self {
            logs: Mutex::new(slots),
        }
    }
}

/// Holds what others may have left in the middle of a change: each change leaves the counters for last.
pub(crate) fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C: Content> FollowedLogs<C> {
    /// What is kept of a log. It is to be held while the log is looked at, so that no older state of it is
    /// compared with a newer one.
    pub(crate) fn of(&self, log: LogKey) -> Arc<Mutex<Followed<C>>> {
        let mut logs = locked(&self.logs);
        logs.uses += 1;
        let last_use = logs.uses;
        let slot = logs.slots.entry(log).or_insert_with(|| Slot {
            followed: Arc::default(),
            last_use,
            bytes: 0,
        });
        slot.last_use = last_use;
        Arc::clone(&slot.followed)
    }

    /// Keeps to the bounds, now that a log has so many bytes.
    pub(crate) fn keep_within(&self, log: LogKey, bytes: usize) {
        let mut logs = locked(&self.logs);
        if let Some(slot) = logs.slots.get_mut(&log) {
            let before = std::mem::replace(&mut slot.bytes, bytes);
            logs.bytes = logs.bytes + bytes - before;
        }
        if logs.bytes > MOST_BYTES || logs.slots.len() > MOST_LOGS {
            logs.shrink(log);
        }
    }
}

impl<C> Recent<C> {
    /// Lets go of those that were used longest ago, to a quarter below the bounds. The one that is in use stays.
    fn shrink(&mut self, in_use: LogKey) {
        let slots = self.slots.iter().filter(|(log, _)| **log != in_use);
        let mut by_use: Vec<_> = slots.map(|(log, slot)| (slot.last_use, *log)).collect();
        by_use.sort_unstable();
        for (_, log) in by_use {
            if self.bytes <= MOST_BYTES / 4 * 3 && self.slots.len() <= MOST_LOGS / 4 * 3 {
                break;
            }
            if let Some(slot) = self.slots.remove(&log) {
                self.bytes -= slot.bytes;
            }
        }
    }
}

impl<C: Content> Followed<C> {
    /// What the first entries that were read add up to.
    pub(crate) fn content(&self) -> &C {
        &self.content
    }

    /// Reads what the log has beyond what is known, and all of it if it is not the log that was read, or entries
    /// that were read have become others. Returns the length of the log.
    pub(crate) fn catch_up(
        &mut self,
        now: &Snapshot,
        log: LogKey,
        born: SegmentId,
    ) -> Result<u64, StoreError> {
        let segment = now.segment(log.0, log.1)?.filter(|segment| segment.exists);
        let (len, bytes) = segment.map_or((0, 0), |segment| (segment.entries, segment.entry_bytes));
        let log = now.log(log.0, log.1);
        if !self.is_of(&log, born, len)? {
            self.begin_anew(born);
        }
        let had_read = self.read > 0;
        self.read_on(&log, len)?;
        if had_read && self.read_bytes != bytes {
            self.begin_anew(born);
            self.read_on(&log, len)?;
        }
        Ok(len)
    }

    fn read_on(&mut self, log: &LogSnapshot, len: u64) -> Result<(), StoreError> {
        for entry in log.read(self.read..len)? {
            let entry = entry?;
            self.content.take(&entry);
            self.read = entry.index() + 1;
            self.read_bytes += entry.len() as u64;
            if self.read == len {
                self.last = fingerprint(&entry);
            }
        }
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
        Ok(entry.is_some_and(|entry| fingerprint(entry.as_ref()) == self.last))
    }

    fn begin_anew(&mut self, born: SegmentId) {
        *self = Self {
            born: Some(born),
            read: 0,
            read_bytes: 0,
            last: 0,
            content: C::default(),
        };
    }

    /// Takes down what was appended at that length, if nothing else has come in between.
    pub(crate) fn appended(
        &mut self,
        born: SegmentId,
        at: u64,
        (entries, bytes): (u64, u64),
        last: &[u8],
        change: impl FnOnce(&mut C),
    ) {
        if at == 0 && self.born != Some(born) {
            self.begin_anew(born);
        }
        if self.born == Some(born) && self.read == at {
            change(&mut self.content);
            self.read = at + entries;
            self.read_bytes += bytes;
            self.last = fingerprint(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Nothing;

    impl Content for Nothing {
        fn take(&mut self, _: &Entry) {}

        fn bytes(&self) -> usize {
            0
        }
    }

    fn log(number: u128) -> LogKey {
        let id = SessionId::from_u128(number);
        (id, id)
    }

    #[test]
    fn logs_that_were_used_longest_ago_are_let_go() {
        let known = FollowedLogs::<Nothing>::default();
        for number in 0..8 {
            known.of(log(number));
            known.keep_within(log(number), MOST_BYTES / 8);
        }
        known.of(log(0));
        known.of(log(8));
        known.keep_within(log(8), MOST_BYTES / 8);
        let logs = locked(&known.logs);
        assert!(logs.bytes <= MOST_BYTES / 4 * 3, "{}", logs.bytes);
        let left = |number| logs.slots.contains_key(&log(number));
        assert!(left(0) && left(8) && left(7) && !left(1) && !left(2));
        let sum: usize = logs.slots.values().map(|slot| slot.bytes).sum();
        assert_eq!(logs.bytes, sum);
    }

    #[test]
    fn one_log_may_be_larger_than_all_are_to_be() {
        let known = FollowedLogs::<Nothing>::default();
        known.of(log(1));
        known.keep_within(log(1), 2 * MOST_BYTES);
        assert!(locked(&known.logs).slots.contains_key(&log(1)));
    }
}
