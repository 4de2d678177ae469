//! The tables, which are redb's. This folder is the only place that names them.

pub(crate) mod backend;
mod checkpoint;
mod copy;
mod filters;
mod groups;
mod last_used;
mod log_table;
mod open;
pub(crate) mod pack;
mod pack_cut;
pub(crate) mod packing;
mod read;
mod repeats;
mod run_cache;
mod runs;
mod schema;
mod session_table;
mod shared_values;
pub(crate) mod unclosed;
mod values;

pub(crate) use crate::engine::tables::copy::Tell;
pub(crate) use crate::engine::tables::groups::joined;
pub(crate) use crate::engine::tables::open::{
    CheckpointError, Hold, Tables, TablesOptions, WaitPolicy,
};
pub(crate) use crate::engine::tables::read::{NameRange, TablesView};
pub(crate) use crate::engine::tables::runs::FoundRun;
pub(crate) use crate::engine::tables::schema::Checkpointed;
