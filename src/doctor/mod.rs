//! What is done about damage: finding it, and reading around it.

mod check;
mod links;
mod problem;
mod recover;
mod restore;

pub use self::check::{CheckProgress, CheckReport};
pub use self::problem::{EntryRange, Part, Problem};
pub use self::recover::{
    Piece, RecoverBasis, RecoverProgress, RecoverReport, RecoveredLog, recover,
};
