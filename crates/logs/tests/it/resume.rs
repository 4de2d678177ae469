use std::fs;

use sessiondb::new_session_id;
use sessiondb_logs::{Resume, ResumeError};

use crate::rooms::{Room, SESSION, claude, files_below};

#[test]
fn a_session_is_written_where_its_agent_looks() {
    let room = Room::new();
    let log = room.write(&format!("in/{SESSION}.jsonl"), claude("a"));
    let sub = claude("b").replace(
        r#""isSidechain":false"#,
        r#""isSidechain":true,"agentId":"a1""#,
    );
    room.write(&format!("in/{SESSION}/subagents/agent-a1.jsonl"), &sub);
    room.write(&format!("in/{SESSION}/tool-results/r.txt"), "big");
    room.import(&room.path("in"));
    let (home, session) = (room.path("home"), SESSION.parse().unwrap());
    let resume = Resume::new(&room.archive).home(&home);

    let found = resume.find(session, None).unwrap();
    assert!(!home.exists() && found.files.is_empty());
    let resumed = resume.run(session, None).unwrap();
    assert_eq!(resumed.causes().count(), 0);
    let projects = home.join(".claude/projects/-src-shop");
    assert_eq!(resumed.path, projects.join(format!("{SESSION}.jsonl")));
    assert_eq!(
        (&resumed.path, &resumed.command),
        (&found.path, &found.command)
    );
    assert_eq!(
        resumed.command.unwrap().join(" "),
        format!("claude --resume {SESSION}")
    );
    assert!(resumed.needs_cwd);
    assert_eq!(
        files_below(&projects),
        [
            (format!("{SESSION}.jsonl"), fs::read(&log).unwrap()),
            (
                format!("{SESSION}/subagents/agent-a1.jsonl"),
                sub.into_bytes()
            ),
            (format!("{SESSION}/tool-results/r.txt"), b"big".to_vec()),
        ]
    );
}

#[test]
fn what_differs_is_not_replaced_and_a_beginning_is() {
    let room = Room::new();
    let [a, b] = ["a", "b"].map(claude);
    let log = room.write("log.jsonl", format!("{a}\n{b}\n"));
    room.import(&log);
    let session = SESSION.parse().unwrap();
    let resume = Resume::new(&room.archive).home(room.folder.path());
    let path = resume.run(session, None).unwrap().path;
    for (there, is_replaced) in [
        (format!("{a}\n{b}\n"), true),
        (format!("{a}\n"), true),
        (format!("{a}\n{a}\n"), false),
        (format!("{a}\n{b}\n{b}\n"), false),
    ] {
        fs::write(&path, &there).unwrap();
        let resumed = resume.run(session, None).unwrap();
        assert_eq!(resumed.causes().count() == 0, is_replaced, "{there}");
        let now = fs::read_to_string(&path).unwrap();
        assert_eq!(now == format!("{a}\n{b}\n"), is_replaced, "{there}");
        assert!(is_replaced || now == there);
    }
    let resumed = resume.force(true).run(session, None).unwrap();
    assert_eq!(resumed.causes().count(), 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{a}\n{b}\n"));
}

#[test]
fn a_branch_goes_under_the_plain_name() {
    let room = Room::new();
    let [a, b, c] = ["a", "b", "c"].map(claude);
    let one = room.write("one.jsonl", format!("{a}\n{b}\n"));
    let other = room.write("other.jsonl", format!("{a}\n{c}\n"));
    room.import(&one);
    let branch = room.import(&other).files[0].report.segment;
    let session = SESSION.parse().unwrap();
    for (segment, expected) in [(session, &b), (branch, &c)] {
        let resume = Resume::new(&room.archive).home(room.path(&segment.to_string()));
        let resumed = resume.run(session, Some(segment)).unwrap();
        assert!(resumed.path.ends_with(format!("{SESSION}.jsonl")));
        assert_eq!(resumed.files.len(), 1);
        let written = fs::read_to_string(resumed.path).unwrap();
        assert_eq!(written, format!("{a}\n{expected}\n"));
    }
}

#[test]
fn it_is_resumed_in_the_folder_that_it_has_here() {
    let room = Room::new();
    let log = room.write("log.jsonl", claude("look at /src/shop/a"));
    room.import(&log);
    let resume = Resume::new(&room.archive)
        .home(room.folder.path())
        .relocate("/src=/work/code".parse().unwrap())
        .rebase_entries(true);
    let resumed = resume.run(SESSION.parse().unwrap(), None).unwrap();
    assert_eq!(resumed.cwd.as_deref(), Some("/work/code/shop"));
    let folder = resumed.path.parent().unwrap();
    assert!(folder.ends_with(".claude/projects/-work-code-shop"));
    let written = fs::read_to_string(&resumed.path).unwrap();
    assert!(written.contains("look at /work/code/shop/a"), "{written}");
}

#[test]
fn what_cannot_be_resumed_is_said() {
    let room = Room::new();
    let unknown = room.write("unknown.jsonl", "{\"a\":1}\n");
    let unknown = room.import(&unknown).files[0].report.session;
    let line = claude("a").replace(r#""cwd":"/src/shop","#, "");
    let nowhere = room.write("nowhere.jsonl", line);
    let nowhere = room.import(&nowhere).files[0].report.session;
    let resume = Resume::new(&room.archive).home(room.folder.path());
    assert!(matches!(
        resume.run(unknown, None),
        Err(ResumeError::NoAgent { .. })
    ));
    assert!(matches!(
        resume.run(nowhere, None),
        Err(ResumeError::NoPlace { .. })
    ));
    assert!(matches!(
        resume.run(new_session_id(), None),
        Err(ResumeError::Archive(_))
    ));
}
