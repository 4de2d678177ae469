//! What a file adds to a log: collected in chunks and appended one chunk after the other.

use std::path::Path;

use super::lines::{Line, Position};
use super::not_imported::Stop;
use crate::engine::Entries;
use crate::{Log, StoreError};

/// How much a file may add in one append. More is added in several, after all of it was read
/// once to see whether it is sound.
const CHUNK_BYTES: usize = 4 << 20;

/// What a file holds beyond what is stored.
#[derive(Default)]
pub(super) struct Addition {
    pub(super) first: Chunk,
    /// What did not fit into the first chunk.
    pub(super) rest: Option<Rest>,
}

/// A part of a file that is known to be sound.
pub(super) struct Rest {
    pub(super) start: Position,
    pub(super) end_offset: u64,
    pub(super) entries: u64,
    /// Whether some of its lines do not become entries as they are.
    pub(super) has_bad_lines: bool,
}

impl Addition {
    pub(super) fn add(&mut self, entry: &[u8]) {
        match &mut self.rest {
            Some(rest) => rest.entries = rest.entries.saturating_add(1),
            None => self.first.add(entry),
        }
    }

    pub(super) fn end_line(&mut self, line: &Line<'_>, held_entries: bool, was_bad: bool) {
        match &mut self.rest {
            Some(rest) if held_entries || line.terminated => {
                rest.end_offset = line.next.byte_offset;
                rest.has_bad_lines |= was_bad;
            }
            None if self.first.is_full() => {
                self.rest = Some(Rest {
                    start: line.next,
                    end_offset: line.next.byte_offset,
                    entries: 0,
                    has_bad_lines: false,
                });
            }
            _ => {}
        }
    }
}

/// Some entries, as an append takes them, so that it need not copy them.
#[derive(Default)]
pub(super) struct Chunk {
    entries: Entries,
}

impl Chunk {
    pub(super) fn add(&mut self, entry: &[u8]) {
        self.entries.push(entry);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Line ends count, so that very many very short entries fill a chunk as well.
    pub(super) fn is_full(&self) -> bool {
        self.entries.payload().len() >= CHUNK_BYTES
    }
}

/// Appends chunks of a file one after the other, each only if the one before is still the last.
pub(super) struct Appending<'a> {
    log: &'a Log,
    path: &'a Path,
    start: u64,
    len: u64,
}

impl<'a> Appending<'a> {
    /// Begins at the end of `log`, which has `len` entries.
    pub(super) fn new(log: &'a Log, path: &'a Path, len: u64) -> Self {
        Self {
            log,
            path,
            start: len,
            len,
        }
    }

    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// The number of entries in the log.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Appends a chunk whose lines were checked while it was collected.
    pub(super) fn append_checked(&mut self, chunk: Chunk) -> Result<(), Stop> {
        self.append_by(chunk, true)
    }

    /// Appends a chunk whose lines were checked when the file was read for the first time.
    pub(super) fn append(&mut self, chunk: Chunk) -> Result<(), Stop> {
        self.append_by(chunk, false)
    }

    fn append_by(&mut self, chunk: Chunk, are_checked: bool) -> Result<(), Stop> {
        if chunk.is_empty() {
            return Ok(());
        }
        match self
            .log
            .append_at_collected(self.len, chunk.entries, are_checked)
        {
            Ok(receipt) => self.len = receipt.len,
            // It was sound when the file was read for the first time.
            Err(StoreError::InvalidEntry { .. }) => return Err(self.file_changed()),
            Err(error) => return Err(Stop::append(self.path, self.appended(), error)),
        }
        Ok(())
    }

    pub(super) fn appended(&self) -> u64 {
        self.len.saturating_sub(self.start)
    }

    pub(super) fn file_changed(&self) -> Stop {
        Stop::File(format!(
            "{}: the file was changed, not just added to, while it was imported; \
             {} entries of it were imported; compare it with segment {} of session {}",
            self.path.display(),
            self.appended(),
            self.log.segment_id(),
            self.log.session_id(),
        ))
    }
}
