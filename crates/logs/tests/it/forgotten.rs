//! What was taken away from an archive stays away, by whatever name its log comes again.

use std::fs;

use sessiondb::jsonl::Outcome;
use sessiondb::{Archive, SessionId};
use sessiondb_logs::{Import, refresh};

use crate::folder::{CLAUDE, Folder, claude, entries, import, sessions, summary};

fn id() -> SessionId {
    CLAUDE.parse().unwrap()
}

#[test]
fn a_removed_session_stays_away_under_any_name_and_comes_back_when_wanted() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let path = folder.write(&format!("{CLAUDE}.jsonl"), claude(2));
    import(&archive, &path);
    archive.forget_session(id()).unwrap();
    let other = folder.path().join("renamed.jsonl");
    fs::rename(&path, &other).unwrap();
    folder.write("grown.jsonl", claude(3));
    let report = import(&archive, folder.path());
    assert!(sessions(&archive).is_empty());
    for file in &report.files {
        assert_eq!(file.report.outcome, Outcome::Forgotten { entries: 4 });
    }
    let again = Import::new(&archive).again(true);
    let report = again.run(&[folder.path().to_owned()], None).unwrap();
    assert_eq!(report.new_entries(), 6);
    assert_eq!(sessions(&archive), [id()]);
}

#[test]
fn nothing_of_what_was_erased_or_cut_off_stays_in_a_summary() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let text = claude(3).replace("Question 0", "SECRET");
    let path = folder.write(&format!("{CLAUDE}.jsonl"), &text);
    import(&archive, &path);
    assert_eq!(summary(&archive, id())["title"], "SECRET");
    let log = archive.log(id(), id());
    log.erase(..1).unwrap();
    archive.forget_from(&log, 4).unwrap();
    refresh(&archive, id(), id()).unwrap();
    let clean = |archive: &Archive| {
        let summary = summary(archive, id());
        assert_eq!(
            (&summary["title"], &summary["turns"]),
            (&"Question 1".into(), &1.into())
        );
        let notes = archive.snapshot().unwrap().notes("").unwrap();
        for key in notes {
            let note: serde_json::Value = archive.read_note(&key).unwrap().unwrap();
            assert!(!note.to_string().contains("SECRET"), "{key}: {note}");
        }
        assert_eq!(entries(archive, id(), id()).len(), 4);
    };
    clean(&archive);
    // The same file, and one that has grown since.
    import(&archive, &path);
    clean(&archive);
    let other = folder.write("other.jsonl", &text);
    let report = import(&archive, &other);
    assert_eq!(report.files[0].report.forgotten, 3);
    clean(&archive);
}
