//! Checkpointing memtables into the tables. Nothing else writes to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use redb::{ReadableTable, WriteTransaction};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::{Fault, Outcome};
use crate::engine::memtable::Memtable;
use crate::engine::memtable::extents::{ExtentAt, ExtentSource, Extents};
use crate::engine::model::log_id::LogId;
use crate::engine::model::row::{Head, seal};
use crate::engine::model::run::Run;
use crate::engine::model::table::Table;
use crate::engine::model::word_filter::Builder;
use crate::engine::tables::log_table::LogTable;
use crate::engine::tables::pack::{Packer, ToPack, runs_of_all};
use crate::engine::tables::packing::{PackedRun, Packing};
use crate::engine::tables::read::TablesView;
use crate::engine::tables::repeats::{Recent, Repeats};
use crate::engine::tables::runs::run_up_to;
use crate::engine::tables::schema::{HEADS, INDEX, METADATA, NAMES, pair_bytes, run_key, runs_of};
use crate::engine::tables::session_table::SessionTable;
use crate::engine::tables::values::ValueTables;
use crate::ids::{SegmentId, SessionId};

/// Makes the tables hold what the memtable makes of them, the index by last use with them if there is to be one; `old`
/// opens them as they are now.
pub(super) fn checkpoint(
    txn: &WriteTransaction,
    memtable: &Memtable,
    packing: Packing,
    by_use: bool,
    recent: &Recent,
    old: impl FnOnce() -> Outcome<TablesView>,
) -> Outcome<()> {
    // In the order of their keys, which fills pages best and makes the same changes the same file.
    let mut logs: Vec<_> = memtable.logs.iter().collect();
    logs.sort_unstable_by_key(|(log, _)| (log.session, log.segment, log.kind.tag()));
    let logs = logs
        .into_iter()
        .map(|(log, extents)| Ok((log, extents, appended_behind(txn, log, extents)?)))
        .collect::<Outcome<Vec<_>>>()?;
    let any_taken = !logs.iter().all(|(.., behind)| behind.is_some());
    let shares = packing.shares() && !logs.is_empty();
    let old = (any_taken || shares).then(old).transpose()?;
    let known = old.as_ref().filter(|_| shares).map(TablesView::shared);
    let repeats = match known.transpose()?.flatten() {
        Some(known) => Repeats::known(recent, known),
        None => Repeats::of_nothing(),
    };
    let mut into = RunTables {
        txn,
        packing,
        repeats: &repeats,
        values: ValueTables::open(txn, shares, packing.level())?,
    };
    let news = logs.iter();
    let news = news.filter_map(|(log, extents, behind)| new_run(log, extents, *behind));
    let mut packed = pack_side_by_side(packing, &repeats, &news.collect::<Vec<_>>());
    for (log, extents, behind) in logs {
        match (behind, &old) {
            (Some(below), _) => {
                into.cut_runs(log, below)?;
                match packed.remove(log) {
                    Some(run) => into.table(log)?.put(log, run, &mut into.values)?,
                    None => into.append_runs(log, extents)?,
                }
            }
            (None, Some(old)) => into.rearrange(old, log, extents)?,
            (None, None) => return Err(Fault::damaged(log.to_string(), "no tables to take from")),
        }
    }
    into.values.finish()?;
    put_rows(txn, memtable, by_use)
}

/// Stores what is no entry: heads, sessions, metadata and names.
fn put_rows(txn: &WriteTransaction, memtable: &Memtable, by_use: bool) -> Outcome<()> {
    for ((session, segment), head) in &memtable.heads {
        put_head(txn, *session, *segment, head.as_ref())?;
    }
    let mut sessions = SessionTable::open(txn, by_use)?;
    for (session, row) in &memtable.sessions {
        sessions.set(*session, row.as_ref())?;
    }
    let mut metadata = txn.open_table(METADATA)?;
    for (session, json) in &memtable.metadata {
        match json {
            Some(json) => {
                let row = seal(Table::Metadata, session.as_bytes(), json);
                metadata.insert(session, row.as_slice())?;
            }
            None => drop(metadata.remove(session)?),
        }
    }
    let mut names = txn.open_table(NAMES)?;
    for (name, json) in &memtable.names {
        match json {
            Some(json) => {
                let row = seal(Table::Names, name.as_bytes(), json);
                names.insert(name.as_str(), row.as_slice())?;
            }
            None => drop(names.remove(name.as_str())?),
        }
    }
    Ok(())
}

/// Fewer bytes than these, as of one half of the journal, are packed log by log: no change waits for them.
const MANY_BYTES: usize = 2 << 20;

