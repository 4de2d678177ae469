//! How entries are packed into one run: compressed or not, with a word filter, and without the values that are stored
//! beside it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::OnceLock;
use std::thread;

use crate::engine::fault::Outcome;
use crate::engine::file::superblock::Superblock;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::page_fit::MAX_SHARED_ROW_BYTES;
use crate::engine::model::run_row::{HEADER_BYTES, Packed, RunRow};
use crate::engine::model::shared_value::{Taken, ValueName, fingerprint, large_values};
use crate::engine::model::word_filter::Builder;
use crate::engine::tables::repeats::{LARGE_BYTES, Repeats, TakenValue};

/// The most bytes of entries that share a compressed run when the journal is checkpointed (1 MiB), and in
/// a fresh copy (1.5 MiB): what an entry costs to read is to unpack its run.
pub(crate) const MAX_RUN_BYTES: usize = 1 << 20;
pub(crate) const MAX_COPIED_RUN_BYTES: usize = 3 << 19;
/// The most of them in a fresh copy if those are counted as well that are always stored beside the run (16 MiB): what
/// is in memory at a time.
const MAX_COPIED_WHOLE_BYTES: usize = 16 << 20;

/// The levels of zstd.
const CHECKPOINT_LEVEL: i32 = 3;
const COPY_LEVEL: i32 = 12;

/// The most runs that are packed at the same time: each takes some MiB of memory meanwhile.
const MOST_SIDE_BY_SIDE: usize = 4;

/// How entries are to be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// The level of zstd, or `None` for plain rows.
    level: Option<i32>,
    /// The most bytes of entries that share a run, without what is always stored beside it.
    pub(super) max_run_bytes: usize,
    /// The most of them with that.
    pub(super) max_whole_bytes: usize,
    /// Whether runs of entries get a word filter.
    filters: bool,
    /// Whether values that repeat are stored once.
    shares: bool,
}

/// A run as it is to be stored.
#[derive(Debug)]
pub(crate) struct PackedRun {
    /// Its rows, each by the number that it stands under.
    pub(crate) rows: Vec<(u64, Vec<u8>)>,
    /// The content of its word filter.
    pub(crate) filter: Option<Vec<u8>>,
    pub(crate) values: RunValues,
}

/// Stores what is packed.
pub(crate) trait RunSink {
    /// Takes a value that the tables do not have yet, and that a run which comes later uses.
    fn value(&mut self, name: ValueName, value: Vec<u8>) -> Outcome<()>;

    fn run(&mut self, run: PackedRun) -> Outcome<()>;
}

/// The shared values of a run.
#[derive(Debug, Default)]
pub(crate) struct RunValues {
    pub(crate) names: BTreeSet<ValueName>,
    /// Those of them that the tables do not have yet.
    pub(crate) new: Vec<(ValueName, Vec<u8>)>,
}

impl Packing {
    const PLAIN: Self = Self {
        level: None,
        max_run_bytes: MAX_SHARED_ROW_BYTES - HEADER_BYTES,
        max_whole_bytes: MAX_SHARED_ROW_BYTES - HEADER_BYTES,
        filters: false,
        shares: false,
    };

    /// The packing of checkpoints, which writers may wait for.
    pub(crate) fn of_checkpoints(superblock: &Superblock) -> Self {
        Self::of(superblock, CHECKPOINT_LEVEL, MAX_RUN_BYTES)
    }

    /// The packing of a fresh copy, which is read more often than it is written.
    pub(crate) fn of_copies(superblock: &Superblock) -> Self {
        let packing = Self::of(superblock, COPY_LEVEL, MAX_COPIED_RUN_BYTES);
        if packing.level.is_none() || !packing.shares {
            return packing;
        }
        Self {
            max_whole_bytes: MAX_COPIED_WHOLE_BYTES,
            ..packing
        }
    }

    fn of(superblock: &Superblock, level: i32, max_run_bytes: usize) -> Self {
        let (filters, shares) = (superblock.has_word_filters(), superblock.shares_values());
        if !superblock.is_compressed() {
            return Self {
                filters,
                shares,
                ..Self::PLAIN
            };
        }
        Self {
            level: Some(level),
            max_run_bytes,
            max_whole_bytes: max_run_bytes,
            filters,
            shares,
        }
    }

    /// Whether a run is left as it is: what one half of the journal holds fills one.
    pub(crate) fn is_full(self, run: &RunRow<'_>) -> bool {
        run.unpacked_bytes() >= self.max_run_bytes / 4 * 3
    }

    /// Whether so many bytes of runs at the end of a log are enough to be packed again at a time. Where
    /// large entries leave every run with room that the next entry does not fit in, it would be all.
    pub(crate) fn is_enough_to_take(self, bytes: usize) -> bool {
        bytes >= self.max_run_bytes
    }

