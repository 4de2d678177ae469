use sessiondb_agents::{Fold, Home, Summary, by_name};

use crate::samples::{fold, sample, shared};

const SESSION: &str = "5b0c7a52-3f0e-4b6e-9c55-0f5d2a7b1e01";

#[test]
fn a_path_changes_nothing_where_the_content_tells() {
    let name = format!("claude/{SESSION}.jsonl");
    let log = sample(&name);
    let expected = fold(&name, &log).identity();
    assert_eq!(expected.session.unwrap().to_string(), SESSION);
    for path in ["", "x", "backup/old.jsonl", "a/.claude/projects/-x/y.jsonl"] {
        assert_eq!(fold(path, &log).identity(), expected, "{path}");
    }
}

#[test]
fn a_subagent_is_a_segment_of_its_parent() {
    let name = format!("claude/{SESSION}/subagents/agent-a77c01.jsonl");
    let log = sample(&name);
    let identity = fold(&name, &log).identity();
    assert_eq!(identity.session.unwrap().to_string(), SESSION);
    assert_eq!(identity.subagent.as_ref().unwrap().id, "a77c01");
    assert_eq!(fold("moved.jsonl", &log).identity(), identity);
    // Before the first entry the path tells the same.
    assert_eq!(
        Fold::new(by_name("claude").unwrap(), &name).identity(),
        identity
    );

    let name = "codex/rollout-2026-05-06T07-08-20-019df000-9999-7222-8333-444455557777.jsonl";
    let identity = fold(name, &sample(name)).identity();
    assert_eq!(
        identity.native_id.as_deref(),
        Some("019df000-1111-7222-8333-444455556666")
    );
    assert_eq!(
        identity.subagent.unwrap().id,
        "019df000-9999-7222-8333-444455557777"
    );
}

#[test]
fn newer_subagents_have_a_session_of_their_own_and_their_folder_tells_whose_they_are() {
    let path = "agents/claude/subagent/0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f/subagents/\
                agent-a0ad4f44468bdf20d.jsonl";
    let Some(log) = shared(path) else { return };
    let identity = fold(path, &log).identity();
    assert_eq!(
        identity.native_id.as_deref(),
        Some("0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f")
    );
    assert_eq!(identity.subagent.unwrap().id, "a0ad4f44468bdf20d");
}

#[test]
fn a_log_that_goes_on_with_another_session_has_a_parent() {
    let line = |session: &str, uuid: &str| {
        format!(r#"{{"type":"user","isSidechain":false,"sessionId":"{session}","uuid":"{uuid}"}}"#)
    };
    let lines = [line("one", "u1"), line("one", "u2"), line("two", "u3")].join("\n");
    let identity = fold("two.jsonl", &lines).identity();
    let parent = identity.parent.unwrap();
    assert_eq!(identity.native_id.as_deref(), Some("two"));
    assert_eq!(
        (parent.session.as_str(), parent.at.as_deref()),
        ("one", Some("u2"))
    );

    // Without its name the most frequent decides.
    let identity = fold("copy.jsonl", &lines).identity();
    assert_eq!(
        (identity.native_id.as_deref(), identity.parent),
        (Some("one"), None)
    );
}

#[test]
fn a_worker_names_its_session_beside_the_log() {
    let segment = "019e0000-0000-7000-8000-00000000000b";
    let path = format!("workers/w1/session/segments/{segment}.jsonl");
    let mut fold = Fold::new(by_name("yoi").unwrap(), &path);
    assert_eq!(fold.identity().session, None);
    let session = "019e0000-0000-7000-8000-00000000000a";
    fold.header(&format!(
        r#"{{"schema_version":1,"session_id":"{session}"}}"#
    ));
    let identity = fold.identity();
    assert_eq!(identity.session.unwrap().to_string(), session);
    assert_eq!(identity.segment.unwrap().to_string(), segment);

    let old = Fold::new(
        by_name("yoi").unwrap(),
        &format!("{session}/{segment}.jsonl"),
    )
    .identity();
    assert_eq!(
        (old.session, old.segment),
        (identity.session, identity.segment)
    );
}

#[test]
fn logs_go_back_where_their_agent_looks_for_them() {
    let id = "019df000-1111-7222-8333-444455556666";
    let summary = |agent: &str| Summary {
        agent: agent.to_owned(),
        native_id: Some(id.to_owned()),
        cwd: Some("/src/my_shop".to_owned()),
        started_ms: Some(1_778_051_289_005),
        ..Summary::default()
    };
    let path = |agent: &str| by_name(agent).unwrap().native_path(&summary(agent));
    let resume = |agent: &str| by_name(agent).unwrap().resume_command(&summary(agent));
    assert_eq!(path("claude").unwrap(), format!("-src-my-shop/{id}.jsonl"));
    assert_eq!(resume("claude").unwrap(), ["claude", "--resume", id]);
    let day = "2026/05/06/rollout-2026-05-06T07-08-09";
    assert_eq!(path("codex").unwrap(), format!("{day}-{id}.jsonl"));
    assert_eq!(resume("codex").unwrap(), ["codex", "resume", id]);
    let name = "--src-my_shop--/2026-05-06T07-08-09-005Z";
    assert_eq!(path("pi").unwrap(), format!("{name}_{id}.jsonl"));
    let home: Home = by_name("pi").unwrap().home().unwrap();
    assert_eq!((home.folder, home.below), (".pi/agent", "sessions"));

    // Where the file lay as its agent wrote it, it goes back there, whatever the local time was.
    let source = format!("/old/.codex/sessions/2026/05/05/rollout-2026-05-05T23-08-09-{id}.jsonl");
    let moved = Summary {
        source_path: Some(source),
        ..summary("codex")
    };
    let path = by_name("codex").unwrap().native_path(&moved).unwrap();
    assert_eq!(
        path,
        format!("2026/05/05/rollout-2026-05-05T23-08-09-{id}.jsonl")
    );

    let source = format!("/old/.codex/sessions/rollout-2025-04-20-{id}.json");
    let oldest = Summary {
        source_path: Some(source),
        ..summary("codex")
    };
    let path = by_name("codex").unwrap().native_path(&oldest).unwrap();
    assert_eq!(path, format!("rollout-2025-04-20-{id}.json"));
}
