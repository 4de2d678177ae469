//! When a push is due of an archive that grows.

use std::time::{Duration, Instant};

use sessiondb::archive::{Change, ChangeKind, Changes};
use sessiondb::{Archive, StoreError};

/// How long what is new may wait, by default: 10 s.
const EVERY: Duration = Duration::from_secs(10);
/// And how much of it: 1 MiB.
const BYTES: u64 = 1 << 20;

/// Tells when what is new in an archive is to be pushed: after a time, or once it is so much, whichever
/// comes first. Whoever dies loses no more than that, as far as the archive itself is lost.
///
/// ```
/// use std::time::Duration;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_remote::Growth;
///
/// let archive = Archive::in_memory()?;
/// let mut growth = Growth::of(&archive)?.every(Duration::from_secs(3600)).bytes(100);
/// let at_once = Duration::ZERO;
/// assert!(growth.is_due_within(at_once)?, "what was there before");
/// assert!(!growth.is_due_within(at_once)?);
/// archive.log(new_session_id(), new_segment_id()).append(&"x".repeat(100))?;
/// assert!(growth.is_due_within(at_once)?, "it is that much");
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Growth<'a> {
    archive: &'a Archive,
    changes: Changes,
    every: Duration,
    bytes: u64,
    /// How much was appended since a push was due.
    grown: u64,
    /// The version of which a push was due, unless that is to be pushed once more.
    pushed: Option<u64>,
    /// When one is due for the time alone.
    next: Instant,
}

impl<'a> Growth<'a> {
    /// Follows an archive: a push of what is there is due at once, and then whenever 10 s have passed or 1 MiB has
    /// come.
    ///
    /// # Errors
    ///
    /// Those of [`Archive::changes`].
    pub fn of(archive: &'a Archive) -> Result<Self, StoreError> {
        Ok(Self {
            changes: archive.changes()?,
            archive,
            every: EVERY,
            bytes: BYTES,
            grown: 0,
            pushed: None,
            next: Instant::now(),
        })
    }

    /// How long what is new waits at most.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// How many bytes of entries wait at most.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Waits until a push is due, for no longer than the limit; whether one is. It speaks of what is in the archive
    /// now: what comes while it is pushed makes the next one due.
    ///
    /// # Errors
    ///
    /// Those of [`Archive::changes`]. With [`StoreError::Busy`] nothing is lost: call it again.
    pub fn is_due_within(&mut self, limit: Duration) -> Result<bool, StoreError> {
        let end = Instant::now() + limit;
        loop {
            let now = Instant::now();
            if self.grown >= self.bytes || now >= self.next {
                self.next = now + self.every;
                self.grown = 0;
                let version = self.archive.version()?;
                if self.pushed.replace(version) != Some(version) {
                    return Ok(true);
                }
                continue;
            }
            let wait = end.min(self.next).saturating_duration_since(now);
            match self.changes.next_within(wait)? {
                Some(change) => self.grow(&change)?,
                None if Instant::now() >= end => return Ok(false),
                None => {}
            }
        }
    }

    /// Says that the push failed: it is due once more after the time.
    pub fn failed(&mut self) {
        self.pushed = None;
    }

    fn grow(&mut self, change: &Change) -> Result<(), StoreError> {
        let (Some(session), Some(segment)) = (change.session, change.segment) else {
            if change.kind == ChangeKind::Gap {
                self.grown = self.bytes;
            }
            return Ok(());
        };
        if !matches!(change.kind, ChangeKind::Append | ChangeKind::Replace) {
            return Ok(());
        }
        let snapshot = self.archive.snapshot()?;
        let log = if change.trace {
            snapshot.trace(session, segment)
        } else {
            snapshot.log(session, segment)
        };
        for entry in log.read(change.range.clone())? {
            self.grown = self.grown.saturating_add(entry?.as_str().len() as u64 + 1);
            if self.grown >= self.bytes {
                break;
            }
        }
        Ok(())
    }
}
