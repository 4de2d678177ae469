//! A disk that several archives have open at once, each through a handle with locks of its own, as
//! several processes have a file open. What one does can be made to happen in the midst of a call
//! of another, and a handle can die at any call.

use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sessiondb::testing::{BackendError, StorageBackend};

use super::disk::Disk;
use super::locks::Locks;

/// What is done in the midst of another handle's call.
type Meanwhile = Box<dyn FnOnce() + Send>;

/// The disk and its locks.
pub(super) struct Shared {
    pub(super) disk: Arc<Disk>,
    locks: Locks,
    handles: AtomicU64,
}

/// What one process has of the disk.
pub(super) struct Handle {
    shared: Arc<Shared>,
    id: u64,
    plan: Mutex<Plan>,
}

/// What a handle asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Length,
    /// So many bytes at an offset.
    Read(u64, usize),
    Write,
    Lock,
    Unlock,
    QueryLock,
}

/// How a read comes to show two states: a part of the bytes is read before what is done meanwhile,
/// and the rest after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tear {
    pub(super) at: usize,
    pub(super) end_first: bool,
}

#[derive(Default)]
struct Plan {
    calls: Vec<Call>,
    calls_until: u64,
    meanwhile: Option<Meanwhile>,
    tear: Option<Tear>,
    dies: bool,
    dead: bool,
}

impl Shared {
    pub(super) fn new(disk: Arc<Disk>) -> Arc<Self> {
        Arc::new(Self {
            disk,
            locks: Locks::default(),
            handles: AtomicU64::new(0),
        })
    }

    pub(super) fn handle(self: &Arc<Self>) -> Arc<Handle> {
        Arc::new(Handle {
            shared: Arc::clone(self),
            id: self.handles.fetch_add(1, Ordering::Relaxed),
            plan: Mutex::default(),
        })
    }
}

impl Handle {
    /// Has something done just before the call that comes after so many others.
    pub(super) fn meanwhile(&self, calls: u64, meanwhile: Meanwhile) {
        self.meanwhile_torn(calls, None, meanwhile);
    }

    /// The same; a read, if the call is one, shows the disk before it and after it.
    pub(super) fn meanwhile_torn(&self, calls: u64, tear: Option<Tear>, meanwhile: Meanwhile) {
        let mut plan = lock(&self.plan);
        (plan.calls_until, plan.meanwhile, plan.tear) = (calls, Some(meanwhile), tear);
    }

    /// The calls since this was last asked.
    pub(super) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut lock(&self.plan).calls)
    }

    /// Ends what was planned, if it has not come to it.
    pub(super) fn forget_plan(&self) {
        let mut plan = lock(&self.plan);
        (plan.meanwhile, plan.dies) = (None, false);
    }

    /// From the call on that comes after so many others nothing reaches the disk any more.
    pub(super) fn die_after(&self, calls: u64) {
        let mut plan = lock(&self.plan);
        (plan.calls_until, plan.dies) = (calls, true);
    }

    /// Whether it has died.
    pub(super) fn is_dead(&self) -> bool {
        lock(&self.plan).dead
    }

    /// What the operating system does when a process dies.
    pub(super) fn release(&self) {
        lock(&self.plan).dead = true;
        self.shared.locks.release(self.id);
    }

    fn call(&self, call: Call) -> io::Result<()> {
        let mut plan = lock(&self.plan);
        plan.calls.push(call);
        let now = plan.calls_until == 0;
        plan.calls_until = plan.calls_until.saturating_sub(1);
        if now && plan.dies {
            plan.dead = true;
        }
        if plan.dead {
            return Err(io::Error::other("this process is dead"));
        }
        let meanwhile = if now { plan.meanwhile.take() } else { None };
        drop(plan);
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        Ok(())
    }

    /// How the read that comes next is to be torn.
    fn tear(&self) -> Option<Tear> {
        let mut plan = lock(&self.plan);
        let now = plan.calls_until == 0 && plan.meanwhile.is_some();
        if now { plan.tear.take() } else { None }
    }

    fn try_lock(
        &self,
        range: (Bound<u64>, Bound<u64>),
        exclusive: bool,
    ) -> Result<bool, BackendError> {
        self.call(Call::Lock).map_err(BackendError::Io)?;
        Ok(self.shared.locks.try_lock(self.id, range, exclusive))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        self.call(Call::Length)?;
        self.shared.disk.len()
    }

    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let out_len = out.len();
        let tear = self.tear();
        let cut = tear.map_or(0, |tear| tear.at.min(out.len()));
        let (begin, end) = out.split_at_mut(cut);
        let (begin, end) = ((at, begin), (at + cut as u64, end));
        let end_first = tear.is_none_or(|tear| tear.end_first);
        let (early, late) = if end_first {
            (end, begin)
        } else {
            (begin, end)
        };
        if tear.is_some() {
            self.shared.disk.read(early.0, early.1)?;
        }
        self.call(Call::Read(at, out_len))?;
        if tear.is_none() {
            self.shared.disk.read(early.0, early.1)?;
        }
        self.shared.disk.read(late.0, late.1)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(Call::Write)?;
        self.shared.disk.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.call(Call::Write)?;
        self.shared.disk.sync_data()
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.call(Call::Write)?;
        self.shared.disk.write(at, bytes)
    }

    fn close(&self) -> io::Result<()> {
        self.shared.locks.release(self.id);
        Ok(())
    }

    fn try_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.try_lock((from, to), true)
    }

    fn try_lock_shared_range(
        &self,
        from: Bound<u64>,
        to: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.try_lock((from, to), false)
    }

    fn unlock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.call(Call::Unlock).map_err(BackendError::Io)?;
        self.shared.locks.unlock(self.id, (from, to));
        Ok(())
    }

    fn query_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.call(Call::QueryLock).map_err(BackendError::Io)?;
        Ok(self.shared.locks.others_have(self.id, (from, to)))
    }
}
