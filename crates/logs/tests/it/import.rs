//! Files come in once, under their own ids, with summaries.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sessiondb::jsonl::{self, Outcome};
use sessiondb::{Archive, SessionId};

use crate::folder::{CLAUDE, Folder, claude, entries, import, sessions, shared, summary};

fn id() -> SessionId {
    CLAUDE.parse().unwrap()
}

#[test]
fn all_that_agents_write_comes_in_whatever_its_form() {
    let Some(data) = shared("agents") else { return };
    let archive = Archive::in_memory().unwrap();
    let report = import(&archive, &data);
    let agents: Vec<_> = report.files.iter().filter_map(|file| file.agent).collect();
    for agent in [
        "claude", "codex", "copilot", "gemini", "opencode", "pi", "qwen",
    ] {
        assert!(agents.contains(&agent), "{agent}: {agents:?}");
    }
    assert_eq!(agents.len(), report.files.len());
    for session in archive.sessions().unwrap() {
        let session = session.unwrap().id;
        let summary = summary(&archive, session);
        assert!(summary["title"].is_string(), "{session}: {summary:?}");
        assert!(summary["turns"].as_u64().unwrap() > 0, "{session}");
    }
    // A subagent's log is a segment of the session that started it.
    let with_subagent = archive.segments(id()).unwrap();
    assert_eq!(with_subagent.count(), 2);
    let again = import(&archive, &data);
    assert_eq!(again.new_entries(), 0);
    assert_eq!(sessions(&archive).len(), 15);
}

#[test]
fn two_states_of_one_session_are_one_whichever_comes_first() {
    let Some(data) = shared("real/claude") else {
        return;
    };
    let (early, late) = (data.join("snapshot-1.jsonl"), data.join("snapshot-2.jsonl"));
    let mut summaries = Vec::new();
    for order in [[&early, &late], [&late, &early]] {
        let archive = Archive::in_memory().unwrap();
        for file in order {
            import(&archive, file);
        }
        let [session] = sessions(&archive)[..] else {
            panic!("{:?}", sessions(&archive))
        };
        let info = archive.session(session).unwrap().unwrap();
        // With a line end each they are the file.
        assert_eq!(
            (info.segments, info.entry_bytes + info.entries),
            (1, 125_848 + 1)
        );
        let mut summary = summary(&archive, session);
        summary.remove("source_path");
        summaries.push(summary);
    }
    assert_eq!(summaries[0], summaries[1]);
}

#[test]
fn a_name_a_place_a_copy_or_a_link_change_nothing() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let first = folder.write(&format!("one/{CLAUDE}.jsonl"), claude(3));
    import(&archive, &first);
    fs::rename(folder.path().join("one"), folder.path().join("two")).unwrap();
    folder.write("copy.jsonl", claude(3));
    folder.write("deep/down/other-name.ndjson", claude(2));
    #[cfg(unix)]
    std::os::unix::fs::symlink("copy.jsonl", folder.path().join("link.jsonl")).unwrap();
    let report = import(&archive, folder.path());
    assert_eq!(report.new_entries(), 0, "{report:?}");
    assert_eq!(sessions(&archive), [id()]);
    assert_eq!(archive.segments(id()).unwrap().count(), 1);
    assert_eq!(summary(&archive, id())["turns"], 3);
}

#[test]
fn compressed_logs_and_marks_before_the_first_line_come_in() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let zipped = zstd::encode_all(claude(2).as_bytes(), 3).unwrap();
    let path = folder.write("a.jsonl.zst", zipped);
    import(&archive, &path);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(claude(4).as_bytes()).unwrap();
    folder.write("b.JSONL.gz", gzip.finish().unwrap());
    let report = import(&archive, folder.path());
    assert_eq!(report.new_entries(), 4);
    let marked = folder.write("c.jsonl", ["\u{feff}", &claude(5)].concat());
    import(&archive, &marked);
    assert_eq!(sessions(&archive), [id()]);
    assert_eq!(summary(&archive, id())["turns"], 5);
}

#[test]
fn a_log_that_grew_has_the_summary_of_all_of_it() {
    let folder = Folder::new();
    let (growing, whole) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    let name = format!("{CLAUDE}.jsonl");
    for turns in [1, 2, 2, 7] {
        let text = claude(turns);
        // In the middle of a line, too.
        let cut = folder.write(&name, &text[..text.len() - 9]);
        import(&growing, &cut);
        let file = folder.write(&name, &text);
        import(&growing, &file);
        import(&whole, &file);
    }
    let (mut one, mut other) = (summary(&growing, id()), summary(&whole, id()));
    for summary in [&mut one, &mut other] {
        assert_eq!(summary["turns"], 7);
        assert_eq!(summary["entries"], 14);
    }
    assert_eq!(one, other);
    assert_eq!(entries(&growing, id(), id()), entries(&whole, id(), id()));
}

