//! What a check has found so far, and how far it is.

use serde::Serialize;

use super::problem::Problem;
use crate::engine::{Fault, LogKind, Outcome};

/// So many problems are listed; of those beyond only the number is kept.
const MAX_PROBLEMS: usize = 1000;

/// How far a check has come, in pages and rows of the database.
///
/// ```
/// let mut last = None;
/// sessiondb::Archive::in_memory()?.check(&mut |progress| last = Some(progress))?;
/// assert!(last.is_none_or(|progress| progress.done == progress.total));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckProgress {
    /// Pages and rows checked.
    pub done: u64,
    /// Pages and rows there are.
    pub total: u64,
}

/// What a check found.
///
/// ```
/// let report = sessiondb::Archive::in_memory()?.check(&mut |_| {})?;
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
    progress: &'c mut dyn FnMut(CheckProgress),
    done: u64,
    total: u64,
}

impl<'c> Findings<'c> {
    pub(super) fn new(progress: &'c mut dyn FnMut(CheckProgress)) -> Self {
        Self {
            report: CheckReport::default(),
            progress,
            done: 0,
            total: 0,
        }
    }

    /// Says how many pages and rows there are.
    pub(super) fn expect(&mut self, total: u64) {
        self.total = total;
    }

    /// Says that so many pages and rows are checked.
    pub(super) fn reach(&mut self, done: u64) {
        self.done = done.min(self.total);
        (self.progress)(CheckProgress {
            done: self.done,
            total: self.total,
        });
    }

    /// Says that so many more rows are checked.
    pub(super) fn step(&mut self, rows: u64) {
        self.reach(self.done + rows);
    }

    pub(super) fn finish(mut self) -> CheckReport {
        self.reach(self.total);
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
