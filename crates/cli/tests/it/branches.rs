//! `branch` and `erase`, and what the other commands make of branches.

use std::fs;

use serde_json::json;
use sessiondb::SegmentId;

use crate::place::{Place, new_ids};

/// Makes a branch and returns its id.
fn branch(place: &Place, args: &[&str]) -> SegmentId {
    let made = place.run("branch", args).code(0);
    made.stdout.trim().parse().unwrap()
}

#[test]
fn a_branch_begins_with_the_entries_of_its_base() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), "1\n2\n3\n").code(0);
    let id = segment.to_string();
    let all = branch(&place, &[&id]);
    assert_eq!(place.raw(all), "1\n2\n3\n");
    let report = place.run("branch", &[&id, "2", "--json"]).code(0);
    let report = report.err("shares 2 entries").json();
    assert_eq!(report["parent"], json!({"segment": id, "len": 2}));
    let two: SegmentId = report["id"].as_str().unwrap().parse().unwrap();
    place.append((session, two), "{\"n\":4}\n").code(0);
    assert_eq!(place.raw(two), "1\n2\n{\"n\":4}\n");
    assert_eq!(place.raw(segment), "1\n2\n3\n");
    // In each way of showing it.
    let two_id = two.to_string();
    let last = place
        .run("show", &["--raw", "--last", "2", &two_id])
        .code(0);
    assert_eq!(last.stdout, "2\n{\"n\":4}\n");
    let json = place
        .run("show", &["--entries", "--json", "--from", "1", &two_id])
        .code(0);
    assert_eq!(
        json.stdout,
        "{\"index\":1,\"entry\":2}\n{\"index\":2,\"entry\":{\"n\":4}}\n"
    );
    assert_eq!(
        place
            .run("show", &["--entries", &two_id])
            .code(0)
            .stdout
            .lines()
            .count(),
        3
    );

    place
        .run("branch", &[&id, "4"])
        .code(1)
        .err("it has 3 entries");
    place.run("branch", &[&id, "x"]).code(2);
    place.run("branch", &["ffffffff"]).code(3);
    // A session that has several segments does not say which.
    place.run("branch", &[&session.to_string()]).code(2);
}

#[test]
fn branches_are_listed_checked_and_exported() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), "1\n2\n3\n").code(0);
    let two = branch(&place, &[&session.to_string(), "2"]);
    let session_id = session.to_string();
    place
        .run("ls", &["--full", &session_id])
        .code(0)
        .out(&format!("branch of {segment} at entry 2"));
    let listed = place
        .run("ls", &[&session_id, "--json"])
        .code(0)
        .json_lines();
    let of = |id: SegmentId| {
        let listed = listed.as_array().unwrap();
        let id = id.to_string();
        listed.iter().find(|info| info["id"] == id).unwrap().clone()
    };
    assert_eq!(of(two)["parent"]["len"], 2);
    assert_eq!(
        (&of(two)["entries"], &of(two)["entry_bytes"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(of(segment)["branches"], 1);
    assert!(of(segment).get("parent").is_none());
    place
        .run("check", &[])
        .code(0)
        .err("no problem in 1 session, 2 segments, 5 entries");
    let stats = place.run("stats", &[]).code(0).out("5 (3 B)");
    stats.out("format version  4").out("per byte of the file");
    let out = place.path("out");
    place.run("export", &[out.to_str().unwrap()]).code(0);
    let file = out.join(&session_id).join(format!("{two}.jsonl"));
    assert_eq!(fs::read_to_string(file).unwrap(), "1\n2\n");
}

#[test]
fn what_is_removed_stays_in_the_branches() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), "1\n2\n3\n").code(0);
    let id = segment.to_string();
    let (two, three) = (branch(&place, &[&id, "2"]), branch(&place, &[&id]));
    place
        .run("rm", &[&id, "--now"])
        .code(2)
        .err("2 segments share entries with it and keep them");
    place
        .run("rm", &[&id, "--now", "--yes"])
        .code(0)
        .err("2 segments share entries with it and keep them");
    assert_eq!(place.raw(two), "1\n2\n");
    assert_eq!(place.raw(three), "1\n2\n3\n");
    place
        .run("rm", &[&three.to_string(), "--now", "--yes"])
        .code(0)
        .err("1 segment shares entries with it and keeps them");
    let removed = place
        .run("rm", &[&two.to_string(), "--now", "--yes"])
        .code(0);
    assert!(!removed.stderr.contains("share"), "{removed:?}");
}

#[test]
fn erased_entries_are_gone_wherever_they_are_shared() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let secret = |n: u32| format!("{{\"ts\":{n},\"text\":\"secret-{n}\"}}\n");
    let lines: String = (0..6).map(secret).collect();
    place.append((session, segment), &lines).code(0);
    let mut trace = crate::place::ids(session, segment);
    trace.push("--trace");
    place.run_with("append", &trace, b"7\n8\n").code(0);
    let id = segment.to_string();
    let copy = branch(&place, &[&id]);
    let erased = |n: u32| format!("{{\"kind\":\"erased\",\"ts\":{n}}}\n");

    place.run("erase", &[&id, "1"]).code(2).err("--yes");
    place
        .run("erase", &[&id, "1", "--yes"])
        .code(0)
        .err("erased 1 entry of segment")
        .err("`sessiondb compact` removes the last bytes");
    place
        .run("erase", &[&copy.to_string(), "3..5", "--yes"])
        .code(0)
        .err("erased 2 entries");
    let expected = [
        secret(0),
        erased(1),
        secret(2),
        erased(3),
        erased(4),
        secret(5),
    ]
    .concat();
    assert_eq!(place.raw(segment), expected);
    assert_eq!(place.raw(copy), expected);
    place.run("erase", &[&id, "5..", "--yes"]).code(0);
    place.run("erase", &[&id, "..1", "--yes"]).code(0);
    let (first, last) = (erased(0), erased(5));
    assert!(place.raw(copy).starts_with(&first) && place.raw(copy).ends_with(&last));
    place
        .run(
            "erase",
            &[&format!("{session}/{segment}"), "1..", "--trace", "--yes"],
        )
        .code(0)
        .err("erased 1 trace");
    let traces = place.run("show", &["--raw", "--trace", &id]).code(0);
    assert_eq!(traces.stdout, "7\n{\"kind\":\"erased\"}\n");

    place.run("compact", &[]).code(0);
    let bytes = fs::read(place.archive()).unwrap();
    let raw = place.raw(copy);
    for n in [0, 1, 3, 4, 5] {
        let text = format!("secret-{n}");
        assert!(!raw.contains(&text));
        let found = bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes());
        assert!(!found, "{text}");
    }
    assert!(raw.contains("secret-2"));
}

#[test]
fn erase_needs_numbers_of_entries_that_are_there() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), "1\n2\n").code(0);
    let id = segment.to_string();
    for wrong in ["", "x", "1..x", "-1", "2..1", "1..2..3", "1-2"] {
        place.run("erase", &["--yes", "--", &id, wrong]).code(2);
    }
    for past in ["2", "1..3", "3..", "0..9"] {
        place
            .run("erase", &["--yes", &id, past])
            .code(1)
            .err("it has 2 entries");
    }
    for nothing in ["2..", "1..1"] {
        let done = place.run("erase", &["--yes", &id, nothing]).code(0);
        done.err("erased 0 entries");
    }
    place.run("erase", &["--yes", "ffffffff", "0"]).code(3);
    assert_eq!(place.raw(segment), "1\n2\n");
}
