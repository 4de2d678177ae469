//! Random logs whose lines replace, take back and leave what came before: however a log is split,
//! its summary is the same, and it counts what a reader sees.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;
use sessiondb_agents::{Agent, Fold, Item, ItemKind};

use crate::logs::*;

/// Few, so that they meet.
fn id() -> impl Strategy<Value = String> {
    "[abcdef]"
}

fn gemini_message() -> impl Strategy<Value = String> {
    let kind = prop_oneof![Just("user"), Just("gemini"), Just("info"), Just("future")];
    let content = prop_oneof![
        Just("\"Hello\"".to_owned()),
        Just("\"\"".to_owned()),
        Just("[{\"text\":\"Hi\"},{\"functionResponse\":{}}]".to_owned()),
        Just("7".to_owned()),
    ];
    let more = prop_oneof![
        Just(""),
        Just(",\"model\":\"m1\",\"toolCalls\":[{\"id\":\"c\"},{}]"),
        Just(",\"model\":\"m2\",\"tokens\":{\"input\":9,\"cached\":4,\"output\":2,\"thoughts\":1}"),
        Just(",\"tokens\":null,\"timestamp\":\"2026-01-01T00:00:00Z\""),
        Just(",\"tokens\":\"many\",\"toolCalls\":{}"),
    ];
    (id(), kind, content, more).prop_map(|(id, kind, content, more)| {
        format!(r#"{{"id":"{id}","type":"{kind}","content":{content}{more}}}"#)
    })
}

fn gemini_line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => gemini_message(),
        2 => id().prop_map(|id| format!(r#"{{"$rewindTo":"{id}"}}"#)),
        1 => vec(gemini_message(), 0..4)
            .prop_map(|messages| format!(r#"{{"$set":{{"messages":[{}]}}}}"#, messages.join(","))),
        1 => "[a-z]{1,9}".prop_map(|summary| format!(r#"{{"$set":{{"summary":"{summary}"}}}}"#)),
        1 => Just(r#"{"sessionId":"s","projectHash":"h","kind":"main"}"#.to_owned()),
        1 => Just("{\"$set\":7}".to_owned()),
    ]
}

fn qwen_line() -> impl Strategy<Value = String> {
    let text = r#""message":{"parts":[{"text":"Hello"}]}"#;
    let rest = prop_oneof![
        4 => Just(format!(r#""type":"user",{text}"#)),
        4 => Just(format!(r#""type":"assistant","model":"m",{text}"#)),
        2 => Just(
            r#""type":"assistant","usageMetadata":{"promptTokenCount":5},"message":{"parts":[{"functionCall":{"id":"c"}}]}"#
                .to_owned()
        ),
        2 => "[a-z]".prop_map(|title| format!(
            r#""type":"system","subtype":"custom_title","systemPayload":{{"customTitle":"{title}"}}"#
        )),
        1 => Just(r#""type":"system","subtype":"rewind""#.to_owned()),
        1 => Just(r#""type":"system","subtype":"chat_compression""#.to_owned()),
        1 => Just(r#""type":3,"subtype":[]"#.to_owned()),
    ];
    let parent = proptest::option::weighted(0.9, "[a-f][0-9]?");
    ("[a-f][0-9]", parent, rest).prop_map(|(id, parent, rest)| {
        let parent = serde_json::to_string(&parent).unwrap();
        format!(r#"{{"uuid":"{id}","parentUuid":{parent},"sessionId":"s",{rest}}}"#)
    })
}

fn other_line() -> impl Strategy<Value = String> {
    let lines = [
        r#"{"type":"session.start","data":{"sessionId":"s","copilotVersion":"1","selectedModel":"m"}}"#,
        r#"{"type":"user.message","data":{"content":"Hello"},"id":"e"}"#,
        r#"{"type":"assistant.message","data":{"messageId":"a","content":"Hi","outputTokens":3}}"#,
        r#"{"type":"assistant.message","data":{"messageId":"b","content":"Hi","outputTokens":"3"}}"#,
        r#"{"type":"tool.execution_start","data":{"toolCallId":"c"}}"#,
        r#"{"type":"session.shutdown","data":{"modelMetrics":{"m":{"usage":{"inputTokens":7,"outputTokens":4}}}}}"#,
        r#"{"type":"session.shutdown","data":{"modelMetrics":{"m":{"usage":{"inputTokens":2,"outputTokens":1}}}}}"#,
        r#"{"type":"session.truncation","data":{"messagesRemovedDuringTruncation":1}}"#,
        r#"{"working_dir":"/w","description":"Mill","accumulated_input_tokens":5,"id":"g"}"#,
        r#"{"role":"user","created":1768470000,"content":[{"type":"text","text":"Hello"}]}"#,
        r#"{"id":"m","role":"assistant","created":1768470002,"content":[{"type":"toolRequest","id":"c"}]}"#,
        r#"{"role":"assistant","ts":1,"content":"Hi","metrics":{"tokens":{"prompt":1},"cost":0.1}}"#,
        r#"{"info":{"id":"m1","role":"assistant","summary":true,"cost":0.25,"tokens":{"input":3}},"parts":[{"type":"tool"}]}"#,
        r#"{"info":{"id":"m2","role":"user"},"parts":[{"type":"text","text":"Hello"},{"type":"compaction"}]}"#,
        "null",
        "7",
        "",
        "{\"role\":",
        "[[[[",
    ];
    proptest::sample::select(lines.to_vec()).prop_map(ToOwned::to_owned)
}

/// Folds it in parts, writing and reading what is known between them.
fn fold_in_parts(agent: &'static dyn Agent, entries: &[String], cuts: &[bool]) -> Fold {
    let mut fold = Fold::new(agent, "chats/log.jsonl");
    for (index, entry) in entries.iter().enumerate() {
        if cuts.get(index).copied().unwrap_or_default() {
            let saved = serde_json::to_string(&fold).unwrap();
            fold = serde_json::from_str(&saved).unwrap();
        }
        fold.entry(entry.as_bytes());
    }
    fold
}

#[track_caller]
fn split_is_the_same(name: &str, entries: &[String], cuts: &[bool]) -> Fold {
    let whole = fold_in_parts(agent(name), entries, &[]);
    let parts = fold_in_parts(agent(name), entries, cuts);
    assert_eq!(whole.summary(), parts.summary());
    assert_eq!(whole.identity(), parts.identity());
    whole
}

/// How many messages the person wrote of those that a reader sees.
fn prompts(items: &[Item]) -> u64 {
    let is_prompt = |item: &&Item| !item.hidden && matches!(item.kind, ItemKind::Prompt { .. });
    let ids: HashSet<_> = items
        .iter()
        .filter(is_prompt)
        .map(|item| item.id.as_deref())
        .collect();
    ids.len() as u64
}

proptest! {
    #[test]
    fn a_chat_of_gemini(
        entries in vec(gemini_line(), 0..24),
        cuts in vec(any::<bool>(), 0..24),
    ) {
        let fold = split_is_the_same("gemini", &entries, &cuts);
        let items = items(agent("gemini"), &entries);
        prop_assert_eq!(fold.summary().turns, prompts(&items));
        let calls = items.iter().filter(|item| {
            !item.hidden && matches!(item.kind, ItemKind::ToolCall { .. })
        });
        prop_assert_eq!(fold.summary().tool_calls, calls.count() as u64);
    }

    #[test]
    fn a_tree_of_qwen(entries in vec(qwen_line(), 0..24), cuts in vec(any::<bool>(), 0..24)) {
        let fold = split_is_the_same("qwen", &entries, &cuts);
        let items = items(agent("qwen"), &entries);
        prop_assert_eq!(fold.summary().turns, prompts(&items));
    }

    #[test]
    fn lines_of_others(
        entries in vec(prop_oneof![other_line(), gemini_line(), qwen_line()], 0..24),
        cuts in vec(any::<bool>(), 0..24),
    ) {
        for name in ["gemini", "qwen", "copilot", "opencode", "goose", "cline"] {
            split_is_the_same(name, &entries, &cuts);
            items(agent(name), &entries);
        }
    }
}
