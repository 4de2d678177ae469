use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use sessiondb::{Archive, SessionId};
use sessiondb_logs::{AgentReport, Sync, SyncReport, Watch};

use crate::many::{prompt, write_old};

const ONE: &str = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";
const TWO: &str = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e80";
/// Long enough for the slowest machine.
const LONG: Duration = Duration::from_secs(60);

fn claude(home: &Path, session: &str) -> std::path::PathBuf {
    home.join(".claude/projects/-src")
        .join(format!("{session}.jsonl"))
}

fn codex(home: &Path, session: &str) -> std::path::PathBuf {
    let name = format!("rollout-2026-03-02T10-00-00-{session}.jsonl");
    home.join(".codex/sessions/2026/03/02").join(name)
}

fn codex_line(text: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-03-02T10:00:00Z\",\"type\":\"event_msg\",\
         \"payload\":{{\"type\":\"user_message\",\"message\":\"{text}\"}}}}\n"
    )
}

fn of<'r>(report: &'r SyncReport, agent: &str) -> &'r AgentReport {
    let mut agents = report.agents.iter();
    agents.find(|one| one.agent == agent).unwrap()
}

#[test]
fn the_folders_of_agents_are_found_and_only_what_is_new_comes_in() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_old(
        &claude(home, ONE),
        &(prompt(ONE, "One") + &prompt(ONE, "Two")),
    );
    write_old(&codex(home, TWO), &codex_line("Three"));
    write_old(&home.join(".claude/projects/-src/notes.txt"), "no log");
    fs::create_dir_all(home.join(".gemini/tmp")).unwrap();
    let archive = Archive::in_memory().unwrap();
    let report = Sync::new(&archive).home(home).run(None).unwrap();
    let names: Vec<_> = report.agents.iter().map(|agent| agent.agent).collect();
    assert_eq!(names, ["claude", "codex", "gemini"]);
    let one = of(&report, "claude");
    assert_eq!((one.files, one.new_sessions, one.new_entries), (1, 1, 2));
    assert_eq!((one.passed_over, one.failed, one.unchanged), (1, 0, 0));
    assert_eq!((of(&report, "gemini").files, report.failed()), (0, 0));

    let again = Sync::new(&archive).home(home).run(None).unwrap();
    assert_eq!(
        (again.new_entries(), of(&again, "claude").unchanged),
        (0, 1)
    );
    let only = Sync::new(&archive)
        .home(home)
        .agents(["codex"])
        .run(None)
        .unwrap();
    assert_eq!(only.agents.len(), 1);
}

#[test]
fn what_was_taken_away_stays_away_and_is_counted() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_old(&claude(home, ONE), &prompt(ONE, "One"));
    let archive = Archive::in_memory().unwrap();
    let sync = Sync::new(&archive).home(home);
    sync.run(None).unwrap();
    let session = SessionId::try_parse(ONE).unwrap();
    archive.forget_session(session).unwrap();
    let report = sync.run(None).unwrap();
    assert_eq!(
        (report.new_entries(), of(&report, "claude").left_out),
        (0, 1)
    );
    let report = sync.again(true).run(None).unwrap();
    assert_eq!(report.new_entries(), 1);
}

/// Goes on until so many new entries came in.
#[track_caller]
fn next(watch: &mut Watch<'_>, entries: u64) {
    let (until, mut new) = (Instant::now() + LONG, 0);
    while new < entries {
        assert!(Instant::now() < until, "only {new} of {entries}");
        if let Some(report) = watch.next(Duration::from_secs(1)).unwrap() {
            assert_eq!(report.failed(), 0, "{report:?}");
            new += report.new_entries();
        }
    }
    assert_eq!(new, entries);
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_watch_goes_on_as_files_grow_and_folders_appear() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_old(&claude(home, ONE), &prompt(ONE, "One"));
    let archive = Archive::in_memory().unwrap();
    let mut watch = Sync::new(&archive).home(home).watch();
    next(&mut watch, 1);
    assert_eq!(watch.next(Duration::ZERO).unwrap(), None);

    append(&claude(home, ONE), &prompt(ONE, "Two"));
    next(&mut watch, 1);
    // A file in a folder that is there, one in a new folder, and an agent that was not here before.
    fs::write(claude(home, TWO), prompt(TWO, "Three")).unwrap();
    next(&mut watch, 1);
    let deep = home
        .join(".claude/projects/-src-other")
        .join(TWO)
        .join("subagents");
    fs::create_dir_all(&deep).unwrap();
    let line = prompt(TWO, "Four").replace("false", "true");
    fs::write(deep.join("agent-a1.jsonl"), line).unwrap();
    next(&mut watch, 1);
    fs::create_dir_all(codex(home, ONE).parent().unwrap()).unwrap();
    fs::write(codex(home, ONE), codex_line("Five")).unwrap();
    next(&mut watch, 1);
    append(&codex(home, ONE), &codex_line("Six"));
    next(&mut watch, 1);
}

#[test]
fn of_a_line_that_is_half_written_only_what_is_whole_comes_in() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    write_old(&claude(home, ONE), &prompt(ONE, "One"));
    let archive = Archive::in_memory().unwrap();
    let mut watch = Sync::new(&archive).home(home).watch();
    next(&mut watch, 1);
    let (two, three) = (prompt(ONE, "Two"), prompt(ONE, "Three"));
    let (half, rest) = three.split_at(three.len() / 2);
    append(&claude(home, ONE), &(two + half));
    next(&mut watch, 1);
    append(&claude(home, ONE), rest);
    next(&mut watch, 1);
    let session = SessionId::try_parse(ONE).unwrap();
    let log = archive.log(session, session);
    let stored: String = log
        .read(..)
        .unwrap()
        .map(|entry| entry.unwrap().as_str().to_owned() + "\n")
        .collect();
    assert_eq!(stored, fs::read_to_string(claude(home, ONE)).unwrap());
}

#[cfg(feature = "sqlite")]
#[test]
fn a_watch_follows_a_database() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".local/share/goose/sessions");
    fs::create_dir_all(&folder).unwrap();
    let connection = rusqlite::Connection::open(folder.join("sessions.db")).unwrap();
    connection
        .pragma_update(None, "journal_mode", "wal")
        .unwrap();
    let tables = "CREATE TABLE sessions (id TEXT PRIMARY KEY, working_dir TEXT NOT NULL); \
                  CREATE TABLE messages (id INTEGER PRIMARY KEY, session_id TEXT, role TEXT, \
                  content_json TEXT, created_timestamp INTEGER); \
                  INSERT INTO sessions VALUES ('20260302_1', '/home/ann')";
    connection.execute_batch(tables).unwrap();
    let say = || {
        let sql = "INSERT INTO messages (session_id, role, content_json, created_timestamp) \
                   VALUES ('20260302_1', 'user', '[]', 1772000000)";
        connection.execute(sql, []).unwrap();
    };
    say();
    let archive = Archive::in_memory().unwrap();
    let mut watch = Sync::new(&archive).home(home.path()).watch();
    next(&mut watch, 1);
    say();
    next(&mut watch, 1);
}
