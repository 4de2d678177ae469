//! What is searched of an item: its text as a person reads it.

use std::borrow::Cow;

use serde_json::Value;
use sessiondb_agents::ItemKind;

/// The text of an item; `entry` is what it is from. `None` if it has none.
pub(crate) fn text_of<'i>(item: &'i ItemKind, entry: &str) -> Option<Cow<'i, str>> {
    Some(match item {
        ItemKind::Prompt { text }
        | ItemKind::Answer { text, .. }
        | ItemKind::Thinking { text }
        | ItemKind::ToolResult { text, .. }
        | ItemKind::Notice { text } => Cow::Borrowed(text),
        ItemKind::Compaction { summary } => Cow::Borrowed(summary.as_deref()?),
        ItemKind::Subagent { title, .. } => Cow::Borrowed(title.as_deref()?),
        ItemKind::ToolCall { name, input, .. } => {
            let mut text = name.clone();
            match serde_json::from_str(input) {
                Ok(value) => put_texts(&value, &mut text),
                Err(_) => put(input, &mut text),
            }
            Cow::Owned(text)
        }
        ItemKind::Raw => {
            let mut text = String::new();
            if let Ok(value) = serde_json::from_str(entry) {
                put_texts(&value, &mut text);
            }
            Cow::Owned(text)
        }
        _ => return None,
    })
}

/// The texts of a JSON value, a line for each. JSON within a text is such a value.
fn put_texts(value: &Value, to: &mut String) {
    match value {
        Value::String(text) => put(text, to),
        Value::Array(values) => values.iter().for_each(|value| put_texts(value, to)),
        Value::Object(fields) => fields.values().for_each(|value| put_texts(value, to)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn put(text: &str, to: &mut String) {
    if !to.is_empty() {
        to.push('\n');
    }
    to.push_str(text);
}
