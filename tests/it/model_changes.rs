//! Lines of every kind with extra fields, unknown kinds and odd values at every level: typed
//! entries lose nothing of these either.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use sessiondb::entry::WorkerRecord;
use sessiondb::{LogEntry, TraceEntry};

use crate::model::{LOG, NAMES, TRACE, assert_lossless};

/// One change of a line. `object` picks one of its objects, at any level.
#[derive(Debug, Clone)]
enum Change {
    /// Adds a field that the object's kind does not know.
    Add {
        object: usize,
        name: String,
        value: Value,
    },
    /// Makes the object's kind an unknown one, or takes it away.
    Rekind { object: usize, kind: Option<Value> },
    /// Gives one of the fields that may be left out another of its possible values, or none.
    Vary { object: usize, choice: usize },
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_name(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Names that no kind knows, and some that other kinds know.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "x[a-z_\"\\\\ é\u{1f527}]{0,6}",
        prop::sample::select(vec![
            "", "event", "label", "body", "item", "slug", "extra", "Kind"
        ])
        .prop_map(str::to_owned),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let kind = prop_oneof![
        Just(None),
        Just(Some(json!(null))),
        "from_the_future[a-z\"é]{0,3}".prop_map(|kind| Some(json!(kind))),
        Just(Some(json!({"kind": "invoke"}))),
        Just(Some(json!(["invoke"]))),
        Just(Some(json!(-1.5))),
        Just(Some(json!(true))),
    ];
    prop_oneof![
        4 => (any::<usize>(), any_name(), json_value())
            .prop_map(|(object, name, value)| Change::Add { object, name, value }),
        1 => (any::<usize>(), kind).prop_map(|(object, kind)| Change::Rekind { object, kind }),
        4 => (any::<usize>(), any::<usize>())
            .prop_map(|(object, choice)| Change::Vary { object, choice }),
    ]
}

fn apply(line: &mut Value, change: &Change) {
    let mut objects = Vec::new();
    collect_objects(line, String::new(), &mut objects);
    let (Change::Add { object, .. } | Change::Rekind { object, .. } | Change::Vary { object, .. }) =
        change;
    let Some(Value::Object(object)) = line.pointer_mut(&objects[object % objects.len()]) else {
        unreachable!("all of them are objects");
    };
    match change {
        Change::Add { name, value, .. } => {
            object.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Change::Rekind { kind, .. } if object.contains_key("kind") => {
            object.remove("kind");
            object.extend(kind.clone().map(|kind| ("kind".to_owned(), kind)));
        }
        Change::Rekind { .. } => {}
        Change::Vary { choice, .. } => {
            let choices = variations(object);
            if let Some((name, value)) = choices.get(choice % choices.len().max(1)) {
                object.remove(*name);
                object.extend(value.clone().map(|value| ((*name).to_owned(), value)));
            }
        }
    }
}

fn collect_objects(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect_objects(value, format!("{pointer}/{name}"), found);
            }
            found.push(pointer);
        }
        Value::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                collect_objects(value, format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// The values that the fields which may be left out of `object` can have; `None` leaves it out.
fn variations(object: &Map<String, Value>) -> Vec<(&'static str, Option<Value>)> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or("");
    let (null, text) = (json!(null), json!("text"));
    let origin = json!({"segment_id": "019e1111-0000-7000-8000-00000000000b", "at_turn_index": 0});
    let extension = json!([{"domain": "d", "payload": null}]);
    let mut choices: Vec<(&'static str, Vec<Value>)> = Vec::new();
    match kind {
        "segment_start" => {
            choices.push(("system_prompt", vec![null.clone(), text]));
            choices.push(("forked_from", vec![null.clone(), origin.clone()]));
            choices.push(("compacted_from", vec![null, origin]));
        }
        "user_input" => choices.push(("extensions", vec![null, json!([]), extension])),
        "tool_result" if object.contains_key("call_id") => {
            choices.push(("content", vec![null.clone(), json!([]), text.clone()]));
            choices.push(("is_error", vec![null.clone(), json!(false)]));
            choices.push(("attachments", vec![null, json!([]), text]));
        }
        "reasoning" => {
            choices.push(("summary", vec![null.clone(), json!([]), json!({})]));
            choices.push(("encrypted_content", vec![null.clone(), text.clone()]));
            choices.push(("signature", vec![null, text]));
        }
        "lifecycle" => {
            choices.push(("llm_call", vec![null.clone(), json!(7)]));
            choices.push(("data", vec![null, json!([]), text]));
        }
        "stream_event" => choices.push(("llm_call", vec![null, json!(7)])),
        _ if object.contains_key("stop_sequences") => {
            let floats = vec![null.clone(), json!(1), json!(0.1), json!(1e-7), json!(-0.0)];
            choices.push(("max_tokens", vec![null.clone(), json!(u64::MAX)]));
            choices.push(("temperature", floats.clone()));
            choices.push(("top_p", floats));
            choices.push(("top_k", vec![null.clone(), json!(0)]));
            let more = [
                json!(-1),
                json!(0.5),
                json!({"effort": "low"}),
                json!([]),
                json!(true),
            ];
            choices.push(("reasoning", [null, text].into_iter().chain(more).collect()));
        }
        _ if object.contains_key("worker_name") => choices.push(("active", vec![null])),
        _ => {}
    }
    let spread = |(name, values): (&'static str, Vec<Value>)| {
        values
            .into_iter()
            .map(Some)
            .chain([None])
            .map(move |value| (name, value))
    };
    choices.into_iter().flat_map(spread).collect()
}

/// The ways in which an equal value may be written.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// `kind` first; else the fields are sorted, and turned by so many places.
    kind_first: bool,
    turn: usize,
    /// The first character of a name is written as an escape, so that it cannot be borrowed.
    escape_names: bool,
    spaces: bool,
}

fn style() -> impl Strategy<Value = Style> {
    (any::<bool>(), 0..8_usize, any::<bool>(), any::<bool>()).prop_map(
        |(kind_first, turn, escape_names, spaces)| Style {
            kind_first,
            turn,
            escape_names,
            spaces,
        },
    )
}

fn render(value: &Value, style: Style, out: &mut String) {
    let space = if style.spaces { " " } else { "" };
    match value {
        Value::Object(object) => {
            let mut fields: Vec<_> = object.iter().collect();
            let turn = style.turn % fields.len().max(1);
            fields.rotate_left(turn);
            if style.kind_first {
                fields.sort_by_key(|(name, _)| *name != "kind");
            }
            for (index, (name, value)) in fields.into_iter().enumerate() {
                out.push_str(if index == 0 { "{" } else { "," });
                out.push_str(space);
                out.push_str(&render_name(name, style.escape_names));
                out.push(':');
                out.push_str(space);
                render(value, style, out);
            }
            out.push_str(if object.is_empty() { "{}" } else { "}" });
        }
        Value::Array(array) => {
            for (index, value) in array.iter().enumerate() {
                out.push_str(if index == 0 { "[" } else { "," });
                render(value, style, out);
            }
            out.push_str(if array.is_empty() { "[]" } else { "]" });
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn render_name(name: &str, escape: bool) -> String {
    match name.chars().next() {
        Some(first) if escape && first.is_ascii_alphabetic() => {
            let rest = json!(name[1..]).to_string();
            format!("\"\\u{:04x}{}", u32::from(first), &rest[1..])
        }
        _ => json!(name).to_string(),
    }
}

fn changed<T>(line: &str, changes: &[Change], style: Style)
where
    T: DeserializeOwned + Serialize + PartialEq + Debug,
{
    let mut value: Value = serde_json::from_str(line).unwrap();
    for change in changes {
        apply(&mut value, change);
    }
    let mut text = String::new();
    render(&value, style, &mut text);
    let rendered: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(rendered, value, "the test renders {text}");
    assert_lossless::<T>(&text);
}

fn lines_of(text: &'static str) -> impl Strategy<Value = &'static str> {
    prop::sample::select(text.lines().collect::<Vec<_>>())
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1_500,
        rng_seed: RngSeed::Fixed(0x5e55_10db),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn changed_log_entries_round_trip(
        line in lines_of(LOG),
        changes in prop::collection::vec(change(), 0..8),
        style in style(),
    ) {
        changed::<LogEntry>(line, &changes, style);
    }

    #[test]
    fn changed_trace_entries_round_trip(
        line in lines_of(TRACE),
        changes in prop::collection::vec(change(), 0..6),
        style in style(),
    ) {
        changed::<TraceEntry>(line, &changes, style);
    }

    #[test]
    fn changed_names_round_trip(
        line in lines_of(NAMES),
        changes in prop::collection::vec(change(), 0..6),
        style in style(),
    ) {
        changed::<WorkerRecord>(line, &changes, style);
    }
}
