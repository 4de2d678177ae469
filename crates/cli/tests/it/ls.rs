//! `ls` on sessions of agents: order, filters, short ids, widths.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::place::{Place, feed};

/// A log of Claude Code: its session, the folder, the branch, the model, and a prompt and an answer a time.
struct Log {
    session: &'static str,
    cwd: &'static str,
    branch: &'static str,
    model: &'static str,
    prompt: &'static str,
    at: &'static str,
}

const SHOP: Log = Log {
    session: "0a1b2c3d-0000-4061-8071-2a3b4c5d6e7f",
    cwd: "/src/shop",
    branch: "main",
    model: "model-one",
    prompt: "Why is the total off?",
    at: "2026-02-03T10:00:00Z",
};
const BAKERY: Log = Log {
    session: "0a1b2c3d-0000-4061-8071-2a3b4c5d6e80",
    cwd: "/src/bakery/oven",
    branch: "fix/heat",
    model: "model-two",
    prompt: "漢字 The oven is \u{202e}cold",
    at: "2026-02-05T10:00:00Z",
};
const OLD: Log = Log {
    session: "1a1b2c3d-0000-4061-8071-2a3b4c5d6e7f",
    cwd: "/src/shopping",
    branch: "main",
    model: "model-one",
    prompt: "Begin",
    at: "2025-12-31T10:00:00Z",
};

impl Log {
    fn write(&self, folder: &Path) {
        let Self {
            session,
            cwd,
            branch,
            model,
            prompt,
            at,
        } = self;
        let common = |uuid: &str| {
            json!({"uuid": uuid, "sessionId": session, "cwd": cwd, "gitBranch": branch,
                "timestamp": at, "isSidechain": false, "version": "2.0.0"})
        };
        let mut prompt_line = common("u1");
        prompt_line["type"] = "user".into();
        prompt_line["message"] = json!({"role": "user", "content": prompt});
        let mut answer = common("a1");
        answer["type"] = "assistant".into();
        answer["message"] = json!({"role": "assistant", "model": model, "id": "m1",
            "content": [{"type": "text", "text": "So it is."}],
            "usage": {"input_tokens": 10, "output_tokens": 5}});
        let lines = format!("{prompt_line}\n{answer}\n");
        fs::write(folder.join(format!("{session}.jsonl")), lines).unwrap();
    }
}

fn place() -> Place {
    let place = Place::new();
    let logs = place.path("logs");
    fs::create_dir(&logs).unwrap();
    for log in [OLD, SHOP, BAKERY] {
        log.write(&logs);
    }
    place.run("import", &[logs.to_str().unwrap()]).code(0);
    place
}

