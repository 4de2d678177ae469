//! The background worker: what an open archive does in the background. One thread syncs what was only
//! written. Another checkpoints epochs that have ended into the tables, and lets go of a view of the
//! tables that is not used. A checkpoint takes as long as it takes, so no sync may wait for one.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::engine::commit::Committer;
use crate::engine::commit::tasks::{Duty, IDLE_AFTER, Task, Tasks};
use crate::engine::file::held::Held;
use crate::engine::redb_format::guard::caught;
use crate::engine::tables::WaitPolicy;

#[cfg(test)]
mod tests;

/// The threads. Dropping this ends them and waits for that.
#[derive(Debug)]
pub(crate) struct BackgroundWorker {
    tasks: Arc<Tasks>,
    file: Arc<Held>,
    threads: Vec<JoinHandle<()>>,
}

impl BackgroundWorker {
    pub(crate) fn start(committer: &Arc<Committer>) -> std::io::Result<Self> {
        let mut worker = Self {
            tasks: Arc::clone(&committer.tasks),
            file: Arc::clone(committer.sources.file.held()),
            threads: Vec::new(),
        };
        for (duty, name) in [
            (Duty::Syncs, "sessiondb-sync"),
            (Duty::Tables, "sessiondb-tables"),
        ] {
            let committer = Arc::clone(committer);
            let thread = std::thread::Builder::new().name(name.to_owned());
            worker
                .threads
                .push(thread.spawn(move || keep(&committer, duty))?);
        }
        Ok(worker)
    }
}

impl Drop for BackgroundWorker {
    fn drop(&mut self) {
        if !self.file.is_of_this_process() {
            // A child does not have the threads.
            std::mem::forget(std::mem::take(&mut self.threads));
            return;
        }
        self.tasks.stop();
        for thread in self.threads.drain(..) {
            // `keep` has taken down its panics, and there is nobody to tell of another.
            let _ = thread.join();
        }
    }
}

/// Does what comes up. After a panic nobody knows what was left undone: the archive takes no more
/// writes, and they say why.
fn keep(committer: &Committer, duty: Duty) {
    while let Some(task) = committer.tasks.next(duty) {
        if let Err(said) = caught(|| keep_up(committer, task)) {
            committer.poison_because(format!("a background thread panicked: {said}"));
        }
    }
}

/// Does the checkpoint that is due, if there is one.
#[cfg(feature = "_testing")]
pub(crate) fn checkpoint_now(committer: &Committer) -> bool {
    let checkpoint = committer.tasks.take_checkpoint();
    let due = checkpoint.is_some();
    if let Some(checkpoint) = checkpoint {
        keep_up(committer, checkpoint);
    }
    due
}

/// Errors poison the archive, which is how its users hear of them; a lock that was not to be had
/// is tried for again by whoever needs it.
fn keep_up(committer: &Committer, task: Task) {
    match task {
        Task::Sync => drop(committer.sync()),
        Task::Checkpoint(frozen) => {
            // Without waiting, since a sync may be due before another process is done.
            match committer.checkpoint_epoch(&frozen, WaitPolicy::None) {
                Ok(()) => {
                    committer.reload_state();
                    committer.tasks.release_when_idle();
                }
                Err(fault) if fault.is_lock_timeout() => committer.tasks.checkpoint_later(frozen),
                Err(_) => {}
            }
        }
        Task::Release => {
            let limit = Instant::now().checked_sub(IDLE_AFTER);
            if limit.is_some_and(|limit| committer.state().rest(limit).is_some()) {
                committer.tasks.release_when_idle();
            }
        }
    }
}
