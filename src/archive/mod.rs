//! The archive: one file of sessions, open in this process. The public face of the engine.

mod ahead;
mod batch;
mod branch;
mod compact;
mod durability;
mod entries;
mod entry;
mod handle;
mod info;
mod log;
mod metadata;
mod names;
mod options;
mod record;
mod snapshot;
mod store_impl;
mod typed;

pub use self::batch::Batch;
pub use self::compact::{CompactMode, CompactProgress, Compacted};
pub use self::durability::Durability;
pub use self::entries::RawEntries;
pub(crate) use self::entry::origin_of;
pub use self::entry::{Entry, MAX_ENTRY_BYTES};
pub use self::handle::Archive;
pub use self::info::{
    ArchiveStats, Match, OriginKind, SegmentBase, SegmentInfo, SegmentOrigin, SessionInfo,
};
pub use self::log::{Log, Receipt};
pub(crate) use self::metadata::set_metadata;
pub use self::options::{ArchiveOptions, Sharing};
pub use self::snapshot::{Sessions, Snapshot};
pub use self::typed::TypedEntries;
