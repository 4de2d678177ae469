//! OpenAI Agents SDK: a line an item of the model's interface, as a session of the SDK holds them.

use crate::agent::{Agent, By, Probe, Sealed};
use crate::codex::{image, part};
use crate::fold::{Counts, Fold};
use crate::item::{Item, ItemKind, Items};
use crate::json::{Raw, Read, Text, decoded, object};
use crate::text::{PROMPT_CHARS, content_text};

/// The OpenAI Agents SDK.
pub(crate) struct OpenAi;

object! {
    /// An item.
    Entry {
        kind: "type",
        role: "role",
        content: "content",
        id: "id",
        call_id: "call_id",
        name: "name",
        output: "output",
        timestamp: "timestamp",
    }
}

/// The kinds of the parts that are text.
const SAID: &[&str] = &["input_text", "output_text", "text", "refusal"];

/// Who an item is from, for those that are messages.
enum Role {
    User,
    Assistant,
    Program,
    /// It is no message.
    None,
}

impl Entry<'_> {
    fn role(&self) -> Role {
        let is_message = self.kind.is_missing() || self.kind.is("message");
        match self.role.short_text().as_deref().filter(|_| is_message) {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some(_) => Role::Program,
            None => Role::None,
        }
    }

    /// What the person said; a refusal of the model is its text.
    fn text(&self, chars: usize) -> String {
        let text = content_text(self.content, SAID, chars);
        let refusal = || {
            self.content
                .elements()
                .find_map(|part| part.get("refusal").full_text())
        };
        if !text.is_empty() {
            return text;
        }
        refusal()
            .map(std::borrow::Cow::into_owned)
            .unwrap_or_default()
    }
}

/// Whether the model asks for something to be done: `function_call`, `web_search_call` and their like.
fn is_call(kind: &str) -> bool {
    kind.ends_with("_call") || kind == "mcp_approval_request"
}

/// Whether it is what stands in place of what was said before.
fn is_compaction(kind: &str) -> bool {
    matches!(kind, "compaction" | "compaction_summary")
}

impl Sealed for OpenAi {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        let entry = Entry::read_first(entry);
        match entry.role() {
            Role::User => {
                fold.facts.counts.add(Counts::PROMPT);
                if fold.facts.first_prompt.is_none() {
                    fold.first_prompt(&entry.text(PROMPT_CHARS + 100));
                }
            }
            Role::Assistant => fold.facts.counts.add(Counts::ANSWER),
            Role::Program => {}
            Role::None => {
                let kind = entry.kind.short_text().unwrap_or_default();
                fold.facts.counts.tool_calls += u64::from(is_call(&kind));
                fold.facts.counts.compactions += u64::from(is_compaction(&kind));
            }
        }
    }
}

impl Agent for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn title(&self) -> &'static str {
        "OpenAI Agents SDK"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        let may_be = probe.may_have(&["\"call_id\"", "\"msg_", "\"rs_"]);
        (may_be && probe.any_line(is_item)).then_some(By::Content)
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        let text = decoded(entry);
        let raw = Raw::new(&text);
        let entry = Entry::read(raw);
        let mut items = Items::new(items, index);
        items.id = entry.id.string();
        let text = || entry.text(usize::MAX);
        match entry.role() {
            Role::User => items.push(ItemKind::Prompt { text: text() }),
            Role::Assistant => items.push(ItemKind::Answer {
                text: text(),
                model: None,
            }),
            Role::Program => items.push_hidden(ItemKind::Notice { text: text() }),
            Role::None => other(raw, &entry, &mut items),
        }
        pictures(entry.content, &mut items);
    }

    fn settle(&self, items: &mut Vec<Item>) {
        for item in items {
            // What was thought is mostly kept encrypted: nothing to read.
            item.hidden |= matches!(&item.kind, ItemKind::Thinking { text } if text.is_empty());
        }
    }
}

fn other(raw: Raw<'_>, entry: &Entry<'_>, items: &mut Items<'_>) {
    if part(raw, items) {
        pictures(entry.output, items);
        return;
    }
    let kind = entry.kind.short_text().unwrap_or_default();
    if is_compaction(&kind) {
        let summary = Some(entry.text(usize::MAX)).filter(|text| !text.is_empty());
        items.push(ItemKind::Compaction { summary });
    } else if is_call(&kind) {
        let name = entry.name.string();
        items.push(ItemKind::ToolCall {
            call_id: entry.call_id.string().or_else(|| entry.id.string()),
            name: name.unwrap_or_else(|| kind.trim_end_matches("_call").to_owned()),
            input: raw.as_str().to_owned(),
        });
    } else if kind.ends_with("_output") {
        items.push(ItemKind::ToolResult {
            call_id: entry.call_id.string(),
            text: content_text(entry.output, SAID, usize::MAX),
            is_error: false,
        });
        pictures(entry.output, items);
    } else {
        items.push_unknown(raw);
    }
}

fn pictures(content: Raw<'_>, items: &mut Items<'_>) {
    for part in content.elements() {
        if part.get("type").is("input_image")
            && let Some(url) = part.get("image_url").full_text()
        {
            items.push(image(&url));
        }
    }
}

/// Whether it is surely an item of the model's interface, and no line that has a time as those of Codex have.
fn is_item(raw: Raw<'_>) -> bool {
    let entry = Entry::read(raw);
    if !entry.timestamp.is_missing() {
        return false;
    }
    let has_id = |start: &str| {
        entry
            .id
            .short_text()
            .is_some_and(|id| id.starts_with(start))
    };
    match entry.kind.short_text().as_deref() {
        Some("function_call") => entry.call_id.is_string() && entry.name.is_string(),
        Some("function_call_output") => entry.call_id.is_string() && !entry.output.is_missing(),
        Some("message") => entry.role.is_string() && has_id("msg_"),
        Some("reasoning") => has_id("rs_"),
        _ => false,
    }
}
