//! The reliability scoreboard: one row for each claim, each printing how many cases it tried and
//! how many of them broke the claim.
//!
//! `cargo test --release --test it scoreboard -- --nocapture` runs the quick form and shows the
//! lines; `SCOREBOARD=deep` makes it the deep one. `SCOREBOARD_SEED` takes another seed than the
//! one that is always the same.

/// R8: damage of every bit, and of pages as a whole.
mod damage;
#[allow(dead_code, reason = "the rows that use it come one by one")]
mod row;
