//! The threads that make the calls: some of them each with a line of its own, for what has an order, and
//! some that share one.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::archive::Archive;

/// A call to be made.
pub(super) type Job = Box<dyn FnOnce(&Archive) + Send>;

/// The threads. They end once this is dropped and all calls are made.
pub(super) struct Pool {
    /// Each for what has to be done in its order.
    lanes: Vec<Sender<Job>>,
    /// For all else.
    shared: Sender<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts so many threads of either kind.
    pub(super) fn start(archive: &Archive, threads: usize) -> io::Result<Self> {
        let (shared, jobs) = mpsc::channel();
        let mut pool = Self {
            lanes: Vec::new(),
            shared,
            threads: Vec::new(),
        };
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads.max(1) {
            let (lane, own_jobs) = mpsc::channel();
            pool.lanes.push(lane);
            pool.spawn(archive, move || own_jobs.recv().ok())?;
            let jobs = Arc::clone(&jobs);
            pool.spawn(archive, move || next(&jobs))?;
        }
        Ok(pool)
    }

    fn spawn(
        &mut self,
        archive: &Archive,
        next: impl Fn() -> Option<Job> + Send + 'static,
    ) -> io::Result<()> {
        let archive = archive.clone();
        let run = move || {
            while let Some(job) = next() {
                // Whoever waits for it is told by its reply.
                let call = std::panic::AssertUnwindSafe(|| job(&archive));
                let _ = std::panic::catch_unwind(call);
            }
        };
        let thread = Builder::new()
            .name("sessiondb-call".to_owned())
            .spawn(run)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Has a call made after those that were put into the same lane.
    pub(super) fn put_in_lane(&self, lane: u64, job: Job) {
        let lanes = self.lanes.len() as u64;
        let lane = usize::try_from(lane % lanes.max(1)).unwrap_or_default();
        if let Some(lane) = self.lanes.get(lane) {
            // A thread goes on until this is dropped.
            let _ = lane.send(job);
        }
    }

    /// Has a call made as soon as a thread is free.
    pub(super) fn put(&self, job: Job) {
        let _ = self.shared.send(job);
    }

    /// Waits until all calls are made and the threads have ended.
    pub(super) fn finish(self) {
        let Self {
            lanes,
            shared,
            threads,
        } = self;
        drop((lanes, shared));
        for thread in threads {
            // What panicked was a call, which is caught.
            let _ = thread.join();
        }
    }
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    jobs.recv().ok()
}
