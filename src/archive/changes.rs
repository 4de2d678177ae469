//! Following an archive: each change is told once, whichever process made it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::handle::Archive;
pub use crate::change::{Change, ChangeKind};
use crate::engine::Engine;
use crate::error::StoreError;

/// The changes of an archive, as they are made; from [`Archive::changes`].
///
/// As an iterator it waits for the next one, and ends when it is [cancelled](Self::canceller) or after
/// an error. While it is there the archive stays open.
pub struct Changes {
    engine: Arc<Engine>,
    place: u64,
    ready: VecDeque<Change>,
    cancelled: Arc<AtomicBool>,
    has_failed: bool,
}

/// Ends [`Changes`] from elsewhere: whoever waits for the next one goes on at once.
///
/// ```
/// let archive = sessiondb::Archive::in_memory()?;
/// let mut changes = archive.changes()?;
/// let canceller = changes.canceller();
/// let follower = std::thread::spawn(move || changes.next().is_none());
/// canceller.cancel();
/// assert!(follower.join().expect("the follower does not panic"));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Canceller {
    engine: Arc<Engine>,
    cancelled: Arc<AtomicBool>,
}

impl Archive {
    /// Follows what is changed from now on, by whichever handle and process: each change once, in
    /// the order in which they were made. A change by this process wakes who waits at once; for those
    /// of others it looks every 10 ms, which takes two small reads.
    ///
    /// Some 16,000 changes are kept for one who does not look. Who comes later, and whoever misses
    /// a change of another process that is larger than the journal, gets one
    /// [`ChangeKind::Gap`] in their place. So begin to follow, then read what there is; what is told
    /// afterwards may be in that already.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sessiondb::archive::ChangeKind;
    /// use sessiondb::{Archive, new_session_id};
    ///
    /// let archive = Archive::in_memory()?;
    /// let mut changes = archive.changes()?;
    /// archive.set_metadata(new_session_id(), &serde_json::Map::new())?;
    /// let change = changes.next_within(Duration::from_secs(1))?.expect("there was one");
    /// assert_eq!(change.kind, ChangeKind::Metadata);
    /// assert_eq!(changes.next_within(Duration::ZERO)?, None);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot).
    pub fn changes(&self) -> Result<Changes, StoreError> {
        Ok(Changes {
            place: self.engine.follow()?,
            engine: Arc::clone(&self.engine),
            ready: VecDeque::new(),
            cancelled: Arc::default(),
            has_failed: false,
        })
    }
}

impl Changes {
    /// The next change, for which it waits so long; `None` if there is none by then, or it was
    /// cancelled.
    ///
    /// # Errors
    ///
    /// Those of [`Archive::snapshot`].
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<Change>, StoreError> {
        if self.ready.is_empty() {
            let (place, cancelled) = (self.place, &self.cancelled);
            let (changes, place) = self.engine.next_changes(place, timeout, cancelled)?;
            self.place = place;
            self.ready.extend(changes);
        }
        Ok(self.ready.pop_front())
    }

    /// What ends this from another thread.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller {
            engine: Arc::clone(&self.engine),
            cancelled: Arc::clone(&self.cancelled),
        }
    }
}

impl Iterator for Changes {
    type Item = Result<Change, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_failed && !self.cancelled.load(Ordering::SeqCst) {
            match self.next_within(Duration::MAX) {
                Ok(None) => {}
                next => {
                    self.has_failed = next.is_err();
                    return next.transpose();
                }
            }
        }
        None
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.engine.unfollow();
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes")
            .field("path", &self.engine.path())
            .finish_non_exhaustive()
    }
}

impl Canceller {
    /// Ends them: who waits for the next one gets none.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.engine.wake_followers();
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").finish_non_exhaustive()
    }
}