/// What the memtable has of a log if that is all of it, in one piece.
fn new_run<'m>(log: &LogId, extents: &'m Extents, behind: Option<u64>) -> Option<ToPack<'m>> {
    let [extent] = extents.list() else {
        return None;
    };
    let ExtentSource::Run(run) = &extent.source else {
        return None;
    };
    let is_all = behind == Some(0) && extent.first == 0 && extent.range() == run.numbers();
    is_all.then(|| ToPack {
        log: *log,
        first: 0,
        entries: run.entries(),
    })
}

/// The rows of logs that are new and short, such as those of an import, where they are many.
fn pack_side_by_side(
    packing: Packing,
    repeats: &Repeats<'_>,
    news: &[ToPack<'_>],
) -> HashMap<LogId, PackedRun> {
    let shorts = news.iter().filter(|run| packing.is_one_run(run.entries));
    let shorts: Vec<_> = shorts.copied().collect();
    let bytes: usize = shorts.iter().map(|run| run.entries.payload().len()).sum();
    if bytes < MANY_BYTES {
        return HashMap::new();
    }
    let logs = shorts.iter().map(|run| run.log);
    logs.zip(runs_of_all(packing, repeats, &shorts)).collect()
}

/// Whether what the memtable has of a log only lies behind its own entries in the tables up to some
/// index; then that index. It does not if the log begins later than its runs: the entries that they
/// begin with are another's by now.
fn appended_behind(txn: &WriteTransaction, log: &LogId, extents: &Extents) -> Outcome<Option<u64>> {
    let behind = extents.appended_behind(log.segment);
    let start = extents.list().first().map_or(0, |extent| extent.first);
    if behind.is_none_or(|behind| behind <= start) {
        return Ok(behind);
    }
    let table = txn.open_table(runs_of(log.kind))?;
    let before = table.range(run_key(log, 0)..run_key(log, start))?.next();
    Ok(behind.filter(|_| before.is_none()))
}

/// The tables that runs go into.
struct RunTables<'t> {
    txn: &'t WriteTransaction,
    packing: Packing,
    repeats: &'t Repeats<'t>,
    values: ValueTables<'t>,
}

impl<'t> RunTables<'t> {
    fn table(&self, log: &LogId) -> Outcome<LogTable<'t>> {
        LogTable::open(self.txn, log.kind, self.packing.filters())
    }

    /// Cuts the log down to `len` entries, if it has more. A run that is damaged stays as it is, for a
    /// check to find; the damage of one log must not keep others from writing.
    fn cut_runs(&mut self, log: &LogId, len: u64) -> Outcome<()> {
        let mut table = self.table(log)?;
        let values = &mut self.values;
        let cut = match len.checked_sub(1) {
            Some(last) => readable(run_up_to(&table.runs, log, last))?.and_then(|stored| {
                let numbers = stored.row().ok()?.range();
                let run = (numbers.end > len).then(|| stored.unpack(&|names| values.fetch(names)));
                run?.ok()
            }),
            // All of it, unread, so that a damaged log can be removed as well.
            None => None,
        };
        let from = cut.as_ref().map_or(len, Run::first);
        table.remove(log, from..=u64::MAX, |_| false, values)?;
        if let Some(mut run) = cut {
            run.truncate(len);
            let (first, builder) = (run.first(), &mut Builder::default());
            let packed = self
                .packing
                .run(builder, self.repeats, log, first, run.entries());
            table.put(log, packed, values)?;
        }
        Ok(())
    }

    /// Puts the entries of the memtable behind those that are there. Runs at the end that are not full
    /// are taken up again if what is new is as large: so the end of a log is a few runs, each larger
    /// than the next, and an entry is packed a few times at most.
    fn append_runs(&mut self, log: &LogId, extents: &Extents) -> Outcome<()> {
        let news = || {
            let extents = extents.list().iter();
            extents.filter(|extent| !matches!(extent.source, ExtentSource::Below(_)))
        };
        let Some(mut first) = news().next().map(|extent| extent.first) else {
            return Ok(());
        };
        let packing = self.packing;
        let mut table = self.table(log)?;
        let values = &mut self.values;
        let bytes = |extent: &ExtentAt| match &extent.source {
            ExtentSource::Run(run) => run.entries().payload().len(),
            _ => 0,
        };
        let mut new_bytes: usize = news().map(bytes).sum();
        let (mut taken, mut taken_bytes) = (Vec::new(), 0);
        while !packing.is_enough_to_take(taken_bytes)
            && let Some(run) = take_last_run(&mut table, log, first, new_bytes, packing, values)?
        {
            let bytes = run.entries().payload().len();
            new_bytes += bytes;
            taken_bytes += bytes;
            first = run.first();
            taken.push(run);
        }
        let sink = table.sink(log, values);
        let mut packer = Packer::new(packing, self.repeats, *log, first, sink);
        for run in taken.iter().rev() {
            packer.extend(run.entries().iter())?;
        }
        for extent in news() {
            match &extent.source {
                ExtentSource::Run(run) => packer.extend(run.entries_between(extent.range()))?,
                ExtentSource::Large(entry) => packer.push_large(entry)?,
                ExtentSource::Below(_) => {}
            }
        }
        packer.finish()
    }

    /// Makes the table hold the extents of a log, of which some are in other runs than its own, or
    /// between runs that stay. What is taken from below is read from the tables as they were, since
    /// the runs of other logs may have been changed by now.
    fn rearrange(&mut self, old: &TablesView, log: &LogId, extents: &Extents) -> Outcome<()> {
        let stay = staying(old, log, extents)?;
        let mut table = self.table(log)?;
        let values = &mut self.values;
        let stays = |number: u64| {
            let run = stay.range(..=number).next_back();
            run.is_some_and(|(_, end)| number < *end)
        };
        table.remove(log, 0..=u64::MAX, stays, values)?;
        let start = extents.list().first().map_or(0, |size| size.first);
        let sink = table.sink(log, values);
        let mut packer = Packer::new(self.packing, self.repeats, *log, start, sink);
        for size in extents.list() {
            let mut next = size.first;
            while next < size.end {
                if let (ExtentSource::Below(_), Some(end)) = (&size.source, stay.get(&next)) {
                    next = *end;
                    packer.go_on_at(next)?;
                    continue;
                }
                if matches!(size.source, ExtentSource::Below(_)) && seeded(Bug::LoseTaken) {
                    next = size.end;
                    packer.go_on_at(next)?;
                    continue;
                }
                let run = match &size.source {
                    ExtentSource::Run(run) => Arc::clone(run),
                    ExtentSource::Large(entry) => {
                        packer.push_large(entry)?;
                        next += 1;
                        continue;
                    }
                    ExtentSource::Below(segment) => {
                        let segment = *segment;
                        old.run_holding(&LogId { segment, ..*log }, next, &(0..u64::MAX))?
                    }
                };
                let end = run.end().min(size.end);
                packer.extend(run.entries_between(next..end))?;
                next = end;
            }
        }
        packer.finish()
    }
}

