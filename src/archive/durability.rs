//! What a change survives.

/// What an append that returns `Ok` has survived.
///
/// ```
/// assert_eq!(sessiondb::Durability::default(), sessiondb::Durability::Synced);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// Power loss.
    #[default]
    Synced,
    /// The death of the process: it is in the operating system, which is asked to put it on the
    /// disk at the latest [`sync_interval`](crate::ArchiveOptions::sync_interval) later.
    Written,
}
