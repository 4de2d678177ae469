use proptest::prelude::*;
use serde_json::{Map, Value};
use sessiondb_agents::{Fold, Probe, Scanner, agents, recognise};

use crate::samples::sample;

const SAMPLES: &[&str] = &[
    "claude/5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01.jsonl",
    "claude/5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01/subagents/agent-a77c01.jsonl",
    "claude/a9d1f6c4-7e21-4c3b-8d90-1b2c3d4e5f60.jsonl",
    "codex/rollout-2026-05-06T07-08-09-019df000-1111-7222-8333-444455556666.jsonl",
    "codex/rollout-2025-06-01T12-00-00-7d1e6a52-0d3e-4a6e-9b50-2f5d2a7b1e02.jsonl",
    "codex/rollout-2026-05-06T07-08-20-019df000-9999-7222-8333-444455557777.jsonl",
    "pi/2026-03-04T05-06-07-008Z_0d9a1b2c-3d4e-4f50-8a6b-7c8d9e0f1a2b.jsonl",
    "pi/branched.jsonl",
    "yoi/019e0000-0000-7000-8000-00000000000b.jsonl",
    "yoi/forked.jsonl",
    "gemini/rewound.jsonl",
    "qwen/branches.jsonl",
    "qwen/forked.jsonl",
    "copilot/3f6a1c20-9b7d-4e58-8a41-c2d05e9f7b36.jsonl",
    "goose/20260115_3.jsonl",
];

const DOCUMENTS: &[&str] = &[
    "gemini/garden.json",
    "opencode/export.json",
    "cline/tasks/1767225600000/api_conversation_history.json",
];

/// All lines of the samples: what a log may begin with, end with, or have amidst.
fn lines() -> Vec<String> {
    let text: Vec<_> = SAMPLES.iter().map(|name| sample(name)).collect();
    let lines = text.iter().flat_map(|log| log.lines());
    let documents = DOCUMENTS.iter().flat_map(|name| {
        let text = sample(name);
        let document = agents().iter().find_map(|agent| agent.split(&text));
        document.unwrap().entries
    });
    lines.map(ToOwned::to_owned).chain(documents).collect()
}

/// Keys that readers look for, and some that none does.
fn key() -> impl Strategy<Value = String> {
    let mut keys: Vec<String> = Vec::new();
    for line in lines() {
        collect_keys(
            &serde_json::from_str(&line).unwrap_or(Value::Null),
            &mut keys,
        );
    }
    keys.sort();
    keys.dedup();
    prop_oneof![9 => proptest::sample::select(keys), 1 => ".{0,3}"]
}

fn collect_keys(value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                keys.push(key.clone());
                collect_keys(value, keys);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| collect_keys(value, keys)),
        _ => {}
    }
}

/// Values that readers look for, and some that none does.
fn json() -> impl Strategy<Value = Value> {
    let words = [
        "user",
        "assistant",
        "message",
        "session_meta",
        "event_msg",
        "response_item",
        "summary",
        "tool_result",
        "user_input",
        "segment_start",
        "2026-01-01T00:00:00Z",
        "a",
        "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key(), inner), 0..8)
                .prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// A line of a sample of which one field, anywhere, is another value.
fn mutated() -> impl Strategy<Value = String> {
    let lines = lines();
    (
        proptest::sample::select(lines),
        any::<proptest::sample::Index>(),
        json(),
    )
        .prop_map(|(line, index, value)| {
            let Ok(mut json) = serde_json::from_str::<Value>(&line) else {
                return line;
            };
            let mut left = index.index(count(&json));
            replace(&mut json, &mut left, &value);
            json.to_string()
        })
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(count).sum(),
        Value::Array(elements) => elements.iter().map(count).sum(),
        _ => 0,
    }
}

fn replace(at: &mut Value, left: &mut usize, by: &Value) {
    if *left == 0 {
        *at = by.clone();
    }
    *left = left.wrapping_sub(1);
    match at {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| replace(value, left, by)),
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|value| replace(value, left, by)),
        _ => {}
    }
}

