//! What the lines are for a reader.
//!
//! What is said twice is an item twice, of which one is hidden; see `settle`.

use crate::codex::fold::usage;
use crate::codex::said::{is_by_program, request};
use crate::codex::{Line, LineKind, Payload, arguments, tool_name};
use crate::item::{Item, ItemKind, Items};
use crate::json::Raw;
use crate::text::{base64_len, content_text};
use crate::time::time_ms;

const SAID: &[&str] = &["input_text", "output_text", "text", "Text"];

pub(super) fn items(entry: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let line = Line::read(entry);
    let mut items = Items::new(items, index);
    items.at_ms = time_ms(line.timestamp);
    let (kind, payload) = line.parts();
    items.id = payload.id.string();
    match kind {
        LineKind::Meta | LineKind::TurnContext => items.push_hidden(ItemKind::Raw),
        LineKind::Item => item(&payload, &mut items),
        LineKind::Event => event(&payload, &mut items),
        LineKind::Compacted => {
            let summary = payload
                .message
                .full_text()
                .map(std::borrow::Cow::into_owned);
            items.push(ItemKind::Compaction { summary });
        }
        LineKind::Unknown if line.payload.raw.is_object() => items.push_hidden(ItemKind::Raw),
        LineKind::Unknown => items.push_unknown(entry),
    }
}

fn item(item: &Payload<'_>, items: &mut Items<'_>) {
    if said_by_model(item, items) {
        return;
    }
    if item.role.is_string() {
        message(item, items);
        return;
    }
    match item.kind.short_text().as_deref() {
        Some("agent_message") => items.push(ItemKind::Notice {
            text: said(item.content),
        }),
        Some("ghost_snapshot") => items.push_hidden(ItemKind::Raw),
        _ => items.push_unknown(item.raw),
    }
}

/// An item of the model's interface that is no message: a call, what came of it, a thought. Returns whether it is
/// one.
pub(crate) fn part(item: Raw<'_>, items: &mut Items<'_>) -> bool {
    said_by_model(&Payload::read(item), items)
}

fn said_by_model(item: &Payload<'_>, items: &mut Items<'_>) -> bool {
    if let Some(name) = tool_name(item) {
        items.push(ItemKind::ToolCall {
            call_id: item.call_id.string(),
            name: name.into_owned(),
            input: arguments(item),
        });
        return true;
    }
    if item.role.is_string() {
        return false;
    }
    match item.kind.short_text().as_deref() {
        Some("reasoning") => {
            let text = content_text(item.summary, &["summary_text"], usize::MAX);
            items.push(ItemKind::Thinking { text });
        }
        Some(
            "function_call_output"
            | "custom_tool_call_output"
            | "tool_result"
            | "tool_search_output",
        ) => result(item, items),
        _ => return false,
    }
    true
}

fn said(content: Raw<'_>) -> String {
    content_text(content, SAID, usize::MAX)
}

fn message(message: &Payload<'_>, items: &mut Items<'_>) {
    let text = said(message.content);
    match message.role.short_text().as_deref() {
        Some("user") => {
            if !is_by_program(&text) {
                // Shown as the event that says the same.
                items.push_hidden(ItemKind::Prompt {
                    text: request(text.into()).into_owned(),
                });
            } else if !text.is_empty() {
                items.push_hidden(ItemKind::Notice { text });
            }
        }
        Some("assistant") => items.push(ItemKind::Answer { text, model: None }),
        _ => items.push_hidden(ItemKind::Notice { text }),
    }
    for block in message.content.elements() {
        if block.get("type").is("input_image")
            && let Some(url) = block.get("image_url").text()
        {
            items.push(image(&url));
        }
    }
}

