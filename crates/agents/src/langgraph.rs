//! LangGraph: a line a checkpoint or what was written on one, as `sessiondb-sdk` keeps them. What a person said and
//! was told are the messages of the channel `messages`, of which a line has those that are new.

use std::collections::HashSet;

use crate::agent::{Agent, By, Probe, Sealed};
use crate::fold::{Counts, Fold};
use crate::item::{Item, ItemKind, Items};
use crate::json::{Raw, Read, Text, decoded, object};
use crate::text::PROMPT_CHARS;
use crate::time::time_ms;

mod message;

use message::{Message, Role};

/// LangGraph.
pub(crate) struct LangGraph;

object! {
    /// A line.
    Entry {
        kind: "type",
        id: "id",
        parent: "parent",
        checkpoint: "checkpoint" as Stored,
        versions: "versions",
        values: "values",
        task: "task",
        writes: "writes",
    }
}

object! {
    /// A value as it is kept.
    Stored {
        kind: "kind",
        items: "items",
        value: "value",
        text: "text",
    }
}

/// The channel in which graphs keep what is said.
const MESSAGES: &str = "messages";

impl<'a> Entry<'a> {
    /// The messages that are new with a checkpoint.
    fn messages(&self) -> impl Iterator<Item = Message<'a>> {
        let values = self.values.elements();
        let of_messages = values.filter(|value| value.get("channel").is(MESSAGES));
        of_messages
            .flat_map(|value| {
                let value = Stored::read(value.get("value"));
                // A list that is not kept as one, and a graph whose only message is the value.
                let whole = [value.value].into_iter().filter(|value| !value.is_array());
                value
                    .items
                    .elements()
                    .chain(value.value.elements())
                    .chain(whole)
            })
            .filter_map(Message::of)
    }

    /// Whether a checkpoint has new values of channels that the graph itself has.
    fn has_values(&self) -> bool {
        let mut channels = self.values.elements().map(|value| value.get("channel"));
        channels.any(|channel| {
            let name = channel.text().unwrap_or_default();
            !name.starts_with("__") && !name.starts_with("branch:")
        })
    }

    fn at_ms(&self) -> Option<i64> {
        time_ms(self.checkpoint.value.get("ts"))
    }
}

impl Sealed for LangGraph {
    fn fold(&self, entry: Text<'_>, fold: &mut Fold) {
        let entry = Entry::read_first(entry);
        if let Some(time) = entry.at_ms() {
            fold.at(time);
        }
        for message in entry.messages() {
            match message.role() {
                Role::Person => {
                    fold.facts.counts.add(Counts::PROMPT);
                    if fold.facts.first_prompt.is_none() {
                        fold.first_prompt(&message.text(PROMPT_CHARS + 100));
                    }
                }
                Role::Model => {
                    let calls = message.calls().count() as u64;
                    let mut counts = Counts::ANSWER.with_tool_calls(calls);
                    if let Some(tokens) = message.tokens() {
                        counts = counts.with_tokens(tokens);
                    }
                    fold.facts.counts.add(counts);
                    if let Some(model) = message.model() {
                        fold.model(&model);
                    }
                }
                Role::Tool | Role::Program => {}
            }
        }
    }
}

impl Agent for LangGraph {
    fn name(&self) -> &'static str {
        "langgraph"
    }

    fn title(&self) -> &'static str {
        "LangGraph"
    }

    fn recognise(&self, probe: &Probe<'_>) -> Option<By> {
        let may_be = probe.may_have(&["\"checkpoint\"", "\"writes\""]);
        (may_be && probe.any_line(is_entry)).then_some(By::Content)
    }

    fn items(&self, entry: &[u8], index: u64, items: &mut Vec<Item>) {
        let text = decoded(entry);
        let raw = Raw::new(&text);
        let entry = Entry::read(raw);
        let mut items = Items::new(items, index);
        items.at_ms = entry.at_ms();
        if entry.kind.is("writes") {
            items.id = entry.task.string();
            writes(&entry, &mut items);
            return;
        }
        let mut said = false;
        for message in entry.messages() {
            items.id = message.id();
            message.items(&mut items);
            said = true;
        }
        if said {
            return;
        }
        items.id = entry.id.string();
        items.parent = entry.parent.string();
        // What a graph without messages does can only be seen in its values.
        let is_shown = entry.versions.get(MESSAGES).is_missing() && entry.has_values();
        if !entry.kind.is("checkpoint") {
            items.push_unknown(raw);
        } else if is_shown {
            items.push(ItemKind::Raw);
        } else {
            items.push_hidden(ItemKind::Raw);
        }
    }

    /// A message that a checkpoint has once more is shown where it stood first.
    fn settle(&self, items: &mut Vec<Item>) {
        let mut seen = HashSet::new();
        for item in items {
            let is_message = !matches!(item.kind, ItemKind::Raw);
            if let Some(id) = item.id.as_ref().filter(|_| is_message) {
                let what = serde_json::to_string(&item.kind).unwrap_or_default();
                item.hidden |= !seen.insert((id.clone(), what));
            }
        }
    }
}

/// What tasks have written comes again with the checkpoint that follows, but for what went wrong and what waits
/// for a person.
fn writes(entry: &Entry<'_>, items: &mut Items<'_>) {
    let mut told = false;
    for write in entry.writes.elements() {
        let word = match write.get("channel").short_text().as_deref() {
            Some("__error__") => "Error",
            Some("__interrupt__") => "Interrupted",
            _ => continue,
        };
        let value = Stored::read(write.get("value"));
        let what = [value.text.text(), value.value.text()]
            .into_iter()
            .flatten()
            .next();
        let raw = if value.items.is_missing() {
            value.value
        } else {
            value.items
        };
        let what = what.unwrap_or_else(|| raw.as_str().into());
        items.push(ItemKind::Notice {
            text: format!("{word}: {what}"),
        });
        told = true;
    }
    if !told {
        items.push_hidden(ItemKind::Raw);
    }
}

fn is_entry(raw: Raw<'_>) -> bool {
    let entry = Entry::read(raw);
    let is_checkpoint = || entry.kind.is("checkpoint") && entry.checkpoint.kind.is_string();
    let is_writes = || entry.kind.is("writes") && entry.task.is_string() && entry.writes.is_array();
    entry.id.is_string() && (is_checkpoint() || is_writes())
}
