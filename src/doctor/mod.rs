//! What is done about damage: finding it, and reading around it.

mod check;
mod filters;
mod findings;
mod links;
mod look;
mod problem;
mod recover;
mod recovered;
mod restore;
mod tables;
mod uses;
mod values;

pub use self::findings::CheckReport;
pub use self::look::{FORMAT_VERSIONS, FileHead, LIBRARY_VERSION, Look, REDB_VERSION, look};
pub use self::problem::{EntryRange, Part, Problem};
pub use self::recover::recover;
pub use self::recovered::{RecoverBasis, RecoverReport, RecoveredLog, RecoveredPart};
