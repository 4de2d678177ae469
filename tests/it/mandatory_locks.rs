//! Locks as Windows has them: what another handle has locked can neither be read nor written. The tests of
//! this binary that use several handles, processes or files run once more under a simulation of it.

use std::process::Command;
use std::time::Duration;

use sessiondb::{Archive, Sharing, StoreError};

use crate::scratch::Scratch;

/// What turns the simulation on, in a process that starts with it.
const ASKED: &str = "SESSIONDB_MANDATORY_LOCKS";

/// The tests that have most to do with files and locks.
const AGAIN: &[&str] = &[
    "mandatory_locks::under_it",
    "aio::",
    "batches::races",
    "compact::",
    "conformance::",
    "doors::",
    "follow::",
    "leftovers::",
    "opening::",
    "portable::",
    "rereads::",
    "scoreboard::concurrent_processes",
    "scoreboard::kills",
    "scoreboard::two_handles",
];

#[test]
fn all_goes_on_where_a_lock_keeps_others_from_reading() {
    let run = Command::new(std::env::current_exe().unwrap())
        .args(AGAIN)
        .env(ASKED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let failed: Vec<_> = said
        .lines()
        .filter(|line| line.ends_with("FAILED"))
        .collect();
    assert!(run.status.success(), "{failed:#?}\n{said}");
    // That they ran, and under the simulation.
    assert!(
        said.contains("under_it_nobody_locks_what_a_file_has ... ok"),
        "{said}"
    );
    assert!(
        said.lines().filter(|line| line.ends_with("... ok")).count() > 60,
        "{said}"
    );
}

/// Of handles in all modes, one that is let in reads and writes, and one that is not is told why.
#[test]
fn under_it_nobody_locks_what_a_file_has() {
    let scratch = Scratch::new();
    for first in [Sharing::Shared, Sharing::Exclusive] {
        let path = scratch.fresh();
        let open = |sharing| {
            let options = Archive::options().sharing(sharing);
            options.lock_timeout(Duration::from_millis(50)).open(&path)
        };
        let archive = open(first).unwrap();
        let log = archive.log(uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
        log.append(&1).unwrap();
        archive.checkpoint().unwrap();
        log.append(&2).unwrap();
        for second in [Sharing::Shared, Sharing::Exclusive] {
            match open(second) {
                // The same store once more.
                Ok(other) => assert_eq!(other.stats().unwrap().entries, 2),
                Err(err) => {
                    assert!(matches!(err, StoreError::Busy { .. }), "{err:?}");
                    assert!(err.to_string().contains(&path.display().to_string()));
                }
            }
        }
        assert_eq!(log.len().unwrap(), 2);
    }
}
