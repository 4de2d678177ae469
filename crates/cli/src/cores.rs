//! The same done with many things, on all cores.

use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread;

/// What `work` makes of each thing, in their order; fewer things than so many are done sooner by one thread.
pub(crate) fn each<'t, T: Sync, R: Send>(
    things: &'t [T],
    fewest: usize,
    work: impl Fn(&'t T) -> R + Sync,
) -> Vec<R> {
    let made = pieces(things, fewest, |piece| {
        piece.iter().map(&work).collect::<Vec<_>>()
    });
    made.into_iter().flatten().collect()
}

/// The same of consecutive things, a piece for each core.
pub(crate) fn pieces<'t, T: Sync, R: Send>(
    things: &'t [T],
    fewest: usize,
    work: impl Fn(&'t [T]) -> R + Sync,
) -> Vec<R> {
    // The system reads files to tell.
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from));
    let len = things.len().div_ceil(*cores).max(fewest);
    let work = &work;
    thread::scope(|scope| {
        let mut pieces = things.chunks(len);
        let first = pieces.next();
        let others: Vec<_> = pieces
            .map(|piece| {
                let thread = thread::Builder::new();
                (piece, thread.spawn_scoped(scope, move || work(piece)))
            })
            .collect();
        let mut made: Vec<R> = first.map(work).into_iter().collect();
        for (piece, thread) in others {
            made.push(match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // The system has no thread to give.
                Err(_) => work(piece),
            });
        }
        made
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_in_the_order_of_the_things() {
        for len in [0, 1, 63, 64, 65, 1_000] {
            let things: Vec<usize> = (0..len).collect();
            assert_eq!(each(&things, 1, |thing| *thing), things);
            assert_eq!(pieces(&things, 64, <[usize]>::to_vec).concat(), things);
        }
    }
}
