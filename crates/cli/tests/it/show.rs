//! `show`: transcripts, items, documents, turns, and content that nobody meant well with.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::place::{Place, feed};

const SESSION: &str = "0a1b2c3d-0000-4061-8071-2a3b4c5d6e7f";
const ANSWER: &str = "## Found\n\nIt is **here**, see [the page](https://a.example/b):\n\n- one\n- two\n\n\
    ```rust\nfn main() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 22 |\n\n<script>alert(1)</script>\n";

fn entry(uuid: &str, kind: &str, message: &Value) -> String {
    json!({"type": kind, "uuid": uuid, "sessionId": SESSION, "cwd": "/src/shop", "gitBranch": "main",
        "timestamp": "2026-02-03T10:00:00Z", "isSidechain": false, "version": "2.0.0",
        "message": message})
    .to_string()
}

fn prompt(uuid: &str, text: &str) -> String {
    entry(uuid, "user", &json!({"role": "user", "content": text}))
}

fn answer(uuid: &str, parts: &Value) -> String {
    entry(
        uuid,
        "assistant",
        &json!({"role": "assistant", "model": "model-one", "id": uuid, "content": parts,
            "usage": {"input_tokens": 10, "output_tokens": 5}}),
    )
}

fn conversation() -> Vec<String> {
    let result = |id: &str, text: &str, is_error: bool| {
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": text,
            "is_error": is_error}]})
    };
    vec![
        prompt("u1", "Why is the total off?\n\n    indented"),
        answer(
            "a1",
            &json!([{"type": "thinking", "thinking": "Let me think."}]),
        ),
        answer(
            "a2",
            &json!([{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls -la"}},
                {"type": "tool_use", "id": "t2", "name": "Read", "input": {"file_path": "/a/b.rs"}}]),
        ),
        entry("u2", "user", &result("t1", "total 48\nsecond line", false)),
        entry("u3", "user", &result("t2", "no such file", true)),
        answer("a3", &json!([{"type": "text", "text": ANSWER}])),
        prompt("u4", "And now?"),
        answer("a4", &json!([{"type": "text", "text": "Now it is right."}])),
        prompt("u5", "Thanks."),
    ]
}

fn place_of(lines: &[String]) -> Place {
    let place = Place::new();
    let log = place.path(&format!("{SESSION}.jsonl"));
    fs::write(&log, lines.join("\n") + "\n").unwrap();
    place.run("import", &[log.to_str().unwrap()]).code(0);
    place
}

fn shown(place: &Place, args: &[&str]) -> String {
    place.run("show", args).code(0).stdout
}

