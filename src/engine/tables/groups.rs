//! Reading shared values: each from the group that it is in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::ReadableTable;
use uuid::Uuid;

use crate::engine::fault::Outcome;
use crate::engine::model::shared_value::{ValueName, Values};
use crate::engine::model::value_row::{self, Group, GroupHead, HEAD, ValueUse};
use crate::engine::tables::schema::{RunKey, SegmentKey};

/// The most bytes of groups that are kept (1 MiB): those of a few.
const MOST_KEPT_BYTES: usize = 1 << 20;

pub(super) fn group_key(group: Uuid, number: u64) -> RunKey {
    (group, Uuid::nil(), number)
}

pub(super) fn rows_of(group: Uuid) -> RangeInclusive<RunKey> {
    group_key(group, 0)..=group_key(group, u64::MAX)
}

/// The tables of shared values.
pub(super) struct SharedTables<V, G> {
    /// How many runs use each value, and the group that it is in.
    pub(super) values: V,
    pub(super) groups: G,
}

/// What is there of a value.
pub(super) enum Stored {
    Unknown,
    Damaged,
    Whole(ValueName),
}

impl<V, G> SharedTables<V, G>
where
    V: ReadableTable<SegmentKey, &'static [u8]>,
    G: ReadableTable<RunKey, &'static [u8]>,
{
    /// The values with these names, each as it could be read. Each group is read once.
    pub(super) fn fetch(
        &self,
        names: BTreeSet<ValueName>,
        recent: &RecentGroups,
    ) -> Outcome<Values> {
        let mut values = Values::new();
        let mut wanted: BTreeMap<Uuid, Vec<ValueName>> = BTreeMap::new();
        for name in names {
            match self.value_use(&name)? {
                Some(Ok(found)) => wanted.entry(found.group).or_default().push(name),
                Some(Err(message)) => drop(values.insert(name, Err(message))),
                None => drop(values.insert(name, Err("it is missing".to_owned()))),
            }
        }
        for (id, names) in wanted {
            let group = recent.get_or(id, || self.group(id))?;
            for name in names {
                let value = group.as_ref().map_err(Clone::clone);
                let value = value.and_then(|group| group.value(&name).map(<[u8]>::to_vec));
                values.insert(name, value);
            }
        }
        Ok(values)
    }

    /// What is known of a value, if it is there.
    pub(super) fn value_use(&self, name: &ValueName) -> Outcome<Option<Result<ValueUse, String>>> {
        let row = self.values.get(name.halves())?;
        Ok(row.map(|row| ValueUse::unseal(name, row.value())))
    }

    /// A group, as it could be read.
    pub(super) fn group(&self, id: Uuid) -> Outcome<Result<Group, String>> {
        self.joined(id, GroupHead::unpack)
    }

    fn joined<T>(
        &self,
        id: Uuid,
        then: impl FnOnce(GroupHead, &[&[u8]]) -> Result<T, String>,
    ) -> Outcome<Result<T, String>> {
        let found = self
            .groups
            .range(rows_of(id))?
            .collect::<Result<Vec<_>, _>>()?;
        let rows: Vec<_> = found
            .iter()
            .map(|(key, row)| (key.value().2, row.value()))
            .collect();
        Ok(joined(id, &rows).and_then(|(head, pieces)| then(head, &pieces)))
    }

    /// Whether there is a value with this fingerprint that can be read; `of` tells the name of the one that is wanted.
    pub(super) fn stored(
        &self,
        fingerprint: u64,
        of: impl FnOnce() -> ValueName,
    ) -> Outcome<Stored> {
        let (low, high) = ValueName::with_fingerprint(fingerprint);
        let mut alike = self.values.range(low.halves()..=high.halves())?;
        if alike.next().transpose()?.is_none() {
            return Ok(Stored::Unknown);
        }
        let name = of();
        let found = match self.value_use(&name)? {
            None => return Ok(Stored::Unknown),
            Some(Err(_)) => return Ok(Stored::Damaged),
            Some(Ok(found)) => found,
        };
        let listed = self.joined(found.group, |head, _| {
            Ok(head.values.iter().any(|(other, _)| *other == name))
        });
        Ok(match listed? {
            Ok(true) => Stored::Whole(name),
            _ => Stored::Damaged,
        })
    }
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

/// The groups of one state of the tables that were unpacked last.
#[derive(Debug, Default)]
pub(super) struct RecentGroups(Mutex<VecDeque<(Uuid, Arc<Group>)>>);

impl RecentGroups {
    /// The group, which `read` reads if it is not kept.
    fn get_or(
        &self,
        id: Uuid,
        read: impl FnOnce() -> Outcome<Result<Group, String>>,
    ) -> Outcome<Result<Arc<Group>, String>> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let take = |mut groups: MutexGuard<'_, VecDeque<(Uuid, Arc<Group>)>>| {
            let at = groups.iter().position(|(other, _)| *other == id)?;
            groups.remove(at)
        };
        let group = match take(kept()) {
            Some((_, group)) => group,
            None => match read()? {
                Ok(group) => Arc::new(group),
                Err(message) => return Ok(Err(message)),
            },
        };
        let mut groups = kept();
        groups.push_front((id, Arc::clone(&group)));
        let mut bytes = 0;
        groups.retain(|(_, group)| {
            bytes += group.len();
            bytes <= MOST_KEPT_BYTES
        });
        Ok(Ok(group))
    }
}
