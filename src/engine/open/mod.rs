//! An archive that is open in this process: its handle, the states that callers read, and how a new one
//! is made.

pub(crate) mod create;
pub(crate) mod handle;
pub(crate) mod registry;
pub(crate) mod view;
