//! One line about an entry, whatever its shape: the wire's own kinds, and those of other agents.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::render;

/// The most characters of a summary.
const MAX_CHARS: usize = 110;

/// What a line about an entry says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Date and time, UTC; `-` where the entry has none.
    pub(crate) time: String,
    /// The kind, with the kind or role of what is inside: `assistant_item/tool_call`.
    pub(crate) kind: String,
    /// The text that says most about the entry.
    pub(crate) text: String,
}

impl Summary {
    pub(crate) fn of(entry: &[u8]) -> Self {
        match serde_json::from_slice(entry) {
            Ok(Value::Object(object)) => Self {
                time: time(&object).unwrap_or_else(|| "-".to_owned()),
                kind: render::clip(&kind(&object), 40),
                text: render::clip(&text(&object), MAX_CHARS),
            },
            // Another JSON value, or a number too large to hold: the text itself.
            _ => Self {
                time: "-".to_owned(),
                kind: "-".to_owned(),
                text: render::clip(&String::from_utf8_lossy(entry), MAX_CHARS),
            },
        }
    }
}

fn time(object: &Map<String, Value>) -> Option<String> {
    let value = object.get("ts").or_else(|| object.get("timestamp"))?;
    match value {
        Value::String(text) => text.parse::<Timestamp>().ok().map(render::stamp),
        number => number.as_u64().map(render::time),
    }
}

fn kind(object: &Map<String, Value>) -> String {
    let Some(outer) = tag(object) else {
        return "-".to_owned();
    };
    let inner = ["item", "message"]
        .iter()
        .filter_map(|key| object.get(*key)?.as_object())
        .find_map(|inner| {
            inner
                .get("role")
                .and_then(Value::as_str)
                .or_else(|| tag(inner))
        });
    match inner {
        Some(inner) if inner != outer => format!("{outer}/{inner}"),
        _ => outer.to_owned(),
    }
}

fn tag(object: &Map<String, Value>) -> Option<&str> {
    ["kind", "type"]
        .iter()
        .find_map(|key| object.get(*key)?.as_str())
}

fn text(object: &Map<String, Value>) -> String {
    let field = |key: &str| object.get(key).map(plain).unwrap_or_default();
    match tag(object) {
        Some("segment_start") => start(object),
        Some("invoke") => field("trigger"),
        Some("turn_end") => format!("turn {}", field("turn_count")),
        Some("run_completed") => field("result"),
        Some("llm_usage") => format!(
            "{} tokens in, {} of them cached, {} out",
            field("input_total_tokens"),
            field("cache_read_tokens"),
            field("output_tokens")
        ),
        Some("extension") => format!("{} {}", field("domain"), field("payload")),
        Some("lifecycle") => format!("{} {}", field("label"), field("data")),
        _ => said(object).unwrap_or_else(|| rest(object)),
    }
}

fn start(object: &Map<String, Value>) -> String {
    let mut parts = Vec::new();
    for (key, word) in [("forked_from", "forked"), ("compacted_from", "compacted")] {
        if let Some(origin) = object.get(key).and_then(Value::as_object) {
            let field = |key: &str| origin.get(key).map(plain).unwrap_or_default();
            parts.push(format!(
                "{word} from {} at turn {}",
                field("segment_id"),
                field("at_turn_index")
            ));
        }
    }
    let history = object.get("history").and_then(Value::as_array);
    if let Some(items) = history.filter(|items| !items.is_empty()) {
        parts.push(render::count(items.len() as u64, "earlier item"));
    }
    if let Some(prompt) = object.get("system_prompt").and_then(Value::as_str) {
        parts.push(prompt.to_owned());
    }
    parts.join("; ")
}

/// What is said in a value: text, a call of a tool, or what its parts say.
fn said_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(parts) => {
            let said: Vec<String> = parts.iter().filter_map(said_in).collect();
            (!said.is_empty()).then(|| said.join(" "))
        }
        Value::Object(object) => said(object),
        _ => None,
    }
}

fn said(object: &Map<String, Value>) -> Option<String> {
    const SPOKEN: [&str; 11] = [
        "text", "thinking", "content", "refusal", "summary", "body", "message", "item", "segments",
        "event", "title",
    ];
    let arguments = object.get("arguments").or_else(|| object.get("input"));
    if let (Some(Value::String(name)), Some(arguments)) = (object.get("name"), arguments) {
        return Some(format!("{name} {}", plain(arguments)));
    }
    if let Some(reference) = reference(object) {
        return Some(reference);
    }
    SPOKEN
        .iter()
        .find_map(|key| object.get(*key).and_then(said_in))
}

