//! What a file adds to a log: collected in chunks and appended one chunk after the other.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::large_line::LargeLine;
use super::lines::{Line, Position};
use super::not_imported::Stop;
use crate::archive::{Archive, Batch, Durability, KnownEntry};
use crate::engine::Entries;
use crate::{Log, StoreError};

/// How much a file may add in one append. More is added in several, after all of it was read
/// once to see whether it is sound.
const CHUNK_BYTES: usize = 4 << 20;

/// How much a file may add to a batch that it shares with others.
const SHARED_BYTES: usize = CHUNK_BYTES;

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
    /// The lines that are to be read in parts: where each begins, and what is known of it.
    large: Vec<(u64, KnownEntry)>,
    /// Whether some of its lines do not become entries as they are.
    pub(super) has_bad_lines: bool,
    sums: Sums,
}

/// What chunks of a file were when they were checked: those that are the same when they are read again are
/// as sound as they were.
struct Sums {
    /// Unknown to all who write the file.
    seed: u64,
    chunks: Vec<u64>,
    /// The chunk that is not full yet.
    open: Box<Xxh3>,
    open_bytes: usize,
}

impl Sums {
    fn new() -> Self {
        let seed = RandomState::new().build_hasher().finish();
        Self {
            seed,
            chunks: Vec::new(),
            open: Box::new(Xxh3::with_seed(seed)),
            open_bytes: 0,
        }
    }

    fn add(&mut self, entry: &[u8]) {
        if self.open_bytes > 0 {
            self.open.update(b"\n");
            self.open_bytes += 1;
        }
        self.open.update(entry);
        self.open_bytes += entry.len();
    }

    /// Chunks end with a line.
    fn end_line(&mut self) {
        if self.open_bytes >= CHUNK_BYTES {
            self.end_chunk();
        }
    }

    fn end_chunk(&mut self) {
        if self.open_bytes > 0 {
            self.chunks.push(self.open.digest());
            *self.open = Xxh3::with_seed(self.seed);
            self.open_bytes = 0;
        }
    }

    fn is_same(&self, number: usize, chunk: &Chunk) -> bool {
        let sum = xxh3_64_with_seed(chunk.entries.payload(), self.seed);
        let open = (number == self.chunks.len()).then(|| self.open.digest());
        self.chunks.get(number).copied().or(open) == Some(sum)
    }
}

impl Rest {
    /// What begins there.
    fn at(start: Position) -> Self {
        Self {
            start,
            end_offset: start.byte_offset,
            entries: 0,
            large: Vec::new(),
            has_bad_lines: false,
            sums: Sums::new(),
        }
    }

    /// What is known of the line that begins there, if it is to be read in parts.
    pub(super) fn large_at(&self, byte_offset: u64) -> Option<KnownEntry> {
        let found = self.large.binary_search_by_key(&byte_offset, |(at, _)| *at);
        let (_, known) = self.large.get(found.ok()?)?;
        Some(*known)
    }

    /// Whether the chunk with this number, counted from 0, is what it was when it was checked.
    pub(super) fn is_same(&self, number: usize, chunk: &Chunk) -> bool {
        self.sums.is_same(number, chunk)
    }
}

impl Addition {
    pub(super) fn is_empty(&self) -> bool {
        let rest = self.rest.as_ref();
        self.first.is_empty() && rest.is_none_or(|rest| rest.entries == 0)
    }

    /// Adds an entry that is a line which is to be read in parts.
    pub(super) fn add_large(&mut self, line: &Line<'_>, known: KnownEntry) {
        let rest = self.rest.get_or_insert_with(|| Rest::at(line.at));
        rest.entries = rest.entries.saturating_add(1);
        rest.large.push((line.at.byte_offset, known));
        rest.end_offset = line.next.byte_offset;
        rest.sums.end_chunk();
    }

    pub(super) fn add(&mut self, entry: &[u8]) {
        match &mut self.rest {
            Some(rest) => {
                rest.entries = rest.entries.saturating_add(1);
                rest.sums.add(entry);
            }
            None => self.first.add(entry),
        }
    }

