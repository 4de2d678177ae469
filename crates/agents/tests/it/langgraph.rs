//! Checkpoints of LangGraph.

use serde_json::{Value, json};

use crate::logs::*;

/// A checkpoint with these new messages, at that minute.
fn checkpoint(number: u8, items: &[Value]) -> String {
    json!({
        "type": "checkpoint",
        "id": format!("c{number}"),
        "parent": format!("c{}", number - 1),
        "metadata": {"source": "loop", "step": number},
        "checkpoint": {"kind": "msgpack", "value": {"v": 4, "ts": format!("2026-02-03T10:{number:02}:00+00:00")}},
        "versions": {"messages": number},
        "values": [{"channel": "messages", "version": number, "value": {"kind": "msgpack", "items": items}}],
    })
    .to_string()
}

fn object(module: &str, class: &str, fields: &Value) -> Value {
    let path = format!("langchain_core.messages.{module}");
    json!({"$ext": [5, [path, class, fields, "model_validate_json"]]})
}

fn log() -> Vec<String> {
    let human = object(
        "human",
        "HumanMessage",
        &json!({"content": "Check the stones", "type": "human", "id": "h1"}),
    );
    let call = json!({"name": "look", "args": {"at": "mill"}, "id": "t1", "type": "tool_call"});
    let ai = object(
        "ai",
        "AIMessage",
        &json!({"content": [{"type": "text", "text": "I look."}], "type": "ai", "id": "a1", "tool_calls": [call],
            "response_metadata": {"model_name": "m1"},
            "usage_metadata": {"input_tokens": 9, "output_tokens": 2, "input_token_details": {"cache_read": 4}}}),
    );
    let tool = object(
        "tool",
        "ToolMessage",
        &json!({"content": "no stones", "type": "tool", "id": "r1", "tool_call_id": "t1", "status": "error"}),
    );
    let by_program = json!({"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", "AIMessage"],
        "kwargs": {"content": "None are left.", "id": "a2"}});
    let others = [
        json!({"role": "user", "content": "Thanks"}),
        json!(["ai", "Gladly"]),
        json!({"x": 1}),
    ];
    let writes = |channel: &str, value: Value| {
        json!({"type": "writes", "id": "c1", "task": "t", "path": "", "writes": [
            {"idx": 0, "channel": channel, "value": {"kind": "msgpack", "value": value}}]})
        .to_string()
    };
    vec![
        checkpoint(1, std::slice::from_ref(&human)),
        writes("messages", json!("said again")),
        checkpoint(2, &[ai]),
        writes("__error__", json!("ValueError('no mill')")),
        checkpoint(3, &[tool, by_program]),
        checkpoint(4, &[]),
        // What was there before, kept once more.
        checkpoint(5, &[human]),
        checkpoint(6, &others),
        writes("__interrupt__", json!([{"value": "May I?"}])),
    ]
}

#[test]
fn a_thread_is_counted_and_shown() {
    let log = log();
    expect(
        &fold_lines("t1.jsonl", &log.join("\n")),
        &json!({
            "agent": "langgraph",
            "native_id": "t1",
            "title": "Check the stones",
            "title_source": "prompt",
            "first_prompt": "Check the stones",
            "models": ["m1"],
            "started_ms": 1_770_112_860_000_i64,
            "last_activity_ms": 1_770_113_160_000_i64,
            "turns": 3,
            "messages": 6,
            "tool_calls": 1,
            "tokens": {"input": 5, "cached": 4, "output": 2},
            "compactions": 0,
        }),
    );
    assert_eq!(
        shown(&items(agent("langgraph"), &log)),
        [
            "prompt Check the stones",
            "answer I look.",
            "tool_call look {\"at\":\"mill\"}",
            "notice Error: ValueError('no mill')",
            "tool_result no stones failed",
            "answer None are left.",
            "prompt Thanks",
            "answer Gladly",
            "notice Interrupted: [{\"value\":\"May I?\"}]",
        ]
    );
}

#[test]
fn a_graph_without_messages_is_shown_by_its_values() {
    let entry = |channel: &str| {
        json!({"type": "checkpoint", "id": "c1", "checkpoint": {"kind": "json", "value": {}},
            "versions": {channel: 1}, "values": [{"channel": channel, "version": 1}]})
        .to_string()
    };
    let log = [entry("total"), entry("__start__"), entry("branch:to:a")];
    assert_eq!(shown(&items(agent("langgraph"), &log)), ["raw"]);
    assert_eq!(author("t1.jsonl", &log.join("\n")).name(), "langgraph");
    assert!(agent("langgraph").home().is_none());
}
