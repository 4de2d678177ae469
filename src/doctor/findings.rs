//! What a check has found so far.

use serde::Serialize;

use super::problem::Problem;
use crate::engine::{Fault, LogKind, Outcome};
use crate::progress::{Listener, Meter};

/// So many problems are listed; of those beyond only the number is kept.
const MAX_PROBLEMS: usize = 1000;

/// What a check found.
///
/// ```
/// let report = sessiondb::Archive::in_memory()?.check(None)?;
/// assert!(report.is_clean());
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Sessions looked at.
    pub sessions: u64,
    /// Segments that have a log.
    pub segments: u64,
    /// Entries whose bytes were verified.
    pub entries: u64,
    /// Trace entries whose bytes were verified.
    pub traces: u64,
    /// How many things are wrong.
    pub problems_found: u64,
    /// What is wrong: the first 1,000.
    pub problems: Vec<Problem>,
    /// What may be the trace of damage, and as well of a power loss that did no harm.
    pub notes: Vec<Problem>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems_found == 0
    }
}

/// A report in the making.
pub(super) struct Findings<'c> {
    pub(super) report: CheckReport,
    /// Counts pages and rows.
    pub(super) meter: Meter<'c>,
}

impl<'c> Findings<'c> {
    pub(super) fn new(progress: Listener<'c>) -> Self {
        Self {
            report: CheckReport::default(),
            meter: Meter::new(progress, 0),
        }
    }

    pub(super) fn finish(mut self) -> CheckReport {
        self.meter.finish();
        self.report
    }

    pub(super) fn verified(&mut self, kind: LogKind, entries: u64) {
        match kind {
            LogKind::Entries => self.report.entries += entries,
            LogKind::Traces => self.report.traces += entries,
        }
    }

    /// Takes down damage as the problem that it is; any other fault ends the check.
    pub(super) fn note(&mut self, fault: Fault, problem: Problem) -> Outcome<()> {
        match fault {
            Fault::Damaged { message, .. } => self.problem(problem.saying(message)),
            fault => return Err(fault),
        }
        Ok(())
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.report.problems_found += 1;
        if self.report.problems.len() < MAX_PROBLEMS {
            self.report.problems.push(problem);
        }
    }
}
