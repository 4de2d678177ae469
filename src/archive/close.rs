//! What closing an archive tells.

use std::sync::Arc;

use super::handle::Archive;
use crate::engine::Engine;
use crate::error::StoreError;

/// What closing an archive has left open.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("agent.sessiondb");
/// let archive = sessiondb::Archive::open(&path)?;
/// let other = archive.clone();
/// assert!(archive.close()?.is_open_here);
/// let closed = other.close()?;
/// assert!(!closed.is_open_here && !closed.is_open_elsewhere && closed.is_journal_empty);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Whether this process still has the file open through this store: by another handle, a
    /// snapshot or an iterator, the last of which closes it. The other two are then not known, and
    /// false.
    pub is_open_here: bool,
    /// Whether another process, or this one in another mode, had the file open just now.
    pub is_open_elsewhere: bool,
    /// Whether all of the archive is in its tables. Else the journal holds some of it, since
    /// another process kept the tables busy, the disk is full, or nothing could be written; the next
    /// one to write takes it from there, and nothing is lost.
    pub is_journal_empty: bool,
}

impl Archive {
    /// Gives this handle back, and tells who has the archive open yet. The last handle of the
    /// process to go closes the file and reports what fails; dropping it does the same in silence.
    ///
    /// # Errors
    ///
    /// Those of the last write. What was acknowledged before is not lost.
    pub fn close(self) -> Result<Closed, StoreError> {
        self.engine.must_be_here()?;
        let ended = match Arc::into_inner(self.engine) {
            Some(engine) => Engine::close(engine)?,
            None => None,
        };
        Ok(Closed {
            is_open_here: ended.is_none(),
            is_open_elsewhere: ended.is_some_and(|ended| ended.is_open_elsewhere),
            is_journal_empty: ended.is_some_and(|ended| ended.is_journal_empty),
        })
    }
}
