//! Items of the OpenAI Agents SDK.

use serde_json::json;

use crate::logs::*;

const ITEMS: &[&str] = &[
    r#"{"role":"developer","content":"Be short"}"#,
    r#"{"role":"user","content":"Check the stones"}"#,
    r#"{"id":"rs_1","summary":[],"type":"reasoning","encrypted_content":"x"}"#,
    r#"{"id":"rs_2","summary":[{"type":"summary_text","text":"They may be worn."}],"type":"reasoning"}"#,
    r#"{"arguments":"{\"at\":\"mill\"}","call_id":"c1","name":"look","type":"function_call","id":"fc_1"}"#,
    r#"{"call_id":"c1","output":"two stones","type":"function_call_output"}"#,
    r#"{"id":"ws_1","status":"completed","type":"web_search_call","action":{"query":"stones"}}"#,
    r#"{"id":"fs_1","queries":["a"],"type":"file_search_call"}"#,
    r#"{"call_id":"c2","output":[{"type":"input_text","text":"worn"},{"type":"input_image","image_url":"data:image/png;base64,aGVsbG8="}],"type":"function_call_output"}"#,
    r#"{"id":"msg_1","role":"assistant","type":"message","status":"completed","content":[{"type":"output_text","text":"One is worn.","annotations":[]}]}"#,
    r#"{"id":"msg_2","role":"assistant","type":"message","content":[{"type":"refusal","refusal":"I will not."}]}"#,
    r#"{"role":"user","content":[{"type":"input_text","text":"And this?"},{"type":"input_image","image_url":"https://mill.example/a.png"}]}"#,
    r#"{"id":"cmp_1","type":"compaction","encrypted_content":"x"}"#,
    r#"{"type":"item_reference","id":"x"}"#,
    r#"{"kind":"erased"}"#,
];

#[test]
fn a_conversation_is_counted_and_shown() {
    let log = ITEMS.join("\n");
    expect(
        &fold_lines("conversation-7.jsonl", &log),
        &json!({
            "agent": "openai",
            "native_id": "conversation-7",
            "title": "Check the stones",
            "title_source": "prompt",
            "first_prompt": "Check the stones",
            "turns": 2,
            "messages": 4,
            "tool_calls": 3,
            "compactions": 1,
        }),
    );
    assert_eq!(
        shown(&items(agent("openai"), ITEMS)),
        [
            "prompt Check the stones",
            "thinking They may be worn.",
            "tool_call look {\"at\":\"mill\"}",
            "tool_result two stones",
            "tool_call web_search {\"query\":\"stones\"}",
            "tool_call file_search {\"id\":\"fs_1\",\"queries\":[\"a\"],\"type\":\"file_search_call\"}",
            "tool_result worn",
            "image image/png 5",
            "answer One is worn.",
            "answer I will not.",
            "prompt And this?",
            "image https://mill.example/a.png",
            "compaction",
        ]
    );
}

#[test]
fn it_has_no_place_of_its_own_and_is_not_taken_for_codex() {
    let openai = agent("openai");
    assert!(openai.home().is_none());
    let summary = fold_lines("x.jsonl", &ITEMS.join("\n")).summary();
    assert!(openai.native_path(&summary).is_none() && openai.resume_command(&summary).is_none());
    let timed =
        r#"{"timestamp":"2026-01-01T00:00:00Z","type":"function_call","call_id":"c","name":"n"}"#;
    for log in [timed, r#"{"role":"user","content":"Hello"}"#] {
        let probe = sessiondb_agents::Probe {
            path: "",
            head: log.as_bytes(),
        };
        assert!(openai.recognise(&probe).is_none(), "{log}");
    }
}
