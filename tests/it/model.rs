//! Typed entries lose nothing of what is on the wire: samples of every kind, and what their
//! fields say.

use std::fmt::Debug;
use std::io::Write;
use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sessiondb::entry::{
    Item, Nullable, Reasoning, RequestConfig, Role, SystemItem, UserSegment, WorkerName,
    WorkerRecord,
};
use sessiondb::{LogEntry, StoreError, TraceEntry};

pub(crate) const LOG: &str = include_str!("../data/wire/log-entries.jsonl");
pub(crate) const TRACE: &str = include_str!("../data/wire/trace-entries.jsonl");
pub(crate) const NAMES: &str = include_str!("../data/wire/names.jsonl");

/// Checks that `text` reads as a `T` from any source and is written back as an equal value.
#[track_caller]
pub(crate) fn assert_lossless<T>(text: &str)
where
    T: DeserializeOwned + Serialize + PartialEq + Debug,
{
    let value: Value = serde_json::from_str(text).unwrap();
    let typed: T =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}, reading {text}"));
    let written = serde_json::to_string(&typed).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&written).unwrap(),
        value,
        "{text} -> {written}"
    );
    assert_eq!(serde_json::to_value(&typed).unwrap(), value);
    assert_eq!(
        serde_json::from_str::<T>(&written).unwrap(),
        typed,
        "{written}"
    );
    assert_eq!(serde_json::from_slice::<T>(text.as_bytes()).unwrap(), typed);
    assert_eq!(
        serde_json::from_reader::<_, T>(text.as_bytes()).unwrap(),
        typed
    );
    assert_eq!(T::deserialize(&value).unwrap(), typed);
    assert_eq!(serde_json::from_value::<T>(value).unwrap(), typed);
}

fn assert_lines_lossless<T>(text: &str, unknown: impl Fn(&T) -> bool) -> usize
where
    T: DeserializeOwned + Serialize + PartialEq + Debug,
{
    for line in text.lines() {
        assert_lossless::<T>(line);
    }
    let typed = text.lines().map(|line| serde_json::from_str(line).unwrap());
    typed.filter(unknown).count()
}

#[test]
fn own_samples_round_trip() {
    let unknown = assert_lines_lossless(LOG, |entry| matches!(entry, LogEntry::Unknown(_)));
    assert_eq!(unknown, 1, "only `vote` is an unknown kind");
    let unknown = assert_lines_lossless(TRACE, |entry| matches!(entry, TraceEntry::Unknown(_)));
    assert_eq!(unknown, 1, "only `heartbeat` is an unknown kind");
    assert_lines_lossless::<WorkerRecord>(NAMES, |_| false);
}

/// Lines whose known fields are written in the contract's order come out to the byte, except
/// where they hold JSON of any shape, whose fields are sorted.
fn assert_written_as_read(text: &str, any_json: &[&str]) {
    for line in text
        .lines()
        .filter(|line| !any_json.iter().any(|part| line.contains(part)))
    {
        let entry: LogEntry = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&entry).unwrap(), line);
    }
}

#[test]
fn samples_are_written_as_they_were() {
    let any_json = "attachments 2048 flow \\u00dc citation ENOENT w1 sky vote index.build";
    let any_json: Vec<&str> = any_json.split(' ').collect();
    assert_written_as_read(LOG, &any_json);
}

#[test]
fn shared_samples_round_trip() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/wire");
    if !folder.is_dir() {
        // Straight to stderr: the test harness hides what `eprintln` prints.
        let name = "shared_samples_round_trip";
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {name}: no {}",
            folder.display()
        );
        return;
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let log = read("log-entries.jsonl");
    assert_eq!(
        assert_lines_lossless(&log, |entry| matches!(entry, LogEntry::Unknown(_))),
        0
    );
    let trace = read("trace-entries.jsonl");
    assert_eq!(
        assert_lines_lossless(&trace, |entry| matches!(entry, TraceEntry::Unknown(_))),
        0
    );
    assert_written_as_read(&log, &["\"event\":{"]);
    for line in read("names.jsonl").lines() {
        assert_lossless::<WorkerRecord>(&with_todays_name(line));
    }
}

#[test]
fn every_kind_has_a_sample() {
    let kinds = |pointer: &str| -> Vec<String> {
        let lines = LOG
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter_map(|line| Some(line.pointer(pointer)?.as_str()?.to_owned()))
            .collect()
    };
    let known = "segment_start invoke user_input assistant_item tool_result system_item turn_end \
                 run_completed run_errored paused_turn_abandoned config_changed llm_usage extension";
    for kind in known.split_whitespace() {
        assert!(
            kinds("/kind").iter().any(|sample| sample == kind),
            "no sample of {kind}"
        );
    }
    let known = "message tool_call tool_result reasoning notification pod_event worker_event \
                 file_attachment knowledge workflow skill_activation task_reminder interrupt";
    for kind in known.split_whitespace() {
        assert!(
            kinds("/item/kind").iter().any(|sample| sample == kind),
            "no sample of {kind}"
        );
    }
}