/// What a user's input points to, as it was typed.
fn reference(object: &Map<String, Value>) -> Option<String> {
    let (sign, key) = match tag(object)? {
        "file_ref" => ('@', "path"),
        "knowledge_ref" => ('#', "slug"),
        "workflow_invoke" => ('/', "slug"),
        _ => return None,
    };
    Some(format!("{sign}{}", object.get(key)?.as_str()?))
}

/// The fields that the line does not show otherwise.
fn rest(object: &Map<String, Value>) -> String {
    let mut rest = object.clone();
    for shown in ["kind", "type", "ts", "timestamp"] {
        rest.remove(shown);
    }
    if rest.is_empty() {
        return String::new();
    }
    Value::Object(rest).to_string()
}

/// A value as text: a string without its quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(entry: &str) -> (String, String) {
        let Summary { kind, text, .. } = Summary::of(entry.as_bytes());
        (kind, text)
    }

    fn pair(kind: &str, text: &str) -> (String, String) {
        (kind.to_owned(), text.to_owned())
    }

    #[test]
    fn the_wire_shapes_say_what_matters() {
        assert_eq!(
            summary(
                r#"{"kind":"user_input","ts":3,"segments":[{"kind":"text","content":"read"},{"kind":"file_ref","path":"a.rs"},{"kind":"workflow_invoke","slug":"w"},{"kind":"new"}]}"#
            ),
            pair("user_input", "read @a.rs /w")
        );
        assert_eq!(
            summary(
                r#"{"kind":"assistant_item","ts":4,"item":{"kind":"tool_call","call_id":"c","name":"Read","arguments":"{\"path\":\"a.rs\"}"}}"#
            ),
            pair("assistant_item/tool_call", r#"Read {"path":"a.rs"}"#)
        );
        assert_eq!(
            summary(
                r#"{"kind":"tool_result","ts":5,"item":{"kind":"tool_result","call_id":"c","summary":"12 lines"}}"#
            ),
            pair("tool_result", "12 lines")
        );
        assert_eq!(
            summary(
                r#"{"kind":"llm_usage","ts":1,"history_len":2,"input_total_tokens":100,"cache_read_tokens":80,"cache_write_tokens":0,"output_tokens":7}"#
            ),
            pair("llm_usage", "100 tokens in, 80 of them cached, 7 out")
        );
        assert_eq!(
            summary(
                r#"{"kind":"segment_start","ts":1,"forked_from":{"segment_id":"x","at_turn_index":2},"history":[1],"system_prompt":"P"}"#
            ),
            pair(
                "segment_start",
                "forked from x at turn 2; 1 earlier item; P"
            )
        );
    }

    #[test]
    fn other_agents_entries_are_readable() {
        assert_eq!(
            summary(
                r#"{"type":"message","message":{"role":"assistant","content":[{"type":"text","text":"Reading."},{"type":"toolCall","name":"read","arguments":{"path":"a"}}]}}"#
            ),
            pair("message/assistant", r#"Reading. read {"path":"a"}"#)
        );
        assert_eq!(
            summary(r#"{"type":"model_change","modelId":"m"}"#),
            pair("model_change", r#"{"modelId":"m"}"#)
        );
    }

    #[test]
    fn any_json_gives_one_clean_line() {
        for entry in ["null", "[1,2]", "\"a\"", "{}", r#"{"kind":7}"#, "1e999"] {
            let text = Summary::of(entry.as_bytes()).text;
            assert!(!text.contains('\n'), "{entry}: {text}");
        }
        let escape = summary(r#"{"kind":"x\u001b","text":"a\u001b[31m\nb"}"#);
        assert_eq!(escape, pair("x", "a[31m b"));
    }

    #[test]
    fn times_are_read_in_both_forms() {
        let of = |entry: &str| Summary::of(entry.as_bytes()).time;
        assert_eq!(of(r#"{"ts":1763681630804}"#), "2025-11-20 23:33:50");
        assert_eq!(
            of(r#"{"timestamp":"2025-11-20T23:33:50.804Z"}"#),
            "2025-11-20 23:33:50"
        );
        assert_eq!(of(r#"{"ts":18446744073709551615}"#), "-");
        assert_eq!(of(r#"{"ts":"yesterday"}"#), "-");
    }
}
