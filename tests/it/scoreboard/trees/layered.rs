//! A disk in memory that cases share until they write to it, with locks, so that several handles
//! may have it open.

use std::collections::HashMap;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sessiondb::testing::{BackendError, StorageBackend};

use super::super::locks::Locks;

pub(super) const PAGE: usize = 4096;

#[derive(Debug)]
pub(super) struct Layered {
    pristine: Arc<Vec<u8>>,
    changed: Mutex<Changed>,
    locks: Locks,
    handles: AtomicU64,
}

#[derive(Debug)]
struct Changed {
    pages: HashMap<usize, Vec<u8>>,
    len: usize,
}

/// What one process has of the disk.
#[derive(Debug)]
struct Handle {
    disk: Arc<Layered>,
    id: u64,
}

impl Layered {
    pub(super) fn over(pristine: &Arc<Vec<u8>>) -> Arc<Self> {
        let (pages, len) = (HashMap::new(), pristine.len());
        Arc::new(Self {
            pristine: Arc::clone(pristine),
            changed: Mutex::new(Changed { pages, len }),
            locks: Locks::default(),
            handles: AtomicU64::new(0),
        })
    }

    pub(super) fn handle(self: &Arc<Self>) -> Arc<dyn StorageBackend> {
        Arc::new(Handle {
            disk: Arc::clone(self),
            id: self.handles.fetch_add(1, Ordering::Relaxed),
        })
    }

    pub(super) fn page(&self, number: usize) -> Vec<u8> {
        self.page_of(&lock(&self.changed), number)
    }

    pub(super) fn set_page(&self, number: usize, bytes: &[u8]) {
        lock(&self.changed).pages.insert(number, bytes.to_vec());
    }

    fn page_of(&self, changed: &Changed, number: usize) -> Vec<u8> {
        changed.pages.get(&number).cloned().unwrap_or_else(|| {
            let start = (number * PAGE).min(self.pristine.len());
            let end = (start + PAGE).min(self.pristine.len());
            let mut page = self.pristine[start..end].to_vec();
            page.resize(PAGE, 0);
            page
        })
    }

    /// Calls `each` with the number of each page, the place in it, and the part of the bytes.
    fn parts(at: u64, len: usize) -> impl Iterator<Item = (usize, usize, std::ops::Range<usize>)> {
        let at = usize::try_from(at).unwrap();
        let mut done = 0;
        std::iter::from_fn(move || {
            let within = (at + done) % PAGE;
            let count = (PAGE - within).min(len - done);
            let part = ((at + done) / PAGE, within, done..done + count);
            done += count;
            (count > 0).then_some(part)
        })
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.disk.changed).len as u64)
    }

    fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let changed = lock(&self.disk.changed);
        let len = out.len();
        if at.saturating_add(len as u64) > changed.len as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (page, within, part) in Layered::parts(at, len) {
            let bytes = match changed.pages.get(&page) {
                Some(page) => &page[within..within + part.len()],
                None => &self.disk.pristine[page * PAGE + within..][..part.len()],
            };
            out[part].copy_from_slice(bytes);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut changed = lock(&self.disk.changed);
        let len = usize::try_from(len).unwrap();
        assert!(len <= 1 << 28 && len.is_multiple_of(PAGE));
        for page in changed.len.min(len) / PAGE..changed.len.max(len) / PAGE {
            changed.pages.insert(page, vec![0; PAGE]);
        }
        changed.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut changed = lock(&self.disk.changed);
        for (number, within, part) in Layered::parts(at, bytes.len()) {
            let mut page = match changed.pages.remove(&number) {
                Some(page) => page,
                None => self.disk.page_of(&changed, number),
            };
            page[within..within + part.len()].copy_from_slice(&bytes[part]);
            changed.pages.insert(number, page);
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.disk.locks.release(self.id);
        Ok(())
    }

    fn try_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        Ok(self.disk.locks.try_lock(self.id, (from, to), true))
    }

    fn try_lock_shared_range(
        &self,
        from: Bound<u64>,
        to: Bound<u64>,
    ) -> Result<bool, BackendError> {
        Ok(self.disk.locks.try_lock(self.id, (from, to), false))
    }

    fn unlock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.disk.locks.unlock(self.id, (from, to));
        Ok(())
    }

    fn query_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        Ok(self.disk.locks.others_have(self.id, (from, to)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
