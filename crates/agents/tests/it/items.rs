use sessiondb_agents::{Item, ItemKind};

use crate::samples::{sample, shared, shown};

/// An item in a line.
fn line(item: &Item) -> String {
    match &item.kind {
        ItemKind::Prompt { text } => format!("> {text}"),
        ItemKind::Answer { text, .. } => format!("< {text}"),
        ItemKind::Thinking { text } => format!("~ {text}"),
        ItemKind::ToolCall { name, input, .. } => format!("! {name} {input}"),
        ItemKind::ToolResult { text, is_error, .. } => {
            format!("= {text}{}", if *is_error { " (error)" } else { "" })
        }
        ItemKind::Image {
            media_type, bytes, ..
        } => format!("i {media_type:?} {bytes:?}"),
        ItemKind::Notice { text } => format!("- {text}"),
        ItemKind::Compaction { summary } => format!("c {summary:?}"),
        other => format!("{other:?}"),
    }
}

#[track_caller]
fn check(path: &str, expected: &[&str]) {
    let shown: Vec<_> = shown(path, &sample(path)).iter().map(line).collect();
    assert_eq!(shown, expected);
}

#[test]
fn claude() {
    check(
        "claude/5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01.jsonl",
        &[
            "> Why is the total\noff by one cent?",
            r#"i Some("image/png") Some(8)"#,
            "~ Rounding, perhaps.",
            "< I will look at the sum.",
            r#"! Read {"file_path":"/src/shop/sum.rs"}"#,
            "= fn sum() {}",
            "< It truncates. Fixed.",
            "- [Request interrupted by user]",
            "- API Error: overloaded",
            "- Conversation compacted",
            r#"c Some("The sum was off; it is fixed.")"#,
            "> Add a test",
            "- Pull request example/shop#7 https://example.invalid/shop/pull/7",
        ],
    );
    check(
        "claude/5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01/subagents/agent-a77c01.jsonl",
        &[
            "> Find every place that rounds",
            r#"! Grep {"pattern":"round"}"#,
            "= No matches (error)",
            "< There is none.",
        ],
    );
}

#[test]
fn codex() {
    check(
        "codex/rollout-2026-05-06T07-08-09-019df000-1111-7222-8333-444455556666.jsonl",
        &[
            "> Fix the sum",
            "~ **Reading the sum**",
            r#"! exec_command {"cmd":"cat sum.rs"}"#,
            "= no such file (error)",
            r#"! apply_patch "*** Begin Patch\n*** End Patch""#,
            "= Done",
            "< The sum is fixed.",
            r#"c Some("The sum was fixed.")"#,
            "> And the tax?",
            r#"i Some("image/png") Some(8)"#,
            "- Turn aborted: interrupted",
        ],
    );
    check(
        "codex/rollout-2025-06-01T12-00-00-7d1e6a52-0d3e-4a6e-9b50-2f5d2a7b1e02.jsonl",
        &[
            "> List the files",
            r#"! shell {"type":"exec","command":["ls"]}"#,
            "= a.txt",
            "< There is a.txt.",
        ],
    );
    check(
        "codex/rollout-2026-05-06T07-08-20-019df000-9999-7222-8333-444455557777.jsonl",
        &["> Count the files", "< Three."],
    );
}

#[test]
fn pi() {
    check(
        "pi/2026-03-04T05-06-07-008Z_0d9a1b2c-3d4e-4f50-8a6b-7c8d9e0f1a2b.jsonl",
        &[
            "- Model claude-sonnet-4-5",
            "> Round the tax",
            "~ Down or up?",
            "< Down?",
            r#"! bash {"command":"ls"}"#,
            // The result is on the branch that was left.
            "> Up",
            "- Request was aborted",
            r#"c Some("Tax is rounded.")"#,
        ],
    );
}

#[test]
fn yoi() {
    check(
        "yoi/019e0000-0000-7000-8000-00000000000b.jsonl",
        &[
            "> Read @sum.rs now!",
            "~ A file.",
            "< Reading.",
            r#"! Read {"path":"sum.rs"}"#,
            "= 3 lines (error)",
            "< Done.",
        ],
    );
    check(
        "yoi/forked.jsonl",
        &[
            "> Read sum.rs",
            "< Done.",
            "> [Flow: review]",
            "< I cannot.",
            "- boom",
        ],
    );
}

#[test]
fn a_real_log_can_be_read_through() {
    let Some(log) = shared("real/claude/compacted.jsonl") else {
        return;
    };
    let shown = shown("compacted.jsonl", &log);
    let count = |kind: fn(&ItemKind) -> bool| shown.iter().filter(|item| kind(&item.kind)).count();
    assert_eq!(count(|kind| matches!(kind, ItemKind::Prompt { .. })), 2);
    assert_eq!(count(|kind| matches!(kind, ItemKind::ToolCall { .. })), 10);
    assert_eq!(
        count(|kind| matches!(kind, ItemKind::ToolResult { .. })),
        10
    );
    assert_eq!(count(|kind| matches!(kind, ItemKind::Compaction { .. })), 1);
}

#[test]
fn what_is_not_known_passes_and_is_shown_if_it_seems_to_be_said() {
    let mut items = Vec::new();
    for agent in sessiondb_agents::agents() {
        items.clear();
        let said = br#"{"type":"tomorrow","kind":"tomorrow","role":"user","content":"Hello"}"#;
        agent.items(said, 0, &mut items);
        agent.items(
            br#"{"type":"tomorrow","kind":"tomorrow","payload":{"n":1}}"#,
            1,
            &mut items,
        );
        assert!(!items[0].hidden, "{agent:?}");
        assert_eq!(
            (items[1].kind.clone(), items[1].hidden),
            (ItemKind::Raw, true),
            "{agent:?}"
        );
    }
}
