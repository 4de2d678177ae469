//! The base: the redb tables. This folder is the only place that names them.

mod absorb;
pub(crate) mod backend;
mod copy;
mod open;
pub(crate) mod pack;
mod read;
mod run_cache;
mod runs;
mod schema;
pub(crate) mod unclosed;

pub(crate) use crate::engine::tables::copy::Progress;
pub(crate) use crate::engine::tables::open::{AbsorbError, Base, BaseOptions, Hold, Patience};
pub(crate) use crate::engine::tables::read::BaseView;
pub(crate) use crate::engine::tables::schema::Absorbed;
