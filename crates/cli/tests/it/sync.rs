//! `sync`: the folders of agents below a home folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::place::{Place, Run, feed, sessiondb};

const SESSION: &str = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";

fn line(text: &str) -> String {
    format!(
        "{{\"type\":\"user\",\"sessionId\":\"{SESSION}\",\"isSidechain\":false,\
         \"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}}}\n"
    )
}

/// A home folder in which Claude Code keeps one session.
fn home(place: &Place) -> PathBuf {
    let home = place.path("home");
    let folder = home.join(".claude/projects/-src");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{SESSION}.jsonl")), line("One")).unwrap();
    home
}

fn sync(place: &Place, home: &Path, args: &[&str]) -> Run {
    let home = home.to_str().unwrap();
    place.run("sync", &[&["--home", home], args].concat())
}

#[test]
fn it_says_a_line_an_agent() {
    let place = Place::new();
    let home = home(&place);
    sync(&place, &home, &[])
        .code(0)
        .out("claude    1 file: 1 new session, 1 new entry\n");
    sync(&place, &home, &[])
        .code(0)
        .out("claude    1 file: nothing new, 1 unchanged\n");
    place.run("rm", &["--now", "--yes", SESSION]).code(0);
    sync(&place, &home, &[])
        .code(0)
        .out("1 entry left out as removed before\n");
    sync(&place, &home, &["--again"]).code(0).out("1 new entry");
}

#[test]
fn as_json_it_is_one_object() {
    let place = Place::new();
    let home = home(&place);
    let report = sync(&place, &home, &["--json"]).code(0).json();
    assert_eq!(
        (&report["new_entries"], &report["failed"]),
        (&json!(1), &json!(0))
    );
    let agent = &report["agents"][0];
    assert_eq!(agent["agent"], "claude");
    let projects = home.join(".claude").join("projects");
    assert_eq!(agent["places"], json!([projects]));
    assert_eq!(
        (&agent["files"], &agent["new_sessions"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn without_agents_no_archive_is_made() {
    let place = Place::new();
    let empty = place.path("empty");
    fs::create_dir(&empty).unwrap();
    sync(&place, &empty, &[]).code(0).err(".claude");
    assert!(!place.archive().exists());
    let home = home(&place);
    sync(&place, &home, &["--agent", "codex"])
        .code(0)
        .err("none of codex");
    sync(&place, &home, &["--agent", "nobody"])
        .code(2)
        .err("claude");
}

#[test]
fn a_file_that_fails_stops_no_other() {
    let place = Place::new();
    let home = home(&place);
    let folder = home.join(".claude/projects/-src");
    fs::write(
        folder.join("0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e80.jsonl"),
        "no log\n",
    )
    .unwrap();
    sync(&place, &home, &[])
        .code(8)
        .out("1 new entry, 1 failed\n")
        .err("1 of 2 files failed");
}

/// Where the archive is that nobody names is said by variables on Linux.
#[cfg(target_os = "linux")]
#[test]
fn the_archive_of_sync_is_that_of_all_commands() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let home = home(&place);
    let data = place.path("data");
    let run = |args: &[&str]| {
        let mut command = sessiondb();
        command.args(args).env("XDG_DATA_HOME", &data);
        feed(command, b"")
    };
    run(&["ls"]).code(2).err("sync");
    run(&["sync", "--home", home.to_str().unwrap()]).code(0);
    run(&["ls"]).code(0).out(&SESSION[..8]);
    let folder = data.join("sessiondb");
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(folder.join("sessions.sessiondb").is_file());
}

#[cfg(unix)]
#[test]
fn a_watch_prints_what_comes_in() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let place = Place::new();
    let home = home(&place);
    let mut watch = place
        .command("sync", &["--home", home.to_str().unwrap(), "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.ends_with("1 new session, 1 new entry"), "{first}");
    let log = home.join(format!(".claude/projects/-src/{SESSION}.jsonl"));
    fs::write(log, line("One") + &line("Two")).unwrap();
    let second = lines.next().unwrap().unwrap();
    assert!(second.contains("1 new entry"), "{second}");
    // Others read meanwhile.
    place.run("show", &[SESSION]).code(0).out("Two");
    watch.kill().unwrap();
    watch.wait().unwrap();
    place.run("check", &[]).code(0);
}
