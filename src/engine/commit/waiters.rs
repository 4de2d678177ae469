//! Those in this process who wait for a change.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wakes those who wait for a change.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// How many there are, so that a change that nobody waits for costs nothing.
    number: AtomicUsize,
    /// How often they were woken.
    wakes: Mutex<u64>,
    changed: Condvar,
}

impl Waiters {
    /// Says that there was a change. Whoever calls this does not hold the state.
    pub(crate) fn wake(&self) {
        if self.number.load(Ordering::SeqCst) > 0 {
            *self.wakes() += 1;
            self.changed.notify_all();
        }
    }

    /// Calls `look` again and again, after each change and at the latest when `pause` is over,
    /// until it finds something. It may wait for who makes a change, so nothing is held meanwhile.
    pub(crate) fn wait<T>(
        &self,
        mut look: impl FnMut() -> Option<T>,
        mut pause: impl FnMut() -> Duration,
    ) -> T {
        self.number.fetch_add(1, Ordering::SeqCst);
        let found = loop {
            let seen = *self.wakes();
            if let Some(found) = look() {
                break found;
            }
            let (wakes, pause) = (self.wakes(), pause());
            let is_same = |wakes: &mut u64| *wakes == seen;
            drop(self.changed.wait_timeout_while(wakes, pause, is_same));
        };
        self.number.fetch_sub(1, Ordering::SeqCst);
        found
    }

    fn wakes(&self) -> MutexGuard<'_, u64> {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Barrier};
    use std::thread;

    use super::*;

    /// A look opens the tables again after a failure, for which it waits for a writer.
    #[test]
    fn who_looks_may_wait_for_who_wakes() {
        let shared = Arc::new((Waiters::default(), Mutex::new(false), Barrier::new(2)));
        let (ended, end) = channel();
        let (waiter, writer) = (Arc::clone(&shared), shared);
        thread::spawn(move || {
            let (waiters, turn, both) = &*waiter;
            let mut is_first = true;
            let look = || {
                if std::mem::take(&mut is_first) {
                    both.wait();
                }
                turn.lock().unwrap().then_some(())
            };
            waiters.wait(look, || Duration::MAX);
            ended.send(()).unwrap();
        });
        thread::spawn(move || {
            let (waiters, turn, both) = &*writer;
            let mut changed = turn.lock().unwrap();
            both.wait();
            *changed = true;
            waiters.wake();
        });
        let ended = end.recv_timeout(Duration::from_secs(60));
        assert!(ended.is_ok(), "the two wait for each other");
    }
}
