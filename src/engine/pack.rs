//! Cutting the entries of a log into rows that fill redb's pages: as many entries as, compressed,
//! just fit into a page of 64 KiB. Pure, no I/O.

use super::fault::Outcome;
use super::op::LogId;
use super::run::{Entries, HEADER_BYTES, MAX_SHARED_ROW_BYTES, Payload, RowHeader};
use super::seeded::{Bug, seeded};

/// The most bytes of entries that share a compressed row (1 MiB): what an entry costs to read
/// is to unpack its run.
pub(crate) const MAX_RUN_BYTES: usize = 1 << 20;

const MAX_SHARED_PAYLOAD_BYTES: usize = MAX_SHARED_ROW_BYTES - HEADER_BYTES;

/// What redb needs of a leaf page besides a row: at most so many bytes, the key of a run included.
const PAGE_OVERHEAD_BYTES: usize = 136;

/// How rows are to be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// The level of zstd, or `None` for plain rows.
    pub(crate) level: Option<i32>,
    /// Whether the last entries of a log are cut to fill smaller pages too; for logs that are
    /// not expected to grow.
    pub(crate) tight: bool,
}

impl Packing {
    /// The packing of checkpoints, which writers may wait for.
    pub(crate) fn of_checkpoints(compressed: bool) -> Self {
        Self {
            level: compressed.then_some(CHECKPOINT_LEVEL),
            tight: false,
        }
    }

    /// The packing of a fresh copy, which is read more often than it is written.
    pub(crate) fn of_copies(compressed: bool) -> Self {
        Self {
            level: compressed.then_some(COPY_LEVEL),
            tight: true,
        }
    }

    fn max_run_bytes(self) -> usize {
        match self.level {
            Some(_) => MAX_RUN_BYTES,
            None => MAX_SHARED_PAYLOAD_BYTES,
        }
    }
}

const CHECKPOINT_LEVEL: i32 = 3;
const COPY_LEVEL: i32 = 9;

/// Whether a run leaves no room for more entries.
pub(crate) fn is_full(header: &RowHeader<'_>, row_bytes: usize, packing: Packing) -> bool {
    row_bytes >= MAX_SHARED_ROW_BYTES / 8 * 7 || header.bytes >= packing.max_run_bytes() / 8 * 7
}

/// Takes the entries of one log in their order, and gives rows.
pub(crate) struct Packer<P> {
    packing: Packing,
    log: LogId,
    /// The index of the first entry that is not in a row yet.
    first: u64,
    pending: Entries,
    /// How many bytes of entries 16 bytes of a row held last.
    ratio: usize,
    /// Takes each row, with the index of its first entry.
    put: P,
}

impl<P: FnMut(u64, &[u8]) -> Outcome<()>> Packer<P> {
    pub(crate) fn new(packing: Packing, log: LogId, first: u64, put: P) -> Self {
        Self {
            packing,
            log,
            first,
            pending: Entries::default(),
            ratio: if packing.level.is_some() { 7 * 16 } else { 16 },
            put,
        }
    }

    pub(crate) fn push(&mut self, entry: &[u8]) -> Outcome<()> {
        let full = self.packing.max_run_bytes();
        if self.pending.payload().len() + 1 + entry.len() > full && !self.pending.is_empty() {
            self.cut(MAX_SHARED_PAYLOAD_BYTES)?;
        }
        self.pending.push(entry);
        Ok(())
    }

    pub(crate) fn extend<'e>(
        &mut self,
        entries: impl IntoIterator<Item = &'e [u8]>,
    ) -> Outcome<()> {
        entries.into_iter().try_for_each(|entry| self.push(entry))
    }

    /// Puts what is left into rows. What comes next begins with number `first`.
    pub(crate) fn go_on_at(&mut self, first: u64) -> Outcome<()> {
        while !self.pending.is_empty() {
            let limit = self.limit_of_rest();
            self.cut(limit)?;
            if seeded(Bug::DropRest) {
                break;
            }
        }
        self.first = first;
        Ok(())
    }

    /// Puts what is left into rows.
    pub(crate) fn finish(mut self) -> Outcome<()> {
        self.go_on_at(0)
    }

    /// What the next row of the rest may hold. A rest that fills little more than half of a page
    /// takes half a page and another row.
    fn limit_of_rest(&self) -> usize {
        let entries = self.pending.payload();
        if !self.packing.tight || entries.len() > self.packing.max_run_bytes() {
            return MAX_SHARED_PAYLOAD_BYTES;
        }
        let whole = Payload::new(entries, self.packing.level).len() + HEADER_BYTES;
        let page = (whole + PAGE_OVERHEAD_BYTES).next_power_of_two();
        let wasteful = page > 4096 && page <= 1 << 16 && whole < page / 4 * 3;
        if wasteful {
            page / 2 - PAGE_OVERHEAD_BYTES - HEADER_BYTES
        } else {
            MAX_SHARED_PAYLOAD_BYTES
        }
    }

    /// Puts the first entries into a row: as many as fill one of that length.
    fn cut(&mut self, limit: usize) -> Outcome<()> {
        let (count, payload) = self.fill(limit);
        let row = payload.row(&self.log, self.first, count);
        let unpacked = self.pending.end_of(count);
        if payload.len() > 0 {
            self.ratio = (unpacked * 16 / payload.len()).max(16);
        }
        (self.put)(self.first, &row)?;
        self.first += count as u64;
        self.pending.drop_front(count);
        Ok(())
    }

    /// How many of the pending entries a row of that length holds, and their payload. A single
    /// entry that is too large has a row to itself.
    fn fill(&self, limit: usize) -> (usize, Payload<'_>) {
        const ATTEMPTS: u32 = 5;
        let most = self.pending.within(self.packing.max_run_bytes()).max(1);
        let mut best: Option<(usize, Payload<'_>)> = None;
        let mut too_many = most + 1;
        let mut ratio = self.ratio;
        for _ in 0..ATTEMPTS {
            // A little less than would fit at that ratio.
            let bytes = limit / 16 * ratio / 32 * 31;
            let least = best.as_ref().map_or(1, |(count, _)| count + 1);
            if least >= too_many {
                break;
            }
            let bytes = if self.packing.level.is_none() {
                limit
            } else {
                bytes
            };
            let count = self.pending.within(bytes).clamp(least, too_many - 1);
            let payload = self.payload_of(count);
            ratio = (self.pending.end_of(count) * 16 / payload.len().max(1)).max(16);
            if payload.len() <= limit || count == 1 {
                let done = count == most || payload.len() >= limit / 16 * 15;
                best = Some((count, payload));
                if done || self.packing.level.is_none() {
                    break;
                }
            } else {
                too_many = count;
            }
        }
        best.unwrap_or_else(|| (1, self.payload_of(1)))
    }

    fn payload_of(&self, count: usize) -> Payload<'_> {
        let entries = self.pending.payload().get(..self.pending.end_of(count));
        Payload::new(entries.unwrap_or_default(), self.packing.level)
    }
}
