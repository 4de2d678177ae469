//! Which of those that say the same is shown.

use crate::item::{Item, ItemKind};

/// Shows what is said in one way alone, which the version that wrote the log may not say in the
/// way that is shown otherwise.
pub(super) fn settle(items: &mut [Item]) {
    for text_of in [prompt, answer, thinking] {
        let says = |item: &Item| text_of(&item.kind).is_some_and(|text| !text.is_empty());
        if items.iter().any(|item| !item.hidden && says(item)) {
            continue;
        }
        let mut before: Option<String> = None;
        for item in items.iter_mut() {
            let Some(text) = text_of(&item.kind).filter(|text| !text.is_empty()) else {
                continue;
            };
            if before.as_deref() == Some(text) {
                continue;
            }
            before = Some(text.to_owned());
            item.hidden = false;
        }
    }
    hide_empty(items);
}

/// What was thought is mostly kept encrypted: nothing to read.
fn hide_empty(items: &mut [Item]) {
    for item in items {
        item.hidden |= thinking(&item.kind) == Some("");
    }
}

fn prompt(kind: &ItemKind) -> Option<&str> {
    match kind {
        ItemKind::Prompt { text } => Some(text),
        _ => None,
    }
}

fn answer(kind: &ItemKind) -> Option<&str> {
    match kind {
        ItemKind::Answer { text, .. } => Some(text),
        _ => None,
    }
}

fn thinking(kind: &ItemKind) -> Option<&str> {
    match kind {
        ItemKind::Thinking { text } => Some(text),
        _ => None,
    }
}
