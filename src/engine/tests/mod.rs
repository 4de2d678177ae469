//! Tests of the engine as a whole: failing disks, and what processes do to each other.

mod faults;
mod paths;
mod random;
mod shared;
