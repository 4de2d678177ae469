//! The keeper: what an open archive does in the background. One thread syncs what was only
//! written. Another folds epochs that have ended into the tables, and lets go of a view of the
//! tables that is not used. A fold takes as long as it takes, so no sync may wait for one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Core;
use super::base::Patience;
use super::held::Held;
use super::state::Closed;
use super::view::caught;

#[cfg(test)]
mod tests;

/// How long an unused view of the tables is kept.
const REST_AFTER: Duration = Duration::from_millis(200);
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
    fn fold_later(&self, closed: Arc<Closed>) {
        self.lock()
            .fold
            .get_or_insert_with(|| (Instant::now() + FOLD_AGAIN_AFTER, closed));
    }

    fn stop(&self) {
        self.lock().stop = true;
        self.sync_changed.notify_one();
        self.tables_changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job of that kind; `None` is the end.
    fn next(&self, duty: Duty) -> Option<Job> {
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
enum Duty {
    Syncs,
    /// Folds, and letting go of unused views.
    Tables,
}

enum Job {
    Sync,
    Rest,
    Fold(Arc<Closed>),
}

/// The threads. Dropping this ends them and waits for that.
#[derive(Debug)]
pub(crate) struct Keeper {
    jobs: Arc<Jobs>,
    file: Arc<Held>,
    threads: Vec<JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn start(core: &Arc<Core>) -> std::io::Result<Self> {
        let mut keeper = Self {
            jobs: Arc::clone(&core.jobs),
            file: Arc::clone(core.file.held()),
            threads: Vec::new(),
        };
        for (duty, name) in [
            (Duty::Syncs, "sessiondb-sync"),
            (Duty::Tables, "sessiondb-fold"),
        ] {
            let core = Arc::clone(core);
            let thread = std::thread::Builder::new().name(name.to_owned());
            keeper
                .threads
                .push(thread.spawn(move || keep(&core, duty))?);
        }
        Ok(keeper)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if !self.file.is_of_this_process() {
            // A child does not have the threads.
            std::mem::forget(std::mem::take(&mut self.threads));
            return;
        }
        self.jobs.stop();
        for thread in self.threads.drain(..) {
            // `keep` has taken down its panics, and there is nobody to tell of another.
            let _ = thread.join();
        }
    }
}

/// Does what comes up. After a panic nobody knows what was left undone: the archive takes no more
/// writes, and they say why.
fn keep(core: &Core, duty: Duty) {
    while let Some(job) = core.jobs.next(duty) {
        if let Err(said) = caught(|| keep_up(core, job)) {
            core.poison_because(format!("a background thread panicked: {said}"));
        }
    }
}

/// Does the fold that is due, if there is one.
#[cfg(feature = "_testing")]
pub(crate) fn fold_now(core: &Core) -> bool {
    let fold = core.jobs.lock().fold.take();
    let due = fold.is_some();
    if let Some((_, closed)) = fold {
        keep_up(core, Job::Fold(closed));
    }
    due
}

/// Errors poison the archive, which is how its users hear of them; a lock that was not to be had
/// is tried for again by whoever needs it.
fn keep_up(core: &Core, job: Job) {
    match job {
        Job::Sync => drop(core.sync()),
        Job::Fold(closed) => {
            // Without waiting, since a sync may be due before another process is done.
            match core.fold(&closed, Patience::None) {
                Ok(()) => {
                    core.look_again();
                    core.jobs.rest_later();
                }
                Err(fault) if fault.is_lock_timeout() => core.jobs.fold_later(closed),
                Err(_) => {}
            }
        }
        Job::Rest => {
            let limit = Instant::now().checked_sub(REST_AFTER);
            if limit.is_some_and(|limit| core.state().rest(limit).is_some()) {
                core.jobs.rest_later();
            }
        }
    }
}
