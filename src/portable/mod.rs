//! Archives out of archives: a backup, a few sessions to send, and what another archive has made
//! part of this one.

mod compare;
mod copy;
mod merge;
mod on_conflict;
mod report;
mod session;
mod target;
mod write;

pub use self::merge::Merge;
pub use self::on_conflict::OnConflict;
pub use self::report::{LeftOut, MergeConflict, MergeOutcome, MergeReport, MergedSession};
pub use self::write::CopyReport;
pub use crate::relocation::Relocation;
