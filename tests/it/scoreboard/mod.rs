//! The reliability scoreboard: one row for each claim, each printing how many cases it tried and
//! how many of them broke the claim.
//!
//! `cargo test --release --test it scoreboard -- --nocapture` runs the quick form and shows the
//! lines; `SCOREBOARD=deep` makes it the deep one. `SCOREBOARD_SEED` takes another seed than the
//! one that is always the same.

#[allow(dead_code, reason = "the rows that use it come one by one")]
mod row;

/// Child processes: this binary once more.
mod child;
/// R7: kills.
mod kills;
/// R15: limits, and what must not leak.
mod limits;
/// Whether a history of calls can be explained by one order of them.
mod linearizable;
/// R9: several processes at the same time.
mod together;
