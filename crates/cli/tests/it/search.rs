//! `search`: what is found, in which form, and what is refused.

use std::fs;

use serde_json::{Value, json};

use crate::place::Place;

const SHOP: &str = "0a1b2c3d-0000-4061-8071-2a3b4c5d6e7f";
const OVEN: &str = "1a1b2c3d-0000-4061-8071-2a3b4c5d6e7f";

/// Two sessions of Claude Code in different folders. The file of the later one was written first.
fn place() -> Place {
    let place = Place::new();
    let logs = place.path("logs");
    fs::create_dir(&logs).unwrap();
    for (session, cwd, at, prompt) in [
        (
            OVEN,
            "/src/oven",
            "2026-02-05T10:00:00Z",
            "The \u{1b}[31moven\u{1b}[0m is \u{202e}cold",
        ),
        (
            SHOP,
            "/src/shop",
            "2026-02-03T10:00:00Z",
            "Why is the\n\"total\" off?",
        ),
    ] {
        let common = |uuid: &str| {
            json!({"uuid": uuid, "sessionId": session, "cwd": cwd, "gitBranch": "main",
                "timestamp": at, "isSidechain": false, "version": "2.0.0"})
        };
        let mut first = common("u1");
        first["type"] = "user".into();
        first["message"] = json!({"role": "user", "content": prompt});
        let mut second = common("a1");
        second["type"] = "assistant".into();
        second["message"] = json!({"role": "assistant", "model": "m", "id": "m1", "content": [
            {"type": "text", "text": "I look at the sum_total."},
            {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "grep total src"}}]});
        fs::write(
            logs.join(format!("{session}.jsonl")),
            format!("{first}\n{second}\n"),
        )
        .unwrap();
    }
    place.run("import", &[logs.to_str().unwrap()]).code(0);
    place
}

fn hits(place: &Place, args: &[&str]) -> Vec<Value> {
    let found = place.run("search", &[args, &["--json"]].concat()).code(0);
    found.json_lines().as_array().unwrap().clone()
}

fn kinds(place: &Place, args: &[&str]) -> Vec<String> {
    let hits = hits(place, args);
    hits.iter()
        .map(|hit| hit["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_text_is_found_as_it_is_read() {
    let place = place();
    let found = hits(&place, &["the\n\"total\""]);
    assert_eq!(found.len(), 1);
    let hit = &found[0];
    assert_eq!((&hit["session"], &hit["entry"]), (&SHOP.into(), &0.into()));
    assert_eq!(
        (&hit["role"], &hit["agent"], &hit["cwd"]),
        (&"user".into(), &"claude".into(), &"/src/shop".into())
    );
    assert_eq!(
        hit["lines"][0],
        json!({"number": 1, "text": "Why is the", "matches": [{"start": 7, "end": 10}]})
    );
    assert_eq!(hit["lines"].as_array().unwrap().len(), 2);
    assert_eq!(
        kinds(&place, &["TOTAL", "-i", "--cwd", "/src/shop"]),
        ["tool_call", "answer", "prompt"]
    );
    assert_eq!(
        kinds(&place, &["total", "--word", "--cwd", "/src/shop"]),
        ["tool_call", "prompt"]
    );
    assert_eq!(
        kinds(&place, &[r"\btotal\b", "--regex", "1a1b"]),
        ["tool_call"]
    );
    assert_eq!(kinds(&place, &["\"tool_use\"", "--raw"]), ["raw", "raw"]);
}

#[test]
fn options_leave_out() {
    let place = place();
    assert_eq!(hits(&place, &["total"]).len(), 5);
    assert_eq!(
        kinds(&place, &["total", "--kind", "answer,prompt"]).len(),
        3
    );
    assert_eq!(kinds(&place, &["total", "--role", "user"]), ["prompt"]);
    assert_eq!(hits(&place, &["total", "-n", "2"]).len(), 2);
    assert_eq!(hits(&place, &["total", "--since", "2026-02-04"]).len(), 2);
    assert_eq!(hits(&place, &["total", "--until", "2026-02-04"]).len(), 3);
    assert_eq!(hits(&place, &["total", "--agent", "claude"]).len(), 5);
    let count = place.run("search", &["total", "--count", "--full"]).code(0);
    assert!(
        count.stdout.contains(&format!("      3  {SHOP}")),
        "{count:?}"
    );
}

#[test]
fn what_is_erased_or_removed_is_not_found() {
    let place = place();
    place.run("erase", &[SHOP, "0", "--yes"]).code(0);
    assert_eq!(hits(&place, &["total", "0a1b"]).len(), 2);
    place.run("rm", &[SHOP, "--now", "--yes"]).code(0);
    assert_eq!(hits(&place, &["total"]).len(), 2);
    place.run("compact", &[]).code(0);
    assert_eq!(hits(&place, &["total", "--word"]).len(), 1);
}

#[test]
fn lines_stand_below_their_session() {
    let place = place();
    let found = place
        .run("search", &["total", "0a1b", "-C", "1", "--full"])
        .code(0);
    let lines: Vec<&str> = found.stdout.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{SHOP}  Why is the")),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("     1 tool_call") && lines[1].ends_with("Bash"),
        "{lines:?}"
    );
    assert!(
        lines.last().unwrap().contains("\"total\" off?"),
        "{lines:?}"
    );
}

#[test]
fn nothing_found_and_bad_patterns_are_told() {
    let place = place();
    let none = place.run("search", &["nowhere"]).code(3);
    none.err("nothing is found of \"nowhere\"");
    place
        .run("search", &["(", "--regex"])
        .code(2)
        .err("the pattern");
    place.run("search", &[""]).code(2);
    place
        .run("search", &["total", "--kind", "sayings"])
        .code(2)
        .err("prompt, answer");
    place.run("search", &["total", "ffff"]).code(3).err("ffff");
    place.run("search", &["-1"]).code(3).err("\"-1\"");
}
