//! Cline and Roo Code: tasks.

use serde_json::json;

use crate::logs::*;

#[test]
fn a_task() {
    let path = "cline/tasks/1767225600000/api_conversation_history.json";
    let log = sample(path);
    let cline = author(path, &log);
    let document = there_and_back(cline, &log);
    let mut fold = fold_document(path, cline, &document);
    let mut expected = json!({
        "agent": "cline",
        "native_id": "1767225600000",
        "title": "Mend the fence",
        "title_source": "prompt",
        "first_prompt": "Mend the fence",
        "cwd": "/home/user/farm",
        "models": ["claude-sonnet-4-5"],
        "started_ms": 1_767_225_600_100_i64,
        "last_activity_ms": 1_767_225_620_000_i64,
        "turns": 2,
        "messages": 4,
        "tool_calls": 1,
        "tokens": {"input": 120, "cached": 20, "output": 30},
        "cost_usd": 0.02,
        "compactions": 0,
    });
    expect(&fold, &expected);
    assert_eq!(
        shown(&items(cline, &document.entries)),
        [
            "prompt Mend the fence",
            "thinking Where is it broken?",
            "answer I read the note.",
            "tool_call read_file {\"path\":\"gate.txt\"}",
            "tool_result two boards",
            "answer Two boards are loose.",
            "prompt Nail them",
            "image image/png 5",
        ]
    );

    // What the person saw says more of what was used, however often it is said.
    let seen = sample("cline/tasks/1767225600000/ui_messages.json");
    assert!(cline.split(&seen).is_none());
    fold.header(&seen);
    fold.header(&seen);
    expected["tokens"] = json!({"input": 155, "cached": 20, "output": 40});
    expected["cost_usd"] = json!(0.03);
    expected["started_ms"] = json!(1_767_225_600_050_i64);
    expect(&fold, &expected);
}

#[test]
fn a_task_without_times_whose_tools_are_called_in_the_text() {
    let path = "cline/tasks/1767312000000/api_conversation_history.json";
    let log = sample(path);
    let cline = author(path, &log);
    let document = there_and_back(cline, &log);
    let mut fold = fold_document(path, cline, &document);
    expect(
        &fold,
        &json!({
            "agent": "cline",
            "native_id": "1767312000000",
            "title": "Paint the barn",
            "title_source": "prompt",
            "first_prompt": "Paint the barn",
            "started_ms": 1_767_312_000_000_i64,
            "last_activity_ms": 1_767_312_000_000_i64,
            "turns": 1,
            "messages": 2,
            "tool_calls": 1,
            "compactions": 0,
        }),
    );
    assert_eq!(
        shown(&items(cline, &document.entries)),
        [
            "prompt Paint the barn",
            "answer Red?\n<execute_command>\n<command>ls</command>\n</execute_command>",
            "tool_result [execute_command for 'ls'] Result:",
            "tool_result brush",
        ]
    );
    fold.header(r#"{"id":"1767312000000","task":"Paint","tokensIn":9,"tokensOut":2,"totalCost":0.5,"workspace":"/home/user/farm"}"#);
    let summary = fold.summary();
    assert_eq!(
        (summary.cost_usd, summary.cwd.as_deref()),
        (Some(0.5), Some("/home/user/farm"))
    );
    assert_eq!(summary.first_prompt.as_deref(), Some("Paint the barn"));
}

#[test]
fn paths_and_commands() {
    let path = "cline/tasks/1767312000000/api_conversation_history.json";
    let document = agent("cline").split(&sample(path)).unwrap();
    let summary = fold_document(path, agent("cline"), &document).summary();
    let native = agent("cline").native_path(&summary).unwrap();
    assert_eq!(native, "1767312000000/api_conversation_history.json");
    let command = agent("cline").resume_command(&summary).unwrap().join(" ");
    assert_eq!(command, "cline task open 1767312000000");
}