#[test]
fn a_file_that_is_the_same_is_not_read_again() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let path = folder.write(&format!("{CLAUDE}.jsonl"), claude(2));
    let skipped = |archive: &Archive| import(archive, &path).files[0].was_skipped;
    assert!(!skipped(&archive));
    // Written just now, it may change once more in the same tick.
    assert!(!skipped(&archive));
    age(&path, 60);
    assert!(!skipped(&archive));
    assert!(skipped(&archive));
    // Other content with the same length and a later time.
    fs::write(&path, claude(2).replace("Question 1", "Question 9")).unwrap();
    age(&path, 30);
    let report = import(&archive, &path);
    assert!(!report.files[0].was_skipped);
    assert_eq!(report.files[0].report.branch_of, Some(id()));
    // What is in the archive no longer is not taken for stored.
    archive.delete_session(id()).unwrap();
    let report = import(&archive, &path);
    assert_eq!(
        report.files[0].report.outcome,
        Outcome::Imported { new: 4, total: 4 }
    );
}

fn age(path: &Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

#[test]
fn a_copy_that_went_on_elsewhere_is_a_branch_and_the_later_one_is_the_session() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let (one, other) = (claude(3), claude(5).replace("Question 2", "Other 2"));
    import(&archive, &folder.write("a.jsonl", &one));
    import(&archive, &folder.write("b.jsonl", &other));
    let report = import(&archive, &folder.write("c.jsonl", &one));
    assert_eq!(report.new_entries(), 0);
    assert_eq!(sessions(&archive), [id()]);
    assert_eq!(archive.segments(id()).unwrap().count(), 2);
    assert_eq!(summary(&archive, id())["turns"], 5);
    assert!(summary(&archive, id())["segment"] != CLAUDE);
    let info = archive.session(id()).unwrap().unwrap();
    assert!(info.entry_bytes < (one.len() + other.len()) as u64 - 500);
}

#[test]
fn what_came_in_by_its_path_is_found_again_by_its_content() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let path = folder.write("session.jsonl", claude(2));
    // As an import that knows no agents places it.
    let report = jsonl::Import::new(&archive)
        .run(std::slice::from_ref(&path), None)
        .unwrap();
    let session = report.files[0].session;
    assert!(session != id());
    fs::write(&path, claude(3)).unwrap();
    let report = import(&archive, &path);
    assert_eq!(report.files[0].report.session, session);
    assert_eq!(sessions(&archive), [session]);
    assert_eq!(summary(&archive, session)["turns"], 3);
}

#[test]
fn lines_that_a_crash_fused_or_left_holes_in_are_taken_apart_and_counted() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let text = claude(3);
    let mut lines: Vec<&str> = text.lines().collect();
    let fused = [lines.remove(2), lines.remove(2)].concat();
    let hole = ["\0\0\0\0", lines[2]].concat();
    let file = [lines[0], lines[1], &fused, &hole, lines[3]].join("\n");
    let report = import(&archive, &folder.write("x.jsonl", file));
    assert_eq!(report.new_entries(), 6);
    assert_eq!(report.files[0].report.warnings.len(), 2);
    assert_eq!(
        entries(&archive, id(), id()),
        text.lines().collect::<Vec<_>>()
    );
    assert_eq!(summary(&archive, id())["turns"], 3);
}

#[test]
fn documents_that_are_nobodys_are_passed_over_and_named() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    folder.write("settings.json", "{\"theme\":\"dark\"}");
    folder.write("notes.txt", "x");
    folder.write(&format!("{CLAUDE}.jsonl"), claude(1));
    folder.write(
        &format!("{CLAUDE}/tool-results/big.txt"),
        "a result\nof two lines\n",
    );
    let report = import(&archive, folder.path());
    assert_eq!(report.passed_over.len(), 2, "{report:?}");
    assert_eq!(archive.segments(id()).unwrap().count(), 2);
    assert_eq!(import(&archive, folder.path()).new_entries(), 0);
}

#[test]
fn an_empty_or_half_written_log_waits_for_its_first_entry() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let text = claude(1);
    let name = format!("{CLAUDE}.jsonl");
    for len in [0, 1, 40] {
        import(&archive, &folder.write(&name, &text[..len]));
    }
    import(&archive, &folder.write(&name, &text));
    assert_eq!(summary(&archive, id())["turns"], 1);
}

/// A session of opencode in files that were written just now, of a prompt at that time and an answer without an end.
fn opencode_files(folder: &Folder, at_ms: u64) {
    let message = |role: &str| {
        format!(
            r#"{{"id":"msg_{role}","sessionID":"ses_1","role":"{role}","time":{{"created":{at_ms}}}}}"#
        )
    };
    let session = r#"{"id":"ses_1","projectID":"p","title":"Lamp"}"#;
    folder.write("session/p/ses_1.json", session);
    folder.write("message/ses_1/msg_1.json", message("user"));
    folder.write("message/ses_1/msg_2.json", message("assistant"));
}

#[test]
fn a_turn_may_be_under_way_if_its_messages_are_new_and_not_only_its_files() {
    let day_ms = 24 * 3_600_000;
    for (age_ms, new, held_back) in [(0, 0, 2), (day_ms + 60_000, 2, 0)] {
        let folder = Folder::new();
        opencode_files(&folder, sessiondb::now_ms() - age_ms);
        let report = import(&Archive::in_memory().unwrap(), folder.path());
        let told = (report.new_entries(), report.held_back());
        assert_eq!(told, (new, held_back), "{age_ms} ms ago");
    }
}
