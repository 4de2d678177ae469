use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use sessiondb::jsonl::{BadLines, ExportOutcome};
use sessiondb::new_segment_id;
use sessiondb_logs::{Export, Import, Likeness};

use crate::rooms::{Room, SESSION, claude, claude_in, files_below, shared};

fn is_json(path: &str) -> bool {
    let ending = Path::new(path).extension();
    ending.is_some_and(|ending| ending == "json")
}

#[test]
fn lines_of_each_agent_come_out_byte_for_byte() {
    for (name, path) in [
        ("agents/claude/small.jsonl", "claude/"),
        ("agents/claude/large.jsonl", "claude/"),
        ("agents/codex/small.jsonl", "codex/2025/"),
        ("agents/codex/large.jsonl", "codex/"),
        ("agents/copilot/small.jsonl", "copilot/"),
        ("agents/gemini/jsonl_v040.jsonl", "gemini/"),
        ("agents/pi/small.jsonl", "pi/"),
        (
            "agents/qwen/019f0000-0000-7000-8000-000000000001.jsonl",
            "qwen/",
        ),
        (
            "agents/qwen/019f0000-0000-7000-8000-000000000004.jsonl",
            "qwen/",
        ),
        ("real/claude/compacted.jsonl", "claude/"),
        ("real/claude/snapshot-2.jsonl", "claude/"),
        ("real/pi-large-session.jsonl", "pi/"),
    ] {
        let Some(log) = shared(name) else { continue };
        let room = Room::new();
        room.import(&log);
        let report = room.export();
        let out = room.out();
        assert_eq!(out.len(), 1, "{name}: {report:?}");
        let agent = path.split('/').next().unwrap();
        assert!(out[0].0.starts_with(agent), "{name}: {}", out[0].0);
        assert!(out[0].1 == fs::read(&log).unwrap(), "{name}");
        assert_eq!(report.files[0].likeness, Likeness::Bytes, "{name}");
        // Once more: nothing to do.
        let again = room.export();
        assert_eq!(again.written(), 0, "{name}");
        // And in again: nothing new.
        let back = Import::new(&room.archive)
            .run(&[room.path("out")], None)
            .unwrap();
        assert_eq!(
            (back.new_entries(), back.failed()),
            (0, 0),
            "{name}: {back:?}"
        );
    }
}

#[test]
fn the_samples_of_each_agent_come_out_as_they_came_in() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agents/tests/data");
    if !samples.exists() {
        eprintln!("SKIPPED: {} is not there", samples.display());
        return;
    }
    let mut seen = std::collections::BTreeSet::new();
    for (name, came_in) in files_below(&samples) {
        if name.ends_with("ui_messages.json") || name.contains("/storage/") {
            continue;
        }
        let room = Room::new();
        room.import(&samples.join(&name));
        let report = room.export();
        let out = room.out();
        assert_eq!(out.len(), 1, "{name}: {report:?}");
        let agent = name.split('/').next().unwrap();
        assert!(
            out[0].0.starts_with(&format!("{agent}/")),
            "{name}: {}",
            out[0].0
        );
        if is_json(&name) {
            // One has a number that only a text can hold.
            let value = |bytes: &[u8]| match serde_json::from_slice::<Value>(bytes) {
                Ok(value) => value.to_string(),
                Err(_) => String::from_utf8_lossy(bytes).replace(char::is_whitespace, ""),
            };
            assert_eq!(value(&out[0].1), value(&came_in), "{name}");
        } else {
            assert!(out[0].1 == came_in, "{name}");
        }
        assert_eq!(room.export().written(), 0, "{name}");
        seen.insert(agent.to_owned());
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
}

#[test]
fn documents_come_out_as_equal_json() {
    for name in [
        "agents/gemini/large.json",
        "agents/gemini/small.json",
        "real/gemini/session-1.json",
        "real/gemini/session-2.json",
    ] {
        let Some(log) = shared(name) else { continue };
        let room = Room::new();
        room.import(&log);
        let report = room.export();
        let out = room.out();
        assert_eq!(out.len(), 1, "{name}: {report:?}");
        assert!(out[0].0.starts_with("gemini/") && is_json(&out[0].0));
        let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let came_in = fs::read(&log).unwrap();
        assert!(value(&out[0].1) == value(&came_in), "{name}");
        assert_eq!(report.files[0].likeness, Likeness::Json);
        // The agent's own file, laid out in another way, is the same.
        let target = &report.files[0].path;
        fs::write(target, &came_in).unwrap();
        assert_eq!(room.export().written(), 0, "{name}");
        assert_eq!(fs::read(target).unwrap(), came_in);
    }
}

