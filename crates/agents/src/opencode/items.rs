//! The messages for a reader.

use super::fold::tokens;
use crate::item::{Item, ItemKind, Items};
use crate::json::{Raw, compact, object};
use crate::text::{base64_len, content_text};
use crate::time::time_ms;

object! { Info {
    id: "id", parent: "parentID", role: "role", time: "time", model: "model", model_id: "modelID",
    tokens: "tokens", error: "error", summary: "summary",
} }

object! { Part {
    id: "id", kind: "type", text: "text", synthetic: "synthetic", ignored: "ignored", time: "time",
    call: "callID", tool: "tool", state: "state", mime: "mime", url: "url", filename: "filename",
    files: "files", description: "description", error: "error", agent: "agent",
} }

pub(super) fn items(raw: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let (info, parts) = (raw.get("info"), raw.get("parts"));
    let mut out = Items::new(items, index);
    if !info.is_object() || !parts.is_array() {
        out.push_unknown(raw);
        return;
    }
    let info = Info::read(info);
    out.id = info.id.string();
    out.parent = info.parent.string();
    let created = time_ms(info.time.get("created"));
    let is_user = info.role.is("user");
    let is_summary = info.summary.is_true() && !is_user;
    if is_summary {
        let text = content_text(parts, &["text"], usize::MAX);
        out.at_ms = created;
        out.push(ItemKind::Compaction {
            summary: (!text.is_empty()).then_some(text),
        });
        out.hidden = true;
    }
    for raw in parts.elements() {
        let part = Part::read(raw);
        out.at_ms = time_ms(part.time.get("start")).or(created);
        if part.kind.is("text") {
            text(&part, &info, is_user, &mut out);
        } else {
            other(&part, raw, &mut out);
        }
    }
    out.at_ms = created;
    let error = info.error.get("data").get("message").full_text();
    if let Some(text) = error.or_else(|| info.error.get("name").full_text()) {
        out.push(ItemKind::Notice {
            text: text.into_owned(),
        });
    }
    match tokens(info.tokens) {
        Some(tokens) => out.push_hidden(ItemKind::Usage { tokens }),
        None => out.push_hidden(ItemKind::Raw),
    }
}

fn text(part: &Part<'_>, info: &Info<'_>, is_user: bool, out: &mut Items<'_>) {
    let text = part.text.string().unwrap_or_default();
    if part.synthetic.is_true() || part.ignored.is_true() {
        out.push_hidden(ItemKind::Notice { text });
    } else if is_user {
        out.push(ItemKind::Prompt { text });
    } else {
        let model = info
            .model_id
            .string()
            .or_else(|| info.model.get("modelID").string());
        out.push(ItemKind::Answer { text, model });
    }
}

fn other(part: &Part<'_>, raw: Raw<'_>, out: &mut Items<'_>) {
    match part.kind.text().as_deref() {
        Some("reasoning") => {
            out.push(ItemKind::Thinking {
                text: part.text.string().unwrap_or_default(),
            });
        }
        Some("tool") => tool(part, out),
        Some("file") => file(part, out),
        Some("compaction") => out.push(ItemKind::Compaction { summary: None }),
        Some("subtask") => out.push(ItemKind::Subagent {
            id: part.id.string().unwrap_or_default(),
            title: part.description.string().or_else(|| part.agent.string()),
        }),
        Some("patch") => {
            let files: Vec<String> = part.files.elements().filter_map(Raw::string).collect();
            out.push_hidden(ItemKind::Notice {
                text: files.join("\n"),
            });
        }
        Some("retry") => {
            let text = part
                .error
                .get("data")
                .get("message")
                .string()
                .unwrap_or_default();
            out.push_hidden(ItemKind::Notice { text });
        }
        Some("step-finish") => match tokens(raw.get("tokens")) {
            Some(tokens) => out.push_hidden(ItemKind::Usage { tokens }),
            None => out.push_hidden(ItemKind::Raw),
        },
        Some("step-start" | "snapshot" | "agent") => out.push_hidden(ItemKind::Raw),
        _ => out.push_unknown(raw),
    }
}

/// A call, and its result where there is one. A task's subagent is a session of its own.
fn tool(part: &Part<'_>, out: &mut Items<'_>) {
    let call_id = part.call.string();
    let state = part.state;
    out.push(ItemKind::ToolCall {
        call_id: call_id.clone(),
        name: part.tool.string().unwrap_or_default(),
        input: compact(state.get("input").as_str()),
    });
    let metadata = state.get("metadata");
    let session = metadata.get("sessionId").full_text();
    if let Some(id) = session.or_else(|| metadata.get("sessionID").full_text()) {
        let title = state.get("title").string();
        out.push(ItemKind::Subagent {
            id: id.into_owned(),
            title,
        });
    }
    let is_error = state.get("status").is("error");
    let text = if is_error {
        state.get("error")
    } else {
        state.get("output")
    };
    if is_error || text.is_string() {
        let text = text.string().unwrap_or_default();
        out.at_ms = time_ms(state.get("time").get("end")).or(out.at_ms);
        out.push(ItemKind::ToolResult {
            call_id,
            text,
            is_error,
        });
    }
    for raw in state.get("attachments").elements() {
        file(&Part::read(raw), out);
    }
}

fn file(part: &Part<'_>, out: &mut Items<'_>) {
    let media_type = part.mime.string();
    let is_image = media_type
        .as_deref()
        .is_some_and(|kind| kind.starts_with("image/"));
    let url = part.url.text().unwrap_or_default();
    if !is_image {
        let name = part
            .filename
            .string()
            .unwrap_or_else(|| url.chars().take(200).collect());
        out.push(ItemKind::Notice { text: name });
        return;
    }
    let inside = url
        .strip_prefix("data:")
        .and_then(|data| data.split_once("base64,"));
    out.push(match inside {
        Some((_, data)) => ItemKind::Image {
            media_type,
            bytes: Some(base64_len(data)),
            url: None,
        },
        None => ItemKind::Image {
            media_type,
            bytes: None,
            url: Some(url.into_owned()),
        },
    });
}
