//! Group commit: threads that wait for the disk line up, and one of them does the work of all
//! that are in the line, so that they share one turn at the file and one sync.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::engine::redb_format::guard::caught;

/// The line. `J` is what a thread wants done, `R` what it gets for it.
#[derive(Debug)]
pub(crate) struct GroupCommit<J, R> {
    line: Mutex<Line<J, R>>,
}

#[derive(Debug)]
struct Line<J, R> {
    waiting: Vec<Arc<Seat<J, R>>>,
    /// Whether somebody is at work.
    led: bool,
    /// How many tasks were done together last, and how long that took.
    last_group: usize,
    last_took: Duration,
}

#[derive(Debug)]
struct Seat<J, R> {
    job: Mutex<Option<J>>,
    result: Mutex<Option<Served<R>>>,
    leads: AtomicBool,
    thread: Thread,
}

/// What became of a job.
#[derive(Debug)]
enum Served<R> {
    Done(R),
    LeftUndone,
}

impl<J, R> Default for GroupCommit<J, R> {
    fn default() -> Self {
        let (waiting, last_took) = (Vec::new(), Duration::ZERO);
        Self {
            line: Mutex::new(Line {
                waiting,
                led: false,
                last_group: 0,
                last_took,
            }),
        }
    }
}

impl<J, R> GroupCommit<J, R> {
    /// Has the job done together with those of other threads, by this thread or another, and
    /// returns its result. `serve` does tasks and returns one result for each, in their order.
    /// Nobody waits for more than two rounds: the one that was under way, and the next.
    ///
    /// Returns `None` if whoever did the work panicked, or returned too few results.
    pub(crate) fn run(&self, job: J, serve: impl FnOnce(Vec<J>) -> Vec<R>) -> Option<R> {
        let seat = Arc::new(Seat {
            job: Mutex::new(Some(job)),
            result: Mutex::new(None),
            leads: AtomicBool::new(false),
            thread: std::thread::current(),
        });
        let mut line = lock(&self.line);
        line.waiting.push(Arc::clone(&seat));
        let leads = !line.led;
        line.led = true;
        drop(line);
        while !leads && !seat.leads.load(Ordering::Acquire) {
            match lock(&seat.result).take() {
                Some(Served::Done(result)) => return Some(result),
                Some(Served::LeftUndone) => return None,
                None => {}
            }
            std::thread::park();
        }
        self.lead(&seat, serve)
    }

    fn lead(&self, own: &Arc<Seat<J, R>>, serve: impl FnOnce(Vec<J>) -> Vec<R>) -> Option<R> {
        let group = self.gather();
        let tasks = group
            .iter()
            .filter_map(|seat| lock(&seat.job).take())
            .collect();
        let start = Instant::now();
        // The others must not wait for ever, nor find nobody who leads.
        let served = caught(|| serve(tasks));
        let mut results = served.unwrap_or_default().into_iter();
        let mut line = lock(&self.line);
        (line.last_group, line.last_took) = (group.len(), start.elapsed());
        let next = line.waiting.first().cloned();
        line.led = next.is_some();
        drop(line);
        if let Some(next) = next {
            next.leads.store(true, Ordering::Release);
            next.thread.unpark();
        }
        let mut mine = None;
        for seat in group {
            let result = results.next();
            if Arc::ptr_eq(&seat, own) {
                mine = result;
            } else {
                *lock(&seat.result) = Some(result.map_or(Served::LeftUndone, Served::Done));
                seat.thread.unpark();
            }
        }
        mine
    }

    /// Takes who waits, having given those of the last round the time to line up again: at most
    /// half as long as that round took. A thread that comes alone does not wait.
    fn gather(&self) -> Vec<Arc<Seat<J, R>>> {
        let start = Instant::now();
        let mut line = lock(&self.line);
        let (wanted, limit) = (line.last_group, line.last_took / 2);
        while line.waiting.len() < wanted && start.elapsed() < limit {
            drop(line);
            std::thread::yield_now();
            line = lock(&self.line);
        }
        std::mem::take(&mut line.waiting)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn each_job_is_done_once_and_its_thread_gets_its_result() {
        const THREADS: usize = 8;
        const ROUNDS: usize = 300;
        let group = GroupCommit::default();
        let (barrier, at_work) = (Barrier::new(THREADS), AtomicBool::new(false));
        let (done, most) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (group, barrier, at_work, done, most) =
                    (&group, &barrier, &at_work, &done, &most);
                scope.spawn(move || {
                    barrier.wait();
                    for round in 0..ROUNDS {
                        let job = (thread, round);
                        let result = group.run(job, |tasks: Vec<(usize, usize)>| {
                            assert!(!at_work.swap(true, Ordering::SeqCst), "two are at work");
                            most.fetch_max(tasks.len(), Ordering::SeqCst);
                            std::thread::sleep(Duration::from_micros(20));
                            done.lock().unwrap().extend(&tasks);
                            at_work.store(false, Ordering::SeqCst);
                            tasks
                        });
                        assert_eq!(result, Some(job));
                    }
                });
            }
        });
        let done = done.into_inner().unwrap();
        assert_eq!(done.len(), THREADS * ROUNDS);
        for thread in 0..THREADS {
            let rounds = done
                .iter()
                .filter(|(by, _)| *by == thread)
                .map(|(_, round)| *round);
            assert!(
                rounds.eq(0..ROUNDS),
                "the tasks of a thread keep their order"
            );
        }
        assert!(most.into_inner() > 1, "nobody shared a round");
    }

    #[test]
    fn a_panic_of_the_thread_at_work_leaves_nobody_waiting() {
        const THREADS: usize = 8;
        let group = GroupCommit::default();
        let barrier = Barrier::new(THREADS);
        let results: Vec<Option<usize>> = std::thread::scope(|scope| {
            let call = |thread: usize| {
                barrier.wait();
                group.run(thread, |tasks: Vec<usize>| {
                    assert!(!tasks.contains(&0), "a panic that this test asks for");
                    tasks
                })
            };
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| scope.spawn(move || call(thread)))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(results[0], None);
        for (thread, result) in results.into_iter().enumerate() {
            assert!(result.is_none_or(|of| of == thread));
        }
        assert_eq!(group.run(9, |tasks| tasks), Some(9), "somebody leads again");
    }
}
