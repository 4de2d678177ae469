//! Out again: sessions as the files that their agents would have written.

pub(crate) mod content;
pub(crate) mod existing;
pub(crate) mod export;
pub(crate) mod free;
mod free_report;
pub(crate) mod names;
mod open_files;
pub(crate) mod plan;
pub(crate) mod put;
mod rebase;
pub(crate) mod report;
pub(crate) mod resume;
mod segments;

pub use self::export::Export;
pub use self::free::Free;
pub use self::free_report::{FreeFile, FreeOutcome, FreeReport, Kept};
pub use self::report::{ExportReport, Exported, Likeness};
pub use self::resume::{Resume, ResumeError, Resumed};