#[test]
fn a_transcript_says_who_said_what() {
    let place = place_of(&conversation());
    let text = shown(&place, &[]);
    assert_eq!(text, shown(&place, &["0a1b"]));
    for part in [
        "Why is the total off?\n",
        "agent    Claude Code 2.0.0\n",
        "model    model-one\n",
        "folder   /src/shop\n",
        "branch   main\n",
        "  turn 1\n  Why is the total off?\n\n      indented\n",
        "  ┊ Let me think.\n",
        "  ▸ Bash  ls -la\n    └ 20 B  total 48\n  ▸ Read  /a/b.rs\n    └ error  12 B  no such file\n",
        "  Found\n\n  It is here, see the page <https://a.example/b>:\n\n  • one\n  • two\n\n      fn main() {}\n",
        "  a  b\n  ─  ──\n  1  22\n",
        "3 turns · ",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    assert!(!text.contains("second line"), "{text}");
    let whole = shown(&place, &["--tools"]);
    assert!(
        whole.contains("      total 48\n      second line\n"),
        "{whole}"
    );
    assert!(whole.contains("      command: ls -la\n"), "{whole}");
}

#[test]
fn turns_are_counted_from_one() {
    let place = place_of(&conversation());
    let has = |args: &[&str]| {
        let text = shown(&place, args);
        ["Let me think.", "Now it is right.", "Thanks."].map(|part| text.contains(part))
    };
    assert_eq!(has(&["--turns", "1"]), [true, false, false]);
    assert_eq!(has(&["--turns", "2..3"]), [false, true, false]);
    assert_eq!(has(&["--turns", "2.."]), [false, true, true]);
    assert_eq!(has(&["--turns", "..3"]), [true, true, false]);
    assert_eq!(has(&["--last"]), [false, false, true]);
    assert_eq!(has(&["--last", "2"]), [false, true, true]);
    assert_eq!(has(&["--last", "99"]), [true, true, true]);
    let beyond = place
        .run("show", &["--turns", "9"])
        .code(0)
        .err("has 3 turns");
    assert_eq!(beyond.stdout, "");
    for wrong in [
        &["--turns", "x"][..],
        &["--turns", "1", "--last", "1"],
        &["--turns", "1", "--entries"],
        &["--json", "--markdown"],
        &["--raw", "--json"],
    ] {
        place.run("show", wrong).code(2);
    }
}

#[test]
fn items_are_lines_with_their_session_and_segment() {
    let place = place_of(&conversation());
    let items = place
        .run("show", &["--json", "--turns", "1"])
        .code(0)
        .json_lines();
    let items = items.as_array().unwrap();
    let kinds: Vec<&str> = items
        .iter()
        .map(|item| item["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "prompt",
            "thinking",
            "tool_call",
            "tool_call",
            "tool_result",
            "tool_result",
            "answer"
        ]
    );
    assert_eq!(items[0]["session"], SESSION);
    assert_eq!(items[0]["segment"], SESSION);
    assert_eq!(
        (&items[0]["entry"], &items[0]["hidden"]),
        (&json!(0), &json!(false))
    );
    let all = place.run("show", &["--json", "--all"]).code(0).json_lines();
    let all = all.as_array().unwrap().iter();
    assert!(all.clone().any(|item| item["kind"] == "usage"));
}

#[test]
fn entries_are_shown_on_demand() {
    let place = place_of(&conversation());
    let lines = shown(&place, &["--entries", "--last", "2"]);
    assert!(
        lines.starts_with("     7  2026-02-03 10:00:00  assistant"),
        "{lines}"
    );
    assert_eq!(lines.lines().count(), 2);
    assert_eq!(shown(&place, &["--from", "8"]).lines().count(), 1);
    let json = place
        .run("show", &["--entries", "--json", "--last", "1"])
        .code(0)
        .json();
    assert_eq!(
        (&json["index"], &json["entry"]["uuid"]),
        (&json!(8), &json!("u5"))
    );
}

#[test]
fn a_document_keeps_what_it_quotes_apart() {
    let place = place_of(&conversation());
    let text = shown(&place, &["--markdown"]);
    for part in [
        "# Why is the total off? indented\n",
        "| model | model-one |\n",
        "## You, turn 1",
        "> Why is the total off?\n",
        "<details><summary><b>Bash</b> <code>ls -la</code> (20 B)</summary>\n\n```text\ncommand: ls -la\n```\n",
        "<details><summary><b>Read</b> <code>/a/b.rs</code> (error, 12 B)</summary>",
        "- one\n- two\n\n```rust\nfn main() {}\n```\n",
        "&lt;script>alert(1)&lt;/script>",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    assert!(!text.contains("<script"), "{text}");
}

#[test]
fn hostile_content_takes_no_long_time_and_reaches_no_terminal() {
    let mut lines = vec![prompt("u1", "\u{1b}]0;title\u{7}Go")];
    let table = format!(
        "|{}\n|{}\n|{}\n",
        "a|".repeat(3_000),
        "-|".repeat(3_000),
        "b|".repeat(3_000)
    );
    for (at, text) in [
        "> ".repeat(20_000) + "deep",
        "- ".repeat(20_000) + "deep",
        "[".repeat(50_000),
        "*a **b ".repeat(20_000),
        "x".repeat(3_000_000),
        "漢".repeat(100_000),
        table,
        "\u{202e}\u{9b}31m\u{200b}".repeat(1_000),
        "```\nnever closed".to_owned(),
        format!("{}x", "<a".repeat(20_000)),
    ]
    .into_iter()
    .enumerate()
    {
        lines.push(answer(
            &format!("a{at}"),
            &json!([{"type": "text", "text": text}]),
        ));
        let call = json!([{"type": "tool_use", "id": format!("t{at}"), "name": text,
            "input": {"command": text}}]);
        lines.push(answer(&format!("c{at}"), &call));
    }
    let place = place_of(&lines);
    let began = std::time::Instant::now();
    shown(&place, &[]);
    shown(&place, &["--markdown"]);
    shown(&place, &["--tools", "--all"]);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    let Some(text) = on_a_terminal(&place, "--no-pager", &[]) else {
        return;
    };
    let obeyed =
        |c: char| (c.is_control() && !"\n\r\t".contains(c)) || "\u{202e}\u{200b}".contains(c);
    assert!(!text.contains(obeyed));
    assert!(text.contains("\\u001b]0;title"));
}

#[test]
fn a_terminal_gets_the_pager_of_the_user() {
    let place = place_of(&conversation());
    let pager = [("SESSIONDB_PAGER", "sed s/^/paged:/")];
    let Some(text) = on_a_terminal(&place, "", &pager) else {
        return;
    };
    assert!(text.contains("paged:Why is the total off?"), "{text}");
    let text = on_a_terminal(&place, "--no-pager", &pager).unwrap();
    assert!(
        !text.contains("paged:") && text.contains("Why is the total off?"),
        "{text}"
    );
    let missing = [("SESSIONDB_PAGER", "no-such-pager")];
    let text = on_a_terminal(&place, "", &missing).unwrap();
    assert!(text.contains("Why is the total off?"), "{text}");
    let early = [("SESSIONDB_PAGER", "head -n 1")];
    let text = on_a_terminal(&place, "", &early).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let mut piped = place.command("show", &[]);
    piped.env("SESSIONDB_PAGER", "sed s/^/paged:/");
    assert!(!feed(piped, b"").code(0).stdout.contains("paged:"));
}

/// What a terminal of 80 columns is given.
fn on_a_terminal(place: &Place, args: &str, variables: &[(&str, &str)]) -> Option<String> {
    if !std::path::Path::new("/usr/bin/script").exists() {
        eprintln!("SKIPPED: there is no `script` to make a terminal with");
        return None;
    }
    let line = format!(
        "stty cols 80 rows 24; '{}' -a '{}' show {args}",
        env!("CARGO_BIN_EXE_sessiondb"),
        place.archive().display()
    );
    let mut script = Command::new("/usr/bin/script");
    script
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null());
    script
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .envs(variables.iter().copied());
    let output = script.output().expect("script runs");
    Some(String::from_utf8(output.stdout).unwrap())
}
