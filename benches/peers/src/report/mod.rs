//! What a run tells: a header, tables on the console, lines of JSON, and a page with charts.

mod chart;
mod console;
mod json;
mod machine;
mod notes;
pub(crate) mod page;
#[cfg(test)]
mod sample;
mod standing;
mod table;
mod why;

pub(crate) use self::console::{print_section, print_summary};
pub(crate) use self::json::Json;
pub(crate) use self::machine::Header;
use crate::figures::{Rounds, Unit};

/// Whether there are enough times for a 99th percentile to say something.
fn has_percentile(unit: Unit, rounds: &Rounds) -> bool {
    unit == Unit::Time && rounds.samples() > 20
}
