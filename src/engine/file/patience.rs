//! Calls on files, tried again where the system refuses for a moment: a signal came, or on Windows somebody else has
//! the file.

use std::io;
use std::time::{Duration, Instant};

use crate::error::StoreError;

/// Between one attempt and the next, in milliseconds: about a second in all.
const PAUSES_MS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 300, 300];

/// Windows' "access denied" and "used by another process".
const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_SHARING_VIOLATION: i32 = 32;

/// Calls what opens, renames, links or removes a file, until it is done or refused for good.
pub(crate) fn patiently<T>(call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    again_while(is_held, call)
}

/// The same for what only opens a file: there "access denied" means what it says.
pub(crate) fn opened<T>(call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let is_held =
        |err: &io::Error| cfg!(windows) && err.raw_os_error() == Some(ERROR_SHARING_VIOLATION);
    again_while(is_held, call)
}

/// Whether somebody else has the file in a way that keeps it from being named anew.
pub(crate) fn is_held(err: &io::Error) -> bool {
    let said = err.raw_os_error();
    cfg!(windows) && matches!(said, Some(ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION))
}

fn again_while<T>(
    may_pass: impl Fn(&io::Error) -> bool,
    mut call: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut pauses = PAUSES_MS.into_iter();
    loop {
        match call() {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) if may_pass(&err) => match pauses.next() {
                Some(pause) => std::thread::sleep(Duration::from_millis(pause)),
                None => return Err(err),
            },
            done => return done,
        }
    }
}

/// Reads again what another process keeps from being read, as Windows lets it, until the time is up.
pub(crate) fn until_readable<T>(
    timeout: Duration,
    read: impl Fn() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let start = Instant::now();
    loop {
        match read() {
            Err(StoreError::Busy { path, holder, .. }) => {
                let waited = start.elapsed();
                if waited >= timeout {
                    return Err(StoreError::Busy {
                        path,
                        holder,
                        waited,
                    });
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls that fail so, one after another, and how many of them were made.
    fn tried(failures: &[io::ErrorKind]) -> (io::Result<()>, usize) {
        let mut calls = 0;
        let busy = |err: &io::Error| err.kind() == io::ErrorKind::ResourceBusy;
        let done = again_while(busy, || {
            calls += 1;
            failures
                .get(calls - 1)
                .map_or(Ok(()), |kind| Err((*kind).into()))
        });
        (done, calls)
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_ends_it() {
        use io::ErrorKind::{Interrupted, NotFound, ResourceBusy};
        assert!(matches!(tried(&[]), (Ok(()), 1)));
        assert!(matches!(tried(&[ResourceBusy, Interrupted]), (Ok(()), 3)));
        let (refused, calls) = tried(&[ResourceBusy, NotFound]);
        assert_eq!((refused.unwrap_err().kind(), calls), (NotFound, 2));
        // Signals are no reason to give up, however many there are.
        assert!(matches!(tried(&[Interrupted; 100]), (Ok(()), 101)));
        let (refused, calls) = tried(&[ResourceBusy; 100]);
        assert_eq!((refused.unwrap_err().kind(), calls), (ResourceBusy, 11));
    }

    #[test]
    fn what_is_kept_from_being_read_is_busy_once_the_time_is_up() {
        let busy = || StoreError::Busy {
            path: "a".into(),
            holder: None,
            waited: Duration::ZERO,
        };
        let reads = std::cell::Cell::new(0);
        let third = until_readable(Duration::from_secs(60), || {
            reads.set(reads.get() + 1);
            if reads.get() < 3 {
                Err(busy())
            } else {
                Ok(reads.get())
            }
        });
        assert_eq!(third.unwrap(), 3);
        let timeout = Duration::from_millis(5);
        let refused = until_readable(timeout, || Err::<(), _>(busy())).unwrap_err();
        assert!(matches!(refused, StoreError::Busy { waited, .. } if waited >= timeout));
    }

    /// As Windows refuses to read what is locked; the tests have such locks everywhere.
    #[cfg(feature = "_testing")]
    #[test]
    fn a_read_of_what_is_locked_is_no_damage() {
        use crate::engine::fault::system::{is_lock_violation, of_file};
        let refused = io::Error::from_raw_os_error(33);
        assert!(is_lock_violation(&refused));
        let refused = of_file("a".as_ref(), &refused);
        assert!(matches!(refused, StoreError::Busy { .. }), "{refused:?}");
    }
}
