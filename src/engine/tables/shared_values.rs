//! The shared values of one state of the tables: for runs that have some, for what is to be stored, and for a check.

use std::collections::BTreeSet;
use std::sync::Arc;

use redb::ReadableTable;
use uuid::Uuid;

use crate::engine::fault::Outcome;
use crate::engine::model::shared_value::{ValueName, Values};
use crate::engine::model::value_row::{Group, ValueUse};
use crate::engine::tables::groups::{Fetcher, group_key, joined_in, read_group, value_use};
use crate::engine::tables::read::TablesView;
use crate::engine::tables::schema::{GROUPS, VALUES};

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
