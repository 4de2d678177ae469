//! The keeper: the thread of an open archive that does in the background what nobody waits for.
//! It syncs what was only written, folds epochs that have ended into the tables, and lets go of
//! a view of the tables that is not used.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Core;
use super::base::Patience;
use super::state::Closed;

/// How long an unused view of the tables is kept.
const REST_AFTER: Duration = Duration::from_millis(200);
/// How long a fold that found another process writing to the tables is put off.
const FOLD_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// What the keeper has to do.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    list: Mutex<List>,
    changed: Condvar,
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
            list.sync_at = Some(Instant::now() + interval);
            self.changed.notify_one();
        }
    }

    /// Asks that a view be let go once it is not used any more.
    pub(crate) fn rest_later(&self) {
        let mut list = self.lock();
        if list.rest_at.is_none() {
            list.rest_at = Some(Instant::now() + REST_AFTER);
            self.changed.notify_one();
        }
    }

    /// Asks that an epoch be folded in.
    pub(crate) fn fold(&self, closed: Arc<Closed>) {
        self.lock().fold = Some((Instant::now(), closed));
        self.changed.notify_one();
    }

    /// Asks the same again, for later, unless another epoch has ended meanwhile.
    fn fold_later(&self, closed: Arc<Closed>) {
        self.lock()
            .fold
            .get_or_insert_with(|| (Instant::now() + FOLD_AGAIN_AFTER, closed));
    }

    fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job; `None` is the end.
    fn next(&self) -> Option<Job> {
        let mut list = self.lock();
        loop {
            if list.stop {
                return None;
            }
            let now = Instant::now();
            if let Some((_, closed)) = list.fold.take_if(|(at, _)| *at <= now) {
                return Some(Job::Fold(closed));
            }
            if list.sync_at.is_some_and(|at| at <= now) {
                list.sync_at = None;
                return Some(Job::Sync);
            }
            if list.rest_at.is_some_and(|at| at <= now) {
                list.rest_at = None;
                return Some(Job::Rest);
            }
            let fold_at = list.fold.as_ref().map(|(at, _)| *at);
            let due = list
                .sync_at
                .into_iter()
                .chain(list.rest_at)
                .chain(fold_at)
                .min();
            list = match due {
                Some(at) => {
                    let wait = at.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(list, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .changed
                    .wait(list)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

enum Job {
    Sync,
    Rest,
    Fold(Arc<Closed>),
}

/// The thread. Dropping it ends it and waits for that.
#[derive(Debug)]
pub(crate) struct Keeper {
    jobs: Arc<Jobs>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn start(core: &Arc<Core>) -> std::io::Result<Self> {
        let (core, jobs) = (Arc::clone(core), Arc::clone(&core.jobs));
        let keep = Arc::clone(&jobs);
        let thread = std::thread::Builder::new()
            .name("sessiondb".to_owned())
            .spawn(move || {
                while let Some(job) = keep.next() {
                    keep_up(&core, job);
                }
            })?;
        Ok(Self {
            jobs,
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.jobs.stop();
        if let Some(thread) = self.thread.take() {
            // Its panics are turned into faults, and there is nobody to tell of another.
            let _ = thread.join();
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
