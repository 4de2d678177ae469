//! One line about an entry, whatever its shape: the wire's own kinds, and those of other agents.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::render;
use crate::written::{Json, Object};

/// The most characters of a summary.
const MAX_CHARS: usize = 110;
/// How deep what is said may lie in an entry.
const MAX_DEPTH: usize = 16;

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
        match Json::of(entry).and_then(Json::object) {
            Some(object) => Self {
                time: time(&object).unwrap_or_else(|| "-".to_owned()),
                kind: render::clip(&kind(&object), 40),
                text: render::clip(&text(&object), MAX_CHARS),
            },
            None => Self {
                time: "-".to_owned(),
                kind: "-".to_owned(),
                text: render::clip(&String::from_utf8_lossy(entry), MAX_CHARS),
            },
        }
    }
}

fn time(object: &Object<'_>) -> Option<String> {
    let value = object.get("ts").or_else(|| object.get("timestamp"))?;
    match value.text() {
        Some(text) => text.parse::<DateTime<Utc>>().ok().map(render::stamp),
        None => value.as_str().parse().ok().map(render::time),
    }
}

fn kind(object: &Object<'_>) -> String {
    let Some(outer) = tag(object) else {
        return "-".to_owned();
    };
    let inner = ["item", "message"]
        .iter()
        .filter_map(|key| object.get(key)?.object())
        .find_map(|inner| {
            inner
                .get("role")
                .and_then(Json::text)
                .or_else(|| tag(&inner))
        });
    match inner {
        Some(inner) if inner != outer => format!("{outer}/{inner}"),
        _ => outer.into_owned(),
    }
}

fn tag<'a>(object: &Object<'a>) -> Option<Cow<'a, str>> {
    ["kind", "type"]
        .iter()
        .find_map(|key| object.get(key)?.text())
}

fn text(object: &Object<'_>) -> String {
    let field = |key: &str| object.get(key).map(Json::plain).unwrap_or_default();
    match tag(object).as_deref() {
        Some("segment_start") => start(object),
        Some("invoke") => field("trigger").into_owned(),
        Some("turn_end") => format!("turn {}", field("turn_count")),
        Some("run_completed") => field("result").into_owned(),
        Some("llm_usage") => format!(
            "{} tokens in, {} of them cached, {} out",
            field("input_total_tokens"),
            field("cache_read_tokens"),
            field("output_tokens")
        ),
        Some("extension") => format!("{} {}", field("domain"), field("payload")),
        Some("lifecycle") => format!("{} {}", field("label"), field("data")),
        _ => said(object, MAX_DEPTH).unwrap_or_else(|| rest(object)),
    }
}

fn start(object: &Object<'_>) -> String {
    let mut parts = Vec::new();
    for (key, word) in [("forked_from", "forked"), ("compacted_from", "compacted")] {
        if let Some(origin) = object.get(key).and_then(Json::object) {
            let field = |key: &str| origin.get(key).map(Json::plain).unwrap_or_default();
            parts.push(format!(
                "{word} from {} at turn {}",
                field("segment_id"),
                field("at_turn_index")
            ));
        }
    }
    let history = object.get("history").and_then(Json::array);
    if let Some(items) = history.filter(|items| !items.is_empty()) {
        parts.push(render::count(items.len() as u64, "earlier item"));
    }
    if let Some(prompt) = object.get("system_prompt").and_then(Json::text) {
        parts.push(prompt.into_owned());
    }
    parts.join("; ")
}

/// What is said in a value: text, a call of a tool, or what its parts say.
fn said_in(value: Json<'_>, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    if let Some(text) = value.text() {
        return (!text.trim().is_empty()).then(|| text.into_owned());
    }
    if let Some(parts) = value.array() {
        let said: Vec<String> = parts
            .into_iter()
            .filter_map(|part| said_in(part, depth))
            .collect();
        return (!said.is_empty()).then(|| said.join(" "));
    }
    said(&value.object()?, depth)
}

fn said(object: &Object<'_>, depth: usize) -> Option<String> {
    const SPOKEN: [&str; 11] = [
        "text", "thinking", "content", "refusal", "summary", "body", "message", "item", "segments",
        "event", "title",
    ];
    let arguments = object.get("arguments").or_else(|| object.get("input"));
    let name = object.get("name").and_then(Json::text);
    if let (Some(name), Some(arguments)) = (name, arguments) {
        return Some(format!("{name} {}", arguments.plain()));
    }
    if let Some(reference) = reference(object) {
        return Some(reference);
    }
    SPOKEN
        .iter()
        .find_map(|key| said_in(object.get(key)?, depth))
}

/// What a user's input points to, as it was typed.
fn reference(object: &Object<'_>) -> Option<String> {
    let (sign, key) = match &*tag(object)? {
        "file_ref" => ('@', "path"),
        "knowledge_ref" => ('#', "slug"),
        "workflow_invoke" => ('/', "slug"),
        _ => return None,
    };
    Some(format!("{sign}{}", object.get(key)?.text()?))
}

/// The fields that the line does not show otherwise, as they were written.
fn rest(object: &Object<'_>) -> String {
    let shown = ["kind", "type", "ts", "timestamp"];
    object.without(&shown).unwrap_or_default()
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
    fn what_is_shown_is_what_was_written() {
        let number = "1234567890123456789012345678901234567890";
        for (fields, shown) in [
            (
                format!(r#""z":{number},"a":1e400"#),
                format!(r#"{{"z":{number},"a":1e400}}"#),
            ),
            (
                r#""a":1,"a": 2.50"#.to_owned(),
                r#"{"a":1,"a":2.50}"#.to_owned(),
            ),
            (
                r#""b":"\ud83d","\udc00":1"#.to_owned(),
                r#"{"b":"\ud83d","\udc00":1}"#.to_owned(),
            ),
            (
                r#""text":"half \ud83d""#.to_owned(),
                r#""half \ud83d""#.to_owned(),
            ),
            (
                format!(r#""name":"n","input":{{"z":{number},"a":1,"a":2}}"#),
                format!(r#"n {{"z":{number},"a":1,"a":2}}"#),
            ),
        ] {
            assert_eq!(
                summary(&format!(r#"{{"kind":"new",{fields}}}"#)),
                pair("new", &shown)
            );
        }
    }

    #[test]
    fn depth_needs_no_stack() {
        for (open, inner, close) in [
            (r#"{"text":"#, "1", "}"),
            ("[", "", "]"),
            (r#"{"item":["#, "1", "]}"),
        ] {
            let deep = open.repeat(100_000) + inner + &close.repeat(100_000);
            assert!(Summary::of(deep.as_bytes()).text.ends_with('…'));
        }
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
