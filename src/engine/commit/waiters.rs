//! Those in this process who wait for a change.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Wakes those who wait for a change.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// How many there are, so that a change that nobody waits for costs nothing.
    number: AtomicUsize,
    turn: Mutex<()>,
    changed: Condvar,
}

impl Waiters {
    /// Says that there was a change. Whoever calls this does not hold the state.
    pub(crate) fn wake(&self) {
        if self.number.load(Ordering::SeqCst) > 0 {
            // Who has looked for the change in vain, and holds this, waits by now.
            drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner));
            self.changed.notify_all();
        }
    }

    /// Calls `look` again and again, after each change and at the latest when `pause` is over,
    /// until it finds something.
    pub(crate) fn wait<T>(
        &self,
        mut look: impl FnMut() -> Option<T>,
        mut pause: impl FnMut() -> Duration,
    ) -> T {
        self.number.fetch_add(1, Ordering::SeqCst);
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let found = loop {
            if let Some(found) = look() {
                break found;
            }
            let woken = self.changed.wait_timeout(turn, pause());
            turn = woken.unwrap_or_else(PoisonError::into_inner).0;
        };
        self.number.fetch_sub(1, Ordering::SeqCst);
        found
    }
}
