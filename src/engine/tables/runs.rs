//! Runs as they stand in their tables, each in one row or several.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use redb::{AccessGuard, ReadableTable};

use crate::engine::fault::Outcome;
use crate::engine::model::cut::CUT_BYTES;
use crate::engine::model::entries::Entries;
use crate::engine::model::held::CutEntry;
use crate::engine::model::log_id::LogId;
use crate::engine::model::run::Run;
use crate::engine::model::run_row::{RunRow, damaged};
use crate::engine::model::shared_value::{Skeleton, ValueName, Values, value_of};
use crate::engine::tables::schema::{RunKey, run_key};

type Row<'t> = AccessGuard<'t, &'static [u8]>;

/// Reads shared values.
pub(super) type Fetch<'f> = &'f dyn Fn(BTreeSet<ValueName>) -> Outcome<Values>;

/// The rows of one run, of which the first has been verified.
pub(super) struct StoredRun<'t> {
    log: LogId,
    first: u64,
    row: Row<'t>,
    chunks: Vec<Row<'t>>,
}

impl StoredRun<'_> {
    /// What its first row says.
    pub(super) fn row(&self) -> Outcome<RunRow<'_>> {
        let at = |message| damaged(&self.log, self.first, message);
        let row = RunRow::parse_again(self.row.value()).map_err(at)?;
        row.must_be(&self.log, self.first)?;
        Ok(row)
    }

    /// The number of its first entry.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The one entry that it has, if it is one that was cut.
    pub(super) fn cut_entry(&self) -> Outcome<Option<CutEntry>> {
        let row = self.row()?;
        if row.count != 1 || !row.shares() || row.unpacked_bytes() <= CUT_BYTES {
            return Ok(None);
        }
        let log = self.log;
        let skeleton = row.unpack([]);
        let skeleton = skeleton.map_err(|message| damaged(&log, self.first, message))?;
        Ok(Some(CutEntry { log, skeleton }))
    }

    pub(super) fn unpack(&self, fetch: Fetch<'_>) -> Outcome<Run> {
        if let Some(entry) = self.cut_entry()? {
            return put_together(entry, fetch);
        }
        let open = |row: &RunRow<'_>, chunks: &mut dyn Iterator<Item = &[u8]>| row.unpack(chunks);
        self.opened(open, fetch, Skeleton::with)
    }

    /// The run, or only a front part of it that has at least the entries that are wanted; where values of it are stored
    /// elsewhere, these alone.
    pub(super) fn unpack_part(&self, wanted: &Range<u64>, fetch: Fetch<'_>) -> Outcome<Run> {
        let count = wanted.end.saturating_sub(self.first);
        let open = |row: &RunRow<'_>, chunks: &mut dyn Iterator<Item = &[u8]>| {
            Ok(row.unpack_front(chunks, count)?.limited(wanted))
        };
        self.opened(open, fetch, Skeleton::with)
    }

    /// The entries around the one with this index whose shared values are all there.
    pub(super) fn unpack_around(&self, index: u64, fetch: Fetch<'_>) -> Outcome<Run> {
        let open = |row: &RunRow<'_>, chunks: &mut dyn Iterator<Item = &[u8]>| row.unpack(chunks);
        self.opened(open, fetch, |skeleton, values| {
            skeleton.around(index, values)
        })
    }

    fn opened<T>(
        &self,
        open: impl FnOnce(&RunRow<'_>, &mut dyn Iterator<Item = &[u8]>) -> Result<Skeleton, String>,
        fetch: Fetch<'_>,
        then: impl FnOnce(Skeleton, &Values) -> Result<T, String>,
    ) -> Outcome<T> {
        let at = |message| damaged(&self.log, self.first, message);
        let chunks = &mut self.chunks.iter().map(AccessGuard::value);
        let skeleton = open(&self.row()?, chunks).map_err(at)?;
        let names = skeleton.names();
        let values = if names.is_empty() {
            Values::new()
        } else {
            fetch(names)?
        };
        then(skeleton, &values).map_err(at)
    }

    /// The values that other tables have of it; none if it cannot be read.
    pub(super) fn names(&self) -> BTreeSet<ValueName> {
        let chunks = self.chunks.iter().map(AccessGuard::value);
        let refs = self.row().ok().and_then(|row| row.refs(chunks).ok());
        refs.into_iter().flatten().map(|value| value.name).collect()
    }
}

/// An entry that was cut, put together piece by piece: all values at once would be another copy of it.
pub(super) fn put_together(entry: CutEntry, fetch: Fetch<'_>) -> Outcome<Run> {
    let CutEntry { log, skeleton } = entry;
    let first = skeleton.first();
    let (left, values) = skeleton.into_pieces();
    let value_bytes: usize = values.iter().map(|(_, value)| value.len as usize).sum();
    let mut bytes = Vec::with_capacity(left.len() + value_bytes);
    let mut done = 0;
    for (at, value) in values {
        bytes.extend_from_slice(left.get(done..at).unwrap_or_default());
        done = at;
        let fetched = fetch(BTreeSet::from([value.name]))?;
        let value = value_of(&fetched, &value);
        bytes.extend_from_slice(value.map_err(|message| damaged(&log, first, message))?);
    }
    bytes.extend_from_slice(left.get(done..).unwrap_or_default());
    let entries = Entries::from_lines(bytes);
    if entries.len() != 1 {
        let message = "a shared value of it is no value of one entry".to_owned();
        return Err(damaged(&log, first, message));
    }
    Ok(Run::new(first, entries))
}

