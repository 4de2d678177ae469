//! `ls`, `show`, `stats` and `check`, and what all listings have in common.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::Value;

use crate::place::{Place, new_ids, samples, tree};

#[test]
fn sessions_and_segments_are_listed() {
    let place = Place::with_samples();
    let sessions = place.run("ls", &[]).code(0).out("SESSION").out("ENTRIES");
    assert_eq!(sessions.stdout.lines().count(), 8);

    let listed = place.run("ls", &["--json"]).code(0).json_lines();
    let updated: Vec<u64> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|session| {
            let activity = session["last_activity_ms"].as_u64();
            activity.unwrap_or_else(|| session["updated_ms"].as_u64().unwrap())
        })
        .collect();
    assert!(updated.is_sorted_by(|a, b| a >= b), "{updated:?}");

    let forked = forked_session();
    let segments = place
        .run("ls", &[&forked])
        .code(0)
        .out("SEGMENT")
        .out("fork of");
    assert_eq!(segments.stdout.lines().count(), 3);
    let json = place.run("ls", &[&forked, "--json"]).code(0).json_lines();
    assert_eq!(json.as_array().unwrap().len(), 2);
}

#[test]
fn an_empty_archive_lists_nothing() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), "{}\n").code(0);
    place
        .run("rm", &["--now", "--yes", &session.to_string()])
        .code(0);
    let listed = place.run("ls", &[]).code(0);
    assert_eq!(listed.stdout.lines().count(), 1, "{listed:#?}");
    assert_eq!(
        place.run("ls", &["--json"]).code(0).json_lines(),
        serde_json::json!([])
    );
    place.run("check", &[]).code(0);
}

#[test]
fn parts_of_a_segment_are_shown() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let lines = numbered(10, |n| format!("{{ \"n\" : {n} }}\n"));
    place.append((session, segment), &lines).code(0);
    let id = segment.to_string();
    let raw = |args: &[&str]| {
        let args: Vec<_> = args
            .iter()
            .chain(&["--raw", id.as_str()])
            .copied()
            .collect();
        place.run("show", &args).code(0).stdout
    };
    let part = |from: usize, to: usize| -> String {
        lines
            .split_inclusive('\n')
            .skip(from)
            .take(to - from)
            .collect()
    };
    assert_eq!(raw(&[]), lines);
    assert_eq!(raw(&["--last", "3"]), part(7, 10));
    assert_eq!(raw(&["--last", "99"]), lines);
    assert_eq!(raw(&["--last", "0"]), "");
    assert_eq!(raw(&["--from", "4"]), part(4, 10));
    assert_eq!(raw(&["--from", "4", "--to", "6"]), part(4, 6));
    assert_eq!(raw(&["--to", "2"]), part(0, 2));
    assert_eq!(raw(&["--from", "20", "--to", "30"]), "");
    assert_eq!(raw(&["--from", "6", "--to", "2"]), "");
    place
        .run("show", &["--last", "1", "--from", "1", &id])
        .code(2);

    let objects = place
        .run("show", &["--entries", "--json", "--from", "8", &id])
        .code(0)
        .stdout;
    let objects: Vec<Value> = objects
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        objects[1],
        serde_json::json!({"index": 9, "entry": {"n": 9}})
    );
    assert_eq!(objects.len(), 2);
}

