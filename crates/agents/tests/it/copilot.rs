//! Copilot CLI: events.

use serde_json::json;
use sessiondb_agents::Summary;

use crate::logs::*;

#[test]
fn a_session_with_a_subagent_that_was_resumed() {
    let name = "copilot/3f6a1c20-9b7d-4e58-8a41-c2d05e9f7b36.jsonl";
    let log = sample(name);
    expect(
        &fold_lines(name, &log),
        &json!({
            "agent": "copilot",
            "agent_version": "1.0.50",
            "native_id": "3f6a1c20-9b7d-4e58-8a41-c2d05e9f7b36",
            "title": "Draw a kite",
            "title_source": "prompt",
            "first_prompt": "Draw a kite",
            "cwd": "/home/user/kites",
            "git_branch": "storm",
            "repository": "example/kites",
            "models": ["gpt-5", "gpt-5-mini", "claude-sonnet-4.5"],
            "started_ms": 1_775_822_400_000_i64,
            "last_activity_ms": 1_775_894_409_000_i64,
            "turns": 2,
            "messages": 4,
            "tool_calls": 1,
            "tokens": {"input": 770, "cached": 600, "output": 61, "reasoning": 20},
            "compactions": 1,
        }),
    );
    assert_eq!(
        shown(&items(agent("copilot"), &lines(&log))),
        [
            "prompt Draw a kite",
            "notice /home/user/kites/plan.md",
            "answer I ask a ",
            "thinking A helper is quicker.",
            "answer helper.",
            "tool_call task {\"agent\":\"painter\"}",
            "subagent call-1 Painter",
            "subagent call-1 Painter",
            "tool_result no kite",
            "prompt Try again",
            "compaction",
            "answer There it is.",
        ]
    );
}

#[test]
fn a_session_that_did_not_end() {
    let name = "copilot/8d2b4f91-6c0e-4a73-b5d8-1e9f7a3c6042/events.jsonl";
    let log = sample(name);
    expect(
        &fold_lines(name, &log),
        &json!({
            "agent": "copilot",
            "agent_version": "1.0.12",
            "native_id": "8d2b4f91-6c0e-4a73-b5d8-1e9f7a3c6042",
            "title": "How many boats?",
            "title_source": "prompt",
            "first_prompt": "How many boats?",
            "cwd": "/home/user/boats",
            "started_ms": 1_772_346_600_000_i64,
            "last_activity_ms": 1_772_346_604_000_i64,
            "turns": 1,
            "messages": 2,
            "tool_calls": 0,
            "tokens": {"input": 0, "cached": 0, "output": 3},
            "compactions": 0,
        }),
    );
    assert_eq!(
        shown(&items(agent("copilot"), &lines(&log))),
        [
            "prompt How many boats?",
            "thinking Count the masts.",
            "answer Seven.",
            "notice Stopped: user_initiated",
        ]
    );
}

#[test]
fn usage_that_begins_anew_adds_up() {
    let ended = |input: u64, output: u64| {
        format!(
            r#"{{"type":"session.shutdown","data":{{"modelMetrics":{{"m":{{"usage":{{"inputTokens":{input},"outputTokens":{output}}}}}}}}}}}"#
        )
    };
    let begun = r#"{"type":"session.start","data":{"sessionId":"s","copilotVersion":"1"}}"#;
    let log = [begun.to_owned(), ended(10, 5), ended(30, 9), ended(4, 2)].join("\n");
    let tokens = fold_lines("s.jsonl", &log).summary().tokens.unwrap();
    assert_eq!((tokens.input, tokens.output), (34, 11));
}

#[test]
fn paths_and_commands() {
    let copilot = agent("copilot");
    let mut summary = Summary {
        native_id: Some("s1".into()),
        ..Summary::default()
    };
    assert_eq!(copilot.native_path(&summary).unwrap(), "s1/events.jsonl");
    summary.source_path = Some("/x/session-state/s1.jsonl".into());
    assert_eq!(copilot.native_path(&summary).unwrap(), "s1.jsonl");
    assert_eq!(
        copilot.resume_command(&summary).unwrap(),
        ["copilot", "--resume", "s1"]
    );
    assert_eq!(copilot.id_in_path("a/s2/events.jsonl").unwrap(), "s2");
}

#[test]
fn shared_sessions() {
    let name = "agents/copilot/small.jsonl";
    if let Some(log) = shared(name) {
        let log = lines(&log)[..16].join("\n");
        expect(
            &fold_lines(name, &log),
            &json!({
                "agent": "copilot",
                "agent_version": "1.0.77",
                "native_id": "copilot_stage0_small",
                "title": "List the files",
                "title_source": "prompt",
                "first_prompt": "List the files",
                "cwd": "/tmp/repo",
                "git_branch": "main",
                "repository": "example/repo",
                "models": ["gpt-5-mini"],
                "started_ms": 1_766_093_524_182_i64,
                "last_activity_ms": 1_766_093_540_000_i64,
                "turns": 1,
                "messages": 3,
                "tool_calls": 1,
                "tokens": {"input": 100, "cached": 5, "output": 15},
                "compactions": 0,
            }),
        );
    }
    let name = "agents/copilot/subdir_v1/aaaabbbb-1111-2222-3333-ccccddddeeee/events.jsonl";
    let Some(log) = shared(name) else { return };
    expect(
        &fold_lines(name, &log),
        &json!({
            "agent": "copilot",
            "agent_version": "1.0.11",
            "native_id": "aaaabbbb-1111-2222-3333-ccccddddeeee",
            "title": "List the files",
            "title_source": "prompt",
            "first_prompt": "List the files",
            "cwd": "/tmp/project",
            "git_branch": "main",
            "repository": "example/repo",
            "started_ms": 1_774_547_434_263_i64,
            "last_activity_ms": 1_774_547_437_100_i64,
            "turns": 1,
            "messages": 3,
            "tool_calls": 1,
            "tokens": {"input": 0, "cached": 0, "output": 26},
            "compactions": 0,
        }),
    );
}