/// A picture in the entry (`data:image/png;base64,...`) or elsewhere.
pub(crate) fn image(url: &str) -> ItemKind {
    let inside = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    match inside {
        Some((media_type, data)) => ItemKind::Image {
            media_type: Some(media_type.to_owned()),
            bytes: Some(base64_len(data)),
            url: None,
        },
        None => ItemKind::Image {
            media_type: None,
            bytes: None,
            url: Some(url.to_owned()),
        },
    }
}

fn result(result: &Payload<'_>, items: &mut Items<'_>) {
    let output = if result.output.is_null() {
        result.result
    } else {
        result.output
    };
    // Older versions write JSON into the string: `{"output": "...", "metadata": {...}}`.
    let inside = output.text().unwrap_or_default();
    let inside = Raw::new(&inside);
    let (text, code) = if inside.is_object() && inside.get("output").is_string() {
        let code = inside.get("metadata").get("exit_code").integer();
        (inside.get("output").string().unwrap_or_default(), code)
    } else if output.is_object() {
        let text = output
            .get("content")
            .text()
            .or_else(|| output.get("stdout").text());
        (
            text.map_or_else(|| output.as_str().to_owned(), Into::into),
            output.get("exit_code").integer(),
        )
    } else {
        (said(output), None)
    };
    items.push(ItemKind::ToolResult {
        call_id: result.call_id.string(),
        text,
        is_error: code.is_some_and(|code| code != 0) || output.get("success").as_str() == "false",
    });
}

fn event(event: &Payload<'_>, items: &mut Items<'_>) {
    let text = || event.message.string().unwrap_or_default();
    match event.kind.short_text().as_deref() {
        Some("user_message") => {
            let text = event.message.text().map(request).unwrap_or_default();
            items.push(ItemKind::Prompt {
                text: text.into_owned(),
            });
        }
        Some("agent_message") => items.push_hidden(ItemKind::Answer {
            text: text(),
            model: None,
        }),
        Some("agent_reasoning") => {
            let text = event.text.string().unwrap_or_default();
            items.push_hidden(ItemKind::Thinking { text });
        }
        Some("item_completed") => completed(event.item, items),
        Some("token_count" | "turn.completed") => {
            let last = event.info.get("last_token_usage");
            match usage(if last.is_object() { last } else { event.usage }) {
                Some(tokens) => items.push_hidden(ItemKind::Usage { tokens }),
                None => items.push_hidden(ItemKind::Raw),
            }
        }
        Some("turn_aborted") => {
            let reason = event.reason.text().unwrap_or_default();
            items.push(ItemKind::Notice {
                text: format!("Turn aborted: {reason}"),
            });
        }
        Some("error" | "stream_error" | "warning") => items.push(ItemKind::Notice { text: text() }),
        Some("thread_name_updated") => {
            let name = event.thread_name.text().unwrap_or_default();
            items.push_hidden(ItemKind::Notice {
                text: format!("Title: {name}"),
            });
        }
        Some("collab_agent_spawn_end") => {
            let title = event
                .new_agent_nickname
                .string()
                .or_else(|| event.prompt.string());
            let id = event.new_thread_id.string().unwrap_or_default();
            items.push(ItemKind::Subagent { id, title });
        }
        Some("sub_agent_activity") => {
            let id = event.agent_thread_id.string().unwrap_or_default();
            items.push_hidden(ItemKind::Subagent {
                id,
                title: event.agent_path.string(),
            });
        }
        _ => items.push_hidden(ItemKind::Raw),
    }
}

fn completed(item: Raw<'_>, items: &mut Items<'_>) {
    let text = said(item.get("content"));
    items.push_hidden(match item.get("type").short_text().as_deref() {
        Some("UserMessage") => ItemKind::Prompt {
            text: request(text.into()).into_owned(),
        },
        Some("AgentMessage") => ItemKind::Answer { text, model: None },
        Some("Reasoning") => {
            let text = content_text(item.get("summary_text"), &[], usize::MAX);
            ItemKind::Thinking { text }
        }
        _ => ItemKind::Raw,
    });
}
