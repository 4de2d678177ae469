//! redb's file format, as bytes: its pages, what each must be, and the guard against what redb does with
//! a damaged one. Known for one version of redb.

pub(crate) mod guard;
pub(crate) mod page;
pub(crate) mod verify;
