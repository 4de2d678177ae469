//! The shared values of one state of the tables: for runs that have some, for what is to be stored, and for a check.

use std::collections::BTreeSet;

use redb::{ReadOnlyTable, ReadableTable};
use uuid::Uuid;

use crate::engine::fault::Outcome;
use crate::engine::model::shared_value::{ValueName, ValueRef, Values, value_of};
use crate::engine::model::value_row::{Group, ValueUse};
use crate::engine::tables::groups::{SharedTables, group_key};
use crate::engine::tables::read::TablesView;
use crate::engine::tables::schema::{GROUPS, RunKey, SegmentKey, VALUES};

/// The tables of shared values, to be read.
pub(super) type SharedView =
    SharedTables<ReadOnlyTable<SegmentKey, &'static [u8]>, ReadOnlyTable<RunKey, &'static [u8]>>;

impl TablesView {
    /// The tables of shared values, if there are some.
    pub(super) fn shared(&self) -> Outcome<Option<SharedView>> {
        let values = self.table_if_there(VALUES)?;
        let both = values.zip(self.table_if_there(GROUPS)?);
        Ok(both.map(|(values, groups)| SharedTables { values, groups }))
    }

    /// The values with these names.
    pub(super) fn values(&self, names: BTreeSet<ValueName>) -> Outcome<Values> {
        match self.shared()? {
            Some(shared) => shared.fetch(names, &self.groups),
            None => Ok(Values::new()),
        }
    }

    /// One value of an entry, as far as it can be read.
    pub(crate) fn value(&self, wanted: &ValueRef) -> Outcome<Result<Vec<u8>, String>> {
        let mut values = self.values(BTreeSet::from([wanted.name]))?;
        if let Err(message) = value_of(&values, wanted) {
            return Ok(Err(message));
        }
        Ok(values
            .remove(&wanted.name)
            .unwrap_or_else(|| Ok(Vec::new())))
    }

    /// Calls `each` with every group in their order, verified to its last byte: the names of its values, or what is
    /// wrong with it.
    pub(crate) fn for_each_group(
        &self,
        mut each: impl FnMut(Uuid, Result<Vec<ValueName>, String>) -> Outcome<()>,
    ) -> Outcome<()> {
        let Some(shared) = self.shared()? else {
            return Ok(());
        };
        let named = |found: Group| {
            let is_named = |(name, value): (ValueName, &[u8])| ValueName::of(value) == name;
            if !found.values().all(is_named) {
                return Err("a value is not what it is called".to_owned());
            }
            Ok(found.values().map(|(name, _)| name).collect())
        };
        let first_from = |key: RunKey| shared.groups.range(key..).map(|mut rows| rows.next());
        let mut next = first_from(group_key(Uuid::nil(), 0))?;
        while let Some(row) = next {
            let group = row?.0.value().0;
            each(group, shared.group(group)?.and_then(named))?;
            next = first_from((group, Uuid::max(), 0))?;
        }
        Ok(())
    }

    /// Calls `each` with every value: which group it is in and how many runs it says that it has, or what is wrong.
    pub(crate) fn for_each_value(
        &self,
        mut each: impl FnMut(ValueName, Result<ValueUse, String>) -> Outcome<()>,
    ) -> Outcome<()> {
        let Some(shared) = self.shared()? else {
            return Ok(());
        };
        for row in shared.values.iter()? {
            let (key, row) = row?;
            let name = ValueName::of_halves(key.value());
            each(name, ValueUse::unseal(&name, row.value()))?;
        }
        Ok(())
    }
}
