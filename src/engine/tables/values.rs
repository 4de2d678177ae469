//! Shared values on their way into their tables: each with the number of runs that use it, in groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use redb::{ReadableTable, Table as Rows, WriteTransaction};
use uuid::Uuid;

use crate::engine::fault::{Fault, Outcome};
use crate::engine::model::shared_value::{ValueName, Values};
use crate::engine::model::value_row::{ValueUse, group_rows};
use crate::engine::tables::groups::{RecentGroups, SharedTables, group_key, rows_of};
use crate::engine::tables::packing::RunValues;
use crate::engine::tables::schema::{GROUPS, RunKey, SegmentKey, VALUES};

/// How many bytes of values a group has (256 KiB): what a value costs to read is to unpack its group.
const GROUP_BYTES: usize = 256 << 10;

/// The tables of values, open to be changed. What uses of a value come and go is added up, and takes effect at the end,
/// so that a run which is packed anew costs no value.
pub(super) struct ValueTables<'t> {
    /// Missing where the archive shares no values.
    open: Option<Open<'t>>,
    /// The level of zstd.
    level: Option<i32>,
    uses: HashMap<ValueName, i64>,
    /// Values that have no group yet, and their bytes.
    pending: Vec<(ValueName, Vec<u8>)>,
    pending_bytes: usize,
}

type Open<'t> = SharedTables<Rows<'t, SegmentKey, &'static [u8]>, Rows<'t, RunKey, &'static [u8]>>;

impl<'t> ValueTables<'t> {
    pub(super) fn open(
        txn: &'t WriteTransaction,
        shares: bool,
        level: Option<i32>,
    ) -> Outcome<Self> {
        let open = || -> Outcome<_> {
            Ok(SharedTables {
                values: txn.open_table(VALUES)?,
                groups: txn.open_table(GROUPS)?,
            })
        };
        Ok(Self {
            open: shares.then(open).transpose()?,
            level,
            uses: HashMap::new(),
            pending: Vec::new(),
            pending_bytes: 0,
        })
    }

    /// Whether runs may have values here.
    pub(super) fn are_there(&self) -> bool {
        self.open.is_some()
    }

    /// The values with these names.
    pub(super) fn fetch(&self, names: BTreeSet<ValueName>) -> Outcome<Values> {
        match &self.open {
            Some(open) => open.fetch(names, &RecentGroups::default()),
            None => Ok(Values::new()),
        }
    }

    /// Takes note that a run with these values comes, and of those that it brings.
    pub(super) fn add(&mut self, run: RunValues) -> Outcome<()> {
        for name in run.names {
            *self.uses.entry(name).or_default() += 1;
        }
        let mut new = run.new.into_iter();
        new.try_for_each(|(name, value)| self.add_new(name, value))
    }

    /// Takes a value that the tables do not have yet.
    pub(super) fn add_new(&mut self, name: ValueName, value: Vec<u8>) -> Outcome<()> {
        if value.len() >= GROUP_BYTES {
            return self.put_group(&[(name, value)]);
        }
        if self.pending_bytes + value.len() > GROUP_BYTES {
            self.put_pending()?;
        }
        self.pending_bytes += value.len();
        self.pending.push((name, value));
        Ok(())
    }

    /// Takes note that a run with these values goes.
    pub(super) fn release(&mut self, names: &BTreeSet<ValueName>) {
        for name in names {
            *self.uses.entry(*name).or_default() -= 1;
        }
    }

    fn put_pending(&mut self) -> Outcome<()> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        self.put_group(&pending)
    }

    fn put_group(&mut self, values: &[(ValueName, Vec<u8>)]) -> Outcome<()> {
        let Some(open) = self.open.as_mut().filter(|_| !values.is_empty()) else {
            return Ok(());
        };
        let last = open.groups.range::<RunKey>(..)?.next_back().transpose()?;
        let last = last.map_or(0, |(key, _)| key.value().0.as_u128());
        let group = Uuid::from_u128(last + 1);
        open.insert_group(group, values, self.level)?;
        for (name, _) in values {
            let row = ValueUse { runs: 0, group }.seal(name);
            open.values.insert(name.halves(), row.as_slice())?;
        }
        Ok(())
    }

    /// Counts the uses of each value, and removes those that no run has any more.
    pub(super) fn finish(&mut self) -> Outcome<()> {
        self.put_pending()?;
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let mut unused: BTreeMap<Uuid, BTreeSet<ValueName>> = BTreeMap::new();
        let mut uses: Vec<_> = self
            .uses
            .drain()
            .filter(|(_, change)| *change != 0)
            .collect();
        uses.sort_unstable();
        for (name, change) in uses {
            if let Some(group) = open.count(&name, change)? {
                unused.entry(group).or_default().insert(name);
            }
        }
        for (group, names) in unused {
            open.remove(group, &names, self.level)?;
        }
        Ok(())
    }
}

impl Open<'_> {
    fn insert_group(
        &mut self,
        group: Uuid,
        values: &[(ValueName, Vec<u8>)],
        level: Option<i32>,
    ) -> Outcome<()> {
        for (number, row) in group_rows(group, values, level) {
            self.groups
                .insert(group_key(group, number), row.as_slice())?;
        }
        Ok(())
    }

    /// Changes how many runs use a value; if none does any more, tells the group that it is in.
    fn count(&mut self, name: &ValueName, change: i64) -> Outcome<Option<Uuid>> {
        let found = match self.value_use(name)? {
            Some(Ok(found)) => found,
            // A damaged row stays as it is, for a check to find.
            Some(Err(_)) => return Ok(None),
            None if change < 0 => return Ok(None),
            None => {
                let message = "a run that was packed needs it, and it is missing";
                return Err(Fault::damaged(format!("value {name}"), message));
            }
        };
        let runs = found.runs.saturating_add_signed(change);
        if runs == 0 {
            self.values.remove(name.halves())?;
            return Ok(Some(found.group));
        }
        let row = ValueUse { runs, ..found }.seal(name);
        self.values.insert(name.halves(), row.as_slice())?;
        Ok(None)
    }

    /// Takes these values out of a group. One that is damaged stays as it is, for a check to find.
    fn remove(
        &mut self,
        group: Uuid,
        names: &BTreeSet<ValueName>,
        level: Option<i32>,
    ) -> Outcome<()> {
        let Ok(found) = self.group(group)? else {
            return Ok(());
        };
        let left = found.values().filter(|(name, _)| !names.contains(name));
        let left: Vec<_> = left.map(|(name, value)| (name, value.to_vec())).collect();
        self.groups.retain_in(rows_of(group), |_, _| false)?;
        if left.is_empty() {
            return Ok(());
        }
        self.insert_group(group, &left, level)
    }
}
