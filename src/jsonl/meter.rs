//! How far the reading of a file is.

use super::report::Progress;

/// How much of a file is read at a time, and told of.
pub(super) const READ_BUFFER_BYTES: usize = 256 << 10;

/// Tells how far the reading of a file is. Each byte counts once, however often it is read.
pub(super) struct Meter<'a> {
    progress: &'a mut dyn FnMut(Progress<'_>),
    done: u64,
    total: u64,
}

impl<'a> Meter<'a> {
    /// Begins at the start of a file of `total` bytes.
    pub(super) fn new(progress: &'a mut dyn FnMut(Progress<'_>), total: u64) -> Self {
        Self {
            progress,
            done: 0,
            total,
        }
    }

    pub(super) fn reach(&mut self, byte_offset: u64) {
        let reached = byte_offset.min(self.total);
        let bytes = reached.saturating_sub(self.done);
        if bytes >= READ_BUFFER_BYTES as u64 || (bytes > 0 && reached == self.total) {
            self.done = reached;
            (self.progress)(Progress::Read { bytes });
        }
    }
}
