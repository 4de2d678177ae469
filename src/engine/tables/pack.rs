//! Cutting the entries of a log into runs, and those into rows, with a word filter for each and without the values that
//! are stored beside them, several at once.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::Outcome;
use crate::engine::file::superblock::Superblock;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::page_fit::MAX_SHARED_ROW_BYTES;
use crate::engine::model::run_row::{HEADER_BYTES, Packed, RunRow};
use crate::engine::model::shared_value::{Taken, ValueName, fingerprint};
use crate::engine::model::word_filter::Builder;
use crate::engine::tables::repeats::{Repeats, TakenValue};

/// The most bytes of entries that share a compressed run when the journal is checkpointed (1 MiB), and in
/// a fresh copy (1.5 MiB): what an entry costs to read is to unpack its run.
pub(crate) const MAX_RUN_BYTES: usize = 1 << 20;
pub(crate) const MAX_COPIED_RUN_BYTES: usize = 3 << 19;

/// The levels of zstd.
const CHECKPOINT_LEVEL: i32 = 3;
const COPY_LEVEL: i32 = 9;

/// The most runs that are packed at the same time: each takes some MiB of memory meanwhile.
const MOST_SIDE_BY_SIDE: usize = 4;

/// The name of the threads that pack.
const THREAD_NAME: &str = "sessiondb-pack";

/// How entries are to be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// The level of zstd, or `None` for plain rows.
    level: Option<i32>,
    max_run_bytes: usize,
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
        filters: false,
        shares: false,
    };

    /// The packing of checkpoints, which writers may wait for.
    pub(crate) fn of_checkpoints(superblock: &Superblock) -> Self {
        Self::of(superblock, CHECKPOINT_LEVEL, MAX_RUN_BYTES)
    }

    /// The packing of a fresh copy, which is read more often than it is written.
    pub(crate) fn of_copies(superblock: &Superblock) -> Self {
        Self::of(superblock, COPY_LEVEL, MAX_COPIED_RUN_BYTES)
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

    /// How many runs are packed at the same time.
    fn side_by_side(self) -> usize {
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
    fn run_of_one(
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
        let wanted = self.filters && log.kind == LogKind::Entries;
        let checksum = rows.first().and_then(|(_, row)| row.first_chunk::<8>());
        let checksum = checksum.filter(|_| wanted);
        let filter =
            checksum.map(|checksum| builder.filter(entries, u64::from_le_bytes(*checksum), count));
        PackedRun {
            rows,
            filter,
            values,
        }
    }
}

/// Takes the entries of one log in their order, and gives runs.
pub(crate) struct Packer<'r, P> {
    packing: Packing,
    repeats: &'r Repeats<'r>,
    log: LogId,
    /// The number of the first entry of the run that is being filled.
    first: u64,
    pending: Entries,
    /// Runs that are complete, each with the number of its first entry; they are packed side by
    /// side, since that takes longer than all else that is done with them.
    complete: Vec<(u64, Entries)>,
    /// Buffers to fill again.
    spare: Vec<Entries>,
    /// For runs that are not packed side by side.
    builder: Option<Builder>,
    /// Takes each run.
    put: P,
}

impl<'r, P: FnMut(PackedRun) -> Outcome<()>> Packer<'r, P> {
    pub(crate) fn new(
        packing: Packing,
        repeats: &'r Repeats<'r>,
        log: LogId,
        first: u64,
        put: P,
    ) -> Self {
        Self {
            packing,
            repeats,
            log,
            first,
            pending: Entries::default(),
            complete: Vec::new(),
            spare: Vec::new(),
            builder: None,
            put,
        }
    }

    pub(crate) fn push(&mut self, entry: &[u8]) -> Outcome<()> {
        if entry.len() > self.packing.max_run_bytes {
            return self.put_alone(entry);
        }
        if self.pending.payload().len() + 1 + entry.len() > self.packing.max_run_bytes {
            self.complete_pending();
            if self.complete.len() >= self.packing.side_by_side() {
                self.put_complete()?;
            }
        }
        self.pending.push(entry);
        Ok(())
    }

    /// Puts an entry into a row of its own, straight from where it is.
    fn put_alone(&mut self, entry: &[u8]) -> Outcome<()> {
        self.complete_pending();
        self.put_complete()?;
        let builder = self.builder.get_or_insert_with(Builder::default);
        let packing = self.packing;
        let run = packing.run_of_one(builder, self.repeats, &self.log, self.first, entry);
        (self.put)(run)?;
        self.first += 1;
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
        self.complete_pending();
        self.put_complete()?;
        self.first = first;
        Ok(())
    }

    /// Puts what is left into rows.
    pub(crate) fn finish(mut self) -> Outcome<()> {
        self.complete_pending();
        self.put_complete()
    }

    fn complete_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let next = self.spare.pop().unwrap_or_default();
        let run = std::mem::replace(&mut self.pending, next);
        let len = run.len();
        self.complete.push((self.first, run));
        self.first += len;
    }

    fn put_complete(&mut self) -> Outcome<()> {
        let log = self.log;
        let complete = self.complete.iter();
        let complete = complete.map(|(first, entries)| ToPack {
            log,
            first: *first,
            entries,
        });
        let complete: Vec<_> = complete.collect();
        for mut run in runs_of_all(self.packing, self.repeats, &complete) {
            if seeded(Bug::DropRest) {
                run.rows.truncate(1);
            }
            (self.put)(run)?;
        }
        for (_, mut run) in self.complete.drain(..) {
            run.clear();
            self.spare.push(run);
        }
        Ok(())
    }
}

/// A run that is to be packed: entries of a log from number `first` on.
#[derive(Clone, Copy)]
pub(crate) struct ToPack<'e> {
    pub(crate) log: LogId,
    pub(crate) first: u64,
    pub(crate) entries: &'e Entries,
}

/// Some runs, several packed at the same time.
pub(crate) fn runs_of_all(
    packing: Packing,
    repeats: &Repeats<'_>,
    runs: &[ToPack<'_>],
) -> Vec<PackedRun> {
    let next = AtomicUsize::new(0);
    let pack = || {
        let mut packed = Vec::new();
        let mut builder = Builder::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(run) = runs.get(number) else {
                return packed;
            };
            let run = packing.run(&mut builder, repeats, &run.log, run.first, run.entries);
            packed.push((number, run));
        }
    };
    let others = packing.side_by_side().min(runs.len()).saturating_sub(1);
    let mut all = thread::scope(|scope| {
        // A system that gives no more threads leaves all to this one.
        let threads: Vec<_> = (0..others)
            .filter_map(|_| {
                let thread = thread::Builder::new().name(THREAD_NAME.to_owned());
                thread.spawn_scoped(scope, pack).ok()
            })
            .collect();
        let mut all = pack();
        for thread in threads {
            all.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        all
    });
    all.sort_unstable_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, run)| run).collect()
}
