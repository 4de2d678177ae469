//! `graph`: branches, forks, subagents, compactions, and sessions that come from another.

use std::fs;

use serde_json::{Value, json};
use sessiondb::{Archive, RawJson, new_segment_id};

use crate::place::{Place, new_ids};

const ONE: &str = "0a1b2c3d-0000-4061-8071-2a3b4c5d6e7f";
const TWO: &str = "1a1b2c3d-0000-4061-8071-2a3b4c5d6e7f";

fn user(session: &str, uuid: &str, text: &str) -> Value {
    json!({"type": "user", "uuid": uuid, "sessionId": session, "cwd": "/src/shop", "isSidechain": false,
        "timestamp": "2026-02-03T10:00:00Z", "version": "2.0.0",
        "message": {"role": "user", "content": text}})
}

fn nodes(place: &Place, id: &str) -> Vec<Value> {
    let nodes = place.run("graph", &[id, "--json"]).code(0).json_lines();
    nodes.as_array().unwrap().clone()
}

#[test]
fn branches_stand_where_they_leave() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let archive = Archive::open(place.archive()).unwrap();
    let said = |text: &str| {
        let entry =
            json!({"kind": "user_input", "ts": 7, "segments": [{"kind": "text", "content": text}]});
        RawJson::new(entry.to_string()).unwrap()
    };
    let log = archive.log(session, segment);
    log.append_many([said("one"), said("two"), said("three")])
        .unwrap();
    let late = log.branch(2, new_segment_id()).unwrap();
    let early = log.branch(1, new_segment_id()).unwrap();
    late.append(&said("late")).unwrap();
    let deep = late.branch(3, new_segment_id()).unwrap();
    deep.append(&said("deep")).unwrap();
    early.append(&said("early")).unwrap();
    archive.close().unwrap();

    let id = session.to_string();
    let text = place.run("graph", &[&id, "--full"]).code(0).stdout;
    let lines: Vec<&str> = text.lines().collect();
    let has = |line: usize, parts: &[&str]| {
        for part in parts {
            assert!(
                lines[line].contains(part),
                "{part:?} is missing in line {line}:\n{text}"
            );
        }
    };
    has(0, &["● ", &segment.to_string(), "3 turns, 3 entries"]);
    has(1, &["├─● ", "branch at entry 1, turn 1", "  early"]);
    has(2, &["└─● ", "branch at entry 2, turn 2", "  late"]);
    has(3, &["  └─● ", "branch at entry 3, turn 3", "  deep"]);
    assert_eq!(lines.len(), 4);

    let nodes = nodes(&place, &id);
    let depths: Vec<u64> = nodes
        .iter()
        .map(|node| node["depth"].as_u64().unwrap())
        .collect();
    assert_eq!(depths, [0, 1, 1, 2]);
    assert_eq!(nodes[1]["kind"], "branch");
    assert_eq!(nodes[1]["parent"], segment.to_string());
    assert_eq!(
        (&nodes[1]["at_entry"], &nodes[1]["at_turn"]),
        (&json!(1), &json!(1))
    );
    // A short id of the picture names what it stands for.
    let short = place.run("graph", &[&id]).code(0).stdout;
    let branch = short
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap();
    place.run("show", &["--raw", branch]).code(0);
}

#[test]
fn sessions_that_come_from_one_are_part_of_its_graph() {
    let place = Place::new();
    let logs = place.path("logs");
    fs::create_dir(&logs).unwrap();
    let one = [user(ONE, "u1", "Begin"), user(ONE, "u2", "Go on")];
    let mut two = [user(TWO, "u1", "Begin"), user(TWO, "v2", "Another way")];
    two[0]["forkedFrom"] = json!({"sessionId": ONE, "messageUuid": "u1"});
    for (session, entries) in [(ONE, one), (TWO, two)] {
        let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
        fs::write(
            logs.join(format!("{session}.jsonl")),
            lines.join("\n") + "\n",
        )
        .unwrap();
    }
    place.run("import", &[logs.to_str().unwrap()]).code(0);
    let of_one = nodes(&place, ONE);
    let kinds: Vec<&Value> = of_one.iter().map(|node| &node["kind"]).collect();
    assert_eq!(kinds, ["segment", "session"]);
    assert_eq!(of_one[1]["session"], TWO);
    assert_eq!(
        (&of_one[1]["at_entry"], &of_one[1]["at_turn"]),
        (&json!(0), &json!(1))
    );
    let of_two = nodes(&place, TWO);
    assert_eq!(
        (&of_two[0]["kind"], &of_two[0]["session"]),
        (&json!("origin"), &json!(ONE))
    );
}

#[test]
fn forks_and_compactions_of_the_samples_are_drawn() {
    let place = Place::with_samples();
    let sessions = place.run("ls", &["--json"]).code(0).json_lines();
    let mut kinds = Vec::new();
    for session in sessions.as_array().unwrap() {
        for node in nodes(&place, session["id"].as_str().unwrap()) {
            kinds.push(node["kind"].as_str().unwrap().to_owned());
        }
    }
    assert!(
        kinds.contains(&"fork".to_owned()) && kinds.contains(&"compacted".to_owned()),
        "{kinds:?}"
    );
    place.run("graph", &[]).code(0).out("● ");
}

#[test]
fn logs_that_come_from_each_other_are_drawn_once() {
    let place = Place::new();
    let (session, one) = new_ids();
    let two = new_segment_id();
    for (segment, other) in [(one, two), (two, one)] {
        let start = json!({"kind": "segment_start", "forked_from": {"segment_id": other, "at_turn_index": 0}});
        place
            .append((session, segment), &format!("{start}\n"))
            .code(0);
    }
    assert_eq!(nodes(&place, &session.to_string()).len(), 2);
}
