//! The keeper: what an open archive does in the background. One thread syncs what was only
//! written. Another folds epochs that have ended into the tables, and lets go of a view of the
//! tables that is not used. A fold takes as long as it takes, so no sync may wait for one.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::engine::commit::Core;
use crate::engine::commit::tasks::{Duty, Job, Jobs, REST_AFTER};
use crate::engine::file::held::Held;
use crate::engine::redb_format::guard::caught;
use crate::engine::tables::Patience;

#[cfg(test)]
mod tests;

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
            file: Arc::clone(core.sources.file.held()),
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
    let fold = core.jobs.take_fold();
    let due = fold.is_some();
    if let Some(fold) = fold {
        keep_up(core, fold);
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