    pub(super) fn end_line(&mut self, line: &Line<'_>, held_entries: bool, was_bad: bool) {
        match &mut self.rest {
            Some(rest) if held_entries || line.terminated => {
                rest.end_offset = line.next.byte_offset;
                rest.has_bad_lines |= was_bad;
                rest.sums.end_line();
            }
            None if self.first.is_full() => {
                self.rest = Some(Rest::at(line.next));
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

    /// Makes room for a file of that length, as far as it comes into a chunk.
    pub(super) fn reserve(&mut self, file_bytes: u64) {
        let bytes = usize::try_from(file_bytes).unwrap_or(usize::MAX);
        self.entries.reserve(bytes.min(CHUNK_BYTES));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.entries.payload().len()
    }

    /// Line ends count, so that very many very short entries fill a chunk as well.
    pub(super) fn is_full(&self) -> bool {
        self.len_bytes() >= CHUNK_BYTES
    }
}

/// Appends chunks of a file one after the other, each only if the one before is still the last.
pub(super) struct Appending<'a> {
    log: &'a Log,
    path: &'a Path,
    start: u64,
    /// The length of the log.
    stored: u64,
    /// What comes next, and whether its lines are known to be entries.
    pending: Option<(Chunk, bool)>,
}

impl<'a> Appending<'a> {
    /// Begins at the end of `log`, which has `len` entries.
    pub(super) fn new(log: &'a Log, path: &'a Path, len: u64) -> Self {
        Self {
            log,
            path,
            start: len,
            stored: len,
            pending: None,
        }
    }

    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// The number of entries in the log, with those that come next.
    pub(super) fn len(&self) -> u64 {
        let pending = self.pending.as_ref();
        let pending = pending.map_or(0, |(chunk, _)| chunk.entries.len());
        self.stored.saturating_add(pending)
    }

    /// Appends an entry that is read in parts, behind all that was taken before.
    pub(super) fn append_large(&mut self, line: LargeLine, known: KnownEntry) -> Result<(), Stop> {
        self.append_pending()?;
        match self.log.append_known_at(self.stored, line, known) {
            Ok(receipt) => self.stored = receipt.len,
            Err(error) => return Err(self.refused(error)),
        }
        Ok(())
    }

    /// Takes a chunk, and appends the one before. Its lines are known to be entries, or may be others than
    /// those that were checked when the file was read for the first time.
    pub(super) fn append(&mut self, chunk: Chunk, are_checked: bool) -> Result<(), Stop> {
        if chunk.is_empty() {
            return Ok(());
        }
        self.append_pending()?;
        self.pending = Some((chunk, are_checked));
        Ok(())
    }

    fn append_pending(&mut self) -> Result<(), Stop> {
        let Some((chunk, are_checked)) = self.pending.take() else {
            return Ok(());
        };
        let appended = self
            .log
            .append_at_collected(self.stored, chunk.entries, are_checked);
        match appended {
            Ok(receipt) => self.stored = receipt.len,
            Err(error) => return Err(self.refused(error)),
        }
        Ok(())
    }

    /// Appends the last chunk, in one step with what `also` adds; in that of the batch, if there is one
    /// and all of the file is small. Returns whether it is.
    pub(super) fn finish(
        &mut self,
        archive: &Archive,
        shared: Option<&mut Batch>,
        also: impl FnOnce(&mut Batch) -> Result<bool, StoreError>,
    ) -> Result<bool, Stop> {
        let mut own = archive.batch().with_durability(Durability::Written);
        let Some((chunk, are_checked)) = self.pending.take() else {
            // The last entry was one that was read in parts.
            if also(&mut own)? {
                own.commit().map_err(|error| self.refused(error))?;
            }
            return Ok(false);
        };
        let len = self.stored.saturating_add(chunk.entries.len());
        let is_small = chunk.len_bytes() <= SHARED_BYTES && self.appended() == 0;
        let shared = shared.filter(|_| is_small);
        let is_shared = shared.is_some();
        let batch = shared.unwrap_or(&mut own);
        batch
            .append_collected(self.log, self.stored, chunk.entries, are_checked)
            .map_err(|error| self.refused(error))?;
        also(batch)?;
        if !is_shared {
            own.commit().map_err(|error| self.refused(error))?;
        }
        self.stored = len;
        Ok(is_shared)
    }

    fn refused(&self, error: StoreError) -> Stop {
        match error {
            // It was sound when the file was read for the first time.
            StoreError::InvalidEntry { .. } => self.file_changed(),
            error => Stop::append(self.path, self.appended(), error),
        }
    }

    pub(super) fn appended(&self) -> u64 {
        self.stored.saturating_sub(self.start)
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