#[test]
fn known_kinds_are_typed() {
    let line = LOG.lines().nth(1).unwrap();
    let LogEntry::SegmentStart(start) = serde_json::from_str(line).unwrap() else {
        panic!("not a start: {line}");
    };
    assert_eq!(
        start.config.reasoning,
        Reasoning::Effort("medium".into()).into()
    );
    assert_eq!(
        start
            .config
            .temperature
            .as_option()
            .and_then(serde_json::Number::as_f64),
        Some(0.7)
    );
    assert_eq!(start.forked_from.unwrap().at_turn_index, 4);
    assert!(matches!(
        start.history.as_slice(),
        [Item::Message(question), Item::Message(answer), Item::ToolCall(call), Item::ToolResult(output),
            Item::Reasoning(thought)]
            if question.role == Role::User && answer.content.len() == 2 && call.name == "Grep"
                && output.is_error == Some(false) && thought.signature.is_some()
    ));
    assert!(start.extra.is_empty());
}

#[test]
fn null_absent_and_empty_stay_apart() {
    let config = |json: Value| serde_json::from_value::<RequestConfig>(json).unwrap();
    assert_eq!(
        config(json!({"stop_sequences": []})).top_k,
        Nullable::Absent
    );
    assert_eq!(
        config(json!({"stop_sequences": [], "top_k": null})).top_k,
        Nullable::Null
    );
    for list in [json!(null), json!([])] {
        let line = json!({"kind": "user_input", "ts": 3, "segments": [], "extensions": list});
        let LogEntry::UserInput(mut input) = serde_json::from_value(line).unwrap() else {
            panic!("not an input");
        };
        assert!(input.extensions.is_empty());
        assert_eq!(input.extra["extensions"], list);
        input.extensions =
            vec![serde_json::from_value(json!({"domain": "d", "payload": 1})).unwrap()];
        let written = serde_json::to_value(LogEntry::UserInput(input)).unwrap();
        assert_eq!(
            written["extensions"][0]["domain"], "d",
            "a value counts, not what was kept"
        );
    }
}

#[test]
fn a_body_read_alone_keeps_its_kind_and_writes_it_once() {
    let line = LOG
        .lines()
        .find(|line| line.contains("\"turn_end\""))
        .unwrap();
    assert_lossless::<sessiondb::entry::TurnEnd>(line);
    let body: sessiondb::entry::TurnEnd = serde_json::from_str(line).unwrap();
    assert_eq!(
        serde_json::to_string(&LogEntry::TurnEnd(body)).unwrap(),
        line
    );

    let line = TRACE.lines().find(|line| line.contains("Done")).unwrap();
    assert_lossless::<sessiondb::entry::TraceStreamEvent>(line);
    let body: sessiondb::entry::TraceStreamEvent = serde_json::from_str(line).unwrap();
    assert_eq!(
        serde_json::to_string(&TraceEntry::StreamEvent(body)).unwrap(),
        line
    );
}

#[test]
fn other_spellings_of_an_id_stay_until_it_changes() {
    let text = r#"{"segment_id":"019E11110000700080000000000000AB","at_turn_index":1}"#;
    let mut origin: sessiondb::entry::Origin = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&origin).unwrap().len(), text.len());
    assert_lossless::<sessiondb::entry::Origin>(text);
    origin.segment_id = sessiondb::new_segment_id();
    let written: Value = serde_json::to_value(&origin).unwrap();
    assert_eq!(written["segment_id"], origin.segment_id.to_string());
    for id in [json!(null), json!("019E1111-0000-7000-8000-0000000000AB")] {
        let active =
            json!({"session_id": "019e1111-0000-7000-8000-0000000000ab", "segment_id": id});
        assert_lossless::<sessiondb::entry::Active>(&active.to_string());
    }
}

#[test]
fn the_last_of_several_values_counts() {
    for line in [
        r#"{"kind":"turn_end","ts":1,"ts":2,"turn_count":3,"x":1,"x":null}"#,
        r#"{"ts":1,"x":1,"x":2,"kind":"turn_end","ts":2,"turn_count":3,"x":3}"#,
        r#"{"kind":"turn_end","kind":"turn_end","ts":2,"turn_count":3}"#,
        r#"{"kind":"tool_result","ts":1,"item":{"kind":"tool_result","call_id":"c","summary":"s","is_error":null,"is_error":true}}"#,
        r#"{"kind":"tool_result","ts":1,"item":{"kind":"tool_result","call_id":"c","summary":"s","is_error":true,"is_error":null}}"#,
        r#"{"kind":"user_input","ts":1,"segments":[],"extensions":null,"extensions":[]}"#,
    ] {
        assert_lossless::<LogEntry>(line);
    }
    assert_lossless::<TraceEntry>(
        r#"{"kind":"heartbeat","ts":"x","ts":1,"turn":0,"kind":"lifecycle","label":"l","llm_call":1,"llm_call":null}"#,
    );
}

