//! The base: the redb tables. This folder is the only place that names them.

mod absorb;
mod copy;
mod open;
mod read;
mod recent;
mod runs;
mod schema;

pub(crate) use self::copy::Progress;
pub(crate) use self::open::{AbsorbError, Base, BaseOptions, Hold, Patience};
pub(crate) use self::read::BaseView;
pub(crate) use self::schema::Absorbed;
