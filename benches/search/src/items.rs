//! What is indexed of a log: the text of each item that a person reads, the same that a search in an archive reads.

#[path = "../../../crates/search/src/text.rs"]
mod text;

use std::fs;
use std::path::Path;

use sessiondb_agents::{Item, ItemKind, Probe, recognise};

use crate::Result;

/// So much of a log tells whose it is.
const HEAD_BYTES: usize = 64 << 10;

/// Hands each text of a log to `take`, with the number of its item.
pub(crate) fn texts(path: &Path, take: &mut dyn FnMut(u64, &str) -> Result<()>) -> Result<()> {
    let log = fs::read_to_string(path)?;
    let head = log.as_bytes().get(..HEAD_BYTES).unwrap_or(log.as_bytes());
    let agent = recognise(&Probe {
        path: &path.to_string_lossy(),
        head,
    });
    let agent = agent.ok_or_else(|| format!("{} is of no known agent", path.display()))?;
    let mut items: Vec<Item> = Vec::new();
    let mut number = 0;
    for (entry, line) in (0..).zip(log.lines()) {
        items.clear();
        agent.items(line.as_bytes(), entry, &mut items);
        for item in items.iter().filter(|item| !item.hidden) {
            if let Some(text) = text_of(&item.kind, line) {
                take(number, &text)?;
            }
            number += 1;
        }
    }
    Ok(())
}

fn text_of<'i>(item: &'i ItemKind, entry: &str) -> Option<std::borrow::Cow<'i, str>> {
    text::text_of(item, entry).filter(|text| !text.is_empty())
}
