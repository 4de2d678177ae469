//! Frames that are written together: one behind the other, in one buffer, by one write.

use std::io;

use redb::StorageBackend;

use super::{Journal, Position, seal};

/// Frames from one position on.
#[derive(Debug)]
pub(crate) struct Frames {
    journal: Journal,
    start: Position,
    end: Position,
    /// Those that are finished, and the one that was begun behind them.
    bytes: Vec<u8>,
}

impl Frames {
    pub(crate) fn new(journal: Journal, start: Position) -> Self {
        Self {
            journal,
            start,
            end: start,
            bytes: Vec::new(),
        }
    }

    /// The position behind those that are finished.
    pub(crate) fn end(&self) -> Position {
        self.end
    }

    /// Begins the next frame, in place of one that was begun and not finished. Returns the bytes of its
    /// payload, which `put` puts behind the others.
    pub(crate) fn begin(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> u64 {
        self.drop_unfinished();
        let header = self.bytes.len() + 32;
        self.bytes.resize(header, 0);
        put(&mut self.bytes);
        (self.bytes.len() - header) as u64
    }

    /// Finishes the frame that was begun, and returns its number.
    pub(crate) fn finish(&mut self) -> u64 {
        let number = self.end.frame;
        let finished = self.finished();
        if let Some(frame) = self.bytes.get_mut(finished..) {
            self.end = seal(frame, &self.end, self.journal.salt);
        }
        number
    }

    /// Writes those that are finished, if there are any.
    pub(crate) fn write(&mut self, file: &dyn StorageBackend) -> io::Result<()> {
        self.drop_unfinished();
        if self.bytes.is_empty() {
            return Ok(());
        }
        file.write(self.journal.at(&self.start), &self.bytes)
    }

    fn finished(&self) -> usize {
        usize::try_from(self.end.offset - self.start.offset).unwrap_or(usize::MAX)
    }

    fn drop_unfinished(&mut self) {
        self.bytes.truncate(self.finished());
    }
}