#[test]
fn a_session_of_many_files_comes_out_as_many() {
    let Some(storage) = shared("agents/opencode/storage_v2") else {
        return;
    };
    let room = Room::new();
    room.import(&storage);
    room.export();
    let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let mut out: Vec<Value> = room.out().iter().map(|(_, bytes)| value(bytes)).collect();
    let came_in = files_below(&storage).into_iter();
    let came_in = came_in.filter(|(path, _)| is_json(path));
    let mut came_in: Vec<Value> = came_in.map(|(_, bytes)| value(&bytes)).collect();
    let sort = |values: &mut Vec<Value>| values.sort_by_key(ToString::to_string);
    sort(&mut out);
    sort(&mut came_in);
    assert_eq!(out, came_in);
    let session = room.path("out/opencode/session/proj_test/ses_s_stage0_small.json");
    assert!(session.is_file());
}

#[test]
fn snapshots_of_a_session_are_one_file() {
    let (Some(one), Some(two)) = (
        shared("real/claude/snapshot-1.jsonl"),
        shared("real/claude/snapshot-2.jsonl"),
    ) else {
        return;
    };
    for order in [[&one, &two], [&two, &one]] {
        let room = Room::new();
        for log in order {
            room.import(log);
        }
        room.export();
        let out = room.out();
        assert_eq!(out.len(), 1);
        assert!(out[0].1 == fs::read(&two).unwrap());
        let earlier = fs::read(&one).unwrap();
        assert!(out[0].1.starts_with(&earlier));
        // The earlier one in its place is a beginning, and is replaced.
        let path = room.path("out").join(&out[0].0);
        fs::write(&path, earlier).unwrap();
        assert_eq!(room.export().written(), 1);
        assert!(fs::read(path).unwrap() == fs::read(&two).unwrap());
    }
}

#[test]
fn subagents_and_sidecars_lie_where_the_agent_has_them() {
    let Some(folder) = shared("agents/claude/subagent") else {
        return;
    };
    let room = Room::new();
    let copied = room.path("in");
    for (path, bytes) in files_below(&folder) {
        room.write(&format!("in/{path}"), bytes);
    }
    room.write(&format!("in/{SESSION}/tool-results/big.txt"), "a\r\nb");
    room.import(&copied);
    room.export();
    let out = room.out();
    let main = out
        .iter()
        .find(|(path, _)| path.ends_with(&format!("/{SESSION}.jsonl")));
    let below = main
        .unwrap()
        .0
        .strip_suffix(&format!("{SESSION}.jsonl"))
        .unwrap();
    for (path, bytes) in files_below(&copied) {
        let there = out.iter().find(|(out, _)| *out == format!("{below}{path}"));
        let there = &there.unwrap_or_else(|| panic!("{path}")).1;
        if path.ends_with(".meta.json") {
            let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
            assert_eq!(value(there), value(&bytes));
        } else {
            assert!(*there == bytes, "{path}");
        }
    }
    assert_eq!(out.len(), files_below(&copied).len());
}

#[test]
fn a_branch_lies_beside() {
    let room = Room::new();
    let [a, b, c] = ["a", "b", "c"].map(claude);
    let one = room.write("one.jsonl", format!("{a}\n{b}\n"));
    let other = room.write("other.jsonl", format!("{a}\n{c}"));
    room.import(&one);
    let report = room.import(&other);
    let branch = report.files[0].report.segment;
    assert_ne!(branch.to_string(), SESSION);
    room.export();
    assert_eq!(
        room.out(),
        [
            (
                format!("claude/-src-shop/{SESSION}.{branch}.jsonl"),
                format!("{a}\n{c}").into_bytes()
            ),
            (
                format!("claude/-src-shop/{SESSION}.jsonl"),
                format!("{a}\n{b}\n").into_bytes()
            ),
        ]
    );
    // One that was made here has no file that it came from.
    let session = SESSION.parse().unwrap();
    let own = new_segment_id();
    room.archive.log(session, session).branch(1, own).unwrap();
    room.export();
    let out = room.path(&format!("out/claude/-src-shop/{SESSION}.{own}.jsonl"));
    assert_eq!(fs::read_to_string(out).unwrap(), format!("{a}\n"));
}

