//! Tests of the engine as a whole: failing disks, the meaning of ops, and what processes do to each other.

mod crowd;
mod faults;
mod meanings;
pub(crate) mod memory;
mod paths;
mod random;
mod shared;
