//! opencode: files, exports and rows.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sessiondb_agents::{Cell, Document, opencode};

use crate::logs::*;

/// The files of a session below a folder `storage`.
fn assembled(storage: &Path, session: &str, messages: &str) -> Document {
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let sorted = |folder: &Path| {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        files
    };
    let mut all = Vec::new();
    for path in sorted(&storage.join(messages)) {
        let message = read(&path);
        let id = serde_json::from_str::<Value>(&message).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let parts = sorted(&storage.join("part").join(id));
        all.push((message, parts.iter().map(|part| read(part)).collect()));
    }
    opencode::assemble(&read(&storage.join(session)), &all)
}

fn lamp() -> Document {
    let storage = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/opencode/storage");
    assembled(
        &storage,
        "session/proj_lamp/ses_lamp.json",
        "message/ses_lamp",
    )
}

#[test]
fn a_session_of_files() {
    let document = lamp();
    let fold = fold_document("ses_lamp.json", agent("opencode"), &document);
    expect(
        &fold,
        &json!({
            "agent": "opencode",
            "agent_version": "1.2.10",
            "native_id": "ses_lamp",
            "title": "Lamp wiring",
            "title_source": "agent",
            "first_prompt": "Is the lamp wired?",
            "cwd": "/home/user/lamp",
            "models": ["claude-sonnet-4-5", "gpt-5"],
            "started_ms": 1_772_000_000_000_i64,
            "last_activity_ms": 1_772_000_060_000_i64,
            "turns": 1,
            "messages": 3,
            "tool_calls": 2,
            "tokens": {"input": 360, "cached": 1000, "output": 60, "reasoning": 7},
            "cost_usd": 0.5125,
            "compactions": 1,
        }),
    );
    assert_eq!(
        shown(&items(agent("opencode"), &document.entries)),
        [
            "prompt Is the lamp wired?",
            "image image/png 5",
            "thinking Look at the plan.",
            "tool_call read {\"filePath\":\"plan.txt\"}",
            "tool_result two wires",
            "tool_call bash {\"command\":\"ls\"}",
            "tool_result not allowed failed",
            "answer It is.",
            "compaction The lamp is wired.",
        ]
    );
}

#[test]
fn its_files_come_back() {
    let mut files = opencode::files(&lamp());
    files.sort();
    let paths: Vec<_> = files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths[..4],
        [
            "message/ses_lamp/msg_1.json",
            "message/ses_lamp/msg_2.json",
            "message/ses_lamp/msg_3.json",
            "part/msg_1/prt_1.json",
        ]
    );
    assert_eq!(files.len(), 13);
    for (path, json) in &files {
        let written = sample(&format!("opencode/storage/{path}"));
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(json), value(&written), "{path}");
        assert_eq!(author(path, &written).name(), "opencode");
    }
}