#[test]
fn of_two_sessions_with_one_path_the_second_has_its_id_in_the_name() {
    let room = Room::new();
    let line = |session: &str| {
        format!(
            r#"{{"type":"user","isSidechain":false,"sessionId":"{session}","message":{{"content":"Hi"}}}}"#
        )
    };
    // Without a folder the agent's path is not known.
    let ids = [SESSION, "1a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f"];
    for (folder, id) in ["a", "b"].into_iter().zip(ids) {
        let log = room.write(&format!("{folder}/log.jsonl"), line(id));
        room.import(&log);
    }
    let report = room.export();
    let out = room.out();
    let names: Vec<&str> = out.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        names,
        [&format!("claude/log.{}.jsonl", ids[1]), "claude/log.jsonl"]
    );
    let renamed: Vec<bool> = report.files.iter().map(|file| file.is_renamed).collect();
    assert_eq!(renamed, [false, true]);
}

#[test]
fn no_log_gets_out_of_the_folder() {
    let room = Room::new();
    for (number, id) in ["../../../evil", "/evil", "a/../../b", "../"]
        .into_iter()
        .enumerate()
    {
        let log = room.write(&format!("in/{number}.jsonl"), claude_in(id, "/src", "Hi"));
        room.import(&log);
    }
    room.export();
    let mut names: Vec<String> = files_below(room.folder.path())
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| !path.starts_with("in/"))
        .collect();
    names.sort();
    let expected: Vec<_> = (0..4)
        .map(|number| format!("out/claude/{number}.jsonl"))
        .collect();
    assert_eq!(names, expected);
}

#[test]
fn sessions_of_no_known_agent_are_written_as_ever() {
    let room = Room::new();
    let log = room.write(
        &format!("{SESSION}.jsonl"),
        "\u{feff}{\"a\":1}\r\n{\"b\":2}",
    );
    room.import(&log);
    let session = SESSION.parse().unwrap();
    let named = |metadata: &mut serde_json::Map<String, Value>| {
        metadata.insert("title".to_owned(), "A".into());
        Ok::<_, sessiondb::StoreError>(())
    };
    room.archive.update_metadata(session, named).unwrap();
    room.export();
    let out = room.out();
    assert_eq!(out[0].0, format!("{SESSION}/{SESSION}.jsonl"));
    assert_eq!(out[0].1, "\u{feff}{\"a\":1}\r\n{\"b\":2}".as_bytes());
    assert_eq!(out[1].0, format!("{SESSION}/session.json"));
    assert_eq!(out.len(), 2);
}

#[test]
fn what_is_in_the_way_stays_unless_forced() {
    let room = Room::new();
    let log = room.write("log.jsonl", claude("a"));
    room.import(&log);
    let report = room.export();
    let path = &report.files[0].path;
    fs::write(path, "mine").unwrap();
    let out = room.path("out");
    let report = Export::new(&room.archive).run(&out, None).unwrap();
    let ExportOutcome::Failed(message) = &report.files[0].outcome else {
        panic!("{report:?}");
    };
    assert!(
        message.contains("byte offset 0") && message.contains("--force"),
        "{message}"
    );
    assert_eq!(fs::read_to_string(path).unwrap(), "mine");
    let report = Export::new(&room.archive)
        .force(true)
        .run(&out, None)
        .unwrap();
    assert_eq!(report.written(), 1);
    assert_eq!(fs::read_to_string(path).unwrap(), claude("a"));
}

#[test]
fn what_cannot_be_finished_leaves_nothing_behind() {
    let room = Room::new();
    let log = room.write("log.jsonl", claude("a"));
    room.import(&log);
    // A folder that cannot be replaced by a file.
    let target = room.path(&format!("out/claude/-src-shop/{SESSION}.jsonl"));
    fs::create_dir_all(&target).unwrap();
    let report = Export::new(&room.archive)
        .run(&room.path("out"), None)
        .unwrap();
    assert_eq!(report.failed(), 1);
    assert_eq!(room.out(), []);
}

#[cfg(unix)]
#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;

    let room = Room::new();
    let log = room.write("log.jsonl", claude("a"));
    room.import(&log);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let report = room.export();
    assert_eq!(mode(&report.files[0].path), 0o600);
    assert_eq!(mode(report.files[0].path.parent().unwrap()), 0o700);
    let open = room.path("open");
    let report = Export::new(&room.archive)
        .mode(0o644)
        .run(&open, None)
        .unwrap();
    assert_eq!(mode(&report.files[0].path), 0o644);
}

