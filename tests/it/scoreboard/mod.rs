//! The reliability scoreboard: one row for each claim, each printing how many cases it tried and
//! how many of them broke the claim.
//!
//! `cargo test --release --test it scoreboard -- --nocapture` runs the quick form and shows the
//! lines; `SCOREBOARD=deep` makes it the deep one. `SCOREBOARD_SEED` takes another seed than the
//! one that is always the same.

/// R14: the bugs that the other rows must find.
mod bugs;
/// Child processes: this binary once more.
mod child;
/// What each child is to do.
mod children;
/// R16: a fresh copy that takes an archive's place.
mod compaction;
/// R9: several processes at the same time.
mod concurrent_processes;
/// A history played on a disk, and what a crash may leave of it.
mod crash_oracle;
/// R3: creation.
mod creation;
/// R8: damage of every bit, and of pages as a whole.
mod damage;
/// A disk in memory that records and fails.
mod disk;
/// R18: what is gone from the file.
mod erased;
/// R24: errors of the system, told for what they are.
mod errors;
/// R4, R6: failing calls, also during recovery.
mod failing;
/// R26: what was taken away, and the ways in.
mod forgotten;
/// R20: forks.
#[cfg(unix)]
mod forks;
/// R25: a disk that is full for a while.
mod full;
/// R12: the fuzz targets.
mod fuzz;
/// R13: archives of every format version.
mod golden;
/// Histories of changes, and the states that they leave.
mod history;
/// R7: kills.
mod kills;
/// R15: limits, and what must not leak.
mod limits;
/// Whether a history of calls can be explained by one order of them.
mod linearizable;
/// The locks of a disk in memory.
mod locks;
/// R1, R2, R10: power loss.
mod loss;
/// R11: random histories against the reference store and a naive model.
mod machine;
/// R17: merges that end early.
mod merges;
/// R21: what becomes of an archive's path.
#[cfg(unix)]
mod paths;
/// What can be on a disk after power loss.
mod power;
/// R8: what is recovered from damage.
mod recovery;
/// The lines, and the numbers that cases are drawn from.
mod row;
/// A disk with locks that several archives have open.
mod shared;
/// R9: a process that is stopped, at each of its calls.
mod stopped;
/// R8: damage of deep trees, before, while and after others write.
mod trees;
/// Two archives on one disk.
mod two_handles;
/// R23: what a crash left, read without a write.
mod unclosed;
/// R5: failed syncs.
mod unsynced;
