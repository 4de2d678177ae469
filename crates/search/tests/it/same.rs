//! Filters, prefilters and threads find what a look at every entry finds.

use proptest::prelude::*;
use serde_json::{Value, json};
use sessiondb::archive::ArchiveOptions;
use sessiondb::{Archive, Durability, new_segment_id, new_session_id};
use sessiondb_agents::{ItemKind, by_name};
use sessiondb_search::{Query, QueryBuilder, Search};

/// Words and what stands between them, with what JSON escapes and what has another case.
const PARTS: [&str; 20] = [
    "alpha",
    "Beta",
    "beta_1",
    "größe",
    "ΣΊΣΥΦΟΣ",
    "Kelvin \u{212a}",
    "ſtraße",
    "日本",
    "\"",
    "\\",
    "\n",
    " ",
    "/",
    "<b>",
    "\u{1b}[0m",
    "fail",
    "Fail",
    "'",
    "😀",
    "x",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PARTS[..]), 0..8).prop_map(|parts| parts.concat())
}

/// Some texts as the entries of a log, and how JSON is escaped in them.
fn entry(text: &str, form: usize) -> String {
    let value = match form % 3 {
        0 => {
            json!({"type": "user", "uuid": "u", "sessionId": "s", "message": {"role": "user", "content": text}})
        }
        1 => {
            json!({"type": "assistant", "uuid": "a", "sessionId": "s", "message": {"role": "assistant", "content": [
            {"type": "text", "text": text}, {"type": "tool_use", "id": "t", "name": "T", "input": {"a": [text]}}]}})
        }
        _ => {
            json!({"type": "user", "uuid": "r", "sessionId": "s", "message": {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": json!({"in": text}).to_string()}]}})
        }
    };
    let line = value.to_string();
    match form / 3 {
        // As those write it who escape all beyond ASCII, or what means something in HTML.
        1 => line
            .chars()
            .map(|c| {
                if c.is_ascii() {
                    c.to_string()
                } else {
                    escaped(c)
                }
            })
            .collect(),
        2 => line.replace('<', "\\u003c").replace('f', "\\u0066"),
        _ => line,
    }
}

fn escaped(c: char) -> String {
    let mut units = [0; 2];
    let units = c.encode_utf16(&mut units).iter();
    let escapes: Vec<String> = units.map(|unit| format!("\\u{unit:04x}")).collect();
    escapes.concat()
}

fn query(pattern: &str, form: usize) -> QueryBuilder {
    let query = Query::literal(pattern).threads(1 + form % 3);
    match form % 4 {
        0 => query,
        1 => query.whole_words(true),
        2 => query.ignore_case(true),
        _ => query.whole_words(true).ignore_case(true),
    }
}

fn filled(
    options: ArchiveOptions,
    lines: &[String],
    compact: bool,
) -> (tempfile::TempDir, Archive) {
    let dir = tempfile::tempdir().unwrap();
    let archive = options
        .durability(Durability::Written)
        .open(dir.path().join("archive.sessiondb"))
        .unwrap();
    for lines in lines.chunks(7) {
        let log = archive.log(new_session_id(), new_segment_id());
        // By which the log is known as that of an agent, and in which nothing is found.
        log.append(
            &json!({"type": "user", "uuid": "u", "sessionId": "s", "isSidechain": false, "cwd": "/",
            "timestamp": "2026-02-03T10:00:00Z", "message": {"role": "user", "content": "Q"}}),
        )
        .unwrap();
        for line in lines {
            log.append(&serde_json::value::RawValue::from_string(line.clone()).unwrap())
                .unwrap();
        }
    }
    let archive = if compact {
        archive.compact(None).unwrap().0
    } else {
        archive
    };
    (dir, archive)
}

/// By session in the order they were made, since ids and times differ.
fn found(archive: &Archive, query: QueryBuilder) -> usize {
    let now = archive.snapshot().unwrap();
    Search::new(&now, query.build().unwrap())
        .map(Result::unwrap)
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_way_finds_the_same(
        texts in prop::collection::vec((text(), 0_usize..9), 1..20),
        pattern in text().prop_filter("not empty", |text| !text.is_empty()),
        form in 0_usize..12,
    ) {
        let lines: Vec<String> = texts.iter().map(|(text, form)| entry(text, *form)).collect();
        let (_dir, with) = filled(Archive::options(), &lines, form % 2 == 0);
        let (_dir, without) = filled(Archive::options().word_filters(false), &lines, form % 2 == 0);
        let expected = by_hand(&lines, &pattern, form);
        prop_assert_eq!(found(&with, query(&pattern, form)), expected);
        prop_assert_eq!(found(&without, query(&pattern, form)), expected);
    }
}

/// How many items match, each looked at.
fn by_hand(lines: &[String], pattern: &str, form: usize) -> usize {
    let whole = form % 4 % 2 == 1;
    let ignores_case = form % 4 >= 2 || !pattern.chars().any(char::is_uppercase);
    let escaped = regex::escape(pattern);
    let escaped = if whole {
        format!(r"\b{{start-half}}{escaped}\b{{end-half}}")
    } else {
        escaped
    };
    let regex = regex::RegexBuilder::new(&escaped)
        .case_insensitive(ignores_case)
        .build()
        .unwrap();
    let claude = by_name("claude").unwrap();
    let mut items = Vec::new();
    for line in lines {
        claude.items(line.as_bytes(), 0, &mut items);
    }
    let texts = items
        .iter()
        .filter(|item| !item.hidden)
        .filter_map(|item| match &item.kind {
            ItemKind::Prompt { text }
            | ItemKind::Answer { text, .. }
            | ItemKind::ToolResult { text, .. } => Some(text.clone()),
            ItemKind::ToolCall { input, .. } => {
                let input: Value = serde_json::from_str(input).unwrap();
                Some(format!("T\n{}", input["a"][0].as_str().unwrap()))
            }
            _ => None,
        });
    texts.filter(|text| regex.is_match(text)).count()
}