#[test]
fn what_was_mended_is_said_and_what_was_kept_comes_back() {
    let [a, b] = ["a", "b"].map(claude);
    for (content, bad_lines, exact) in [
        (format!("{a}{b}\n"), BadLines::Mend, false),
        (format!("{a}\n\0\0\0\0{b}\n"), BadLines::Mend, false),
        (format!("{a}\ntorn {{\n{b}\n"), BadLines::Skip, false),
        (format!("{a}\ntorn {{\n{b}\n"), BadLines::Keep, true),
        (format!("{a}\n{{\"torn\":"), BadLines::Mend, false),
        (format!("{a}\n\n{b}\n"), BadLines::Mend, false),
    ] {
        let room = Room::new();
        let log = room.write("log.jsonl", &content);
        let import = Import::new(&room.archive).bad_lines(bad_lines);
        assert_eq!(import.run(&[log], None).unwrap().failed(), 0);
        let report = room.export();
        let same = room.out()[0].1 == content.as_bytes();
        assert_eq!(same, exact, "{content}");
        assert_eq!(
            report.files[0].likeness == Likeness::Bytes,
            exact,
            "{content}"
        );
    }
}

#[test]
fn a_log_that_went_on_in_the_archive_ends_its_lines() {
    let room = Room::new();
    let log = room.write("log.jsonl", claude("a"));
    room.import(&log);
    let session = SESSION.parse().unwrap();
    let more = sessiondb::RawJson::new(claude("b")).unwrap();
    room.archive.log(session, session).append(&more).unwrap();
    room.export();
    let expected = format!("{}\n{}\n", claude("a"), claude("b"));
    assert_eq!(room.out()[0].1, expected.as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_lines_come_out_or_are_said_to_be_inexact(
        lines in proptest::collection::vec(prop_oneof![
            4 => "[a-z]{0,3}".prop_map(|text| claude(&text)),
            2 => "[a-z]{0,3}".prop_map(|text| format!(" {}\r", claude(&text))),
            1 => Just(String::new()),
            1 => Just("\r".to_owned()),
            1 => Just(r#"{"n":1.0e5,"s":"\u00e4"}"#.to_owned()),
            1 => Just("{\"a\":1}{\"b\":2}".to_owned()),
            1 => Just("\0\0\0{}".to_owned()),
        ], 1..6),
        mark: bool,
        is_final: bool,
    ) {
        let mark = if mark { "\u{feff}" } else { "" };
        let end = if is_final { "\n" } else { "" };
        let content = format!("{mark}{}{end}", lines.join("\n"));
        let room = Room::new();
        let log = room.write("in/log.jsonl", &content);
        let report = Import::new(&room.archive).run(&[log], None).unwrap();
        prop_assume!(report.failed() == 0 && report.new_entries() > 0);
        let report = room.export();
        let out = room.out();
        prop_assert_eq!(out.len(), 1);
        let same = out[0].1 == content.as_bytes();
        prop_assert_eq!(same, report.files[0].likeness == Likeness::Bytes, "{:?}", content);
    }
}

#[test]
fn no_file_of_a_session_is_exact_once_something_of_it_was_redacted() {
    let Some(log) = shared("agents/claude/small.jsonl") else {
        return;
    };
    let redactor = || {
        sessiondb::archive::Redactor::new(|entry| {
            let redacted = entry.replace("user", "[redacted]");
            (redacted != entry).then(|| sessiondb::RawJson::new(redacted).unwrap())
        })
    };
    // In the archive, and on the way into it.
    let room = Room::new();
    room.import(&log);
    assert_eq!(room.export().files[0].likeness, Likeness::Bytes);
    let session = room.archive.sessions().unwrap().next().unwrap().unwrap().id;
    let redacted = sessiondb_logs::redact(&room.archive, session, &redactor()).unwrap();
    assert!(redacted.entries > 0);
    let report = Export::new(&room.archive).run(&room.path("again"), None);
    assert_eq!(report.unwrap().files[0].likeness, Likeness::Redacted);

    let room = Room::new();
    let report = Import::new(&room.archive)
        .redact(redactor())
        .run(std::slice::from_ref(&log), None);
    assert_eq!(report.unwrap().failed(), 0);
    let report = room.export();
    assert_eq!(report.files[0].likeness, Likeness::Redacted);
    assert!(room.out()[0].1 != fs::read(&log).unwrap());
}
