//! What the entries are for a reader.

use crate::item::{Item, ItemKind, Items};
use crate::json::Raw;
use crate::time::time_ms;
use crate::yoi::fold::{text_of, usage};
use crate::yoi::{Entry, Part, said};

pub(super) fn items(raw: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let entry = Entry::read(raw);
    let mut items = Items::new(items, index);
    items.at_ms = time_ms(entry.ts);
    match entry.kind.short_text().as_deref() {
        Some("segment_start") => segment_start(&entry, &mut items),
        Some("user_input") => {
            items.push(ItemKind::Prompt {
                text: said(entry.segments, usize::MAX),
            });
        }
        Some("assistant_item" | "tool_result") => part(entry.item, &mut items),
        Some("system_item") => {
            let text = Part::read(entry.item).body.string().unwrap_or_default();
            items.push(ItemKind::Notice { text });
        }
        Some("run_errored") => {
            let text = entry.message.string().unwrap_or_default();
            items.push(ItemKind::Notice { text });
        }
        Some("llm_usage") => match usage(&entry) {
            Some(tokens) => items.push_hidden(ItemKind::Usage { tokens }),
            None => items.push_hidden(ItemKind::Raw),
        },
        Some(
            "invoke"
            | "turn_end"
            | "run_completed"
            | "paused_turn_abandoned"
            | "config_changed"
            | "extension"
            | "lifecycle"
            | "stream_event",
        ) => items.push_hidden(ItemKind::Raw),
        _ => items.push_unknown(raw),
    }
}

/// What a log begins with was said elsewhere, or stands in place of it.
fn segment_start(entry: &Entry<'_>, items: &mut Items<'_>) {
    if entry.compacted_from.is_object() {
        let summary = entry.history.elements().next().map(Part::read);
        let summary = summary.map(|part| text_of(part.content, usize::MAX));
        items.push(ItemKind::Compaction { summary });
        return;
    }
    items.push_hidden(ItemKind::Raw);
    for raw in entry.history.elements() {
        part(raw, items);
    }
}

fn part(raw: Raw<'_>, items: &mut Items<'_>) {
    let part = Part::read(raw);
    match part.kind.short_text().as_deref() {
        Some("message") => {
            let text = text_of(part.content, usize::MAX);
            items.push(match part.role.short_text().as_deref() {
                Some("user") => ItemKind::Prompt { text },
                Some("assistant") => ItemKind::Answer { text, model: None },
                _ => ItemKind::Notice { text },
            });
        }
        Some("tool_call") => items.push(ItemKind::ToolCall {
            call_id: part.call_id.string(),
            name: part.name.string().unwrap_or_default(),
            input: part
                .arguments
                .string()
                .unwrap_or_else(|| part.arguments.as_str().to_owned()),
        }),
        Some("tool_result") => items.push(ItemKind::ToolResult {
            call_id: part.call_id.string(),
            text: part
                .content
                .full_text()
                .or_else(|| part.summary.text())
                .unwrap_or_default()
                .into_owned(),
            is_error: part.is_error.is_true(),
        }),
        Some("reasoning") => {
            let text = part.text.string().unwrap_or_default();
            items.push(ItemKind::Thinking { text });
        }
        _ => items.push_unknown(raw),
    }
}
