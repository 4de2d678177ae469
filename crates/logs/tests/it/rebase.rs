use serde_json::Value;
use sessiondb_logs::Export;

use crate::rooms::{Room, SESSION, claude_in, shared};

fn exported(room: &Room, one: &str, in_entries: bool) -> Vec<(String, Vec<u8>)> {
    let export = Export::new(&room.archive)
        .relocate(one.parse().unwrap())
        .rebase_entries(in_entries);
    let report = export.run(&room.path("out"), None).unwrap();
    assert_eq!(report.failed(), 0, "{report:?}");
    room.out()
}

#[test]
fn the_path_follows_the_folder_and_entries_only_if_asked() {
    let line = claude_in(
        SESSION,
        "/home/ann/shop",
        "cat /home/ann/shop/a.rs /home/anna",
    );
    for in_entries in [false, true] {
        let room = Room::new();
        let log = room.write("log.jsonl", format!("{line}\n"));
        room.import(&log);
        let out = exported(&room, "/home/ann=/work", in_entries);
        assert_eq!(out[0].0, format!("claude/-work-shop/{SESSION}.jsonl"));
        let expected = if in_entries {
            claude_in(SESSION, "/work/shop", "cat /work/shop/a.rs /home/anna")
        } else {
            line.clone()
        };
        assert_eq!(out[0].1, format!("{expected}\n").into_bytes());
        let stored = room
            .archive
            .log(SESSION.parse().unwrap(), SESSION.parse().unwrap());
        let stored = stored.read(..).unwrap().next().unwrap().unwrap();
        assert_eq!(stored.as_str(), line, "the archive stays as it is");
    }
}

#[test]
fn all_else_of_real_logs_stays_as_it_was_written() {
    for name in ["agents/codex/small.jsonl", "real/claude/snapshot-2.jsonl"] {
        let Some(log) = shared(name) else { continue };
        let text = std::fs::read_to_string(&log).unwrap();
        let room = Room::new();
        room.import(&log);
        let session = room.archive.sessions().unwrap().next().unwrap().unwrap().id;
        let summary = crate::folder::summary(&room.archive, session);
        let cwd = summary["cwd"].as_str().unwrap().to_owned();
        let out = exported(&room, &format!("{cwd}=/a-folder/that is new"), true);
        let out = String::from_utf8(out[0].1.clone()).unwrap();
        assert_ne!(out, text);
        assert_eq!(out.lines().count(), text.lines().count());
        for (new, old) in out.lines().zip(text.lines()) {
            serde_json::from_str::<Value>(new).unwrap();
            if !old.contains(&cwd) {
                assert_eq!(new, old);
            }
        }
        // The way back.
        assert_eq!(out.replace("/a-folder/that is new", &cwd), text, "{name}");
    }
}
