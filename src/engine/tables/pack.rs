//! Cutting the entries of a log into runs, and those into rows, with a word filter for each, several at once. No
//! I/O.

use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread;

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::Outcome;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::run_row::{HEADER_BYTES, MAX_SHARED_ROW_BYTES, Packed, RunRow};
use crate::engine::model::word_filter::Builder;

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
}

/// A run as it is to be stored.
#[derive(Debug)]
pub(crate) struct PackedRun {
    /// Its rows, each by the number that it stands under.
    pub(crate) rows: Vec<(u64, Vec<u8>)>,
    /// The content of its word filter.
    pub(crate) filter: Option<Vec<u8>>,
}

impl Packing {
    const PLAIN: Self = Self {
        level: None,
        max_run_bytes: MAX_SHARED_ROW_BYTES - HEADER_BYTES,
        filters: false,
    };

    /// The packing of checkpoints, which writers may wait for.
    pub(crate) fn of_checkpoints(compressed: bool, filters: bool) -> Self {
        Self::of(compressed, CHECKPOINT_LEVEL, MAX_RUN_BYTES, filters)
    }

    /// The packing of a fresh copy, which is read more often than it is written.
    pub(crate) fn of_copies(compressed: bool, filters: bool) -> Self {
        Self::of(compressed, COPY_LEVEL, MAX_COPIED_RUN_BYTES, filters)
    }

    fn of(compressed: bool, level: i32, max_run_bytes: usize, filters: bool) -> Self {
        if !compressed {
            return Self {
                filters,
                ..Self::PLAIN
            };
        }
        Self {
            level: Some(level),
            max_run_bytes,
            filters,
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
        log: &LogId,
        first: u64,
        entries: &Entries,
    ) -> PackedRun {
        let packed = Packed::new(entries.payload(), self.level);
        let rows = match self.level {
            Some(_) => packed.into_rows(log, first, entries.len()),
            None => vec![(first, packed.into_row(log, first, entries.len()))],
        };
        self.with_filter(builder, log, rows, entries.payload(), entries.len())
    }

    /// The run of one entry that is larger than a run of several.
    fn run_of_one(
        self,
        builder: &mut Builder,
        log: &LogId,
        number: u64,
        entry: &[u8],
    ) -> PackedRun {
        let row = Packed::new(entry, self.level).into_row(log, number, 1);
        self.with_filter(builder, log, vec![(number, row)], entry, 1)
    }

    fn with_filter(
        self,
        builder: &mut Builder,
        log: &LogId,
        rows: Vec<(u64, Vec<u8>)>,
        entries: &[u8],
        count: u64,
    ) -> PackedRun {
        let wanted = self.filters && log.kind == LogKind::Entries;
        let checksum = rows.first().and_then(|(_, row)| row.first_chunk::<8>());
        let checksum = checksum.filter(|_| wanted);
        let filter =
            checksum.map(|checksum| builder.filter(entries, u64::from_le_bytes(*checksum), count));
        PackedRun { rows, filter }
    }
}

/// Takes the entries of one log in their order, and gives runs.
pub(crate) struct Packer<P> {
    packing: Packing,
    log: LogId,
    /// The number of the first entry of the run that is being filled.
    first: u64,
    pending: Entries,
    /// Runs that are complete, each with the number of its first entry; they are packed side by
    /// side, since that takes longer than all else that is done with them.
    complete: Vec<(u64, Entries)>,
    /// Buffers to fill again.
    spare: Vec<Entries>,
    builders: Vec<Builder>,
    /// Takes each run.
    put: P,
}

impl<P: FnMut(PackedRun) -> Outcome<()>> Packer<P> {
    pub(crate) fn new(packing: Packing, log: LogId, first: u64, put: P) -> Self {
        Self {
            packing,
            log,
            first,
            pending: Entries::default(),
            complete: Vec::new(),
            spare: Vec::new(),
            builders: Vec::new(),
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
        if self.builders.is_empty() {
            self.builders.push(Builder::default());
        }
        if let Some(builder) = self.builders.first_mut() {
            let run = self
                .packing
                .run_of_one(builder, &self.log, self.first, entry);
            (self.put)(run)?;
        }
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
        for mut run in runs_of_all(self.packing, &self.log, &self.complete, &mut self.builders) {
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

/// Some runs, each packed by a thread of its own with a builder of its own.
fn runs_of_all(
    packing: Packing,
    log: &LogId,
    runs: &[(u64, Entries)],
    builders: &mut Vec<Builder>,
) -> Vec<PackedRun> {
    while builders.len() < runs.len() {
        builders.push(Builder::default());
    }
    let pack = |(first, entries): &(u64, Entries), builder: &mut Builder| {
        packing.run(builder, log, *first, entries)
    };
    let mut tasks = runs.iter().zip(builders);
    let Some((here, builder)) = tasks.next() else {
        return Vec::new();
    };
    thread::scope(|scope| {
        let threads: Vec<_> = tasks
            .map(|(run, builder)| {
                let thread = thread::Builder::new().name(THREAD_NAME.to_owned());
                (run, thread.spawn_scoped(scope, move || pack(run, builder)))
            })
            .collect();
        let mut all = vec![pack(here, builder)];
        for (run, thread) in threads {
            all.push(match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // A system that gives no more threads leaves it to this one.
                Err(_) => pack(run, &mut Builder::default()),
            });
        }
        all
    })
}
