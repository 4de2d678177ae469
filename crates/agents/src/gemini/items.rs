//! A chat for a reader.

use std::collections::HashMap;

use super::fold::{is_answer, prompt, tokens};
use crate::item::{Item, ItemKind, Items};
use crate::json::{Raw, object};
use crate::text::{base64_len, content_text};
use crate::time::time_ms;

/// What stands for a line that takes messages back; its parent is the first of them.
const REWOUND: &str = "Went back to an earlier message";
/// What stands for a line that replaces all messages before.
const REPLACED: &str = "The messages before were replaced";

object! { Message {
    id: "id", kind: "type", timestamp: "timestamp", content: "content", shown: "displayContent",
    model: "model", tokens: "tokens", thoughts: "thoughts", tool_calls: "toolCalls", parts: "parts",
} }

object! { Call {
    id: "id", name: "name", args: "args", result: "result", status: "status",
    timestamp: "timestamp", display: "resultDisplay", agent: "agentId",
} }

pub(super) fn items(raw: Raw<'_>, index: u64, items: &mut Vec<Item>) {
    let mut out = Items::new(items, index);
    if let Some(target) = raw.get("$rewindTo").string() {
        out.parent = Some(target);
        out.push(ItemKind::Notice {
            text: REWOUND.to_owned(),
        });
    } else if raw.get("id").is_string() {
        message(raw, &mut out);
    } else {
        let messages = raw.get("$set").get("messages");
        if messages.is_array() {
            out.push_hidden(ItemKind::Notice {
                text: REPLACED.to_owned(),
            });
            for raw in last_of_each_id(messages) {
                message(raw, &mut out);
            }
        } else {
            out.push_unknown(raw);
        }
    }
}

/// The messages of a list: of those with one id the last, as if each were a line.
pub(super) fn last_of_each_id(messages: Raw<'_>) -> Vec<Raw<'_>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut last = Vec::new();
    for raw in messages.elements() {
        let Some(id) = raw.get("id").string() else {
            continue;
        };
        let place = *places.entry(id).or_insert(last.len());
        match last.get_mut(place) {
            Some(before) => *before = raw,
            None => last.push(raw),
        }
    }
    last
}

fn message(raw: Raw<'_>, out: &mut Items<'_>) {
    let mut message = Message::read(raw);
    if message.content.is_missing() {
        message.content = message.parts;
    }
    out.id = message.id.string();
    out.at_ms = time_ms(message.timestamp);
    let text = || content_text(message.content, &[], usize::MAX);
    match message.kind.text().as_deref() {
        Some("user") => user(&message, out),
        _ if is_answer(message.kind) => answer(&message, out),
        Some("info" | "warning" | "error") => out.push(ItemKind::Notice { text: text() }),
        _ => out.push_unknown(raw),
    }
}

fn user(message: &Message<'_>, out: &mut Items<'_>) {
    match prompt(message.content, message.shown, usize::MAX) {
        Some(text) => out.push(ItemKind::Prompt { text }),
        None => out.push_hidden(ItemKind::Raw),
    }
    for part in message.content.elements() {
        let data = part.get("inlineData");
        if data.is_object() {
            out.push(ItemKind::Image {
                media_type: data.get("mimeType").string(),
                bytes: data.get("data").text().map(|data| base64_len(&data)),
                url: None,
            });
        }
    }
}

fn answer(message: &Message<'_>, out: &mut Items<'_>) {
    for thought in message.thoughts.elements() {
        let parts = [thought.get("subject"), thought.get("description")];
        let parts: Vec<String> = parts
            .iter()
            .filter_map(|part| Some(part.full_text()?.into()))
            .collect();
        out.push(ItemKind::Thinking {
            text: parts.join("\n"),
        });
    }
    let text = content_text(message.content, &[], usize::MAX);
    if !text.is_empty() {
        out.push(ItemKind::Answer {
            text,
            model: message.model.string(),
        });
    }
    for raw in message.tool_calls.elements() {
        call(&Call::read(raw), out);
    }
    if let Some(tokens) = tokens(message.tokens) {
        out.push_hidden(ItemKind::Usage { tokens });
    } else if says_nothing(message) {
        out.push_hidden(ItemKind::Raw);
    }
}

/// Whether a message has nothing to show, so that it would leave no item.
fn says_nothing(message: &Message<'_>) -> bool {
    message.tool_calls.elements().next().is_none()
        && message.thoughts.elements().next().is_none()
        && content_text(message.content, &[], 1).is_empty()
}

/// A call, and its result where there is one.
fn call(call: &Call<'_>, out: &mut Items<'_>) {
    let call_id = call.id.string();
    let name = call.name.string().unwrap_or_default();
    if let Some(id) = call.agent.full_text() {
        out.push(ItemKind::Subagent {
            id: id.into_owned(),
            title: Some(name.clone()),
        });
    }
    let input = crate::json::compact(call.args.as_str());
    out.push(ItemKind::ToolCall {
        call_id: call_id.clone(),
        name,
        input,
    });
    let is_error = call.status.is("error");
    if let Some(text) = result(call).or_else(|| is_error.then(String::new)) {
        out.push(ItemKind::ToolResult {
            call_id,
            text,
            is_error,
        });
    }
}

/// What the tool gave back, as the model read it, else as the person did.
fn result(call: &Call<'_>) -> Option<String> {
    let mut said = Vec::new();
    for part in call.result.elements() {
        let response = part.get("functionResponse").get("response");
        let text = response
            .get("output")
            .string()
            .or_else(|| response.get("error").string());
        said.extend(text.or_else(|| part.get("text").string()));
    }
    if said.is_empty() {
        return call.result.string().or_else(|| call.display.string());
    }
    Some(said.join("\n"))
}

/// Hides what later lines took back or replaced.
pub(super) fn settle(items: &mut [Item]) {
    let mut standing = Standing::default();
    for (at, item) in items.iter().enumerate() {
        match (&item.kind, &item.id, &item.parent) {
            (ItemKind::Notice { text }, None, Some(target)) if text == REWOUND => {
                let from = standing.order.iter().rposition(|id| id == target);
                standing.take_back(from.unwrap_or(0));
            }
            (ItemKind::Notice { text }, None, None) if text == REPLACED => standing.take_back(0),
            (_, Some(id), _) => standing.add(id, at, item.entry),
            _ => {}
        }
    }
    for at in standing.gone {
        if let Some(item) = items.get_mut(at) {
            item.hidden = true;
        }
    }
}

/// The messages of the conversation as it stands after some of the items.
#[derive(Default)]
struct Standing<'a> {
    order: Vec<&'a str>,
    /// The entry of each message, and where its items are.
    messages: HashMap<&'a str, (u64, Vec<usize>)>,
    gone: Vec<usize>,
}

impl<'a> Standing<'a> {
    fn add(&mut self, id: &'a str, at: usize, entry: u64) {
        let order = &mut self.order;
        let message = self.messages.entry(id).or_insert_with(|| {
            order.push(id);
            (entry, Vec::new())
        });
        if message.0 != entry {
            message.0 = entry;
            self.gone.append(&mut message.1);
        }
        message.1.push(at);
    }

    fn take_back(&mut self, from: usize) {
        for id in self.order.drain(from..) {
            if let Some((_, items)) = self.messages.remove(id) {
                self.gone.extend(items);
            }
        }
    }
}
