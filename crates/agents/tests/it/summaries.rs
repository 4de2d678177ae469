use serde_json::{Value, json};

use crate::samples::{fold, sample, shared};

#[track_caller]
fn check(path: &str, log: &str, expected: &Value) {
    let summary = serde_json::to_value(fold(path, log).summary()).unwrap();
    assert_eq!(&summary, expected, "{summary:#}");
}

#[track_caller]
fn check_sample(path: &str, expected: &Value) {
    check(path, &sample(path), expected);
}

#[track_caller]
fn check_shared(path: &str, expected: &Value) {
    if let Some(log) = shared(path) {
        check(path, &log, expected);
    }
}

#[test]
fn claude() {
    check_sample(
        "claude/5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01.jsonl",
        &json!({
            "agent": "claude", "agent_version": "2.1.11",
            "native_id": "5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01",
            "title": "The cent that was lost", "title_source": "summary",
            "first_prompt": "Why is the total\noff by one cent?",
            "cwd": "/src/shop", "git_branch": "fix-sum", "repository": "example/shop",
            "models": ["claude-opus-4-5", "claude-haiku-4-5"],
            "started_ms": 1_770_112_800_000_i64, "last_activity_ms": 1_770_112_980_000_i64,
            "turns": 3, "messages": 5, "tool_calls": 1,
            "tokens": {"input": 115, "cached": 2100, "output": 50},
            "compactions": 1,
        }),
    );
    check_sample(
        "claude/a9d1f6c4-7e21-4c3b-8d90-1b2c3d4e5f60.jsonl",
        &json!({
            "agent": "claude", "agent_version": "2.1.219",
            "native_id": "a9d1f6c4-7e21-4c3b-8d90-1b2c3d4e5f60",
            "title": "Tax", "title_source": "custom", "first_prompt": "Name the parts",
            "cwd": "/src/shop", "git_branch": "main", "models": ["claude-opus-5"],
            "started_ms": 1_782_892_800_000_i64, "last_activity_ms": 1_782_892_802_000_i64,
            "turns": 2, "messages": 3, "tool_calls": 0,
            "parent": {"id": "5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01", "at": "a1"},
            "compactions": 0,
        }),
    );
}

#[test]
fn a_subagent_of_claude() {
    check_sample(
        "claude/5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01/subagents/agent-a77c01.jsonl",
        &json!({
            "agent": "claude", "agent_version": "2.1.10", "native_id": "a77c01",
            "title": "Find every place that rounds", "title_source": "prompt",
            "first_prompt": "Find every place that rounds",
            "cwd": "/src/shop", "git_branch": "main", "models": ["claude-haiku-4-5"],
            "started_ms": 1_770_112_803_100_i64, "last_activity_ms": 1_770_112_803_400_i64,
            "turns": 1, "messages": 3, "tool_calls": 1,
            "tokens": {"input": 8, "cached": 0, "output": 10},
            "parent": {"id": "5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01"},
            "compactions": 0,
        }),
    );
}

#[test]
fn real_claude() {
    let question = "why this method does only work on unix and not windows?";
    let mut expected = json!({
        "agent": "claude", "agent_version": "2.1.12",
        "native_id": "cc432c40-914a-4c1a-a972-0103199a736a",
        "title": question, "title_source": "prompt", "first_prompt": question,
        "cwd": "/Users/dev/wks/dev/improve-status-cmd-output",
        "git_branch": "dev/detach-posthog-emit-event",
        "models": ["claude-opus-4-5-20251101"],
        "started_ms": 1_769_568_392_295_i64, "last_activity_ms": 1_769_568_616_220_i64,
        "turns": 3, "messages": 16, "tool_calls": 11,
        "tokens": {"input": 19_314, "cached": 613_345, "output": 44},
        "compactions": 0,
    });
    check_shared("real/claude/snapshot-2.jsonl", &expected);
    expected["last_activity_ms"] = 1_769_568_530_925_i64.into();
    expected["turns"] = 2.into();
    expected["messages"] = 10.into();
    expected["tool_calls"] = 7.into();
    expected["tokens"] = json!({"input": 17_688, "cached": 356_227, "output": 30});
    check_shared("real/claude/snapshot-1.jsonl", &expected);

    let Some(log) = shared("real/claude/compacted.jsonl") else {
        return;
    };
    let summary = fold("compacted.jsonl", &log).summary();
    assert_eq!(
        (summary.turns, summary.messages, summary.tool_calls),
        (2, 14, 10)
    );
    assert_eq!(
        (summary.compactions, summary.tokens.unwrap().output),
        (1, 2_038)
    );
}

