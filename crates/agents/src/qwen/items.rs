//! The records for a reader.

use super::fold::{is_said, prompt_text, tokens};
use super::tree::REWOUND;
use crate::item::{Item, ItemKind, Items};
use crate::json::{Raw, compact, object};
use crate::text::{base64_len, content_text};
use crate::time::time_ms;

object! { Record {
    uuid: "uuid", parent: "parentUuid", timestamp: "timestamp", kind: "type", subtype: "subtype",
    model: "model", usage: "usageMetadata", message: "message", payload: "systemPayload",
    result: "toolCallResult",
} }

/// Every record has an item, so that a branch can be followed along them.
pub(super) fn items(raw: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let record = Record::read(raw);
    let before = items.len();
    let mut out = begin(&record, index, items);
    match record.kind.text().as_deref() {
        Some("user") => user(&record, &mut out),
        Some("assistant") => answer(&record, &mut out),
        Some("tool_result") => results(&record, &mut out),
        Some("system") => system(&record, &mut out),
        _ => out.push_unknown(raw),
    }
    if items.len() == before {
        begin(&record, index, items).push_hidden(ItemKind::Raw);
    }
}

fn begin<'i>(record: &Record<'_>, index: u64, items: &'i mut Vec<Item>) -> Items<'i> {
    let mut out = Items::new(items, index);
    out.id = record.uuid.full_text().map(Into::into);
    out.parent = record.parent.full_text().map(Into::into);
    out.at_ms = time_ms(record.timestamp);
    out
}

fn user(record: &Record<'_>, out: &mut Items<'_>) {
    if let Some(text) = prompt_text(record.payload, record.message, usize::MAX) {
        let is_said = is_said(record.subtype);
        out.push(if is_said {
            ItemKind::Prompt { text }
        } else {
            ItemKind::Notice { text }
        });
    }
    images(record.message, out);
}

fn images(message: Raw<'_>, out: &mut Items<'_>) {
    for part in message.get("parts").elements() {
        let (data, file) = (part.get("inlineData"), part.get("fileData"));
        let is_image = |raw: Raw<'_>| {
            raw.get("mimeType")
                .text()
                .is_some_and(|kind| kind.starts_with("image/"))
        };
        if is_image(data) || is_image(file) {
            out.push(ItemKind::Image {
                media_type: data
                    .get("mimeType")
                    .string()
                    .or_else(|| file.get("mimeType").string()),
                bytes: data.get("data").text().map(|data| base64_len(&data)),
                url: file.get("fileUri").string(),
            });
        }
    }
}

fn answer(record: &Record<'_>, out: &mut Items<'_>) {
    for part in record.message.get("parts").elements() {
        let call = part.get("functionCall");
        if call.is_object() {
            out.push(ItemKind::ToolCall {
                call_id: call.get("id").string(),
                name: call.get("name").string().unwrap_or_default(),
                input: compact(call.get("args").as_str()),
            });
        } else if let Some(text) = part.get("text").string() {
            out.push(if part.get("thought").is_true() {
                ItemKind::Thinking { text }
            } else {
                ItemKind::Answer {
                    text,
                    model: record.model.string(),
                }
            });
        }
    }
    if let Some(tokens) = tokens(record.usage) {
        out.push_hidden(ItemKind::Usage { tokens });
    }
}

fn results(record: &Record<'_>, out: &mut Items<'_>) {
    let is_error = record.result.get("status").is("error");
    for part in record.message.get("parts").elements() {
        let called = part.get("functionResponse");
        if !called.is_object() {
            continue;
        }
        let response = called.get("response");
        let failed = response.get("error").string();
        out.push(ItemKind::ToolResult {
            call_id: called.get("id").string(),
            is_error: is_error || failed.is_some(),
            text: response
                .get("output")
                .string()
                .or(failed)
                .unwrap_or_default(),
        });
    }
    images(record.message, out);
}

fn system(record: &Record<'_>, out: &mut Items<'_>) {
    match record.subtype.text().as_deref() {
        Some("rewind") => out.push(ItemKind::Notice {
            text: REWOUND.to_owned(),
        }),
        Some("custom_title") => {
            if let Some(text) = record.payload.get("customTitle").string() {
                out.push_hidden(ItemKind::Notice { text });
            }
        }
        Some("chat_compression") => {
            let history = record.payload.get("compressedHistory");
            let summary = history
                .elements()
                .next()
                .map(|said| content_text(said.get("parts"), &[], usize::MAX));
            out.push(ItemKind::Compaction {
                summary: summary.filter(|text| !text.is_empty()),
            });
        }
        Some("slash_command") if record.payload.get("phase").is("invocation") => {
            if let Some(text) = record.payload.get("rawCommand").string() {
                out.push(ItemKind::Notice { text });
            }
        }
        _ => out.push_hidden(ItemKind::Raw),
    }
}
