//! What there is to do in the background, and when: the list that the keeper's threads wait on.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::commit::state::Closed;

/// How long an unused view of the tables is kept.
pub(crate) const REST_AFTER: Duration = Duration::from_millis(200);
/// How long a fold that found another process writing to the tables is put off.
const FOLD_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// What the keeper has to do.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    list: Mutex<List>,
    sync_changed: Condvar,
    tables_changed: Condvar,
}

#[derive(Debug, Default)]
struct List {
    sync_at: Option<Instant>,
    rest_at: Option<Instant>,
    fold: Option<(Instant, Arc<Closed>)>,
    stop: bool,
}

impl Jobs {
    /// Asks for a sync within the interval, unless one is due before.
    pub(crate) fn sync_within(&self, interval: Duration) {
        let mut list = self.lock();
        if list.sync_at.is_none() {
            // An interval without an end in sight leaves the sync to `sync` and to closing.
            list.sync_at = Instant::now().checked_add(interval);
            self.sync_changed.notify_one();
        }
    }

    /// Asks that a view be let go once it is not used any more.
    pub(crate) fn rest_later(&self) {
        let mut list = self.lock();
        if list.rest_at.is_none() {
            list.rest_at = Some(Instant::now() + REST_AFTER);
            self.tables_changed.notify_one();
        }
    }

    /// Asks that an epoch be folded in.
    pub(crate) fn fold(&self, closed: Arc<Closed>) {
        self.lock().fold = Some((Instant::now(), closed));
        self.tables_changed.notify_one();
    }

    /// Asks the same again, for later, unless another epoch has ended meanwhile.
    pub(crate) fn fold_later(&self, closed: Arc<Closed>) {
        self.lock()
            .fold
            .get_or_insert_with(|| (Instant::now() + FOLD_AGAIN_AFTER, closed));
    }

    /// The fold that is due, for whoever does it in place of the thread.
    #[cfg(feature = "_testing")]
    pub(crate) fn take_fold(&self) -> Option<Job> {
        let (_, closed) = self.lock().fold.take()?;
        Some(Job::Fold(closed))
    }

    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.sync_changed.notify_one();
        self.tables_changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job of that kind; `None` is the end.
    pub(crate) fn next(&self, duty: Duty) -> Option<Job> {
        let mut list = self.lock();
        loop {
            if list.stop {
                return None;
            }
            let now = Instant::now();
            let (job, due, changed) = match duty {
                Duty::Syncs => (list.due_sync(now), list.sync_at, &self.sync_changed),
                Duty::Tables => (
                    list.due_in_tables(now),
                    list.next_in_tables(),
                    &self.tables_changed,
                ),
            };
            if job.is_some() {
                return job;
            }
            list = match due {
                Some(at) => {
                    let wait = at.saturating_duration_since(now);
                    let waited = changed.wait_timeout(list, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => changed.wait(list).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl List {
    fn due_sync(&mut self, now: Instant) -> Option<Job> {
        self.sync_at.take_if(|at| *at <= now).map(|_| Job::Sync)
    }

    fn due_in_tables(&mut self, now: Instant) -> Option<Job> {
        if let Some((_, closed)) = self.fold.take_if(|(at, _)| *at <= now) {
            return Some(Job::Fold(closed));
        }
        self.rest_at.take_if(|at| *at <= now).map(|_| Job::Rest)
    }

    fn next_in_tables(&self) -> Option<Instant> {
        let fold_at = self.fold.as_ref().map(|(at, _)| *at);
        fold_at.into_iter().chain(self.rest_at).min()
    }
}

/// What a thread is there for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Duty {
    Syncs,
    /// Folds, and letting go of unused views.
    Tables,
}

pub(crate) enum Job {
    Sync,
    Rest,
    Fold(Arc<Closed>),
}