/// Takes damage for nothing that can be read.
fn readable<T>(outcome: Outcome<Option<T>>) -> Outcome<Option<T>> {
    match outcome {
        Err(Fault::Damaged { .. }) => Ok(None),
        outcome => outcome,
    }
}

/// The runs of a log in the tables that lie as a whole in an extent which says that they stay: the
/// end of each by the index of its first entry.
fn staying(old: &TablesView, log: &LogId, extents: &Extents) -> Outcome<BTreeMap<u64, u64>> {
    let mut stay = BTreeMap::new();
    for span in old.spans_of(log)? {
        let size = extents.holding(span.start);
        let whole = size.is_some_and(|size| {
            matches!(size.source, ExtentSource::Below(segment) if segment == log.segment)
                && span.end <= size.end
        });
        if whole {
            stay.insert(span.start, span.end);
        }
    }
    Ok(stay)
}

/// Takes the last run of a log out of the table if it ends at `end`, has room, and is not larger
/// than what is to follow.
fn take_last_run(
    table: &mut LogTable<'_>,
    log: &LogId,
    end: u64,
    new_bytes: usize,
    packing: Packing,
    values: &mut ValueTables<'_>,
) -> Outcome<Option<Run>> {
    let Some(last) = end.checked_sub(1) else {
        return Ok(None);
    };
    let taken = {
        let Some(stored) = readable(run_up_to(&table.runs, log, last))? else {
            return Ok(None);
        };
        let row = stored.row()?;
        let is_larger = row.unpacked_bytes() > new_bytes;
        if row.range().end != end || is_larger || packing.is_full(&row) {
            return Ok(None);
        }
        // One that does not unpack stays as it is.
        stored.unpack(&|names| values.fetch(names)).ok()
    };
    if let Some(run) = &taken {
        table.remove(log, run.first()..=last, |_| false, values)?;
    }
    Ok(taken)
}

/// Stores a head, and what the index by segment derives from it.
fn put_head(
    txn: &WriteTransaction,
    session: SessionId,
    segment: SegmentId,
    head: Option<&Head>,
) -> Outcome<()> {
    let mut heads = txn.open_table(HEADS)?;
    match head {
        Some(head) => {
            let row = seal(Table::Heads, &pair_bytes(session, segment), &head.encode());
            heads.insert((session, segment), row.as_slice())?;
        }
        None => drop(heads.remove((session, segment))?),
    }
    let exists = head.is_some_and(|head| head.exists);
    let mut index = txn.open_table(INDEX)?;
    if exists {
        let row = seal(Table::Index, &pair_bytes(segment, session), &[]);
        index.insert((segment, session), row.as_slice())?;
    } else {
        index.remove((segment, session))?;
    }
    Ok(())
}
