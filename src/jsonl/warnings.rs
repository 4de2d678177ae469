//! Collects the warnings about a file, however many there are, in little memory.

use super::lines::Position;
use super::report::Warning;

/// A report is for people: of a file with more warnings, the rest are only counted.
const MAX_WARNINGS: usize = 100;

/// Collects the warnings about one file.
#[derive(Default)]
pub(super) struct Warnings {
    listed: Vec<Warning>,
    /// The first warning that is not listed, and how many there are.
    more: Option<(Position, u64)>,
}

impl Warnings {
    pub(super) fn add(&mut self, at: Position, message: String) {
        if self.listed.len() < MAX_WARNINGS {
            self.listed.push(warning(at, message));
        } else {
            let (_, count) = self.more.get_or_insert((at, 0));
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Warning> {
        if let Some((at, count)) = self.more {
            self.listed.push(warning(
                at,
                format!("{count} more warnings from here on are not listed"),
            ));
        }
        self.listed
    }
}

fn warning(at: Position, message: String) -> Warning {
    Warning {
        line: at.line,
        byte_offset: at.byte_offset,
        message,
    }
}
