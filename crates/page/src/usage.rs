//! How many tokens a session used in which hour. The page adds hours up to days where it is read.

use std::collections::BTreeMap;

use serde_json::Value;
use sessiondb_agents::{Item, ItemKind, Tokens};

const HOUR_MS: i64 = 3_600_000;

/// The tokens of a session by the hour since 1970.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    hours: BTreeMap<i64, [u64; 3]>,
    last_hour: Option<i64>,
}

impl Usage {
    /// Counts what an item says was used. One without a time counts with the one before it.
    pub(crate) fn item(&mut self, item: &Item) {
        if let Some(at_ms) = item.at_ms {
            self.last_hour = Some(at_ms.div_euclid(HOUR_MS));
        }
        if let (ItemKind::Usage { tokens }, Some(hour)) = (&item.kind, self.last_hour) {
            let sums = self.hours.entry(hour).or_default();
            for (sum, tokens) in sums.iter_mut().zip(amounts(*tokens)) {
                *sum = sum.saturating_add(tokens);
            }
        }
    }

    /// `[hour, input, cached, output]` each. Logs say the usage of one answer several times, which the
    /// session's summary has seen through: where it has a sum, the hours are parts of that.
    pub(crate) fn hours(&self, summary: &Value) -> Vec<[i64; 4]> {
        let told = summary.get("tokens").cloned();
        let told = told.and_then(|tokens| serde_json::from_value::<Tokens>(tokens).ok());
        let mut scale = [(1, 1); 3];
        if let Some(told) = told {
            let counted = self.hours.values().fold([0_u64; 3], |sums, hour| {
                [0, 1, 2].map(|kind| get(&sums, kind).saturating_add(get(hour, kind)))
            });
            scale = [0, 1, 2].map(|kind| (get(&amounts(told), kind), get(&counted, kind).max(1)));
        }
        let scaled = |hour: &[u64; 3], kind: usize| {
            let (part, whole) = scale.get(kind).copied().unwrap_or((1, 1));
            let tokens = u128::from(get(hour, kind)) * u128::from(part) / u128::from(whole);
            i64::try_from(tokens).unwrap_or(i64::MAX)
        };
        let hours = self.hours.iter();
        let hours = hours.map(|(hour, sums)| {
            let [input, cached, output] = [0, 1, 2].map(|kind| scaled(sums, kind));
            [*hour, input, cached, output]
        });
        hours.collect()
    }
}

fn amounts(tokens: Tokens) -> [u64; 3] {
    [tokens.input, tokens.cached, tokens.output]
}

fn get(amounts: &[u64; 3], kind: usize) -> u64 {
    amounts.get(kind).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_says_twice_counts_as_the_summary_has_it() {
        let mut usage = Usage::default();
        for (at_ms, output) in [(Some(0), 5), (Some(10), 5), (Some(HOUR_MS), 10), (None, 10)] {
            usage.item(&Item {
                entry: 0,
                at_ms,
                id: None,
                parent: None,
                kind: ItemKind::Usage {
                    tokens: Tokens {
                        output,
                        ..Tokens::default()
                    },
                },
                hidden: true,
            });
        }
        assert_eq!(usage.hours(&Value::Null), [[0, 0, 0, 10], [1, 0, 0, 20]]);
        let summary = serde_json::json!({"tokens": {"input": 0, "cached": 0, "output": 15}});
        assert_eq!(usage.hours(&summary), [[0, 0, 0, 5], [1, 0, 0, 10]]);
    }
}
