//! Reading shared values: each from the group that it is in.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use redb::ReadableTable;
use uuid::Uuid;

use crate::engine::fault::Outcome;
use crate::engine::model::shared_value::{ValueName, Values};
use crate::engine::model::value_row::{self, Group, GroupHead, HEAD, ValueUse};
use crate::engine::tables::read::TablesView;
use crate::engine::tables::schema::{GROUPS, RunKey, SegmentKey, VALUES};

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
    read: HashMap<Uuid, Result<Arc<Group>, String>>,
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

fn value_use(
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

fn joined_in<T>(
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
    fn get(&self, group: Uuid) -> Option<Arc<Group>> {
        let groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = groups.iter().find(|(id, _)| *id == group);
        found.map(|(_, group)| Arc::clone(group))
    }

    fn keep(&self, id: Uuid, group: &Arc<Group>) {
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

/// What is there of a value.
pub(super) enum Stored {
    Unknown,
    Damaged,
    Whole(ValueName),
}

impl TablesView {
    /// The values with these names.
    pub(super) fn values(&self, names: BTreeSet<ValueName>) -> Outcome<Values> {
        let values = self.table_if_there(VALUES)?;
        let Some((values, groups)) = values.zip(self.table_if_there(GROUPS)?) else {
            return Ok(Values::new());
        };
        let mut fetcher = Fetcher::new(&values, &groups);
        let mut wanted = BTreeSet::new();
        for name in &names {
            if let Ok(found) = value_use(&values, name)? {
                wanted.insert(found.group);
            }
        }
        for group in wanted {
            let read = match self.groups.get(group) {
                Some(kept) => Ok(kept),
                None => read_group(&groups, group)?.map(Arc::new),
            };
            if let Ok(read) = &read {
                self.groups.keep(group, read);
            }
            fetcher.read.insert(group, read);
        }
        fetcher.fetch(names)
    }

    /// Whether there is a value with this fingerprint that can be read; `of` tells the name of the one that is wanted.
    pub(super) fn whole_value(
        &self,
        fingerprint: u64,
        of: impl FnOnce() -> ValueName,
    ) -> Outcome<Stored> {
        let Some(values) = self.table_if_there(VALUES)? else {
            return Ok(Stored::Unknown);
        };
        let (low, high) = ValueName::with_fingerprint(fingerprint);
        let mut range = values.range(low.halves()..=high.halves())?;
        if range.next().transpose()?.is_none() {
            return Ok(Stored::Unknown);
        }
        let name = of();
        if values.get(name.halves())?.is_none() {
            return Ok(Stored::Unknown);
        }
        let (Ok(found), Some(groups)) = (value_use(&values, &name)?, self.table_if_there(GROUPS)?)
        else {
            return Ok(Stored::Damaged);
        };
        let listed = joined_in(&groups, found.group, |head, _| {
            Ok(head.values.iter().any(|(other, _)| *other == name))
        });
        Ok(match listed? {
            Ok(true) => Stored::Whole(name),
            _ => Stored::Damaged,
        })
    }

    /// Calls `each` with every group in their order, verified to its last byte: the names of its values, or what is
    /// wrong with it.
    pub(crate) fn for_each_group(
        &self,
        mut each: impl FnMut(Uuid, Result<Vec<ValueName>, String>) -> Outcome<()>,
    ) -> Outcome<()> {
        let Some(groups) = self.table_if_there(GROUPS)? else {
            return Ok(());
        };
        let mut next = groups.range(group_key(Uuid::nil(), 0)..)?.next();
        while let Some(row) = next {
            let group = row?.0.value().0;
            let named = |found: Group| {
                let names = found
                    .values()
                    .map(|(name, value)| (name, ValueName::of(value)));
                let names: Vec<_> = names.collect();
                let all = names.iter().all(|(name, is)| name == is);
                let names = names.into_iter().map(|(name, _)| name).collect();
                all.then_some(names)
                    .ok_or_else(|| "a value is not what it is called".to_owned())
            };
            let read = read_group(&groups, group)?;
            each(group, read.and_then(named))?;
            next = groups.range((group, Uuid::max(), 0)..)?.next();
        }
        Ok(())
    }

    /// Calls `each` with every value: which group it is in and how many runs it says that it has, or what is wrong.
    pub(crate) fn for_each_value(
        &self,
        mut each: impl FnMut(ValueName, Result<(Uuid, u64), String>) -> Outcome<()>,
    ) -> Outcome<()> {
        let Some(values) = self.table_if_there(VALUES)? else {
            return Ok(());
        };
        for row in values.iter()? {
            let (key, row) = row?;
            let name = ValueName::of_halves(key.value());
            let found = ValueUse::unseal(&name, row.value());
            each(name, found.map(|found| (found.group, found.runs)))?;
        }
        Ok(())
    }
}