#[test]
fn codex() {
    check_sample(
        "codex/rollout-2026-05-06T07-08-09-019df000-1111-7222-8333-444455556666.jsonl",
        &json!({
            "agent": "codex", "agent_version": "0.104.0",
            "native_id": "019df000-1111-7222-8333-444455556666",
            "title": "Sum and tax", "title_source": "custom", "first_prompt": "Fix the sum",
            "cwd": "/src/shop", "git_branch": "main",
            "repository": "https://example.invalid/shop.git", "models": ["gpt-5.2-codex"],
            "started_ms": 1_778_051_288_900_i64, "last_activity_ms": 1_778_051_402_000_i64,
            "turns": 2, "messages": 3, "tool_calls": 2,
            "tokens": {"input": 700, "cached": 1800, "output": 90, "reasoning": 30},
            "compactions": 1,
        }),
    );
    check_sample(
        "codex/rollout-2025-06-01T12-00-00-7d1e6a52-0d3e-4a6e-9b50-2f5d2a7b1e02.jsonl",
        &json!({
            "agent": "codex", "native_id": "7d1e6a52-0d3e-4a6e-9b50-2f5d2a7b1e02",
            "title": "List the files", "title_source": "prompt", "first_prompt": "List the files",
            "git_branch": "old", "repository": "https://example.invalid/old.git",
            "started_ms": 1_748_779_200_000_i64, "last_activity_ms": 1_748_779_209_000_i64,
            "turns": 1, "messages": 2, "tool_calls": 1, "compactions": 0,
        }),
    );
}

#[test]
fn a_subagent_of_codex() {
    check_sample(
        "codex/rollout-2026-05-06T07-08-20-019df000-9999-7222-8333-444455557777.jsonl",
        &json!({
            "agent": "codex", "agent_version": "0.146.0",
            "native_id": "019df000-9999-7222-8333-444455557777",
            "title": "Counter", "title_source": "agent", "first_prompt": "Count the files",
            "cwd": "/src/shop",
            "started_ms": 1_778_051_289_000_i64, "last_activity_ms": 1_778_051_303_000_i64,
            "turns": 1, "messages": 2, "tool_calls": 1,
            "parent": {"id": "019df000-1111-7222-8333-444455556666"}, "compactions": 0,
        }),
    );
}

#[test]
fn shared_codex() {
    check_shared(
        "agents/codex/large.jsonl",
        &json!({
            "agent": "codex", "agent_version": "0.106.0",
            "native_id": "019b2ea4-aaaa-bbbb-cccc-58208e1f0000",
            "title": "Start", "title_source": "prompt", "first_prompt": "Start",
            "cwd": "/tmp/large", "models": ["gpt-5.2"],
            "started_ms": 1_766_052_000_000_i64, "last_activity_ms": 1_766_052_016_000_i64,
            "turns": 1, "messages": 8, "tool_calls": 1,
            "tokens": {"input": 1_211, "cached": 10_880, "output": 182, "reasoning": 128},
            "compactions": 0,
        }),
    );
}

