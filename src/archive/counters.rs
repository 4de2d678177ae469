//! What an open archive has done so far, for an app that shows or reports it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::handle::Archive;

/// What this process has done with an archive since it opened the file.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// # let dir = tempfile::tempdir()?;
/// let archive = Archive::open(dir.path().join("agent.sessiondb"))?;
/// archive.log(new_session_id(), new_segment_id()).append("hello")?;
/// archive.checkpoint()?;
/// let counters = archive.counters();
/// assert_eq!((counters.checkpoints, counters.checkpointed_entries), (1, 1));
/// assert!(counters.syncs >= 1);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// How often it waited for the disk, whoever asked for it.
    pub syncs: u64,
    /// How long that took in all.
    pub sync_time: Duration,
    /// How often what was in the journal was put into the tables.
    pub checkpoints: u64,
    /// How long that took in all.
    pub checkpoint_time: Duration,
    /// How many entries went into the tables by that.
    pub checkpointed_entries: u64,
    /// Their bytes.
    pub checkpointed_bytes: u64,
    /// How often a call waited for another process, in vain or not.
    pub waits: u64,
    /// How long that took in all.
    pub wait_time: Duration,
}

impl Archive {
    /// What this process has done with the archive since it opened the file.
    pub fn counters(&self) -> Counters {
        let file = &self.engine.committer.sources.file;
        let (syncs, events) = (&file.syncs.sum, &file.events);
        Counters {
            syncs: syncs.number(),
            sync_time: syncs.took(),
            checkpoints: events.checkpoints.number(),
            checkpoint_time: events.checkpoints.took(),
            checkpointed_entries: events.checkpointed_entries.load(Ordering::Relaxed),
            checkpointed_bytes: events.checkpointed_bytes.load(Ordering::Relaxed),
            waits: events.waits.number(),
            wait_time: events.waits.took(),
        }
    }

    /// What may harm the archive where it lies, in words: a network file system, whose locks may not
    /// hold between machines, or a folder that a program copies elsewhere. `None` if nothing is
    /// known. An app may show it once; the archive can be used all the same.
    ///
    /// ```
    /// let archive = sessiondb::Archive::in_memory()?;
    /// assert_eq!(archive.place_warning(), None);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    pub fn place_warning(&self) -> Option<String> {
        self.engine.place_warning()
    }
}
