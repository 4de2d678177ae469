//! The run at a glance: a few rows that say most.

use super::bars::{self, Panel};
use crate::Result;
use crate::figures::Section;

/// Which rows: the workload, the metric, and the title of the panel.
const ROWS: [(&str, &str, &str); 6] = [
    (
        "append-synced",
        "1 thread",
        "Append 1 KB, safe from power loss",
    ),
    (
        "append-written",
        "1 thread",
        "Append 1 KB, safe from a crash",
    ),
    ("read", "typed", "Read and decode a whole segment"),
    ("small-reads", "last 20", "The last 20 of 100,000 entries"),
    ("list", "first 50", "The first 50 of 10,000 sessions"),
    (
        "size",
        "as agents write, by length",
        "Size as agents write: JSONL / files",
    ),
];

/// The chart of those rows that the run has; `None` if it has none of them.
pub(super) fn chart(sections: &[Section]) -> Result<Option<String>> {
    let panels: Vec<Panel<'_>> = ROWS
        .iter()
        .filter_map(|(workload, metric, title)| {
            let section = sections.iter().find(|of| of.workload == *workload)?;
            let row = section.rows.iter().find(|row| row.metric == *metric)?;
            Some(Panel {
                title: (*title).to_owned(),
                row,
            })
        })
        .collect();
    bars::chart("sessiondb beside what is used in its place", &panels)
}