/// The run that holds the entry with this number, or the last one before it.
pub(super) fn run_up_to<'t>(
    table: &'t impl ReadableTable<RunKey, &'static [u8]>,
    log: &LogId,
    index: u64,
) -> Outcome<Option<StoredRun<'t>>> {
    for row in table.range(run_key(log, 0)..=run_key(log, index))?.rev() {
        let (key, value) = row?;
        let first = key.value().2;
        let (is_chunk, chunks) = {
            let row = RunRow::parse(value.value());
            let row = row.map_err(|message| damaged(log, first, message))?;
            row.must_be(log, first)?;
            (row.is_chunk(), row.chunks())
        };
        if is_chunk {
            continue;
        }
        let mut stored = StoredRun {
            log: *log,
            first,
            row: value,
            chunks: Vec::new(),
        };
        if !chunks.is_empty() {
            for row in table.range(run_key(log, chunks.start)..run_key(log, chunks.end))? {
                stored.chunks.push(row?.1);
            }
        }
        return Ok(Some(stored));
    }
    Ok(None)
}

/// A run that was come upon, and how many rows it has.
pub(crate) struct FoundRun {
    /// The number that its first row stands under.
    pub(crate) first: u64,
    pub(crate) rows: u64,
    /// How many entries it says that it has.
    pub(crate) count: u64,
    /// The checksum that its first row begins with.
    pub(crate) checksum: u64,
    pub(crate) run: Outcome<Run>,
    /// The shared values that it has.
    pub(crate) names: BTreeSet<ValueName>,
    /// Its entries that have a shared value which is not there, if that is all that is wrong with it.
    pub(crate) without: Vec<(u64, String)>,
}

/// Calls `each` with the runs of a log in their order.
pub(super) fn each_run(
    table: &impl ReadableTable<RunKey, &'static [u8]>,
    log: &LogId,
    fetch: Fetch<'_>,
    mut each: impl FnMut(FoundRun) -> Outcome<()>,
) -> Outcome<()> {
    each_stored(table, log, 0..=u64::MAX, |stored| match stored {
        Ok(stored) => each(found(&stored, fetch)),
        Err((number, message)) => each(FoundRun {
            first: number,
            rows: 1,
            count: 0,
            checksum: 0,
            run: Err(damaged(log, number, message)),
            names: BTreeSet::new(),
            without: Vec::new(),
        }),
    })
}

/// Calls `each` with the rows of the runs of a log that begin with these numbers, or with a row that is none.
pub(super) fn each_stored<'t>(
    table: &'t impl ReadableTable<RunKey, &'static [u8]>,
    log: &LogId,
    numbers: RangeInclusive<u64>,
    mut each: impl FnMut(Result<StoredRun<'t>, (u64, String)>) -> Outcome<()>,
) -> Outcome<()> {
    let mut open: Option<(StoredRun<'_>, Range<u64>)> = None;
    // Chunks behind a row that is damaged may be its own.
    let mut after_damage = false;
    let range = run_key(log, *numbers.start())..=run_key(log, *numbers.end());
    for row in table.range(range)? {
        let (key, value) = row?;
        let number = key.value().2;
        match &mut open {
            Some((stored, chunks)) if chunks.contains(&number) => {
                stored.chunks.push(value);
                continue;
            }
            _ => {}
        }
        if let Some((stored, _)) = open.take() {
            each(Ok(stored))?;
        }
        let damage = {
            match RunRow::parse(value.value()) {
                Err(message) => Err((message, true)),
                Ok(row) if row.is_chunk() && after_damage => continue,
                Ok(row) if row.is_chunk() => {
                    Err(("it is a chunk of a run that is not there".to_owned(), false))
                }
                Ok(row) => Ok(row.chunks()),
            }
        };
        match damage {
            Ok(chunks) => {
                after_damage = false;
                let stored = StoredRun {
                    log: *log,
                    first: number,
                    row: value,
                    chunks: Vec::new(),
                };
                open = Some((stored, chunks));
            }
            Err((message, damages)) => {
                after_damage |= damages;
                each(Err((number, message)))?;
            }
        }
    }
    open.map_or(Ok(()), |(stored, _)| each(Ok(stored)))
}

fn found(stored: &StoredRun<'_>, fetch: Fetch<'_>) -> FoundRun {
    let checksum = stored.row.value().first_chunk::<8>();
    let (mut names, mut without) = (BTreeSet::new(), Vec::new());
    let open = |row: &RunRow<'_>, chunks: &mut dyn Iterator<Item = &[u8]>| row.unpack(chunks);
    let run = stored.opened(open, fetch, |skeleton, values| {
        names = skeleton.names();
        without = skeleton.damaged(values);
        skeleton.with(values)
    });
    FoundRun {
        first: stored.first,
        rows: 1 + stored.chunks.len() as u64,
        count: stored.row().map_or(0, |row| row.count),
        checksum: checksum.map_or(0, |checksum| u64::from_le_bytes(*checksum)),
        run,
        names,
        without,
    }
}