#[test]
fn two_different_kinds_are_refused() {
    for line in [
        r#"{"kind":"invoke","ts":1,"kind":"turn_end","turn_count":3}"#,
        r#"{"kind":"invoke","ts":1,"trigger":"notify","kind":null}"#,
        r#"{"kind":"vote","kind":"invoke","ts":1,"trigger":"notify"}"#,
    ] {
        let error = serde_json::from_str::<LogEntry>(line)
            .unwrap_err()
            .to_string();
        assert!(error.contains("duplicate field `kind`"), "{error}");
    }
}

#[test]
fn errors_name_the_field() {
    for (line, expected) in [
        (
            r#"{"kind":"turn_end","ts":1}"#,
            "missing field `turn_count`",
        ),
        (
            r#"{"kind":"turn_end","ts":"x","turn_count":1}"#,
            "field `ts`: invalid type: string",
        ),
        (
            r#"{"turn_count":-1,"kind":"turn_end","ts":1}"#,
            "field `turn_count`: invalid value",
        ),
        (
            r#"{"kind":"assistant_item","ts":1,"item":{"kind":"message","content":[]}}"#,
            "field `item`: missing field `role`",
        ),
        (
            r#"{"kind":"assistant_item","ts":1,"item":7}"#,
            "field `item`: invalid type: integer `7`, expected an item",
        ),
        (
            r#"{"kind":"segment_start","ts":1,"session_id":"me","config":{"stop_sequences":[]},"history":[]}"#,
            "field `session_id`: ",
        ),
        ("[1]", "expected a log entry (an object)"),
        (r#""invoke""#, "expected a log entry (an object)"),
    ] {
        let error = serde_json::from_str::<LogEntry>(line)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
    }
    for (line, expected) in [
        (
            r#"{"ts":1,"turn":0,"kind":"lifecycle"}"#,
            "missing field `label`",
        ),
        (
            r#"{"ts":1,"turn":"0","kind":"lifecycle","label":"l"}"#,
            "field `turn`: invalid type",
        ),
        ("3", "expected a trace entry (an object)"),
    ] {
        let error = serde_json::from_str::<TraceEntry>(line)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
    }
}

/// A record as it is written today.
fn with_todays_name(line: &str) -> String {
    line.replacen(r#"{"pod_name":"#, r#"{"worker_name":"#, 1)
}

#[test]
fn older_records_are_read_and_written_with_the_name_of_today() {
    for line in NAMES.lines() {
        let older = line.replacen(r#"{"worker_name":"#, r#"{"pod_name":"#, 1);
        assert_ne!(older, line);
        let record: WorkerRecord = serde_json::from_str(&older).unwrap();
        assert_eq!(record, serde_json::from_str(line).unwrap());
        let written: Value = serde_json::to_value(&record).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(line).unwrap());
    }
    let both = r#"{"pod_name":"old","port":7,"worker_name":"new"}"#;
    let record: WorkerRecord = serde_json::from_str(both).unwrap();
    assert_eq!(&*record.worker_name, "new");
    assert_lossless::<WorkerRecord>(both);
    assert!(serde_json::from_str::<WorkerRecord>(r#"{"port":7}"#).is_err());
}

#[test]
fn pod_names_are_checked() {
    for name in ["", ".", "..", "a/b", "/", "a\0"] {
        assert!(
            matches!(WorkerName::new(name), Err(StoreError::InvalidPodName(bad)) if bad == name)
        );
        for key in ["worker_name", "pod_name"] {
            let record = json!({ key: name });
            assert!(
                serde_json::from_value::<WorkerRecord>(record).is_err(),
                "{name:?}"
            );
        }
    }
    for name in ["a", "...", ".a", "worker a", "größe"] {
        assert_eq!(WorkerName::new(name).unwrap().as_ref(), name);
    }
}

#[test]
fn segments_flatten_as_the_contract_says() {
    let line = LOG.lines().find(|line| line.contains("sketch")).unwrap();
    let LogEntry::UserInput(input) = serde_json::from_str(line).unwrap() else {
        panic!("not an input: {line}");
    };
    assert_eq!(
        UserSegment::flatten(&input.segments),
        "compare @docs/format.md with\nfirst\nsecond line/release\
         [Flow: {\"by\":\"tag\",\"tags\":[\"a\",\"b\"]}]"
    );
}

#[test]
fn unknown_system_items_keep_their_body() {
    let body = |json: Value| {
        serde_json::from_value::<SystemItem>(json)
            .unwrap()
            .body()
            .map(str::to_owned)
    };
    assert_eq!(
        body(json!({"kind": "weather", "body": "Rain."})),
        Some("Rain.".into())
    );
    assert_eq!(body(json!({"kind": "weather", "body": 1})), None);
    assert_eq!(
        body(json!({"kind": "knowledge", "slug": "s", "body": ""})),
        Some(String::new())
    );
}
