//! Which calls to the file failed, after which redb gives its image up for good.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::engine::fault::is_no_room;

/// Why redb gave an image up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing but that there was no room.
    NoRoom,
    Other,
}

/// Whether there was a failure, and the worst of them.
#[derive(Debug, Default)]
pub(crate) struct Failures(AtomicU8);

impl Failures {
    pub(crate) fn note(&self, err: &io::Error) {
        let failure = if is_no_room(err) { 1 } else { 2 };
        self.0.fetch_max(failure, Ordering::AcqRel);
    }

    pub(crate) fn get(&self) -> Option<Failure> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Failure::NoRoom),
            _ => Some(Failure::Other),
        }
    }

    pub(crate) fn forget(&self) {
        self.0.store(0, Ordering::Release);
    }
}
