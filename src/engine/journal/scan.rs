//! Frames that are read one after the other: the first by itself, since mostly there is just one, and
//! those behind it with fewer and longer reads.

use std::io;

use redb::StorageBackend;

use super::header::Header;
use super::{FRAME_HEADER_BYTES, Journal, Position, TRUSTED_BYTES};

/// The longest read beyond what a frame needs. Longer ones were no faster.
const MOST_READ_AHEAD: usize = 256 << 10;

/// A walk along the frames of an epoch.
pub(crate) struct Scan<'f> {
    journal: Journal,
    file: &'f dyn StorageBackend,
    at: Position,
    /// The bytes of the half from `start` on that were read last.
    bytes: Vec<u8>,
    start: u64,
    read_ahead: usize,
}

impl<'f> Scan<'f> {
    pub(crate) fn new(journal: Journal, file: &'f dyn StorageBackend, at: Position) -> Self {
        Self {
            journal,
            file,
            at,
            bytes: Vec::new(),
            start: at.offset,
            read_ahead: 0,
        }
    }

    /// The position behind the last frame.
    pub(crate) fn at(&self) -> Position {
        self.at
    }

    /// The payload of the next frame, if there is one.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let found = match self.in_bytes() {
            Some(found) => Some(found),
            // What was read may be older than what stands there by now.
            None if self.read()? => self.in_bytes(),
            None => None,
        };
        let Some((end, behind)) = found else {
            return Ok(None);
        };
        let payload = self.in_half(self.at.offset + FRAME_HEADER_BYTES)..end;
        self.at = behind;
        Ok(self.bytes.get(payload))
    }

    /// Where in the bytes the next frame ends, if all of it is there and counts.
    fn in_bytes(&self) -> Option<(usize, Position)> {
        let rest = self.bytes.get(self.in_half(self.at.offset)..)?;
        let header = Header(rest.get(..32)?);
        let len = usize::try_from(FRAME_HEADER_BYTES + header.payload_len()).ok()?;
        if !header.is(self.at.epoch, self.at.frame) {
            return None;
        }
        let behind = self.at.behind(rest.get(..len)?);
        let counts = header.checksum() == Some(behind.chain);
        counts.then(|| (self.in_half(behind.offset), behind))
    }

    /// Reads the bytes of the next frame, and some behind it, if it seems to be there.
    fn read(&mut self) -> io::Result<bool> {
        let Some(len) = self.journal.peek(self.file, &self.at)? else {
            return Ok(false);
        };
        let Ok(len) = usize::try_from(FRAME_HEADER_BYTES + len) else {
            return Ok(false);
        };
        if len > TRUSTED_BYTES && !self.journal.is_whole(self.file, &self.at, len)? {
            return Ok(false);
        }
        let left = self.journal.half_bytes.saturating_sub(self.at.offset);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        self.bytes.clear();
        self.bytes.resize(len.max(self.read_ahead.min(left)), 0);
        self.start = self.at.offset;
        self.read_ahead = (4 * self.read_ahead.max(4 << 10)).min(MOST_READ_AHEAD);
        self.file.read(self.journal.at(&self.at), &mut self.bytes)?;
        Ok(true)
    }

    /// Where in the bytes that byte of the half is.
    fn in_half(&self, offset: u64) -> usize {
        usize::try_from(offset - self.start).unwrap_or(usize::MAX)
    }
}
