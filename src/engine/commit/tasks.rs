//! What there is to do in the background, and when: the list that the worker's threads wait on.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::commit::state::Frozen;

/// How long an unused view of the tables is kept.
pub(crate) const IDLE_AFTER: Duration = Duration::from_millis(200);
/// How long a checkpoint that found another process writing to the tables is put off.
const CHECKPOINT_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// What the worker has to do.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    list: Mutex<List>,
    sync_changed: Condvar,
    tables_changed: Condvar,
}

#[derive(Debug, Default)]
struct List {
    sync_at: Option<Instant>,
    release_at: Option<Instant>,
    checkpoint: Option<(Instant, Arc<Frozen>)>,
    stop: bool,
}

impl Tasks {
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
    pub(crate) fn release_when_idle(&self) {
        let mut list = self.lock();
        if list.release_at.is_none() {
            list.release_at = Some(Instant::now() + IDLE_AFTER);
            self.tables_changed.notify_one();
        }
    }

    /// Asks that an epoch be checkpointed.
    pub(crate) fn checkpoint(&self, frozen: Arc<Frozen>) {
        self.lock().checkpoint = Some((Instant::now(), frozen));
        self.tables_changed.notify_one();
    }

    /// Asks the same again, for later, unless another epoch has ended meanwhile.
    pub(crate) fn checkpoint_later(&self, frozen: Arc<Frozen>) {
        self.lock()
            .checkpoint
            .get_or_insert_with(|| (Instant::now() + CHECKPOINT_AGAIN_AFTER, frozen));
    }

    /// The checkpoint that is due, for whoever does it in place of the thread.
    #[cfg(feature = "_testing")]
    pub(crate) fn take_checkpoint(&self) -> Option<Task> {
        let (_, frozen) = self.lock().checkpoint.take()?;
        Some(Task::Checkpoint(frozen))
    }

    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.sync_changed.notify_one();
        self.tables_changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next task of that kind; `None` is the end.
    pub(crate) fn next(&self, duty: Duty) -> Option<Task> {
        let mut list = self.lock();
        loop {
            if list.stop {
                return None;
            }
            let now = Instant::now();
            let (task, due, changed) = match duty {
                Duty::Syncs => (list.due_sync(now), list.sync_at, &self.sync_changed),
                Duty::Tables => (
                    list.due_in_tables(now),
                    list.next_in_tables(),
                    &self.tables_changed,
                ),
            };
            if task.is_some() {
                return task;
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
    fn due_sync(&mut self, now: Instant) -> Option<Task> {
        self.sync_at.take_if(|at| *at <= now).map(|_| Task::Sync)
    }

    fn due_in_tables(&mut self, now: Instant) -> Option<Task> {
        if let Some((_, frozen)) = self.checkpoint.take_if(|(at, _)| *at <= now) {
            return Some(Task::Checkpoint(frozen));
        }
        self.release_at
            .take_if(|at| *at <= now)
            .map(|_| Task::Release)
    }

    fn next_in_tables(&self) -> Option<Instant> {
        let fold_at = self.checkpoint.as_ref().map(|(at, _)| *at);
        fold_at.into_iter().chain(self.release_at).min()
    }
}

/// What a thread is there for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Duty {
    Syncs,
    /// Checkpoints, and letting go of unused views.
    Tables,
}

pub(crate) enum Task {
    Sync,
    Release,
    Checkpoint(Arc<Frozen>),
}