#[test]
fn an_export() {
    let log = sample("opencode/export.json");
    let opencode = author("", &log);
    let document = there_and_back(opencode, &log);
    assert!(document.header.starts_with(r#"{"id":"ses_fork""#));
    let fold = fold_document("export.json", opencode, &document);
    expect(
        &fold,
        &json!({
            "agent": "opencode",
            "agent_version": "1.3.0",
            "native_id": "ses_fork",
            "title": "Count the wires",
            "title_source": "prompt",
            "first_prompt": "Count the wires",
            "cwd": "/home/user/lamp",
            "started_ms": 1_772_000_100_000_i64,
            "last_activity_ms": 1_772_000_100_500_i64,
            "turns": 1,
            "messages": 1,
            "tool_calls": 0,
            "parent": {"id": "ses_lamp"},
            "compactions": 1,
        }),
    );
    assert_eq!(fold.identity().subagent.unwrap().id, "ses_fork");
    assert_eq!(
        shown(&items(opencode, &document.entries)),
        [
            "prompt Count the wires",
            "subagent prt_21 Wire count",
            "compaction",
        ]
    );
}

#[test]
fn what_an_export_has_besides_stays() {
    let log = r#"{"info":{"id":"ses_1"},"todo":[1],"messages":[{"info":{},"parts":[]}]}"#;
    let document = there_and_back(agent("opencode"), log);
    assert_eq!(document.header, r#"{"info":{"id":"ses_1"},"todo":[1]}"#);
    assert!(
        agent("opencode")
            .split(r#"{"info":{"id":"ses_1"}}"#)
            .is_none()
    );
    assert!(agent("opencode").split(r#"{"messages":[]}"#).is_none());
}

#[test]
fn a_session_that_looks_like_an_export() {
    let session = r#"{"id":"ses_1","info":{"id":"x"}}"#;
    let log = format!(r#"{{"info":{session},"messages":[]}}"#);
    let document = there_and_back(agent("opencode"), &log);
    assert_eq!(opencode::assemble(session, &[]), document);
    let id = fold_document("x", agent("opencode"), &document)
        .summary()
        .native_id;
    assert_eq!(id.as_deref(), Some("ses_1"));
}

#[test]
fn rows_are_the_same_files() {
    let session = [
        ("id", Cell::from("ses_1")),
        ("project_id", Cell::from("p")),
        ("parent_id", Cell::Null),
        ("title", Cell::from("A \"lamp\"")),
        ("share_url", Cell::from("https://example.com/s")),
        ("summary_files", Cell::from(2)),
        ("summary_diffs", Cell::from("[{\"file\": \"a\"}]")),
        ("revert", Cell::from("{\"messageID\": \"msg_1\"}")),
        ("model", Cell::from("no JSON")),
        ("cost", Cell::from(0.5)),
        ("tokens_input", Cell::from(7)),
        ("tokens_cache_read", Cell::from(3)),
        ("tokens_cache_write", Cell::from(1)),
        ("time_created", Cell::from(1)),
        ("time_archived", Cell::from(2)),
        ("new_column", Cell::from("kept")),
    ];
    let session = opencode::session_row(&session);
    assert_eq!(
        serde_json::from_str::<Value>(&session).unwrap(),
        json!({
            "id": "ses_1", "projectID": "p", "title": "A \"lamp\"", "share": {"url": "https://example.com/s"},
            "summary": {"files": 2, "diffs": [{"file": "a"}]}, "revert": {"messageID": "msg_1"},
            "model": "no JSON", "cost": 0.5, "tokens": {"input": 7, "cache": {"read": 3, "write": 1}},
            "time": {"created": 1, "archived": 2}, "new_column": "kept",
        })
    );
    let row = [
        ("id", Cell::from("prt_1")),
        ("message_id", Cell::from("msg_1")),
        ("session_id", Cell::from("ses_1")),
        ("time_created", Cell::from(9)),
        (
            "data",
            Cell::from(r#"{ "type":"text", "text":"\ud800", "n": 1e400 }"#),
        ),
    ];
    let part = opencode::part_row(&row).unwrap();
    let ids = r#""id":"prt_1","sessionID":"ses_1","messageID":"msg_1""#;
    assert_eq!(
        part,
        format!(r#"{{{ids},"type":"text","text":"\ud800","n":1e400}}"#)
    );
    assert_eq!(opencode::order(&row), (9, "prt_1".to_owned()));
    assert_eq!(opencode::message_row(&[("data", Cell::from("[1]"))]), None);

    let document = opencode::assemble(&session, &[]);
    let summary = fold_document("x", agent("opencode"), &document).summary();
    assert_eq!(summary.cost_usd, Some(0.5));
    let tokens = summary.tokens.unwrap();
    assert_eq!((tokens.input, tokens.cached), (8, 3));
}

#[test]
fn no_file_lies_elsewhere() {
    let document = Document {
        header: r#"{"id":"../ses","projectID":"p"}"#.into(),
        entries: vec![r#"{"info":{"id":"a/b","sessionID":"s"},"parts":[{"id":"x"}]}"#.into()],
    };
    assert!(opencode::files(&document).is_empty());
}

#[test]
fn paths_and_commands() {
    let mut summary = fold_document("x", agent("opencode"), &lamp()).summary();
    let command = agent("opencode").resume_command(&summary).unwrap();
    assert_eq!(command, ["opencode", "--session", "ses_lamp"]);
    assert_eq!(agent("opencode").native_path(&summary), None);
    summary.source_path = Some("/x/opencode/storage/session/proj_lamp/ses_lamp.json".into());
    let path = agent("opencode").native_path(&summary).unwrap();
    assert_eq!(path, "session/proj_lamp/ses_lamp.json");
}

#[test]
fn shared_sessions() {
    let folder = "agents/opencode/storage_v2";
    let small = "session/proj_test/ses_s_stage0_small.json";
    if shared(&format!("{folder}/{small}")).is_none() {
        return;
    }
    let storage = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(folder);
    let document = assembled(&storage, small, "message/s_stage0_small");
    expect(
        &fold_document(small, agent("opencode"), &document),
        &json!({
            "agent": "opencode",
            "agent_version": "1.3.17",
            "native_id": "s_stage0_small",
            "title": "OpenCode Small",
            "title_source": "agent",
            "first_prompt": "Hello",
            "cwd": "/tmp/repo",
            "models": ["gpt-4o-mini"],
            "started_ms": 1_730_000_000_000_i64,
            "last_activity_ms": 1_730_000_005_000_i64,
            "turns": 1,
            "messages": 2,
            "tool_calls": 1,
            "compactions": 0,
        }),
    );
    let large = "session/proj_test/ses_s_stage0_large.json";
    let document = assembled(&storage, large, "message/s_stage0_large");
    expect(
        &fold_document(large, agent("opencode"), &document),
        &json!({
            "agent": "opencode",
            "agent_version": "1.3.17",
            "native_id": "s_stage0_large",
            "title": "OpenCode Large",
            "title_source": "agent",
            "first_prompt": "Step 1",
            "cwd": "/tmp/large",
            "models": ["gpt-4o-mini"],
            "started_ms": 1_730_000_100_000_i64,
            "last_activity_ms": 1_730_000_109_000_i64,
            "turns": 2,
            "messages": 4,
            "tool_calls": 1,
            "tokens": {"input": 120, "cached": 0, "output": 16},
            "compactions": 1,
        }),
    );
}
