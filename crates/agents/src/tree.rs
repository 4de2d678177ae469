//! Sessions whose entries are a tree: the conversation is the way from the last entry to the root.

use std::collections::{HashMap, HashSet};

use crate::item::Item;

/// Hides what is on other branches. Where the way ends at an entry that is not there, nothing is
/// known of what came before, and nothing is hidden.
pub(crate) fn hide_other_branches(items: &mut [Item]) {
    let mut parents: HashMap<&str, Option<&str>> = HashMap::new();
    for item in items.iter() {
        if let Some(id) = &item.id {
            parents.entry(id).or_insert(item.parent.as_deref());
        }
    }
    let Some(last) = items.iter().rev().find_map(|item| item.id.as_deref()) else {
        return;
    };
    let mut way: HashSet<String> = HashSet::new();
    let mut at = Some(last);
    while let Some(id) = at {
        let Some(parent) = parents.get(id) else {
            return;
        };
        if !way.insert(id.to_owned()) {
            return;
        }
        at = *parent;
    }
    for item in items {
        item.hidden |= item.id.as_ref().is_some_and(|id| !way.contains(id));
    }
}
