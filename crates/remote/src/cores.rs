//! The same done several times, on all cores.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What `work` makes of each of them, in their order.
pub(crate) fn each<T: Sync, R: Send>(
    all: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> io::Result<Vec<R>> {
    let (next, count) = (AtomicUsize::new(0), all.len());
    let run = || {
        let mut made = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            match all.get(at) {
                Some(one) => made.push((at, work(one))),
                None => return made,
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut made = thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(count))
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, run).ok())
            .collect();
        let mut made = run();
        // One that panicked has said so, and what it had is missed below.
        let others = others.into_iter().filter_map(|other| other.join().ok());
        made.extend(others.flatten());
        made
    });
    if made.len() < count {
        return Err(io::Error::other("a thread of a remote has ended"));
    }
    made.sort_unstable_by_key(|(at, _)| *at);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}