fn read_all(bytes: &[u8]) {
    let _ = recognise(&Probe {
        path: "a/b.jsonl",
        head: bytes,
    });
    for agent in agents() {
        let mut fold = Fold::new(*agent, "a/b.jsonl");
        fold.entry(bytes);
        fold.header(&String::from_utf8_lossy(bytes));
        fold.entry(bytes);
        let summary = fold.summary();
        let _ = (
            agent.native_path(&summary),
            agent.resume_command(&summary),
            fold.identity(),
        );
        let mut items = Vec::new();
        agent.items(bytes, 0, &mut items);
        agent.settle(&mut items);
        assert!(items.iter().all(|item| item.entry == 0));
        if let Some(document) = agent.split(&String::from_utf8_lossy(bytes)) {
            agent.join(&document);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fold_can_be_interrupted_anywhere(
        name in proptest::sample::select(SAMPLES),
        cuts in proptest::collection::vec(any::<bool>(), 32),
        other in proptest::collection::vec(mutated(), 0..3),
    ) {
        let mut lines: Vec<_> = sample(name).lines().map(ToOwned::to_owned).collect();
        for (at, line) in other.into_iter().enumerate() {
            lines.insert(lines.len() / (at + 1), line);
        }
        let head = sample(name);
        let agent = recognise(&Probe { path: name, head: head.as_bytes() }).unwrap();
        let mut whole = Fold::new(agent, name);
        let mut parts = Fold::new(agent, name);
        for (line, cut) in lines.iter().zip(cuts.iter().cycle()) {
            whole.entry(line.as_bytes());
            parts.entry(line.as_bytes());
            if *cut {
                let saved = serde_json::to_string(&parts).unwrap();
                prop_assert!(saved.len() < 16_384, "{}", saved.len());
                parts = serde_json::from_str(&saved).unwrap();
            }
        }
        prop_assert_eq!(whole.summary(), parts.summary());
        prop_assert_eq!(whole.identity(), parts.identity());
        prop_assert_eq!(
            serde_json::to_string(&whole).unwrap(),
            serde_json::to_string(&parts).unwrap()
        );
    }

    #[test]
    fn what_is_checked_and_folded_at_once_is_folded_as_ever(
        name in proptest::sample::select(SAMPLES),
        others in proptest::collection::vec(prop_oneof![mutated(), json().prop_map(|json| json.to_string())], 0..6),
        end in any::<proptest::sample::Index>(),
    ) {
        let head = sample(name);
        let agent = recognise(&Probe { path: name, head: head.as_bytes() }).unwrap();
        let mut lines: Vec<_> = head.lines().map(ToOwned::to_owned).collect();
        for (at, line) in others.into_iter().enumerate() {
            let torn = line.char_indices().map(|(at, _)| at).nth(end.index(line.len() + 1));
            lines.insert(lines.len() / (at + 1), line[..torn.unwrap_or(line.len())].to_owned());
            lines.insert(lines.len() / (at + 1), line);
        }
        let mut scanner = Scanner::default();
        let [mut plain, mut scanned] = [(); 2].map(|()| Fold::new(agent, name));
        for line in &lines {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok();
            prop_assert_eq!(scanner.fold(line, &mut scanned), is_json, "{}", line);
            if is_json {
                plain.entry(line.as_bytes());
            }
        }
        prop_assert_eq!(
            serde_json::to_string(&plain).unwrap(),
            serde_json::to_string(&scanned).unwrap()
        );
    }

    #[test]
    fn any_json_can_be_read(value in json()) {
        read_all(value.to_string().as_bytes());
    }

    #[test]
    fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn a_line_can_be_torn_and_one_field_can_be_anything(
        line in mutated(),
        end in any::<proptest::sample::Index>(),
    ) {
        read_all(line.as_bytes());
        read_all(&line.as_bytes()[..end.index(line.len() + 1)]);
    }

    #[test]
    fn one_bad_field_costs_no_other(value in json()) {
        // The cwd is of any type; the rest of the entry counts.
        let line = format!(
            r#"{{"type":"user","isSidechain":false,"cwd":{value},"sessionId":"s1","version":"2",
             "message":{{"role":"user","content":"Hello"}}}}"#
        );
        let summary = crate::samples::fold("x.jsonl", &line.replace('\n', " ")).summary();
        prop_assert_eq!(summary.first_prompt.as_deref(), Some("Hello"));
        prop_assert_eq!(summary.native_id.as_deref(), Some("s1"));
        prop_assert_eq!(summary.agent_version.as_deref(), Some("2"));
    }
}

#[test]
fn no_nesting_is_too_deep() {
    for open in [
        "[",
        "{\"message\":",
        "{\"payload\":{\"content\":[",
        "{\"type\":\"user\",\"message\":{",
    ] {
        read_all(open.repeat(30_000).as_bytes());
    }
}
