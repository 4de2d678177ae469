//! R14: every bug that can be switched on is found by the rows that are there for it.

use sessiondb::testing::{Bug, seed};

use super::row::Row;
use super::{
    compaction, concurrent_processes, creation, damage, erased, errors, failing, full, loss,
    stopped, trees, unclosed, unsynced,
};

/// Which rows have to find a bug.
type Finder = fn(Bug) -> bool;

fn finders(bug: Bug) -> Vec<(&'static str, Finder)> {
    match bug {
        Bug::SkipSync
        | Bug::AcknowledgeEarly
        | Bug::ForgetChain
        | Bug::ForgetSalt
        | Bug::DoNotFold
        | Bug::ForgetBranches
        | Bug::EraseOwnAlone
        | Bug::LoseTaken => vec![("R1, R2", loss::catches)],
        Bug::SkipWriterLock | Bug::IgnoreGeneration => {
            vec![
                ("R1, pairs", loss::pairs_catch),
                ("R9", concurrent_processes::catches),
            ]
        }
        Bug::LockHeader | Bug::LookOnce => vec![("R9, stopped", stopped::catches)],
        Bug::LeaveUndecided => vec![("R1, pairs", loss::pairs_catch)],
        Bug::KeepOvertaken => vec![("R1, pairs", loss::overtaking_catches)],
        Bug::KeepHalfRead => vec![("R6", failing::recovery_catches)],
        Bug::PublishEarly => vec![("R3", creation::catches)],
        Bug::ReplaceEarly | Bug::DropRest => vec![("R16", compaction::catches)],
        Bug::KeepJournal | Bug::KeepFreePages => vec![("R18", erased::catches)],
        Bug::MendWhenReading | Bug::ReadBeforeLastCommit => vec![("R23", unclosed::catches)],
        Bug::ReadUnsynced => vec![("R23, readers", unclosed::readers_catch)],
        Bug::CallItDamage => vec![("R24", errors::catches)],
        Bug::SpendReserve => vec![("R25", full::catches)],
        Bug::WriteAfterFailure => vec![("R4", failing::catches)],
        Bug::IgnoreConditions => vec![("batches", crate::batches::catches)],
        Bug::DropChecksum => vec![("R8", damage::catches)],
        Bug::BelieveUnproven => vec![("R8 trees", trees::catches)],
        Bug::SyncAfterFailure => vec![("R5", unsynced::fold_catches)],
        Bug::ForgetFailedSync => vec![("R5", unsynced::catches)],
        #[cfg(unix)]
        Bug::ForgetFork => vec![("R20", super::forks::catches)],
        #[cfg(unix)]
        Bug::ForgetPath => vec![("R21", super::paths::catches)],
        // One that nobody is there for is missed.
        _ => Vec::new(),
    }
}

#[test]
fn r14_every_seeded_bug_is_found() {
    let mut row = Row::new("R14");
    let mut looked = 0;
    for bug in Bug::ALL {
        let finders = finders(bug);
        looked += u64::from(!finders.is_empty());
        for (rows, finder) in finders {
            seed(Some(bug));
            let found = finder(bug);
            seed(None);
            row.case(if found {
                Ok(())
            } else {
                Err(format!("{rows}: {bug:?} is not found"))
            });
        }
    }
    // R20 and R21 are there on Unix alone.
    let without_row = if cfg!(unix) { 0 } else { 2 };
    let bugs = Bug::ALL.len() as u64 - without_row;
    assert_eq!(looked, bugs, "a bug that no row is there for");
    row.finish(bugs);
}
