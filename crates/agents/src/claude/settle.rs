//! What is no longer part of the conversation.

use std::collections::{HashMap, HashSet};

use crate::item::{Item, ItemKind};

pub(super) fn settle(items: &mut [Item]) {
    show_own(items);
    hide_replaced(items);
}

/// In a subagent's own log all of its conversation is on a side chain.
fn show_own(items: &mut [Item]) {
    let says = |item: &Item| matches!(item.kind, ItemKind::Prompt { .. } | ItemKind::Answer { .. });
    if items.iter().any(|item| says(item) && !item.hidden) {
        return;
    }
    for item in items {
        let is_shown = !matches!(
            item.kind,
            ItemKind::Notice { .. } | ItemKind::Raw | ItemKind::Usage { .. }
        );
        item.hidden &= !is_shown;
    }
}

/// A prompt that follows the same record as a later one was edited or taken back; what follows it
/// goes with it.
fn hide_replaced(items: &mut [Item]) {
    let mut last_at: HashMap<String, String> = HashMap::new();
    let mut replaced: HashSet<String> = HashSet::new();
    for item in items.iter() {
        let (ItemKind::Prompt { .. }, Some(id), Some(parent)) =
            (&item.kind, &item.id, &item.parent)
        else {
            continue;
        };
        if let Some(before) = last_at.insert(parent.clone(), id.clone())
            && before != *id
        {
            replaced.insert(before);
        }
    }
    if replaced.is_empty() {
        return;
    }
    for item in items {
        let is_replaced = |id: &Option<String>| id.as_ref().is_some_and(|id| replaced.contains(id));
        if is_replaced(&item.id) || is_replaced(&item.parent) {
            item.hidden = true;
            replaced.extend(item.id.clone());
        }
    }
}
