//! `append`, `truncate` and `rm`.

use std::io::Write;
use std::process::Stdio;

use crate::place::{Place, Run, ids, new_ids};

#[test]
fn append_creates_and_prints_the_new_length() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let run = place
        .append((session, segment), "{\"n\":1}\n\n  \n{\"n\":2}\n")
        .code(0);
    assert_eq!(run.stdout, "2\n");
    // The last line need not end.
    let mut args = ids(session, segment);
    args.extend(["--durability", "written"]);
    let run = place.run_with("append", &args, b"{\"n\":3}").code(0);
    assert_eq!(run.stdout, "3\n");
    assert_eq!(place.raw(segment), "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
}

#[test]
fn a_bad_line_is_named_and_nothing_is_appended() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), "{}\n").code(0);
    for bad in ["{\"n\":", "{}{}", "nonsense", "\u{0}"] {
        place
            .append(
                (session, segment),
                &format!("{{\"n\":1}}\n\n{bad}\n{{\"n\":2}}\n"),
            )
            .code(1)
            .err("standard input, line 3")
            .err("nothing was appended");
    }
    let invalid_utf8 = place.run_with("append", &ids(session, segment), b"{}\n\"\xff\"\n");
    invalid_utf8.code(1).err("standard input, line 2");
    assert_eq!(place.raw(segment), "{}\n");
}

#[test]
fn a_line_over_the_limit_is_refused() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let mut lines = b"{}\n".to_vec();
    lines.resize(lines.len() + sessiondb::MAX_ENTRY_BYTES + 1, b'1');
    place
        .run_with("append", &ids(session, segment), &lines)
        .code(1)
        .err("standard input, line 2: longer than");
    assert!(!place.archive().exists());
}

#[test]
fn without_a_line_nothing_is_created_but_the_archive() {
    let place = Place::new();
    let run = place.append(new_ids(), "\n").code(0);
    assert_eq!(run.stdout, "0\n");
    assert_eq!(
        place.run("ls", &["--json"]).code(0).json_lines(),
        serde_json::json!([])
    );
}

#[test]
fn acknowledgements_that_nobody_reads_are_an_error() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let mut args = ids(session, segment);
    args.push("--ack");
    let mut child = place
        .command("append", &args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // While another test starts a process, that one may hold the pipe open for a moment.
    let _ = child.stdin.take().unwrap().write_all(&b"{}\n".repeat(500));
    let run: Run = child.wait_with_output().unwrap().into();
    let stored = place.raw(segment).lines().count();
    assert!((1..500).contains(&stored), "{stored}");
    run.code(8)
        .err(&format!("the last of them line {stored} of standard input"));
}

#[test]
fn acknowledged_lines_stay_when_a_later_one_is_bad() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let mut args = ids(session, segment);
    args.push("--ack");
    let run = place.run_with("append", &args, b"{\"n\":1}\n{\"n\":2}\nbad\n{\"n\":3}\n");
    assert_eq!(run.stdout, "1\n2\n");
    run.code(8).err("line 3").err("2 lines before it");
    assert_eq!(place.raw(segment), "{\"n\":1}\n{\"n\":2}\n");
    place
        .run_with("append", &args, b"bad\n")
        .code(1)
        .err("line 1");
}

#[test]
fn an_expected_length_guards_the_append() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let append = |expected: &'static str, ack: bool, lines: &str| {
        let mut args = ids(session, segment);
        args.extend(["--expect-len", expected]);
        args.extend(ack.then_some("--ack"));
        place.run_with("append", &args, lines.as_bytes())
    };
    append("0", false, "{}\n{}\n").code(0).out("2");
    append("1", false, "{}\n")
        .code(1)
        .err("has 2 entries where 1 were expected");
    append("2", true, "{}\n{}\n").code(0).out("3\n4\n");
    append("2", true, "{}\n").code(1);
    assert_eq!(place.raw(segment).lines().count(), 4);
}

#[test]
fn traces_are_a_log_of_their_own() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let mut args = ids(session, segment);
    args.push("--trace");
    let run = place.run_with("append", &args, b"{\"ts\":1}\n").code(0);
    assert_eq!(run.stdout, "1\n");
    let id = format!("{session}/{segment}");
    place.run("show", &[&id]).code(3).err("--trace");
    place
        .run("show", &["--raw", "--trace", &id])
        .code(0)
        .out("{\"ts\":1}\n");
    place
        .run("show", &[&session.to_string()])
        .code(3)
        .err("--trace");
    let listed = place.run("ls", &["--all", "--full"]).code(0);
    listed.out(&session.to_string());
}

