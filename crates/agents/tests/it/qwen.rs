//! Qwen Code: a tree of records.

use serde_json::json;
use sessiondb_agents::{Origin, Summary};

use crate::logs::*;

#[test]
fn only_the_branch_that_goes_on_counts() {
    let log = sample("qwen/branches.jsonl");
    expect(
        &fold_lines("0b54c2a8-5f1e-4d7b-93c6-2e8f9a7d1c30.jsonl", &log),
        &json!({
            "agent": "qwen",
            "agent_version": "0.19.3",
            "native_id": "0b54c2a8-5f1e-4d7b-93c6-2e8f9a7d1c30",
            "title": "Tides of the day",
            "title_source": "agent",
            "first_prompt": "When is high water?",
            "cwd": "/home/user/tides",
            "git_branch": "tables",
            "models": ["qwen3-coder-plus", "qwen3-max"],
            "started_ms": 1_780_308_000_000_i64,
            "last_activity_ms": 1_780_308_074_000_i64,
            "turns": 2,
            "messages": 3,
            "tool_calls": 0,
            "tokens": {"input": 1700, "cached": 200, "output": 50, "reasoning": 15},
            "compactions": 0,
        }),
    );
    assert_eq!(
        shown(&items(agent("qwen"), &lines(&log))),
        [
            "prompt When is high water?",
            "notice Went back to an earlier message",
            "prompt And low water?",
            "answer At noon.",
        ]
    );

    // Before it went back, the other branch was the conversation.
    let before = lines(&log)[..5].join("\n");
    let summary = fold_lines("x", &before).summary();
    assert_eq!(
        (
            summary.title.as_deref(),
            summary.messages,
            summary.tool_calls
        ),
        (Some("Lost title"), 2, 1)
    );
    assert_eq!(
        shown(&items(agent("qwen"), &lines(&before))),
        [
            "prompt When is high water?",
            "thinking The table has it.",
            "tool_call read_file {\"path\":\"tides.txt\"}",
            "answer I look it up.",
            "tool_result 06:12 and 18:40",
        ]
    );
}

#[test]
fn a_fork_names_its_parent() {
    let log = sample("qwen/forked.jsonl");
    expect(
        &fold_lines("7c9e2d10-84fa-4b3e-a1d7-55c0e6f3b812.jsonl", &log),
        &json!({
            "agent": "qwen",
            "agent_version": "0.20.0",
            "native_id": "7c9e2d10-84fa-4b3e-a1d7-55c0e6f3b812",
            "title": "Plot the week",
            "title_source": "prompt",
            "first_prompt": "Plot the week",
            "cwd": "/home/user/tides",
            "models": ["qwen3-max"],
            "started_ms": 1_780_387_200_000_i64,
            "last_activity_ms": 1_780_387_265_000_i64,
            "turns": 1,
            "messages": 2,
            "tool_calls": 0,
            "tokens": {"input": 10, "cached": 0, "output": 2},
            "parent": {"id": "0b54c2a8-5f1e-4d7b-93c6-2e8f9a7d1c30", "at": "b2"},
            "compactions": 1,
        }),
    );
    assert_eq!(
        shown(&items(agent("qwen"), &lines(&log))),
        [
            "prompt Plot the week",
            "image image/png 5",
            "answer Plotted.",
            "compaction The week was plotted.",
            "notice A task ended.",
        ]
    );
}

