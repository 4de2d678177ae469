//! The engine: one open archive file in this process. Everything above speaks to it in ops and
//! views; nothing here knows what an entry means.

mod commit;
mod failpoints;
mod fault;
mod file;
mod journal;
mod layers;
mod memtable;
mod model;
mod open;
mod redb_format;
mod rewrite;
mod salvage;
mod tables;
#[cfg(feature = "_testing")]
mod test_api;
#[cfg(test)]
mod tests;

pub(crate) use self::commit::{Choice, Done};
#[cfg(feature = "_testing")]
pub use self::failpoints::{Bug, seed};
pub(crate) use self::fault::{Fault, Outcome};
pub(crate) use self::file::flush::flush;
pub(crate) use self::file::identity::FileId;
pub(crate) use self::file::patience::patiently;
#[cfg(feature = "_testing")]
pub(crate) use self::file::place::Place;
pub(crate) use self::file::superblock::{
    DEFAULT_JOURNAL_BYTES, FORMAT_VERSION, MIN_JOURNAL_BYTES, OLDEST_VERSION, Superblock,
};
pub(crate) use self::file::surroundings::harm;
pub(crate) use self::layers::Layers;
pub(crate) use self::model::entries::Entries;
pub(crate) use self::model::held::{CutEntry, Held};
pub(crate) use self::model::last_use::{LastUse, UseRange};
pub(crate) use self::model::log_id::{LogId, LogKind, OriginRecord};
pub(crate) use self::model::op::{
    EntrySource, Expect, FORGOTTEN, LargeEntry, NOTE_MARK, Op, Undecided, is_forgotten, notes_of,
};
pub(crate) use self::model::parents::parents_first;
pub(crate) use self::model::row::{Head, LogSize, ParentLink, SessionRow};
pub(crate) use self::model::run::{EntrySlice, Part, Run};
pub(crate) use self::model::shared_value::{ValueName, ValueRef};
pub(crate) use self::model::word_filter::{WordFilter, Words, filter_of as word_filter_of};
pub(crate) use self::model::words::{Bits, each_word};
pub(crate) use self::open::create::{Creation, create_filled};
#[cfg(feature = "_testing")]
pub(crate) use self::open::create::{create, create_in};
pub(crate) use self::open::handle::{Engine, EngineOptions};
pub(crate) use self::open::registry::open;
pub(crate) use self::open::view::View;
#[cfg(feature = "_testing")]
pub(crate) use self::rewrite::compact::compact_into;
pub(crate) use self::rewrite::compact::{compact, compact_new};
pub(crate) use self::salvage::{
    Basis, Found, FoundLog, FoundOrigin, FoundSegment, Lost, Salvaged, Table, read_head,
};
pub(crate) use self::tables::{FoundRun, TablesView};
#[cfg(feature = "_testing")]
pub(crate) use self::test_api::{compact_in_memory, create_in_memory};
#[cfg(feature = "_testing")]
pub use self::test_api::{
    decode_run, encode_run, entries_in, filter_may_have, filter_of_run_may_have, journal_frames,
    read_values, recode_ops, scan_journal, share_values,
};
/// The seam through which all I/O goes.
#[cfg(feature = "_testing")]
pub use redb::{BackendError, StorageBackend};
