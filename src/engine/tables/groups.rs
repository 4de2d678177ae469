//! Reading shared values: each from the group that it is in.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use redb::ReadableTable;
use uuid::Uuid;

use crate::engine::fault::Outcome;
use crate::engine::model::shared_value::{ValueName, Values};
use crate::engine::model::value_row::{self, Group, GroupHead, HEAD, ValueUse};
use crate::engine::tables::schema::{RunKey, SegmentKey};

/// The most bytes of groups that a view keeps (1 MiB): those of a few.
const MOST_KEPT_BYTES: usize = 1 << 20;

pub(super) fn group_key(group: Uuid, number: u64) -> RunKey {
    (group, Uuid::nil(), number)
}

pub(super) fn rows_of(group: Uuid) -> RangeInclusive<RunKey> {
    group_key(group, 0)..=group_key(group, u64::MAX)
}

/// Reads values from their tables, each group once.
pub(super) struct Fetcher<'t, V, G> {
    values: &'t V,
    groups: &'t G,
    pub(super) read: HashMap<Uuid, Result<Arc<Group>, String>>,
}

impl<'t, V, G> Fetcher<'t, V, G>
where
    V: ReadableTable<SegmentKey, &'static [u8]>,
    G: ReadableTable<RunKey, &'static [u8]>,
{
    pub(super) fn new(values: &'t V, groups: &'t G) -> Self {
        Self {
            values,
            groups,
            read: HashMap::new(),
        }
    }

    /// The values with these names, each as it could be read.
    pub(super) fn fetch(mut self, names: BTreeSet<ValueName>) -> Outcome<Values> {
        let mut values = Values::new();
        for name in names {
            values.insert(name, self.value(&name)?);
        }
        Ok(values)
    }

    fn value(&mut self, name: &ValueName) -> Outcome<Result<Vec<u8>, String>> {
        let found = match value_use(self.values, name)? {
            Ok(found) => found,
            Err(message) => return Ok(Err(message)),
        };
        if !self.read.contains_key(&found.group) {
            let group = read_group(self.groups, found.group)?.map(Arc::new);
            self.read.insert(found.group, group);
        }
        Ok(match self.read.get(&found.group) {
            Some(Ok(group)) => group.value(name).map(<[u8]>::to_vec),
            Some(Err(message)) => Err(message.clone()),
            None => Err("its group is missing".to_owned()),
        })
    }
}

pub(super) fn value_use(
    values: &impl ReadableTable<SegmentKey, &'static [u8]>,
    name: &ValueName,
) -> Outcome<Result<ValueUse, String>> {
    let row = values.get(name.halves())?;
    Ok(row.map_or_else(
        || Err("it is missing".to_owned()),
        |row| ValueUse::unseal(name, row.value()),
    ))
}

/// A group, as it could be read.
pub(super) fn read_group(
    groups: &impl ReadableTable<RunKey, &'static [u8]>,
    group: Uuid,
) -> Outcome<Result<Group, String>> {
    joined_in(groups, group, GroupHead::unpack)
}

pub(super) fn joined_in<T>(
    groups: &impl ReadableTable<RunKey, &'static [u8]>,
    group: Uuid,
    then: impl FnOnce(GroupHead, &[&[u8]]) -> Result<T, String>,
) -> Outcome<Result<T, String>> {
    let found = groups
        .range(rows_of(group))?
        .collect::<Result<Vec<_>, _>>()?;
    let rows = found.iter();
    let rows: Vec<_> = rows
        .map(|(key, row)| (key.value().2, row.value()))
        .collect();
    Ok(joined(group, &rows).and_then(|(head, pieces)| then(head, &pieces)))
}

/// The head of a group, and its pieces, each verified.
pub(crate) fn joined<'r>(
    group: Uuid,
    rows: &[(u64, &'r [u8])],
) -> Result<(GroupHead, Vec<&'r [u8]>), String> {
    let Some(((HEAD, head), pieces)) = rows.split_first() else {
        return Err("its group is missing".to_owned());
    };
    let head = GroupHead::unseal(group, head)?;
    if !head.numbers().eq(pieces.iter().map(|(number, _)| *number)) {
        return Err("a part of its group is missing".to_owned());
    }
    let pieces = pieces.iter();
    let pieces = pieces.map(|(number, row)| value_row::piece(group, *number, row));
    Ok((head, pieces.collect::<Result<_, _>>()?))
}

/// The groups of one view that were unpacked last.
#[derive(Debug, Default)]
pub(super) struct RecentGroups(Mutex<VecDeque<(Uuid, Arc<Group>)>>);

impl RecentGroups {
    pub(super) fn get(&self, group: Uuid) -> Option<Arc<Group>> {
        let groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = groups.iter().find(|(id, _)| *id == group);
        found.map(|(_, group)| Arc::clone(group))
    }

    pub(super) fn keep(&self, id: Uuid, group: &Arc<Group>) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|(other, _)| *other != id);
        groups.push_front((id, Arc::clone(group)));
        let mut bytes = 0;
        groups.retain(|(_, group)| {
            bytes += group.len();
            bytes <= MOST_KEPT_BYTES
        });
    }
}
