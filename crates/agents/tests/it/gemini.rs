//! Gemini CLI: documents, and lines that change what came before.

use serde_json::json;
use sessiondb_agents::{Subagent, Summary};

use crate::logs::*;

#[test]
fn a_document() {
    let log = sample("gemini/garden.json");
    let gemini = author("", &log);
    let document = there_and_back(gemini, &log);
    assert_eq!(document.entries.len(), 4);
    assert!(document.entries[1].contains("\"limit\":1e400"));
    let path = "tmp/p/chats/session-2026-02-03T09-15-5b0c1f52.json";
    let fold = fold_document(path, gemini, &document);
    expect(
        &fold,
        &json!({
            "agent": "gemini",
            "native_id": "5b0c1f52-7a31-4c8e-9d55-0a6f3e1b2c4d",
            "title": "Which beds need water? Answer in one line.",
            "title_source": "prompt",
            "first_prompt": "Which beds need water?\nAnswer in one line.",
            "models": ["gemini-2.5-pro", "gemini-2.5-flash"],
            "started_ms": 1_770_110_100_000_i64,
            "last_activity_ms": 1_770_110_140_500_i64,
            "turns": 1,
            "messages": 3,
            "tool_calls": 1,
            "tokens": {"input": 800, "cached": 1400, "output": 28, "reasoning": 30},
            "compactions": 0,
        }),
    );
    assert_eq!(
        shown(&items(gemini, &document.entries)),
        [
            "prompt Which beds need water?\nAnswer in one line.",
            "thinking Where the readings are\nThey are in a CSV file.",
            "answer I read the sensor log first.",
            "tool_call read_file {\"file_path\":\"beds.csv\",\"limit\":1e400}",
            "tool_result north,12\nsouth,61",
            "notice Automatic updates are off.",
            "answer The north bed.",
        ]
    );
}

#[test]
fn lines_that_replace_and_take_back() {
    let log = sample("gemini/rewound.jsonl");
    let fold = fold_lines("session-2026-05-06T07-00-e2f7a9d4.jsonl", &log);
    expect(
        &fold,
        &json!({
            "agent": "gemini",
            "native_id": "e2f7a9d4-13b8-4f60-8c2d-77aa51bb90ce",
            "title": "Recipes sorted by time",
            "title_source": "summary",
            "first_prompt": "Sort the recipes @list.md",
            "cwd": "/home/user/recipes",
            "models": ["gemini-3-flash", "gemini-3-pro"],
            "started_ms": 1_778_050_800_000_i64,
            "last_activity_ms": 1_778_050_825_000_i64,
            "turns": 2,
            "messages": 4,
            "tool_calls": 1,
            "tokens": {"input": 1400, "cached": 400, "output": 25, "reasoning": 5},
            "compactions": 0,
        }),
    );
    assert_eq!(
        shown(&items(agent("gemini"), &lines(&log))),
        [
            "prompt Sort the recipes @list.md",
            "answer By name or by time?",
            "notice Went back to an earlier message",
            "prompt By time",
            "answer Done.",
            "tool_call write_file {\"file_path\":\"list.md\"}",
            "tool_result written",
        ]
    );
}