fn record(uuid: &str, parent: Option<&str>, rest: &str) -> String {
    let parent = serde_json::to_string(&parent).unwrap();
    format!(r#"{{"uuid":"{uuid}","parentUuid":{parent},"sessionId":"s",{rest}}}"#)
}

fn prompt(text: &str) -> String {
    format!(r#""type":"user","message":{{"role":"user","parts":[{{"text":"{text}"}}]}}"#)
}

#[test]
fn a_lost_parent_is_bridged_but_not_where_it_went_back() {
    let log = [
        record("a", None, &prompt("One")),
        record("b", Some("lost"), &prompt("Two")),
    ];
    let summary = fold_lines("s", &log.join("\n")).summary();
    assert_eq!(
        (summary.turns, summary.first_prompt.as_deref()),
        (2, Some("One"))
    );
    assert_eq!(
        shown(&items(agent("qwen"), &log)),
        ["prompt One", "prompt Two"]
    );

    let back = r#""type":"system","subtype":"rewind","systemPayload":{}"#;
    let log = [
        record("a", None, &prompt("One")),
        record("r", Some("lost"), back),
        record("b", Some("r"), &prompt("Two")),
    ];
    let summary = fold_lines("s", &log.join("\n")).summary();
    assert_eq!(
        (summary.turns, summary.first_prompt.as_deref()),
        (1, Some("Two"))
    );
    let back = "notice Went back to an earlier message";
    assert_eq!(shown(&items(agent("qwen"), &log)), [back, "prompt Two"]);
}

#[test]
fn a_subagents_log() {
    let rest = format!(
        r#""isSidechain":true,"agentId":"explore-7f3c",{}"#,
        prompt("Look around")
    );
    let log = record("a", None, &rest);
    let fold = fold_lines("subagents/s/agent-explore-7f3c.jsonl", &log);
    let subagent = fold.identity().subagent.unwrap();
    assert_eq!(
        (subagent.id.as_str(), subagent.parent.as_deref()),
        ("explore-7f3c", Some("s"))
    );
    let in_path = agent("qwen").subagent_in_path("subagents/s/agent-explore-7f3c.jsonl");
    assert_eq!(in_path, Some(subagent));
}

#[test]
fn paths_and_commands() {
    let mut summary = Summary {
        native_id: Some("s1".into()),
        cwd: Some("/home/user/my_tides".into()),
        ..Summary::default()
    };
    let path = agent("qwen").native_path(&summary).unwrap();
    assert_eq!(path, "-home-user-my-tides/chats/s1.jsonl");
    assert_eq!(
        agent("qwen").resume_command(&summary).unwrap(),
        ["qwen", "--resume", "s1"]
    );
    summary.parent = Some(Origin {
        id: "s0".into(),
        at: None,
    });
    let path = agent("qwen").native_path(&summary).unwrap();
    assert_eq!(path, "-home-user-my-tides/subagents/s0/agent-s1.jsonl");
    assert_eq!(agent("qwen").resume_command(&summary), None);
}

#[test]
fn a_shared_session() {
    let name = "agents/qwen/019f0000-0000-7000-8000-000000000001.jsonl";
    let Some(log) = shared(name) else { return };
    expect(
        &fold_lines(name, &log),
        &json!({
            "agent": "qwen",
            "agent_version": "0.21.13",
            "native_id": "019f0000-0000-7000-8000-000000000001",
            "title": "Inspect the synthetic fixture.",
            "title_source": "prompt",
            "first_prompt": "Inspect the synthetic fixture.",
            "cwd": "/tmp/as-qwen-fixture/project",
            "git_branch": "fixture-branch",
            "models": ["synthetic-model"],
            "started_ms": 1_786_968_000_000_i64,
            "last_activity_ms": 1_786_968_005_000_i64,
            "turns": 1,
            "messages": 3,
            "tool_calls": 1,
            "compactions": 0,
        }),
    );
}

#[test]
fn a_shared_session_that_went_back() {
    let name = "agents/qwen/019f0000-0000-7000-8000-000000000004.jsonl";
    let Some(log) = shared(name) else { return };
    expect(
        &fold_lines(name, &log),
        &json!({
            "agent": "qwen",
            "agent_version": "0.21.13",
            "native_id": "019f0000-0000-7000-8000-000000000004",
            "title": "Active branch title",
            "title_source": "agent",
            "first_prompt": "Begin the active-chain fixture.",
            "cwd": "/tmp/as-qwen-fixture/old-project",
            "models": ["synthetic-dead-model", "synthetic-active-model"],
            "started_ms": 1_786_971_600_000_i64,
            "last_activity_ms": 1_786_971_608_000_i64,
            "turns": 2,
            "messages": 3,
            "tool_calls": 1,
            "tokens": {"input": 12, "cached": 0, "output": 4},
            "compactions": 0,
        }),
    );
    assert_eq!(
        shown(&items(agent("qwen"), &lines(&log))),
        [
            "prompt Begin the active-chain fixture.",
            "notice Went back to an earlier message",
            "prompt Continue from the rewound branch.",
            "thinking Reason over the active branch.",
            "tool_call read_file {\"path\":\"/tmp/as-qwen-fixture/new-project/README.md\"}",
            "answer Active branch answer.",
        ]
    );
}
