//! Runs as they stand in their tables, each in one row or several.

use std::ops::Range;

use redb::{AccessGuard, ReadableTable};

use crate::engine::fault::Outcome;
use crate::engine::model::log_id::LogId;
use crate::engine::model::run::Run;
use crate::engine::model::run_row::{RunRow, damaged};
use crate::engine::tables::schema::{RunKey, run_key};

type Row<'t> = AccessGuard<'t, &'static [u8]>;

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

    pub(super) fn unpack(&self) -> Outcome<Run> {
        let chunks = self.chunks.iter().map(AccessGuard::value);
        let unpacked = self.row()?.unpack(chunks);
        unpacked.map_err(|message| damaged(&self.log, self.first, message))
    }

    /// The run, or only a front part of it that has at least so many entries.
    pub(super) fn unpack_front(&self, count: u64) -> Outcome<Run> {
        let chunks = self.chunks.iter().map(AccessGuard::value);
        let unpacked = self.row()?.unpack_front(chunks, count);
        unpacked.map_err(|message| damaged(&self.log, self.first, message))
    }
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
    /// The checksum that its first row begins with.
    pub(crate) checksum: u64,
    pub(crate) run: Outcome<Run>,
}

/// Calls `each` with the runs of a log in their order.
pub(super) fn each_run(
    table: &impl ReadableTable<RunKey, &'static [u8]>,
    log: &LogId,
    mut each: impl FnMut(FoundRun) -> Outcome<()>,
) -> Outcome<()> {
    let mut open: Option<(StoredRun<'_>, Range<u64>)> = None;
    // Extents behind a row that is damaged may be its own.
    let mut after_damage = false;
    for row in table.range(run_key(log, 0)..=run_key(log, u64::MAX))? {
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
            each(found(&stored))?;
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
                each(FoundRun {
                    first: number,
                    rows: 1,
                    checksum: 0,
                    run: Err(damaged(log, number, message)),
                })?;
            }
        }
    }
    open.map_or(Ok(()), |(stored, _)| each(found(&stored)))
}

fn found(stored: &StoredRun<'_>) -> FoundRun {
    let checksum = stored.row.value().first_chunk::<8>();
    FoundRun {
        first: stored.first,
        rows: 1 + stored.chunks.len() as u64,
        checksum: checksum.map_or(0, |checksum| u64::from_le_bytes(*checksum)),
        run: stored.unpack(),
    }
}
