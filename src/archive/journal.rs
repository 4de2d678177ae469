//! How full the journal is, for those who look after an archive.

use serde::Serialize;

use super::handle::Archive;
use crate::error::StoreError;

/// What waits in the journal for the tables.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// # let dir = tempfile::tempdir()?;
/// let archive = Archive::open(dir.path().join("agent.sessiondb"))?;
/// archive.log(new_session_id(), new_segment_id()).append("hello")?;
/// let journal = archive.journal()?;
/// assert_eq!(journal.frames, 1);
/// assert!(journal.bytes > 0 && journal.bytes < journal.half_bytes);
/// archive.checkpoint()?;
/// assert_eq!(archive.journal()?.frames, 0);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JournalState {
    /// How many frames are not in the tables.
    pub frames: u64,
    /// The bytes of those in the half that is written to.
    pub bytes: u64,
    /// The length of a half, in bytes.
    pub half_bytes: u64,
    /// Whether the other half waits for a checkpoint.
    pub is_checkpoint_due: bool,
}

impl Archive {
    /// What waits in the journal for the tables.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn journal(&self) -> Result<JournalState, StoreError> {
        let (frames, bytes, is_checkpoint_due) = self.engine.committer.in_journal()?;
        let journal = self.engine.committer.sources.file.journal();
        Ok(JournalState {
            frames,
            bytes,
            half_bytes: (journal.end - journal.start) / 2,
            is_checkpoint_due,
        })
    }
}