#[test]
fn all_messages_may_be_replaced() {
    let mut log = sample("gemini/rewound.jsonl");
    log.push_str(r#"{"$set":{"messages":[{"id":"s1","type":"user","content":[{"text":"In short: recipes"}]},{"id":"g3","timestamp":"2026-05-06T07:00:25.000Z","type":"gemini","content":"Done."}]}}"#);
    log.push('\n');
    log.push_str(r#"{"id":"u4","type":"user","content":"Thanks"}"#);
    let fold = fold_lines("x.jsonl", &log);
    let summary = fold.summary();
    assert_eq!(
        (summary.turns, summary.messages, summary.tool_calls),
        (2, 3, 0)
    );
    assert_eq!(summary.compactions, 1);
    assert_eq!(
        summary.first_prompt.as_deref(),
        Some("Sort the recipes @list.md")
    );
    assert_eq!(summary.tokens.unwrap().output, 25);
    let shown = shown(&items(agent("gemini"), &lines(&log)));
    assert_eq!(
        shown[1..],
        ["prompt In short: recipes", "answer Done.", "prompt Thanks"]
    );

    // Of a message that is not there, everything is taken back.
    log.push_str(
        "\n{\"$rewindTo\":\"nowhere\"}\n{\"id\":\"u5\",\"type\":\"user\",\"content\":\"Anew\"}",
    );
    let summary = fold_lines("x.jsonl", &log).summary();
    assert_eq!((summary.turns, summary.messages), (1, 1));
}

#[test]
fn taking_back_the_first_prompt_forgets_it() {
    let log = concat!(
        r#"{"sessionId":"s","projectHash":"h"}"#,
        "\n",
        r#"{"id":"a","type":"user","content":"One"}"#,
        "\n",
        r#"{"$rewindTo":"a"}"#,
        "\n",
        r#"{"id":"b","type":"user","content":"Two"}"#,
        "\n",
    );
    assert_eq!(fold_lines("s", log).summary().title.as_deref(), Some("Two"));
}

#[test]
fn a_subagent_is_a_segment_of_its_parent() {
    let parent = "e2f7a9d4-13b8-4f60-8c2d-77aa51bb90ce";
    let path = format!("gemini/chats/{parent}/helper-4.jsonl");
    let fold = fold_lines(&path, &sample(&path));
    let identity = fold.identity();
    let subagent = Subagent {
        id: "helper-4".into(),
        parent: Some(parent.into()),
    };
    assert_eq!(identity.subagent, Some(subagent));
    assert_eq!(identity.session.unwrap().to_string(), parent);
    let summary = fold.summary();
    assert_eq!(summary.parent.unwrap().id, parent);
    assert_eq!(
        (summary.turns, summary.cwd.as_deref()),
        (1, Some("/home/user/recipes"))
    );
}

#[test]
fn paths_and_commands() {
    let gemini = agent("gemini");
    let mut summary = Summary {
        native_id: Some("5b0c1f52-7a31".into()),
        cwd: Some("/home/user/recipes".into()),
        started_ms: Some(1_770_110_100_000),
        ..Summary::default()
    };
    let hash = "c94c9f9785191ec8e521aa41036e6da2ac988feb46913497cd1b0db13ba0c94f";
    let file = "chats/session-2026-02-03T09-15-5b0c1f52.jsonl";
    assert_eq!(
        gemini.native_path(&summary).unwrap(),
        format!("{hash}/{file}")
    );
    summary.source_path = Some("/x/.gemini/tmp/kitchen/chats/s.json.gz".into());
    assert_eq!(
        gemini.native_path(&summary).unwrap(),
        "kitchen/chats/s.json"
    );
    assert_eq!(
        gemini.resume_command(&summary).unwrap(),
        ["gemini", "--resume", "5b0c1f52-7a31"]
    );
    assert_eq!(gemini.home().unwrap().below, ".gemini/tmp");
}

#[test]
fn shared_documents() {
    let expected = [
        ("real/gemini/session-2.json", 1, 7, 4),
        ("agents/gemini/small.json", 1, 2, 0),
        ("agents/gemini/large.json", 2, 6, 2),
    ];
    for (name, turns, messages, tool_calls) in expected {
        let Some(log) = shared(name) else { continue };
        let gemini = author(name, &log);
        let document = there_and_back(gemini, &log);
        let summary = fold_document(name, gemini, &document).summary();
        let counts = (summary.turns, summary.messages, summary.tool_calls);
        assert_eq!(counts, (turns, messages, tool_calls), "{name}");
    }
}

#[test]
fn a_shared_chat() {
    let name = "real/gemini/session-1.json";
    let Some(log) = shared(name) else { return };
    let gemini = author(name, &log);
    let fold = fold_document(name, gemini, &there_and_back(gemini, &log));
    let asked = "run an agent that creates a color file inside docs, choose your color";
    expect(
        &fold,
        &json!({
            "agent": "gemini",
            "native_id": "f7633853-6663-4dbb-bbf4-6159afa29df8",
            "title": asked,
            "title_source": "prompt",
            "first_prompt": asked,
            "models": ["gemini-2.5-flash"],
            "started_ms": 1_768_510_308_582_i64,
            "last_activity_ms": 1_768_510_319_064_i64,
            "turns": 1,
            "messages": 3,
            "tool_calls": 1,
            "tokens": {"input": 10_179, "cached": 14_378, "output": 156, "reasoning": 204},
            "compactions": 0,
        }),
    );
}

#[test]
fn shared_lines() {
    let name = "agents/gemini/jsonl_v040.jsonl";
    let Some(log) = shared(name) else { return };
    expect(
        &fold_lines(name, &log),
        &json!({
            "agent": "gemini",
            "native_id": "gemini_stage0_jsonl",
            "title": "Say hello and list files.",
            "title_source": "prompt",
            "first_prompt": "Say hello and list files.",
            "models": ["gemini-3-flash-preview"],
            "started_ms": 1_777_498_762_319_i64,
            "last_activity_ms": 1_777_498_785_996_i64,
            "turns": 1,
            "messages": 3,
            "tool_calls": 1,
            "tokens": {"input": 12_422, "cached": 11_502, "output": 228, "reasoning": 0},
            "compactions": 0,
        }),
    );
}