    /// Whether runs of entries get a word filter.
    pub(super) fn filters(self) -> bool {
        self.filters
    }

    /// The level of zstd, or `None` for plain rows.
    pub(super) fn level(self) -> Option<i32> {
        self.level
    }

    /// Whether values that repeat are stored once.
    pub(super) fn shares(self) -> bool {
        self.shares
    }

    /// Whether such a run is one that no other entry is put into, nor is it cut.
    pub(crate) fn is_one_run(self, entries: &Entries) -> bool {
        entries.payload().len() <= self.max_run_bytes
    }

    /// How many bytes of an entry count for a run that others share with it.
    pub(super) fn counted_bytes(self, entry: &[u8]) -> usize {
        if self.max_whole_bytes == self.max_run_bytes || entry.len() < LARGE_BYTES {
            return entry.len();
        }
        let values = large_values(entry).into_iter().map(|value| value.len());
        let beside: usize = values.filter(|len| *len >= LARGE_BYTES).sum();
        entry.len() - beside
    }

    /// How many runs are packed at the same time.
    pub(super) fn side_by_side(self) -> usize {
        static CORES: OnceLock<usize> = OnceLock::new();
        match self.level {
            Some(_) => *CORES.get_or_init(|| {
                let cores = thread::available_parallelism().map_or(1, usize::from);
                cores.min(MOST_SIDE_BY_SIDE)
            }),
            None => 1,
        }
    }

    /// The run of some entries that begin with number `first`.
    pub(crate) fn run(
        self,
        builder: &mut Builder,
        repeats: &Repeats<'_>,
        log: &LogId,
        first: u64,
        entries: &Entries,
    ) -> PackedRun {
        let lines = entries.payload();
        let number = |at| first + entries.ends().partition_point(|end| *end < at) as u64;
        let (packed, values) = self.packed(repeats, log, number, lines);
        let rows = match self.level {
            Some(_) => packed.into_rows(log, first, entries.len()),
            None => vec![(first, packed.into_row(log, first, entries.len()))],
        };
        self.with_filter(builder, log, rows, lines, entries.len(), values)
    }

    /// The run of one entry that is larger than a run of several.
    pub(super) fn run_of_one(
        self,
        builder: &mut Builder,
        repeats: &Repeats<'_>,
        log: &LogId,
        number: u64,
        entry: &[u8],
    ) -> PackedRun {
        let (packed, values) = self.packed(repeats, log, |_| number, entry);
        let row = packed.into_row(log, number, 1);
        self.with_filter(builder, log, vec![(number, row)], entry, 1, values)
    }

    /// Joined entries without the values that are stored beside them, and these.
    fn packed(
        self,
        repeats: &Repeats<'_>,
        log: &LogId,
        number: impl Fn(usize) -> u64,
        lines: &[u8],
    ) -> (Packed, RunValues) {
        let mut values = RunValues::default();
        let Some(whole) = u32::try_from(lines.len())
            .ok()
            .filter(|_| !repeats.are_none())
        else {
            return (Packed::new(lines, self.level), values);
        };
        // What comes twice in a run is decided upon once.
        let mut known: HashMap<u64, (Range<usize>, Option<ValueName>)> = HashMap::new();
        let taken = Taken::out_of(lines, |range, value| {
            let short = fingerprint(value);
            let decide = || {
                let taken = repeats.take((log, number(range.start)), short, value);
                let name = taken.map(|TakenValue { name, is_new }| {
                    values.names.insert(name);
                    values.new.extend(is_new.then(|| (name, value.to_vec())));
                    name
                });
                (range.clone(), name)
            };
            let (decided, name) = known.entry(short).or_insert_with(decide);
            // Another value with the same fingerprint stays where it is.
            let is_same = lines.get(decided.clone()) == Some(value);
            name.filter(|_| is_same)
        });
        match taken {
            Some(taken) => (Packed::without(&taken, whole, self.level), values),
            None => (Packed::new(lines, self.level), values),
        }
    }

    fn with_filter(
        self,
        builder: &mut Builder,
        log: &LogId,
        rows: Vec<(u64, Vec<u8>)>,
        entries: &[u8],
        count: u64,
        values: RunValues,
    ) -> PackedRun {
        let checksum = checksum_of(&rows).filter(|_| self.filters_of(log));
        let filter = checksum.map(|checksum| builder.filter(entries, checksum, count));
        PackedRun {
            rows,
            filter,
            values,
        }
    }

    /// Whether the runs of that log get a word filter.
    pub(super) fn filters_of(self, log: &LogId) -> bool {
        self.filters && log.kind == LogKind::Entries
    }
}

/// The checksum that the first row of a run begins with.
pub(super) fn checksum_of(rows: &[(u64, Vec<u8>)]) -> Option<u64> {
    let checksum = rows.first()?.1.first_chunk()?;
    Some(u64::from_le_bytes(*checksum))
}
