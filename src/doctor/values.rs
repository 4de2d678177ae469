//! Shared values against the runs that use them, and the groups that they are in.

use std::collections::HashMap;

use uuid::Uuid;

use super::findings::Findings;
use super::problem::{Part, Problem};
use crate::engine::{FoundRun, Outcome, TablesView, ValueName};

/// How many runs use each value.
#[derive(Default)]
pub(super) struct ValueUses {
    uses: HashMap<ValueName, u64>,
    /// Runs that cannot be read may have values too.
    any_damaged: bool,
}

impl ValueUses {
    pub(super) fn take(&mut self, found: &FoundRun) {
        self.any_damaged |= found.run.is_err() && found.without.is_empty();
        for name in &found.names {
            *self.uses.entry(*name).or_default() += 1;
        }
    }

    /// Verifies each value, and whether it knows how many runs use it. What is missing is told of with the entries
    /// that have it.
    pub(super) fn check(mut self, base: &TablesView, findings: &mut Findings<'_>) -> Outcome<()> {
        let mut groups: HashMap<ValueName, Uuid> = HashMap::new();
        base.for_each_group(|group, found| {
            match found {
                Ok(names) => groups.extend(names.into_iter().map(|name| (name, group))),
                Err(message) => {
                    let message = format!("group {}: {message}", group.as_u128());
                    findings.problem(Problem::new(Part::Values, message));
                    self.any_damaged = true;
                }
            }
            Ok(())
        })?;
        base.for_each_value(|name, found| {
            let used = self.uses.remove(&name).unwrap_or(0);
            let listed = groups.remove(&name);
            let wrong = match found {
                Err(message) => Some(message),
                Ok(found) if listed.is_some_and(|listed| listed != found.group) => {
                    Some("another group than the one that it names has it".to_owned())
                }
                Ok(_) if listed.is_none() && !self.any_damaged => {
                    Some("the group that it names does not have it".to_owned())
                }
                Ok(found) if found.runs == used || self.any_damaged && found.runs > used => None,
                Ok(found) => Some(format!(
                    "it tells of {} runs that use it, and {used} do",
                    found.runs
                )),
            };
            if let Some(message) = wrong {
                let message = format!("{name}: {message}");
                findings.problem(Problem::new(Part::Values, message));
            }
            Ok(())
        })?;
        for (name, group) in groups {
            let message = format!("{name}: group {} has it, and no run", group.as_u128());
            findings.problem(Problem::new(Part::Values, message));
        }
        Ok(())
    }
}