#[test]
fn truncate_keeps_the_beginning() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place
        .append((session, segment), "{\"n\":1}\n{\"n\":2}\n")
        .code(0);
    let id = segment.to_string();
    place
        .run("truncate", &["--yes", &id, "3"])
        .code(1)
        .err("cannot be truncated to 3");
    assert_eq!(place.raw(segment).lines().count(), 2);
    place
        .run("truncate", &["--yes", &id, "1"])
        .code(0)
        .err("1 entry");
    assert_eq!(place.raw(segment), "{\"n\":1}\n");
    // A session that has only one segment will do.
    place
        .run("truncate", &["--yes", &session.to_string(), "0"])
        .code(0);
    assert_eq!(place.raw(segment), "");
}

#[test]
fn cutting_off_needs_a_yes_where_something_goes() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), "1\n2\n3\n").code(0);
    let id = segment.to_string();
    place
        .run("truncate", &[&id, "1"])
        .code(2)
        .err("2 entries from number 1 on")
        .err("--yes");
    assert_eq!(place.raw(segment), "1\n2\n3\n");
    place.run("truncate", &[&id, "3"]).code(0);
    place.run("truncate", &[&id, "-1"]).code(2).err("0 or more");
}

#[test]
fn removals_report_as_json() {
    let place = Place::new();
    let (session, segment) = new_ids();
    place.append((session, segment), "1\n2\n3\n").code(0);
    let id = segment.to_string();
    let run = |command: &str, args: &[&str]| {
        let all: Vec<&str> = [&["--yes", "--json"], args].concat();
        place.run(command, &all).code(0).json()
    };
    let of_segment = |field: &str, value: serde_json::Value| serde_json::json!({"session": session, "segment": segment, field: value});
    assert_eq!(run("truncate", &[&id, "2"]), of_segment("len", 2.into()));
    assert_eq!(run("erase", &[&id, "0"]), of_segment("erased", 1.into()));
    let gone = serde_json::json!({"segments": 1, "entries": 2, "traces": 0, "bytes": 18});
    assert_eq!(run("rm", &[&id, "--now"]), of_segment("removed", gone));
    place.append((session, segment), "1\n").code(0);
    assert_eq!(
        run("rm", &[&session.to_string(), "--now"]),
        serde_json::json!({
            "session": session,
            "removed": {"segments": 1, "entries": 1, "traces": 0, "bytes": 1},
        })
    );
}

#[test]
fn removing_needs_a_yes() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let (_, other) = new_ids();
    place.append((session, segment), "{}\n").code(0);
    place.append((session, other), "{}\n").code(0);
    let id = segment.to_string();
    place.run("rm", &[&id, "--now"]).code(2).err("--yes");
    assert_eq!(place.raw(segment), "{}\n");
    place
        .run("rm", &["--now", "--yes", &id])
        .code(0)
        .err("removed segment");
    place.run("show", &[&id]).code(3);
    place
        .run("truncate", &["--yes", &session.to_string(), "0"])
        .code(0);
    place
        .run("rm", &["--now", "--yes", &session.to_string()])
        .code(0)
        .err("removed session");
    place.run("ls", &[&session.to_string()]).code(3);
    place.run("rm", &["--now", "--yes", &id]).code(3);
}

#[test]
fn an_ambiguous_session_is_not_truncated() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let (_, other) = new_ids();
    place.append((session, segment), "{}\n").code(0);
    place.append((session, other), "{}\n").code(0);
    place
        .run("truncate", &["--yes", &session.to_string(), "0"])
        .code(2)
        .err(&segment.to_string())
        .err(&other.to_string());
}

#[test]
fn compact_gives_space_back_and_says_how() {
    let place = Place::new();
    let (session, segment) = new_ids();
    let line = format!("\"{}\"\n", "x".repeat(60_000));
    place.append((session, segment), &line.repeat(50)).code(0);
    place.append(new_ids(), "1\n").code(0);
    place
        .run("rm", &[&session.to_string(), "--now", "--yes"])
        .code(0);
    place
        .run("compact", &[])
        .code(0)
        .err("compacted by a fresh copy");
    let report = place.run("compact", &["--json"]).code(0).stdout;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["mode"], "fresh");
    assert_eq!(report["erased"], true);
    assert!(report["bytes_before"].is_u64() && report["bytes_after"].is_u64());
    let len = std::fs::metadata(place.archive()).unwrap().len();
    assert!(len < 3_000_000, "{len}");

    let other = sessiondb::Archive::open(place.archive()).unwrap();
    place
        .run("compact", &[])
        .code(0)
        .err("compacted in place")
        .err("another process");
    other.close().unwrap();
}
