//! Locks as Windows has them, on a system that has others: what another open file has locked can neither be
//! read nor written, a lock is released as it was taken or not at all, and bytes that redb keeps for its
//! backend are refused. For tests alone.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// Who sets this wants it so, in this process and those that it starts.
const ASKED: &str = "SESSIONDB_MANDATORY_LOCKS";
/// What Windows says where a lock is in the way (`ERROR_LOCK_VIOLATION`).
const LOCK_VIOLATION: i32 = 33;
/// What redb's backend does not let others lock on Windows.
const RESERVED: std::ops::Range<u64> = (1 << 62) + 896..(1 << 62) + 1024;

/// The file with such locks, if that is asked for.
pub(super) fn if_asked(bytes: FileBackend) -> Arc<dyn StorageBackend> {
    if std::env::var_os(ASKED).is_none() {
        return Arc::new(bytes);
    }
    Arc::new(Mandatory::new(bytes))
}

type LockRange = (Bound<u64>, Bound<u64>);

#[derive(Debug)]
struct Mandatory {
    bytes: FileBackend,
    /// What this handle has locked, and whether others may share it.
    held: Mutex<Vec<(LockRange, bool)>>,
}

impl Mandatory {
    fn new(bytes: FileBackend) -> Self {
        Self {
            bytes,
            held: Mutex::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<(LockRange, bool)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if another handle has locked any of the bytes.
    fn pass(&self, offset: u64, len: usize) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        let end = Bound::Excluded(offset + len as u64);
        let locked = self.bytes.query_lock_range(Bound::Included(offset), end);
        match locked {
            Ok(true) => Err(io::Error::from_raw_os_error(LOCK_VIOLATION)),
            Ok(false) => Ok(()),
            Err(err) => Err(io::Error::other(err.to_string())),
        }
    }

    /// Takes a lock: none that overlaps one of this handle, unless both are shared.
    fn take(
        &self,
        range: LockRange,
        shared: bool,
        attempt: impl FnOnce() -> Result<bool, BackendError>,
    ) -> Result<bool, BackendError> {
        must_not_be_reserved(range)?;
        let mut held = self.held();
        let in_the_way =
            |(other, of_all): &(LockRange, bool)| overlap(*other, range) && !(shared && *of_all);
        if held.iter().any(in_the_way) || !attempt()? {
            return Ok(false);
        }
        held.push((range, shared));
        Ok(true)
    }
}

/// The first byte, and the one behind the last.
fn ends((start, end): LockRange) -> (u64, u64) {
    let start = match start {
        Bound::Unbounded => 0,
        Bound::Included(start) => start,
        Bound::Excluded(before) => before + 1,
    };
    let end = match end {
        Bound::Unbounded => u64::MAX,
        Bound::Included(last) => last + 1,
        Bound::Excluded(end) => end,
    };
    (start, end)
}

fn overlap(one: LockRange, other: LockRange) -> bool {
    let (one, other) = (ends(one), ends(other));
    one.0 < other.1 && other.0 < one.1
}

fn must_not_be_reserved(range: LockRange) -> Result<(), BackendError> {
    let reserved = (
        Bound::Included(RESERVED.start),
        Bound::Excluded(RESERVED.end),
    );
    if !overlap(range, reserved) || range == (Bound::Unbounded, Bound::Unbounded) {
        return Ok(());
    }
    let message = "lock range overlaps backend-reserved bytes";
    let err = io::Error::new(io::ErrorKind::InvalidInput, message);
    Err(BackendError::Io(err))
}

impl StorageBackend for Mandatory {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.pass(offset, out.len())?;
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.pass(offset, data.len())?;
        self.bytes.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.held().clear();
        self.bytes.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.take((start, end), false, || {
            self.bytes.try_lock_range(start, end)
        })
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.take((start, end), true, || {
            self.bytes.try_lock_shared_range(start, end)
        })
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        while !self.try_lock_range(start, end)? {
            std::thread::yield_now();
        }
        Ok(())
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        while !self.try_lock_shared_range(start, end)? {
            std::thread::yield_now();
        }
        Ok(())
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        let mut held = self.held();
        let Some(at) = held.iter().position(|(range, _)| *range == (start, end)) else {
            let message = "the segment is already unlocked";
            return Err(BackendError::Io(io::Error::other(message)));
        };
        held.swap_remove(at);
        // One of the same range may be left, of which Linux keeps but one.
        if held.iter().any(|(range, _)| *range == (start, end)) {
            return Ok(());
        }
        self.bytes.unlock_range(start, end)
    }

    /// As a handle finds it that tries to lock the range: its own locks are in the way too.
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        must_not_be_reserved((start, end))?;
        let own = self
            .held()
            .iter()
            .any(|(range, _)| overlap(*range, (start, end)));
        Ok(own || self.bytes.query_lock_range(start, end)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// Or a test under it would pass for nothing.
    #[test]
    fn it_refuses_what_windows_refuses() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        std::fs::write(&path, [0; 100]).unwrap();
        let handle = || {
            let file = File::options().read(true).write(true).open(&path);
            Mandatory::new(FileBackend::new(file.unwrap()).unwrap())
        };
        let (one, other) = (handle(), handle());
        let (start, end) = (Bound::Included(10), Bound::Excluded(20));
        assert!(one.try_lock_range(start, end).unwrap());
        for (handle, at, refused) in [(&one, 12, false), (&other, 12, true), (&other, 20, false)] {
            let read = handle.read(at, &mut [0; 4]);
            let written = handle.write(at, &[1; 4]);
            assert_eq!((read.is_err(), written.is_err()), (refused, refused));
        }
        assert!(other.query_lock_range(start, end).unwrap());
        assert!(one.query_lock_range(start, end).unwrap());
        assert!(
            !one.try_lock_shared_range(start, Bound::Included(10))
                .unwrap()
        );
        // Not a part of what was taken.
        assert!(one.unlock_range(start, Bound::Included(15)).is_err());
        one.unlock_range(start, end).unwrap();
        assert!(other.try_lock_shared_range(start, end).unwrap());
        let reserved = Bound::Included(RESERVED.start + 100);
        assert!(one.try_lock_range(reserved, reserved).is_err());
        assert!(
            one.query_lock_range(Bound::Included(1 << 62), reserved)
                .is_err()
        );
    }
}