#[test]
fn entries_are_shown_readably_and_traces_on_demand() {
    let place = Place::with_samples();
    let id = forked_session();
    let segments = place.run("ls", &[&id, "--json"]).code(0).json_lines();
    let fork = segments[0]["id"].as_str().unwrap();
    assert!(segments[0]["origin"].is_object(), "{segments}");
    let shown = place
        .run("show", &["--entries", fork])
        .code(0)
        .out("assistant_item/tool_call")
        .out("They stay NULL.");
    assert!(shown.stdout.starts_with("     0  2026-03-04"), "{shown:#?}");
    assert!(!shown.stdout.contains('\u{1b}'), "{shown:#?}");
    place
        .run("show", &["--trace", fork])
        .code(0)
        .out("lifecycle")
        .out("request_start");
    place
        .run("show", &["--entries", &id])
        .code(0)
        .err("2 segments");
    let quiet = place.run("show", &["--entries", "-q", &id]).code(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn colours_only_where_they_are_wanted() {
    let place = Place::with_samples();
    let coloured = |variables: &[(&str, &str)]| {
        let mut command = place.command("ls", &[]);
        command.envs(variables.iter().copied());
        crate::place::feed(command, b"")
            .code(0)
            .stdout
            .contains('\u{1b}')
    };
    assert!(!coloured(&[]), "a pipe is no terminal");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn stats_and_check_count_the_same() {
    let place = Place::with_samples();
    let stats = place.run("stats", &["--json"]).code(0).json();
    let lines = |traces: bool| -> usize {
        tree(&samples())
            .iter()
            .filter(|(path, _)| path.to_string_lossy().ends_with(".trace.jsonl") == traces)
            .map(|(_, bytes)| bytes.split_inclusive(|byte| *byte == b'\n').count())
            .sum()
    };
    assert_eq!(stats["entries"], lines(false));
    assert_eq!(stats["traces"], lines(true));
    assert_eq!(stats["sessions"], 7);
    assert_eq!(stats["segments"], 9);
    place
        .run("stats", &[])
        .code(0)
        .out("format version")
        .out("entries");
    let check = place.run("check", &["--json"]).code(0).json();
    for field in ["sessions", "segments", "entries", "traces"] {
        assert_eq!(check[field], stats[field], "{field}");
    }
    assert_eq!(check["problems"], serde_json::json!([]));
    place.run("check", &[]).code(0).err("no problem");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let text = "long enough to fill the pipe";
    let lines = numbered(20_000, |n| format!("{{\"n\":{n},\"text\":\"{text}\"}}\n"));
    place.append((session, segment), &lines).code(0);
    for form in [Some("--raw"), Some("--json"), Some("--entries")] {
        let mut command = place.command("show", &[&segment.to_string()]);
        command.args(form);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut stdout = BufReader::with_capacity(16, child.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        drop(stdout);
        let status = child.wait().unwrap();
        let mut talk = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut talk)
            .unwrap();
        assert!(first.contains('0'), "{first}");
        assert_eq!((status.code(), talk.as_str()), (Some(0), ""), "{form:?}");
    }
}

#[test]
fn a_unique_beginning_is_enough() {
    let place = Place::new();
    let session = "aaaa0000-0000-7000-8000-000000000001".parse().unwrap();
    let other = "aabb0000-0000-7000-8000-000000000001".parse().unwrap();
    let segment = "bbbb0000-0000-7000-8000-000000000001".parse().unwrap();
    place.append((session, segment), "{\"n\":1}\n").code(0);
    place.append((other, segment), "{\"n\":2}\n").code(0);

    let raw = |id: &str| place.run("show", &["--raw", id]);
    assert_eq!(raw("aaaa").code(0).stdout, "{\"n\":1}\n");
    assert_eq!(raw("AABB0000-00").code(0).stdout, "{\"n\":2}\n");
    raw("aa")
        .code(2)
        .err("aaaa0000-0000-7000-8000-000000000001")
        .err("aabb0000-0000-7000-8000-000000000001");
    raw("bb")
        .code(2)
        .err("/bbbb0000-0000-7000-8000-000000000001");
    assert_eq!(raw("aabb/bb").code(0).stdout, "{\"n\":2}\n");
    place.run("ls", &["aab"]).code(0);
    place.run("ls", &["aa"]).code(2);
    for nothing in ["cc", "no-such-id", "aaaa/cc", "aaaa/b/c", "aaaa/", "ä"] {
        raw(nothing).code(3).err(nothing);
    }
    raw("").code(2);
}

#[test]
fn a_session_goes_before_its_own_segments_but_not_to_be_removed() {
    let place = Place::new();
    let session = "aaaa0000-0000-7000-8000-000000000001".parse().unwrap();
    let segment = "aaaa0000-0000-7000-8000-000000000002".parse().unwrap();
    place.append((session, segment), "{\"n\":1}\n").code(0);
    assert_eq!(
        place.run("show", &["--raw", "aaaa"]).code(0).stdout,
        "{\"n\":1}\n"
    );
    place
        .run("rm", &["--now", "--yes", "aaaa"])
        .code(2)
        .err("session aaaa")
        .err("segment aaaa");
    place
        .run("rm", &["--now", "--yes", "aaaa/aaaa"])
        .code(0)
        .err("removed segment");
}

#[test]
fn a_session_of_the_same_id_as_its_segment_goes_first() {
    let place = Place::new();
    let id = "abcd0000-0000-7000-8000-000000000001";
    place
        .append((id.parse().unwrap(), id.parse().unwrap()), "{}\n")
        .code(0);
    place.run("show", &["ab"]).code(0);
    place.run("truncate", &["--yes", "ab", "0"]).code(0);
    place
        .run("rm", &["--now", "--yes", "ab/ab"])
        .code(0)
        .err("segment");
}

fn numbered(count: u64, line: impl Fn(u64) -> String) -> String {
    (0..count).map(line).collect()
}

/// The sample session that has a fork.
fn forked_session() -> String {
    let (path, _) = tree(&samples())
        .into_iter()
        .find(|(_, bytes)| String::from_utf8_lossy(bytes).contains("\"forked_from\""))
        .expect("a fork among the samples");
    path.parent().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn what_is_not_there_to_be_shown_is_said() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), "1\n2\n3\n").code(0);
    let id = segment.to_string();
    let show = |args: &[&str]| place.run("show", &[&["--entries", &*id], args].concat());
    for past in [
        &["--from", "500"][..],
        &["--from", "3"],
        &["--from", "2", "--to", "1"],
    ] {
        let run = show(past).code(0).err("has 3 entries, numbered from 0");
        assert_eq!(run.stdout, "");
    }
    for number in ["--last", "--from", "--to"] {
        show(&[number, "-1"]).code(2).err("0 or more");
    }
}
