//! Reading what can be read out of a damaged archive, without redb and without writing to it.
//!
//! What is taken is one state of the archive, never a mixture of several: the tables below one
//! root, with the frames of the journal that follow on them. Rows of older states are still in
//! the file, and nothing but the way from a root tells them from the rows that count.

mod found;
mod frames;
mod head;
mod image;
mod pages;
mod patient;
mod read;
mod replay;
mod rows;
mod scan;
mod shared;
mod tables;
mod values;
mod walk;

#[cfg(test)]
pub(crate) use self::found::Source;
pub(crate) use self::found::{Found, FoundLog, FoundOrigin, FoundSegment};
pub(crate) use self::head::read_head;
pub(crate) use self::pages::{check_pages, read_tables};
pub(crate) use self::read::{Basis, Salvaged};
pub(crate) use self::rows::Table;
pub(crate) use self::walk::Lost;
