//! Shared values where they were found, and the runs that lack some of theirs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::found::{Found, FoundLog, RunAt, Source, ValuesAt};
use super::image::Image;
use super::walk::RowAt;
use crate::engine::model::run::Run;
use crate::engine::model::run_row::RunRow;
use crate::engine::model::shared_value::{Skeleton, ValueName, Values};
use crate::engine::model::value_row::{Group, GroupHead, HEAD};
use crate::engine::tables::joined;

/// Reads a row again.
pub(super) type ReadRow<'r> = &'r dyn Fn(&RowAt) -> Result<Vec<u8>, String>;

impl ValuesAt {
    /// Finds out which groups have each value.
    pub(super) fn index(&mut self, read: ReadRow<'_>) {
        for (group, rows) in &self.groups {
            let head = rows.get(&HEAD).and_then(|row| read(row).ok());
            let head = head.and_then(|row| GroupHead::unseal(*group, &row).ok());
            for (name, _) in head.into_iter().flat_map(|head| head.values) {
                self.homes.entry(name).or_default().push(*group);
            }
        }
    }

    /// The values with these names, each as it can be read.
    pub(super) fn fetch(&self, names: BTreeSet<ValueName>, read: ReadRow<'_>) -> Values {
        let mut groups: HashMap<Uuid, Result<Group, String>> = HashMap::new();
        let mut value = |name: &ValueName| {
            let mut found = Err("it is missing".to_owned());
            // Of several groups one may be whole.
            for id in self.homes.get(name).into_iter().flatten() {
                let rows = self.groups.get(id);
                let whole = || whole_group(*id, rows.ok_or("its group is missing")?, read);
                let group = groups.entry(*id).or_insert_with(whole);
                found = match group {
                    Ok(group) => group.value(name).map(<[u8]>::to_vec),
                    Err(message) => Err(message.clone()),
                };
                if found.is_ok() {
                    break;
                }
            }
            found
        };
        let values = names.into_iter().map(|name| (name, value(&name)));
        values.collect()
    }
}

fn whole_group(
    group: Uuid,
    rows: &BTreeMap<u64, RowAt>,
    read: ReadRow<'_>,
) -> Result<Group, String> {
    let rows: Result<Vec<_>, String> = rows
        .iter()
        .map(|(number, row)| Ok((*number, read(row)?)))
        .collect();
    let rows = rows?;
    let rows: Vec<_> = rows
        .iter()
        .map(|(number, row)| (*number, &row[..]))
        .collect();
    let (head, pieces) = joined(group, &rows)?;
    head.unpack(&pieces)
}

/// The entries of a run in these rows, without their shared values.
pub(super) fn skeleton(rows: &[Vec<u8>]) -> Result<Skeleton, String> {
    let (row, chunks) = rows.split_first().ok_or("it has no rows")?;
    RunRow::parse(row)?.unpack(chunks.iter().map(|chunk| &chunk[..]))
}

/// Cuts the runs where an entry has a value that is not there.
pub(super) fn split(found: &mut Found, image: &Image<'_>) {
    let read = |row: &RowAt| read_in(image, row);
    let mut values = std::mem::take(&mut found.values);
    values.index(&read);
    for segment in found.segments.values_mut() {
        for log in [&mut segment.log, &mut segment.traces] {
            split_log(log, &values, &read);
        }
    }
    found.values = values;
}

fn split_log(log: &mut FoundLog, values: &ValuesAt, read: ReadRow<'_>) {
    let firsts: Vec<u64> = log.runs.keys().copied().collect();
    for first in firsts {
        let Some(Source::Rows {
            rows, shares: true, ..
        }) = log.runs.get(&first).map(|run| &run.source)
        else {
            continue;
        };
        let Ok(stretches) = stretches(rows, values, read) else {
            log.runs.remove(&first);
            continue;
        };
        let Some(run) = log.runs.remove(&first) else {
            continue;
        };
        for (start, count) in stretches {
            let source = run.source.clone();
            log.runs.insert(start, RunAt { count, source });
        }
    }
}

/// The entries of a run that have all their values: the first of each stretch, and how many.
fn stretches(
    rows: &[RowAt],
    values: &ValuesAt,
    read: ReadRow<'_>,
) -> Result<Vec<(u64, u64)>, String> {
    let rows: Result<Vec<_>, String> = rows.iter().map(read).collect();
    let skeleton = skeleton(&rows?)?;
    let values = values.fetch(skeleton.names(), read);
    let runs = skeleton.stretches(&values)?;
    let sizes = runs
        .iter()
        .map(|run: &Run| (run.first(), run.entries().len()));
    Ok(sizes.collect())
}

/// A row as it stands in an image.
pub(super) fn read_in(image: &Image<'_>, row: &RowAt) -> Result<Vec<u8>, String> {
    match row {
        RowAt::Memory(row) => Ok(row.to_vec()),
        RowAt::Image(at, len) => {
            let row = image.read(*at, *len);
            row.ok_or_else(|| "its row cannot be read".to_owned())
        }
    }
}
