//! The pages of a redb 4.6 image, as far as they are needed to verify them and to find rows in
//! them. Pure, no I/O, and no bytes make it panic.

mod fields;
mod header;
mod link;
mod mend;
mod node;
mod table_row;

pub(crate) use self::header::{FORMAT, HEADER_LEN, Header, MAGIC, Slot};
pub(crate) use self::link::{Geometry, Link, PAGE_LEN, Root};
pub(crate) use self::mend::mend_one_bit;
pub(crate) use self::node::{Branch, Leaf, Node, Widths};
pub(crate) use self::table_row::TableRow;

#[cfg(test)]
mod tests;
