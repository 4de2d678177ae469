//! What the tables, or the layers on them, hold of an entry. Pure, no I/O.

use crate::engine::model::log_id::LogId;
use crate::engine::model::shared_value::Skeleton;

/// An entry with those around it, or by itself and in pieces.
pub(crate) enum Held<T> {
    Whole(T),
    Cut(CutEntry),
}

/// An entry that was cut, without its values.
pub(crate) struct CutEntry {
    /// The log whose own it is.
    pub(crate) log: LogId,
    pub(crate) skeleton: Skeleton,
}
