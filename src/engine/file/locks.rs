//! Which byte of the file is locked for what, and waiting for such a lock with a deadline.

use std::time::{Duration, Instant};

use redb::BackendError;

/// Locks from here on belong to redb. No byte of a file is ever locked: a system may keep others from
/// reading those.
pub(crate) const LOCK_BASE: u64 = 1 << 62;
/// How many bytes from there on redb locks for as long as a file is open, or being opened.
pub(crate) const REDB_OPENERS: u64 = 4;
/// Held by each who has the image open for writing, from the moment at which all is in order that a crash
/// left. As in redb 4.6.
pub(crate) const REDB_CONSISTENT: u64 = LOCK_BASE + 4;
/// Held by the process that writes, and in exclusive mode by whoever has the file open.
pub(crate) const WRITER_LOCK: u64 = LOCK_BASE - 1;
/// Held by the process that makes a file which has no name yet that anybody opens.
pub(crate) const MAKER_LOCK: u64 = LOCK_BASE - 2;

/// Whoever reads the tables as of commit number n holds byte n from here on.
pub(crate) const READER_LOCKS: u64 = LOCK_BASE + 1024;

pub(crate) enum Polled {
    /// After so long.
    Acquired(Duration),
    TimedOut(Duration),
}

/// Tries until it succeeds or the time is up, first eagerly, then every millisecond.
pub(crate) fn poll(
    timeout: Duration,
    attempt: impl Fn() -> Result<bool, BackendError>,
) -> Result<Polled, BackendError> {
    let mut start = None;
    for round in 0_u32.. {
        if attempt()? {
            break;
        }
        // Mostly nobody else is there, and then the clock is not asked.
        let waited = start.get_or_insert_with(Instant::now).elapsed();
        if waited >= timeout {
            return Ok(Polled::TimedOut(waited));
        }
        match round {
            0..50 => std::thread::yield_now(),
            50..100 => std::thread::sleep(Duration::from_micros(50)),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    Ok(Polled::Acquired(
        start.map_or(Duration::ZERO, |start| start.elapsed()),
    ))
}

/// In a storage over another one: locks, and with them closing, are those of the one in the field.
macro_rules! forward_locks {
    ($field:ident) => {
        fn close(&self) -> std::io::Result<()> {
            self.$field.close()
        }

        fn try_lock_range(
            &self,
            start: std::ops::Bound<u64>,
            end: std::ops::Bound<u64>,
        ) -> Result<bool, redb::BackendError> {
            self.$field.try_lock_range(start, end)
        }

        fn try_lock_shared_range(
            &self,
            start: std::ops::Bound<u64>,
            end: std::ops::Bound<u64>,
        ) -> Result<bool, redb::BackendError> {
            self.$field.try_lock_shared_range(start, end)
        }

        fn lock_range(
            &self,
            start: std::ops::Bound<u64>,
            end: std::ops::Bound<u64>,
        ) -> Result<(), redb::BackendError> {
            self.$field.lock_range(start, end)
        }

        fn lock_shared_range(
            &self,
            start: std::ops::Bound<u64>,
            end: std::ops::Bound<u64>,
        ) -> Result<(), redb::BackendError> {
            self.$field.lock_shared_range(start, end)
        }

        fn unlock_range(
            &self,
            start: std::ops::Bound<u64>,
            end: std::ops::Bound<u64>,
        ) -> Result<(), redb::BackendError> {
            self.$field.unlock_range(start, end)
        }

        fn query_lock_range(
            &self,
            start: std::ops::Bound<u64>,
            end: std::ops::Bound<u64>,
        ) -> Result<bool, redb::BackendError> {
            self.$field.query_lock_range(start, end)
        }
    };
}
pub(crate) use forward_locks;
