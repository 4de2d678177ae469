//! Archives out of archives: a backup, a few sessions to send, and what another archive has made
//! part of this one.

mod copy;
mod merge;
mod report;
mod session;
mod write;

pub use self::merge::Merge;
pub use self::report::{MergeConflict, MergeOutcome, MergeReport, MergedSession};
pub use self::write::CopyReport;
pub use crate::relocation::Relocation;
