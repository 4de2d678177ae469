//! goose: lines and rows.

use serde_json::json;
use sessiondb_agents::{Cell, Summary, goose};

use crate::logs::*;

#[test]
fn a_session_of_lines() {
    let log = sample("goose/20260115_3.jsonl");
    expect(
        &fold_lines("goose/20260115_3.jsonl", &log),
        &json!({
            "agent": "goose",
            "native_id": "20260115_3",
            "title": "Mill stones checked",
            "title_source": "agent",
            "first_prompt": "Check the stones",
            "cwd": "/home/user/mill",
            "started_ms": 1_768_470_000_000_i64,
            "last_activity_ms": 1_768_470_009_000_i64,
            "turns": 1,
            "messages": 3,
            "tool_calls": 2,
            "tokens": {"input": 500, "cached": 0, "output": 100},
            "compactions": 0,
        }),
    );
    assert_eq!(
        shown(&items(agent("goose"), &lines(&log))),
        [
            "prompt Check the stones",
            "thinking They may be worn.",
            "answer I look.",
            "tool_call developer__shell {\"command\":\"ls\"}",
            "tool_call  ",
            "tool_result stone-1",
            "image image/png 5",
            "tool_result no such tool failed",
            "answer One is worn.",
        ]
    );
}

#[test]
fn a_session_without_a_first_line() {
    let log = sample("goose/bare.jsonl");
    expect(
        &fold_lines("mill/bare.jsonl", &log),
        &json!({
            "agent": "goose",
            "native_id": "bare",
            "title": "Grind the rye",
            "title_source": "prompt",
            "first_prompt": "Grind the rye",
            "started_ms": 1_768_480_000_000_i64,
            "last_activity_ms": 1_768_480_003_000_i64,
            "turns": 1,
            "messages": 2,
            "tool_calls": 0,
            "compactions": 0,
        }),
    );
    let shown = shown(&items(agent("goose"), &lines(&log)));
    assert_eq!(
        shown,
        [
            "prompt Grind the rye",
            "image image/jpeg 2",
            "answer Ground."
        ]
    );
}

fn session_line() -> String {
    goose::session_row(&[
        ("id", Cell::from("20260116_1")),
        ("name", Cell::from("My mill")),
        ("description", Cell::from("")),
        ("user_set_name", Cell::from(1)),
        ("session_type", Cell::from("user")),
        ("working_dir", Cell::from("/home/user/mill")),
        ("created_at", Cell::from("2026-01-16 08:00:00")),
        ("updated_at", Cell::from("2026-01-16 08:05:00")),
        ("accumulated_input_tokens", Cell::from(40)),
        ("accumulated_output_tokens", Cell::from(4)),
        ("accumulated_cost", Cell::from(0.25)),
        ("parent_session_id", Cell::from("20260115_3")),
        (
            "model_config_json",
            Cell::from("{\"model_name\": \"gpt-5\"}"),
        ),
        ("recipe_json", Cell::Null),
    ])
}

fn message_line(id: i64, name: &str, role: &str, content: &str) -> String {
    goose::message_row(&[
        ("id", Cell::from(id)),
        ("message_id", Cell::from(name)),
        ("role", Cell::from(role)),
        ("content_json", Cell::from(content)),
        ("created_timestamp", Cell::from(1_768_550_400 + id)),
        ("tokens", Cell::Null),
        ("metadata_json", Cell::from("{\"userVisible\": true}")),
    ])
}

#[test]
fn rows_are_the_same_lines() {
    let call = r#"[{"type":"toolRequest","id":"c","toolCall":{"status":"success","value":{"name":"shell","arguments":{}}}}]"#;
    let result = r#"[{"type":"toolResponse","id":"c","toolResult":{"status":"success","value":{"content":[{"type":"text","text":"dust"}],"isError":true}}}]"#;
    let log = [
        session_line(),
        message_line(1, "m1", "user", r#"[{"type":"text","text":"Sweep"}]"#),
        message_line(
            2,
            "m2",
            "assistant",
            r#"[{"type":"text","text":"I sweep."}]"#,
        ),
        message_line(3, "m2", "assistant", call),
        message_line(4, "m3", "user", result),
    ];
    expect(
        &fold_lines("sessions.db", &log.join("\n")),
        &json!({
            "agent": "goose",
            "native_id": "20260116_1",
            "title": "My mill",
            "title_source": "custom",
            "first_prompt": "Sweep",
            "cwd": "/home/user/mill",
            "models": ["gpt-5"],
            "started_ms": 1_768_550_400_000_i64,
            "last_activity_ms": 1_768_550_700_000_i64,
            "turns": 1,
            "messages": 2,
            "tool_calls": 1,
            "tokens": {"input": 40, "cached": 0, "output": 4},
            "cost_usd": 0.25,
            "parent": {"id": "20260115_3"},
            "compactions": 0,
        }),
    );
    assert_eq!(
        shown(&items(agent("goose"), &log)),
        [
            "prompt Sweep",
            "answer I sweep.",
            "tool_call shell {}",
            "tool_result dust failed",
        ]
    );
}

#[test]
fn paths_and_commands() {
    let summary = Summary {
        native_id: Some("20260115_3".into()),
        ..Summary::default()
    };
    assert_eq!(
        agent("goose").native_path(&summary).unwrap(),
        "20260115_3.jsonl"
    );
    let command = agent("goose").resume_command(&summary).unwrap().join(" ");
    assert_eq!(command, "goose session --resume --session-id 20260115_3");
}
