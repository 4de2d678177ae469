//! The events for a reader.

use super::fold::{compacts, is_nested, is_said};
use crate::item::{Item, ItemKind, Items};
use crate::json::{Raw, compact, object};
use crate::text::content_text;
use crate::time::time_ms;

object! { Event { kind: "type", data: "data", id: "id", parent: "parentId", timestamp: "timestamp" } }

pub(super) fn items(raw: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let event = Event::read(raw);
    let mut out = Items::new(items, index);
    out.id = event.id.string();
    out.parent = event.parent.string();
    out.at_ms = time_ms(event.timestamp);
    out.hidden = is_nested(event.data);
    match event.kind.text().as_deref() {
        Some("user.message") => user(event.data, &mut out),
        Some("assistant.message") => answer(event.data, &mut out),
        Some("assistant.reasoning") => {
            if let Some(text) = event.data.get("content").string() {
                out.push(ItemKind::Thinking { text });
            }
        }
        Some("tool.execution_start") => call(event.data, &mut out),
        Some("tool.execution_complete") => result(event.data, &mut out),
        Some("subagent.started" | "subagent.completed" | "subagent.failed") => {
            subagent(event.data, &mut out);
        }
        Some("session.truncation" | "session.compaction_complete") if compacts(event.data) => {
            let summary = event.data.get("summaryContent").full_text().map(Into::into);
            out.push(ItemKind::Compaction { summary });
        }
        Some(kind) => happened(kind, &event, raw, &mut out),
        None => out.push_unknown(raw),
    }
}

fn user(data: Raw<'_>, out: &mut Items<'_>) {
    out.hidden |= !is_said(data);
    let text = data.get("content").string().unwrap_or_default();
    out.push(ItemKind::Prompt { text });
    for attachment in data.get("attachments").elements() {
        let shown = ["path", "displayName", "url"]
            .iter()
            .find_map(|key| attachment.get(key).full_text());
        if let Some(text) = shown {
            out.push(ItemKind::Notice {
                text: text.into_owned(),
            });
        }
    }
}

/// The requests of tools in an answer are not read: each has an event of its own.
fn answer(data: Raw<'_>, out: &mut Items<'_>) {
    if let Some(text) = data.get("reasoningText").full_text() {
        out.push(ItemKind::Thinking {
            text: text.into_owned(),
        });
    }
    match data.get("content").full_text() {
        Some(text) => out.push(ItemKind::Answer {
            text: text.into_owned(),
            model: data.get("model").string(),
        }),
        None => out.push_hidden(ItemKind::Raw),
    }
}

fn call(data: Raw<'_>, out: &mut Items<'_>) {
    let arguments = data.get("arguments");
    let input = match arguments.string() {
        Some(text) if crate::json::is_whole(&text) => compact(&text),
        _ => compact(arguments.as_str()),
    };
    out.push(ItemKind::ToolCall {
        call_id: data.get("toolCallId").string(),
        name: data.get("toolName").string().unwrap_or_default(),
        input,
    });
}

fn result(data: Raw<'_>, out: &mut Items<'_>) {
    let (result, error) = (data.get("result"), data.get("error"));
    let text = [
        result.get("content"),
        result.get("detailedContent"),
        error.get("message"),
        error,
    ]
    .into_iter()
    .map(|content| content_text(content, &["text"], usize::MAX))
    .find(|text| !text.is_empty());
    out.push(ItemKind::ToolResult {
        call_id: data.get("toolCallId").string(),
        text: text.unwrap_or_default(),
        is_error: data.get("success").as_str() == "false",
    });
}

fn subagent(data: Raw<'_>, out: &mut Items<'_>) {
    let title = data.get("agentDisplayName").full_text();
    let title = title.or_else(|| data.get("agentName").full_text());
    out.push(ItemKind::Subagent {
        id: data.get("toolCallId").string().unwrap_or_default(),
        title: title.map(Into::into),
    });
}

/// What is said in a line, and what only the agent needs.
fn happened(kind: &str, event: &Event<'_>, raw: Raw<'_>, out: &mut Items<'_>) {
    let data = event.data;
    match kind {
        "session.error" | "session.warning" => {
            let text = data.get("message").string().unwrap_or_default();
            out.push(ItemKind::Notice { text });
        }
        "abort" => {
            let reason = data.get("reason").string().unwrap_or_default();
            out.push(ItemKind::Notice {
                text: format!("Stopped: {reason}"),
            });
        }
        "session.model_change" => {
            if let Some(text) = data.get("newModel").string() {
                out.push_hidden(ItemKind::Notice { text });
            }
        }
        _ if is_quiet(kind) => out.push_hidden(ItemKind::Raw),
        _ => out.push_unknown(raw),
    }
}

fn is_quiet(kind: &str) -> bool {
    let families = [
        "session.",
        "hook.",
        "system.",
        "assistant.turn_",
        "tool.",
        "subagent.",
    ];
    families.iter().any(|family| kind.starts_with(family))
}
