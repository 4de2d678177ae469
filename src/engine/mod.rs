//! The engine: one open archive file in this process. Everything above speaks to it in ops and
//! views; nothing here knows what an entry means.

mod apply;
mod base;
mod bases;
mod carried;
mod codec;
mod compact;
mod compress;
mod conditions;
mod core;
mod create;
mod directory;
mod entries;
mod failures;
mod fault;
#[cfg(test)]
mod faults;
mod file;
mod file_id;
mod group_commit;
mod guard;
mod handle;
mod heads;
mod held;
mod image;
mod in_place;
mod jobs;
mod journal;
mod keeper;
mod layers;
mod locks;
mod log_id;
mod notes;
mod op;
mod pack;
mod page;
#[cfg(test)]
mod paths;
mod pieces;
mod place;
mod process;
mod registry;
mod row;
mod run;
mod run_row;
mod salvage;
mod scrub;
mod seeded;
mod sharing;
mod sources;
mod state;
mod superblock;
mod sync;
mod system;
mod table;
mod tail;
mod temporary;
#[cfg(feature = "_testing")]
mod trial;
mod unclosed;
mod verify;
mod view;
mod whereabouts;

pub(crate) use self::base::BaseView;
pub(crate) use self::bases::bases_first;
#[cfg(feature = "_testing")]
pub(crate) use self::compact::compact_into;
pub(crate) use self::compact::{compact, compact_new};
pub(crate) use self::core::Done;
pub(crate) use self::create::{Creation, create_filled};
#[cfg(feature = "_testing")]
pub(crate) use self::create::{create, create_in};
pub(crate) use self::entries::Entries;
pub(crate) use self::fault::{Fault, Outcome};
pub(crate) use self::handle::{Engine, EngineOptions};
pub(crate) use self::layers::Layers;
pub(crate) use self::log_id::{LogId, LogKind, OriginRecord};
pub(crate) use self::op::{Expect, Op};
#[cfg(feature = "_testing")]
pub(crate) use self::place::Place;
pub(crate) use self::registry::open;
pub(crate) use self::row::{BaseLink, Extent, Head, SessionRow};
pub(crate) use self::run::{EntrySlice, Part, Run};
pub(crate) use self::salvage::{
    Basis, Found, FoundLog, FoundOrigin, FoundSegment, Lost, Salvaged, Table,
};
#[cfg(feature = "_testing")]
pub use self::seeded::{Bug, seed};
pub(crate) use self::superblock::{DEFAULT_JOURNAL_BYTES, MIN_JOURNAL_BYTES, Superblock};
#[cfg(feature = "_testing")]
pub(crate) use self::trial::create_in_memory;
#[cfg(feature = "_testing")]
pub use self::trial::{
    decode_run, encode_run, entries_in, journal_frames, recode_ops, scan_journal,
};
pub(crate) use self::view::View;
/// The seam through which all I/O goes.
#[cfg(feature = "_testing")]
pub use redb::{BackendError, StorageBackend};