#[test]
fn pi() {
    check_sample(
        "pi/2026-03-04T05-06-07-008Z_0d9a1b2c-3d4e-4f50-8a6b-7c8d9e0f1a2b.jsonl",
        &json!({
            "agent": "pi", "native_id": "0d9a1b2c-3d4e-4f50-8a6b-7c8d9e0f1a2b",
            "title": "Tax", "title_source": "custom", "first_prompt": "Round the tax",
            "cwd": "/src/shop", "models": ["claude-sonnet-4-5"],
            "started_ms": 1_772_600_767_008_i64, "last_activity_ms": 1_772_600_881_000_i64,
            "turns": 2, "messages": 3, "tool_calls": 1,
            "tokens": {"input": 4_010, "cached": 300, "output": 20}, "cost_usd": 0.01542,
            "parent": {"id": "11111111-2222-4333-8444-555555555555"}, "compactions": 1,
        }),
    );
    check_sample(
        "pi/branched.jsonl",
        &json!({
            "agent": "pi", "native_id": "77777777-8888-4999-8aaa-bbbbbbbbbbbb",
            "title": "First", "title_source": "prompt", "first_prompt": "First",
            "cwd": "/src/old", "models": ["gpt-5.1-codex"],
            "started_ms": 1_761_955_199_000_i64, "last_activity_ms": 1_761_955_260_000_i64,
            "turns": 1, "messages": 3, "tool_calls": 0,
            "tokens": {"input": 8, "cached": 2, "output": 4}, "cost_usd": 0.3,
            "parent": {"id": "old-session"}, "compactions": 1,
        }),
    );
}

#[test]
fn real_pi() {
    check_shared(
        "real/pi-large-session.jsonl",
        &json!({
            "agent": "pi", "native_id": "d703a1a9-1b7b-4fb1-b512-c9738b1fe617",
            "title": "/mode", "title_source": "prompt", "first_prompt": "/mode",
            "cwd": "/Users/badlogic/workspaces/pi-mono", "models": ["claude-sonnet-4-5"],
            "started_ms": 1_763_681_581_550_i64, "last_activity_ms": 1_763_691_242_980_i64,
            "turns": 88, "messages": 527, "tool_calls": 391,
            "tokens": {"input": 4_297_281, "cached": 43_229_469, "output": 83_156},
            "cost_usd": 30.330_197_7, "compactions": 0,
        }),
    );
}

#[test]
fn yoi() {
    check_sample(
        "yoi/019e0000-0000-7000-8000-00000000000b.jsonl",
        &json!({
            "agent": "yoi", "native_id": "019e0000-0000-7000-8000-00000000000a",
            "title": "Read @sum.rs now!", "title_source": "prompt",
            "first_prompt": "Read @sum.rs now!",
            "started_ms": 1_767_000_000_000_i64, "last_activity_ms": 1_767_000_000_011_i64,
            "turns": 1, "messages": 3, "tool_calls": 1,
            "tokens": {"input": 40, "cached": 180, "output": 10}, "compactions": 0,
        }),
    );
    check_sample(
        "yoi/forked.jsonl",
        &json!({
            "agent": "yoi", "native_id": "019e0000-0000-7000-8000-00000000000c",
            "title": "Read sum.rs", "title_source": "prompt", "first_prompt": "Read sum.rs",
            "started_ms": 1_767_000_100_000_i64, "last_activity_ms": 1_767_000_100_004_i64,
            "turns": 1, "messages": 2, "tool_calls": 0, "compactions": 0,
        }),
    );
}

#[test]
fn every_shared_log_of_these_agents_is_recognised() {
    for (name, agent) in [
        ("agents/claude/small.jsonl", "claude"),
        ("agents/claude/large.jsonl", "claude"),
        ("agents/codex/small.jsonl", "codex"),
        ("agents/pi/small.jsonl", "pi"),
        ("wire/log-entries.jsonl", "yoi"),
    ] {
        let Some(log) = shared(name) else { continue };
        // The path says nothing.
        let summary = fold("a-copy.jsonl", &log).summary();
        assert_eq!(summary.agent, agent, "{name}");
        assert!(summary.started_ms.is_some(), "{name}");
    }
}
