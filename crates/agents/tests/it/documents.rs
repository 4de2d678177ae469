use serde_json::Value;
use sessiondb_agents::{Fold, agents, by_name};

use crate::samples::sample;

#[test]
fn a_session_of_codex_comes_apart_and_together() {
    let text = sample("codex/old.json");
    let codex = by_name("codex").unwrap();
    let document = codex.split(&text).unwrap();
    assert_eq!(document.entries.len(), 2);
    assert!(
        document.header.contains("\"n\":1e400"),
        "{}",
        document.header
    );
    assert!(document.entries[0].contains(r"Hello \u00e9"));
    assert!(document.entries[1].ends_with("\"x\":1.10}"));

    let blanks = |c: &char| !c.is_whitespace();
    let joined = codex.join(&document).unwrap();
    assert_eq!(
        joined.chars().filter(blanks).collect::<String>(),
        text.chars().filter(blanks).collect::<String>(),
    );

    let mut fold = Fold::new(codex, "old.json");
    fold.header(&document.header);
    for entry in &document.entries {
        fold.entry(entry.as_bytes());
    }
    let summary = fold.summary();
    assert_eq!(
        summary.native_id.as_deref(),
        Some("c0ffee00-0000-4000-8000-00000000c0de")
    );
    assert_eq!(
        (summary.first_prompt.as_deref(), summary.messages),
        (Some("Hello é"), 2)
    );
    assert_eq!(summary.cwd.as_deref(), Some("/src/old"));
}

#[test]
fn what_is_no_document_stays_whole() {
    for text in [
        "",
        "{",
        "[]",
        "{}",
        "7",
        r#"{"session":{"id":"x"},"items":[1}"#,
    ] {
        for agent in agents() {
            if let Some(document) = agent.split(text) {
                let joined = agent.join(&document).unwrap();
                let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
                assert_eq!(read(&joined), read(text), "{agent:?}");
            }
        }
    }
}
