//! Compaction: a fresh copy in the place of the file, or the file put in order as it is.

pub(crate) mod compact;
pub(crate) mod in_place;
