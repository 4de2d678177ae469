//! The messages for a reader.

use super::said::{Said, carries_results, said};
use crate::item::{Item, ItemKind, Items};
use crate::json::{Raw, compact, object};
use crate::text::{base64_len, content_text};
use crate::time::time_ms;

object! { Message {
    role: "role", content: "content", time: "ts", model: "modelInfo", summary: "isSummary",
    id: "id",
} }

pub(super) fn items(raw: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let message = Message::read(raw);
    let mut out = Items::new(items, index);
    out.id = message.id.string();
    out.at_ms = time_ms(message.time);
    let is_user = message.role.is("user");
    if message.summary.is_true() {
        let text = content_text(message.content, &["text"], usize::MAX);
        out.push(ItemKind::Compaction {
            summary: Some(text),
        });
        return;
    }
    if !is_user && !message.role.is("assistant") {
        out.push_unknown(raw);
        return;
    }
    let with_results = carries_results(message.content);
    if let Some(text) = message.content.string() {
        texted(text, &message, is_user, with_results, &mut out);
    }
    for raw in message.content.elements() {
        match raw.get("type").text().as_deref() {
            Some("text") => {
                let text = raw.get("text").string().unwrap_or_default();
                texted(text, &message, is_user, with_results, &mut out);
            }
            Some("thinking" | "reasoning") => {
                let text = raw
                    .get("thinking")
                    .string()
                    .or_else(|| raw.get("text").string());
                out.push(ItemKind::Thinking {
                    text: text.unwrap_or_default(),
                });
            }
            Some("redacted_thinking") => out.push(ItemKind::Thinking {
                text: String::new(),
            }),
            Some("tool_use") => out.push(ItemKind::ToolCall {
                call_id: raw.get("id").string(),
                name: raw.get("name").string().unwrap_or_default(),
                input: compact(raw.get("input").as_str()),
            }),
            Some("tool_result") => result(raw, &mut out),
            Some("image") => image(raw, &mut out),
            _ => out.push_unknown(raw),
        }
    }
}

fn texted(
    text: String,
    message: &Message<'_>,
    is_user: bool,
    with_results: bool,
    out: &mut Items<'_>,
) {
    if !is_user {
        let model = message.model.get("modelId").string();
        out.push(ItemKind::Answer { text, model });
        return;
    }
    match said(&text, with_results) {
        Said::Prompt(prompt) => out.push(ItemKind::Prompt {
            text: prompt.to_owned(),
        }),
        Said::Result(_) => out.push(ItemKind::ToolResult {
            call_id: None,
            text,
            is_error: false,
        }),
        Said::Other if with_results && !text.starts_with('<') => out.push(ItemKind::ToolResult {
            call_id: None,
            text,
            is_error: false,
        }),
        Said::Surroundings => out.push_hidden(ItemKind::Notice { text }),
        Said::Other => out.push(ItemKind::Notice { text }),
    }
}

fn result(raw: Raw<'_>, out: &mut Items<'_>) {
    let content = raw.get("content");
    out.push(ItemKind::ToolResult {
        call_id: raw.get("tool_use_id").string(),
        text: content_text(content, &["text"], usize::MAX),
        is_error: raw.get("is_error").is_true(),
    });
    for block in content
        .elements()
        .filter(|block| block.get("type").is("image"))
    {
        image(block, out);
    }
}

fn image(raw: Raw<'_>, out: &mut Items<'_>) {
    let source = raw.get("source");
    out.push(ItemKind::Image {
        media_type: source.get("media_type").string(),
        bytes: source.get("data").text().map(|data| base64_len(&data)),
        url: source.get("url").string(),
    });
}
