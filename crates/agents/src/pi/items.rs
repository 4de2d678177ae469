//! What the entries are for a reader.

use crate::item::{Item, ItemKind, Items};
use crate::json::Raw;
use crate::pi::fold::usage;
use crate::pi::{Block, Content, Entry, Message};
use crate::text::{base64_len, content_text};
use crate::time::time_ms;

pub(super) fn items(raw: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let entry = Entry::read(raw);
    let mut items = Items::new(items, index);
    items.at_ms = time_ms(entry.timestamp);
    items.id = entry.id.string();
    items.parent = entry.parent.string();
    let text = |raw: Raw<'_>| raw.string().unwrap_or_default();
    match entry.kind.short_text().as_deref() {
        Some("session") => {
            // The id of the header is the session's.
            items.id = None;
            items.push_hidden(ItemKind::Raw);
        }
        Some("message") => message(&entry.message, raw, &mut items),
        Some("model_change") => {
            let text = format!("Model {}", text(entry.model));
            items.push(ItemKind::Notice { text });
        }
        Some("thinking_level_change") => {
            let text = format!("Thinking level {}", text(entry.thinking_level));
            items.push_hidden(ItemKind::Notice { text });
        }
        Some("compaction") => items.push(ItemKind::Compaction {
            summary: entry.summary.string(),
        }),
        Some("branch_summary") => {
            items.push(ItemKind::Notice {
                text: format!("Another branch: {}", text(entry.summary)),
            });
        }
        Some("session_info") => {
            items.push_hidden(ItemKind::Notice {
                text: format!("Title: {}", text(entry.name)),
            });
        }
        Some("custom_message") => custom(entry.content, entry.display, &mut items),
        Some("custom" | "label") => items.push_hidden(ItemKind::Raw),
        _ => items.push_unknown(raw),
    }
}

fn message(message: &Message<'_>, entry: Raw<'_>, items: &mut Items<'_>) {
    items.at_ms = items.at_ms.or_else(|| time_ms(message.timestamp));
    let said = || content_text(message.content.raw, &["text"], usize::MAX);
    match message.role.short_text().as_deref() {
        Some("user") => {
            items.push(ItemKind::Prompt { text: said() });
            images(&message.content, items);
        }
        Some("assistant") => assistant(message, items),
        Some("toolResult") => {
            items.push(ItemKind::ToolResult {
                call_id: message.call_id.string(),
                text: said(),
                is_error: message.is_error.is_true(),
            });
            images(&message.content, items);
        }
        Some("bashExecution") => {
            let command = message.command.text().unwrap_or_default();
            let output = message.output.text().unwrap_or_default();
            items.push(ItemKind::Notice {
                text: format!("$ {command}\n{output}"),
            });
        }
        Some("custom" | "hookMessage") => custom(message.content.raw, message.display, items),
        _ => items.push_unknown(entry),
    }
}

fn custom(content: Raw<'_>, display: Raw<'_>, items: &mut Items<'_>) {
    let notice = ItemKind::Notice {
        text: content_text(content, &["text"], usize::MAX),
    };
    if display.is_true() {
        items.push(notice);
    } else {
        items.push_hidden(notice);
    }
}

fn assistant(message: &Message<'_>, items: &mut Items<'_>) {
    let answer = |text| ItemKind::Answer {
        text,
        model: message.model.string(),
    };
    if let Some(text) = message.content.raw.string() {
        items.push(answer(text));
    }
    for block in &message.content.items {
        match block.kind.short_text().as_deref() {
            Some("text") => items.push(answer(block.text.string().unwrap_or_default())),
            Some("thinking") => {
                let text = block.thinking.string().unwrap_or_default();
                items.push(ItemKind::Thinking { text });
            }
            Some("toolCall") => items.push(ItemKind::ToolCall {
                call_id: block.id.string(),
                name: block.name.string().unwrap_or_default(),
                input: block.arguments.as_str().to_owned(),
            }),
            Some("image") => image(block, items),
            _ => items.push_unknown(block.raw),
        }
    }
    if let Some(error) = message.error.full_text() {
        items.push(ItemKind::Notice {
            text: error.into_owned(),
        });
    }
    if let Some(tokens) = usage(&message.usage) {
        items.push_hidden(ItemKind::Usage { tokens });
    }
}

fn images(content: &Content<'_>, items: &mut Items<'_>) {
    for block in &content.items {
        image(block, items);
    }
}

fn image(block: &Block<'_>, items: &mut Items<'_>) {
    if block.kind.is("image") {
        items.push(ItemKind::Image {
            media_type: block.mime_type.string(),
            bytes: block.data.text().map(|data| base64_len(&data)),
            url: None,
        });
    }
}
