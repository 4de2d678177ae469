//! Cutting the entries of a log into runs, several of which are packed at the same time.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::Outcome;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::LogId;
use crate::engine::model::op::LargeEntry;
use crate::engine::model::word_filter::Builder;
use crate::engine::tables::pack_cut::{ReadEntry, is_cut, put_cut};
use crate::engine::tables::packing::{PackedRun, Packing, RunSink};
use crate::engine::tables::repeats::Repeats;

/// The name of the threads that pack.
const THREAD_NAME: &str = "sessiondb-pack";

/// Takes the entries of one log in their order, and gives runs.
pub(crate) struct Packer<'r, S> {
    packing: Packing,
    repeats: &'r Repeats<'r>,
    log: LogId,
    /// The number of the first entry of the run that is being filled.
    first: u64,
    pending: Entries,
    /// How many bytes of these count.
    pending_bytes: usize,
    /// Runs that are complete, each with the number of its first entry; they are packed side by
    /// side, since that takes longer than all else that is done with them.
    complete: Vec<(u64, Entries)>,
    /// Buffers to fill again.
    spare: Vec<Entries>,
    /// For runs that are not packed side by side.
    builder: Option<Builder>,
    sink: S,
}

impl<'r, S: RunSink> Packer<'r, S> {
    pub(crate) fn new(
        packing: Packing,
        repeats: &'r Repeats<'r>,
        log: LogId,
        first: u64,
        sink: S,
    ) -> Self {
        Self {
            packing,
            repeats,
            log,
            first,
            pending: Entries::default(),
            pending_bytes: 0,
            complete: Vec::new(),
            spare: Vec::new(),
            builder: None,
            sink,
        }
    }

    pub(crate) fn push(&mut self, entry: &[u8]) -> Outcome<()> {
        let Packing {
            max_run_bytes,
            max_whole_bytes,
            ..
        } = self.packing;
        let counted = self.packing.counted_bytes(entry);
        let is_cut = is_cut(entry.len() as u64, self.repeats);
        if is_cut || counted > max_run_bytes || entry.len() > max_whole_bytes {
            return self.put_alone(entry);
        }
        let whole = self.pending.payload().len() + 1 + entry.len();
        if self.pending_bytes + counted > max_run_bytes || whole > max_whole_bytes {
            self.complete_pending();
            if self.complete.len() >= self.packing.side_by_side() {
                self.put_complete()?;
            }
        }
        self.pending_bytes += 1 + counted;
        self.pending.push(entry);
        Ok(())
    }

    /// Puts an entry into a run of its own, straight from where it is.
    fn put_alone(&mut self, entry: &[u8]) -> Outcome<()> {
        if is_cut(entry.len() as u64, self.repeats) {
            return self.push_cut(&|each| each(entry));
        }
        self.complete_pending();
        self.put_complete()?;
        let builder = self.builder.get_or_insert_with(Builder::default);
        let packing = self.packing;
        let run = packing.run_of_one(builder, self.repeats, &self.log, self.first, entry);
        self.sink.run(run)?;
        self.first += 1;
        Ok(())
    }

    /// Takes an entry that is read while it is stored.
    pub(crate) fn push_large(&mut self, entry: &LargeEntry) -> Outcome<()> {
        let source = &*entry.0;
        if is_cut(source.len(), self.repeats) {
            return self.push_cut(&|each| source.read(each));
        }
        let mut whole = Vec::new();
        source.read(&mut |part| {
            whole.extend_from_slice(part);
            Ok(())
        })?;
        self.push(&whole)
    }

    /// Puts an entry, of which `read` gives one part after the other, into a run of its own.
    fn push_cut(&mut self, read: &ReadEntry<'_>) -> Outcome<()> {
        self.complete_pending();
        self.put_complete()?;
        let builder = self.builder.get_or_insert_with(Builder::default);
        let place = (&self.log, self.first);
        put_cut(
            self.packing,
            self.repeats,
            place,
            read,
            builder,
            &mut self.sink,
        )?;
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
        self.pending_bytes = 0;
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
            self.sink.run(run)?;
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