fn ids(place: &Place, args: &[&str]) -> Vec<String> {
    let listed = place.run("ls", &[args, &["--json"]].concat()).code(0);
    let listed = listed.json_lines();
    let listed = listed.as_array().unwrap();
    listed
        .iter()
        .map(|session| session["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_session_that_was_active_last_comes_first() {
    let place = place();
    assert_eq!(
        ids(&place, &[]),
        [BAKERY.session, SHOP.session, OLD.session]
    );
    assert_eq!(ids(&place, &["--limit", "1"]), [BAKERY.session]);
    assert_eq!(ids(&place, &["-n", "0"]), [""; 0]);
}

#[test]
fn filters_are_all_to_be_met() {
    let place = place();
    for (args, wanted) in [
        (&["--cwd", "/src/shop"][..], &[SHOP.session][..]),
        (&["--cwd", "/src/shop/"], &[SHOP.session]),
        (
            &["--cwd", "/src"],
            &[BAKERY.session, SHOP.session, OLD.session],
        ),
        (&["--cwd", "/src/bakery"], &[BAKERY.session]),
        (&["--model", "ONE"], &[SHOP.session, OLD.session]),
        (&["--title", "TOTAL"], &[SHOP.session]),
        (&["--branch", "fix/heat"], &[BAKERY.session]),
        (&["--branch", "fix"], &[]),
        (
            &["--agent", "Claude"],
            &[BAKERY.session, SHOP.session, OLD.session],
        ),
        (&["--agent", "codex"], &[]),
        (&["--since", "2026-01-01"], &[BAKERY.session, SHOP.session]),
        (&["--until", "2026-02-03"], &[SHOP.session, OLD.session]),
        (
            &["--since", "2026-02-03", "--until", "2026-02-03"],
            &[SHOP.session],
        ),
        (&["--since", "2026-02-03T11:00:00Z"], &[BAKERY.session]),
        (
            &["--branch", "main", "--model", "one", "--title", "b"],
            &[OLD.session],
        ),
    ] {
        assert_eq!(ids(&place, args), wanted, "{args:?}");
    }
    place
        .run("ls", &["--since", "soon"])
        .code(2)
        .err("2026-11-01");
    place.run("ls", &["0a1b2c3d", "--agent", "x"]).code(2);
}

#[test]
fn short_ids_are_as_long_as_it_takes() {
    let place = place();
    let listed = place.run("ls", &[]).code(0).stdout;
    let first: Vec<&str> = listed
        .lines()
        .skip(1)
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        first,
        [
            "0a1b2c3d-0000-4061-8071-2a3b4c5d6e8",
            "0a1b2c3d-0000-4061-8071-2a3b4c5d6e7",
            "1a1b2c3d"
        ]
    );
    for id in first {
        place.run("ls", &[id]).code(0);
        place.run("show", &[id]).code(0);
    }
    place
        .run("show", &["0a1b2c3d"])
        .code(2)
        .err(&format!("session {}  {}", SHOP.session, SHOP.prompt));
    let full = place.run("ls", &["--full"]).code(0);
    full.out(SHOP.session).out("2026-02-03 ");
}

#[test]
fn a_session_without_entries_is_listed_with_all() {
    let place = place();
    let archive = sessiondb::Archive::open(place.archive()).unwrap();
    let empty = sessiondb::new_session_id();
    archive
        .set_metadata(empty, &serde_json::Map::new())
        .unwrap();
    archive.close().unwrap();
    assert_eq!(ids(&place, &[]).len(), 3);
    assert!(ids(&place, &["--all"]).contains(&empty.to_string()));
}

#[test]
fn an_entry_that_came_in_by_itself_counts_as_activity() {
    let place = place();
    let entry = json!({"type": "user", "uuid": "u2", "sessionId": OLD.session, "cwd": OLD.cwd,
        "timestamp": "2026-03-01T10:00:00Z", "message": {"role": "user", "content": "Again"}});
    let args = ["--session", OLD.session, "--segment", OLD.session];
    place
        .run_with("append", &args, format!("{entry}\n").as_bytes())
        .code(0);
    assert_eq!(ids(&place, &[]).first(), Some(&OLD.session.to_owned()));
}

#[test]
fn a_table_is_as_wide_as_the_terminal() {
    if !Path::new("/usr/bin/script").exists() {
        eprintln!("SKIPPED: there is no `script` to make a terminal with");
        return;
    }
    let place = place();
    let archive = place.archive();
    for columns in [72, 80, 140] {
        let line = format!(
            "stty cols {columns} rows 24; '{}' -a '{}' ls",
            env!("CARGO_BIN_EXE_sessiondb"),
            archive.display()
        );
        let mut script = std::process::Command::new("/usr/bin/script");
        script
            .args(["-qec", &line, "/dev/null"])
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        let shown = feed(script, b"").code(0).stdout;
        let widths = shown.lines().map(|line| line.trim_end().chars().count());
        let widest = widths.max().unwrap();
        assert!(widest <= columns, "{columns}: {shown}");
        assert_eq!(
            shown.contains("FOLDER"),
            columns >= 80,
            "{columns}: {shown}"
        );
        assert!(!shown.contains('\u{202e}'), "{shown}");
    }
}

#[test]
fn the_keys_are_those_that_are_documented() {
    let place = place();
    let listed = place
        .run("ls", &["--json", "--title", "total"])
        .code(0)
        .json_lines();
    let session = &listed[0];
    assert_eq!(
        session["tokens"],
        json!({"input": 10, "cached": 0, "output": 5})
    );
    assert_eq!(session["title"], SHOP.prompt);
    for key in [
        "id",
        "created_ms",
        "updated_ms",
        "segments",
        "entries",
        "entry_bytes",
        "agent",
        "cwd",
        "git_branch",
        "models",
        "started_ms",
        "last_activity_ms",
        "turns",
        "cost_usd",
        "parent",
    ] {
        assert_ne!(session.get(key), None, "{key}");
    }
    assert_eq!(session["parent"], Value::Null);
}
