//! Cutting the entries of a log into runs, and those into rows. Pure, no I/O.

use super::entries::Entries;
use super::fault::Outcome;
use super::op::LogId;
use super::run_row::{HEADER_BYTES, MAX_SHARED_ROW_BYTES, Packed, RunRow};
use super::seeded::{Bug, seeded};

/// The most bytes of entries that share a compressed run when the journal is folded (1 MiB), and in
/// a fresh copy (1.5 MiB): what an entry costs to read is to unpack its run.
pub(crate) const MAX_RUN_BYTES: usize = 1 << 20;
pub(crate) const MAX_COPIED_RUN_BYTES: usize = 3 << 19;

/// The levels of zstd.
const CHECKPOINT_LEVEL: i32 = 3;
const COPY_LEVEL: i32 = 9;

/// How entries are to be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// The level of zstd, or `None` for plain rows.
    level: Option<i32>,
    max_run_bytes: usize,
}

impl Packing {
    const PLAIN: Self = Self {
        level: None,
        max_run_bytes: MAX_SHARED_ROW_BYTES - HEADER_BYTES,
    };

    /// The packing of checkpoints, which writers may wait for.
    pub(crate) fn of_checkpoints(compressed: bool) -> Self {
        if !compressed {
            return Self::PLAIN;
        }
        Self {
            level: Some(CHECKPOINT_LEVEL),
            max_run_bytes: MAX_RUN_BYTES,
        }
    }

    /// The packing of a fresh copy, which is read more often than it is written.
    pub(crate) fn of_copies(compressed: bool) -> Self {
        if !compressed {
            return Self::PLAIN;
        }
        Self {
            level: Some(COPY_LEVEL),
            max_run_bytes: MAX_COPIED_RUN_BYTES,
        }
    }

    /// Whether a run leaves no room for more entries.
    pub(crate) fn is_full(self, run: &RunRow<'_>) -> bool {
        run.unpacked_bytes() >= self.max_run_bytes / 8 * 7
    }

    /// The rows of some entries that begin with number `first`, each by the number that it stands
    /// under.
    pub(crate) fn rows(self, log: &LogId, first: u64, entries: &Entries) -> Vec<(u64, Vec<u8>)> {
        let packed = Packed::new(entries.payload(), self.level);
        match self.level {
            Some(_) => packed.rows(log, first, entries.len()),
            None => vec![(first, packed.row(log, first, entries.len()))],
        }
    }
}

/// Takes the entries of one log in their order, and gives rows.
pub(crate) struct Packer<P> {
    packing: Packing,
    log: LogId,
    /// The number of the first entry that is not in a row yet.
    first: u64,
    pending: Entries,
    /// Takes each row, with the number that it stands under.
    put: P,
}

impl<P: FnMut(u64, &[u8]) -> Outcome<()>> Packer<P> {
    pub(crate) fn new(packing: Packing, log: LogId, first: u64, put: P) -> Self {
        Self {
            packing,
            log,
            first,
            pending: Entries::default(),
            put,
        }
    }

    pub(crate) fn push(&mut self, entry: &[u8]) -> Outcome<()> {
        if self.pending.payload().len() + 1 + entry.len() > self.packing.max_run_bytes {
            self.put_pending()?;
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
        self.put_pending()?;
        self.first = first;
        Ok(())
    }

    /// Puts what is left into rows.
    pub(crate) fn finish(mut self) -> Outcome<()> {
        self.put_pending()
    }

    fn put_pending(&mut self) -> Outcome<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        for (number, row) in self.packing.rows(&self.log, self.first, &self.pending) {
            (self.put)(number, &row)?;
            if seeded(Bug::DropRest) {
                break;
            }
        }
        self.first += self.pending.len();
        self.pending.clear();
        Ok(())
    }
}
