//! The lines for a reader.

use super::fold::is_shown;
use crate::item::{Item, ItemKind, Items};
use crate::json::{Raw, compact, object};
use crate::text::{base64_len, content_text};
use crate::time::time_ms;

object! { Message { id: "id", role: "role", created: "created", content: "content", metadata: "metadata" } }

object! { Block {
    id: "id", kind: "type", text: "text", thinking: "thinking", data: "data", mime: "mimeType",
    call: "toolCall", result: "toolResult", message: "msg",
} }

pub(super) fn items(raw: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let message = Message::read(raw);
    let mut out = Items::new(items, index);
    if message.role.is_missing() {
        out.push_hidden(ItemKind::Raw);
        return;
    }
    out.id = message.id.string();
    out.at_ms = time_ms(message.created);
    out.hidden = !is_shown(message.metadata);
    let is_user = message.role.is("user");
    if !message.content.is_array() || !(is_user || message.role.is("assistant")) {
        out.push_unknown(raw);
        return;
    }
    for raw in message.content.elements() {
        block(&Block::read(raw), raw, is_user, &mut out);
    }
}

fn block(block: &Block<'_>, raw: Raw<'_>, is_user: bool, out: &mut Items<'_>) {
    match block.kind.text().as_deref() {
        Some("text") => {
            let text = block.text.string().unwrap_or_default();
            out.push(if is_user {
                ItemKind::Prompt { text }
            } else {
                ItemKind::Answer { text, model: None }
            });
        }
        Some("thinking") => {
            out.push(ItemKind::Thinking {
                text: block.thinking.string().unwrap_or_default(),
            });
        }
        Some("redactedThinking") => out.push(ItemKind::Thinking {
            text: String::new(),
        }),
        Some("image") => image(block, out),
        Some("toolRequest" | "frontendToolRequest") => call(block, out),
        Some("toolResponse") => result(block, out),
        Some("conversationCompacted") => {
            let summary = block.message.full_text().map(Into::into);
            out.push(ItemKind::Compaction { summary });
        }
        Some("systemNotification" | "contextLengthExceeded" | "summarizationRequested") => {
            out.push(ItemKind::Notice {
                text: block.message.string().unwrap_or_default(),
            });
        }
        _ => out.push_unknown(raw),
    }
}

fn image(block: &Block<'_>, out: &mut Items<'_>) {
    out.push(ItemKind::Image {
        media_type: block.mime.string(),
        bytes: block.data.text().map(|data| base64_len(&data)),
        url: None,
    });
}

fn call(block: &Block<'_>, out: &mut Items<'_>) {
    let value = block.call.get("value");
    out.push(ItemKind::ToolCall {
        call_id: block.id.string(),
        name: value.get("name").string().unwrap_or_default(),
        input: compact(value.get("arguments").as_str()),
    });
}

/// Older versions give a list of blocks, newer ones an object that has the list and whether it failed.
fn result(block: &Block<'_>, out: &mut Items<'_>) {
    let value = block.result.get("value");
    let blocks = if value.is_array() {
        value
    } else {
        value.get("content")
    };
    let is_error = block.result.get("status").is("error") || value.get("isError").is_true();
    let text = match block.result.get("error").string() {
        Some(error) => error,
        None => content_text(blocks, &["text"], usize::MAX),
    };
    out.push(ItemKind::ToolResult {
        call_id: block.id.string(),
        text,
        is_error,
    });
    for raw in blocks.elements() {
        let block = Block::read(raw);
        if block.kind.is("image") {
            image(&block, out);
        }
    }
}
