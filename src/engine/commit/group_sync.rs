//! Group sync: many threads that wait for the disk share one sync.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::engine::redb_format::guard::caught;

/// Which of this process's writes have been synced.
#[derive(Debug, Default)]
pub(crate) struct GroupSync {
    progress: Mutex<Syncing>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Syncing {
    written: u64,
    synced: u64,
    is_under_way: bool,
    failed: bool,
}

impl GroupSync {
    /// Takes note of a write; the ticket it returns is what to wait for.
    pub(crate) fn written(&self) -> u64 {
        let mut progress = self.lock();
        progress.written += 1;
        progress.written
    }

    /// Takes note that everything written before now has been synced in another way.
    pub(crate) fn all_synced(&self) {
        let mut progress = self.lock();
        progress.synced = progress.written;
        self.changed.notify_all();
    }

    pub(crate) fn is_synced(&self, ticket: u64) -> bool {
        self.lock().synced >= ticket
    }

    pub(crate) fn is_all_synced(&self) -> bool {
        let progress = self.lock();
        progress.synced == progress.written
    }

    /// Returns once a sync that began after the ticket's write has ended. One of those who wait
    /// syncs for all, so that nobody waits for more than two syncs: the one that was under way,
    /// and the next. A sync that failed fails for all, for ever.
    pub(crate) fn wait(&self, ticket: u64, sync: impl Fn() -> io::Result<()>) -> io::Result<()> {
        let mut progress = self.lock();
        loop {
            if progress.failed {
                return Err(io::Error::other("a sync that many waited for failed"));
            }
            if progress.synced >= ticket {
                return Ok(());
            }
            if progress.is_under_way {
                progress = self
                    .changed
                    .wait(progress)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            progress.is_under_way = true;
            let covers = progress.written;
            drop(progress);
            // A panic must not leave the others waiting for a sync that nobody makes.
            let result = caught(&sync)
                .unwrap_or_else(|said| Err(io::Error::other(format!("the sync panicked: {said}"))));
            progress = self.lock();
            progress.is_under_way = false;
            self.changed.notify_all();
            match result {
                Ok(()) => progress.synced = progress.synced.max(covers),
                Err(err) => {
                    progress.failed = true;
                    return Err(err);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Syncing> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn each_ticket_is_covered_by_a_sync_that_began_after_it() {
        const THREADS: u64 = 8;
        const ROUNDS: u64 = 200;
        let sync = GroupSync::default();
        let (written, synced, syncs) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..ROUNDS {
                        let mine = written.fetch_add(1, Ordering::SeqCst) + 1;
                        let ticket = sync.written();
                        let disk = || {
                            let covers = written.load(Ordering::SeqCst);
                            std::thread::yield_now();
                            synced.fetch_max(covers, Ordering::SeqCst);
                            syncs.fetch_add(1, Ordering::SeqCst);
                            Ok(())
                        };
                        sync.wait(ticket, disk).unwrap();
                        assert!(synced.load(Ordering::SeqCst) >= mine);
                    }
                });
            }
        });
        assert!(sync.is_all_synced());
        assert!(syncs.into_inner() <= THREADS * ROUNDS);
    }

    #[test]
    fn a_failed_sync_fails_for_all_that_come_after() {
        let sync = GroupSync::default();
        let first = sync.written();
        assert!(
            sync.wait(first, || Err(io::ErrorKind::Other.into()))
                .is_err()
        );
        let second = sync.written();
        assert!(sync.wait(second, || Ok(())).is_err());
        assert!(!sync.is_synced(first));
    }

    #[test]
    fn a_sync_that_panics_has_failed_for_all() {
        let sync = GroupSync::default();
        let (first, second) = (sync.written(), sync.written());
        let err = sync.wait(first, || panic!("a panic that this test asks for"));
        assert!(err.unwrap_err().to_string().contains("asks for"));
        assert!(sync.wait(second, || Ok(())).is_err());
        assert!(!sync.is_synced(first));
    }
}
