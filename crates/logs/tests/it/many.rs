use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sessiondb::jsonl::Outcome;
use sessiondb::{Archive, SessionId};
use sessiondb_logs::ImportReport;

use crate::folder::{import, summary};

const SESSION: &str = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";

fn id(number: u64) -> String {
    format!("0a1b2c3d-4e5f-4061-8071-{number:012x}")
}

pub(crate) fn prompt(session: &str, text: &str) -> String {
    format!(
        "{{\"type\":\"user\",\"sessionId\":\"{session}\",\"isSidechain\":false,\
         \"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}}}\n"
    )
}

/// Writes a file that was left alone long enough for its time to tell.
pub(crate) fn write_old(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    let before = SystemTime::now() - Duration::from_secs(60);
    file.set_modified(before).unwrap();
}

#[test]
fn many_small_files_come_in_and_are_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::in_memory().unwrap();
    for number in 0..300 {
        let path = folder
            .path()
            .join(format!("p{}/{}.jsonl", number % 7, id(number)));
        write_old(&path, &prompt(&id(number), &format!("Prompt {number}")));
    }
    let first = import(&archive, folder.path());
    assert_eq!((first.files.len(), first.new_entries()), (300, 300));
    assert!(first.files.iter().all(|file| file.is_new_session));
    for number in [0, 63, 64, 299] {
        let session = SessionId::try_parse(&id(number)).unwrap();
        assert_eq!(
            summary(&archive, session)["title"],
            format!("Prompt {number}")
        );
    }
    let again = import(&archive, folder.path());
    assert!(
        again
            .files
            .iter()
            .all(|file| file.was_skipped && !file.is_new_session)
    );
    let is_unchanged = |outcome: &Outcome| *outcome == Outcome::Unchanged { total: 1 };
    assert!(
        again
            .files
            .iter()
            .all(|file| is_unchanged(&file.report.outcome))
    );
    assert!(again.files.iter().all(|file| file.agent == Some("claude")));
}

#[test]
fn files_of_one_session_see_what_came_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::in_memory().unwrap();
    let main = prompt(SESSION, "First") + &prompt(SESSION, "Second");
    // A beginning of the session, all of it, and a copy that went on elsewhere.
    write_old(&folder.path().join("a.jsonl"), &prompt(SESSION, "First"));
    write_old(&folder.path().join("b.jsonl"), &main);
    let other = prompt(SESSION, "First") + &prompt(SESSION, "Another");
    write_old(&folder.path().join("c.jsonl"), &other);
    for number in 0..70 {
        let name = format!("{SESSION}/subagents/agent-{number}.jsonl");
        let line = prompt(SESSION, "Look").replace("false", "true");
        write_old(&folder.path().join(name), &line);
    }
    let report = import(&archive, folder.path());
    let session = SessionId::try_parse(SESSION).unwrap();
    assert_eq!(archive.sessions().unwrap().count(), 1);
    assert_eq!(archive.log(session, session).len().unwrap(), 2);
    assert_eq!(archive.segments(session).unwrap().count(), 72);
    assert_eq!(
        report
            .files
            .iter()
            .filter(|file| file.is_new_session)
            .count(),
        1
    );
    let branches = report
        .files
        .iter()
        .filter(|file| file.report.branch_of.is_some());
    assert_eq!(branches.count(), 1);
}

#[test]
fn what_somebody_else_writes_meanwhile_is_compared_anew() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::in_memory().unwrap();
    for number in 0..200 {
        let path = folder.path().join(format!("{}.jsonl", id(number)));
        write_old(&path, &prompt(&id(number), "Hello"));
    }
    // Both import the same at the same time.
    let reports = std::thread::scope(|scope| {
        let run = || scope.spawn(|| import(&archive, folder.path()));
        [run(), run()].map(|thread| thread.join().unwrap())
    });
    let new = reports.iter().map(ImportReport::new_entries).sum::<u64>();
    assert_eq!(new, 200);
    for number in 0..200 {
        let session = SessionId::try_parse(&id(number)).unwrap();
        assert_eq!(archive.log(session, session).len().unwrap(), 1);
    }
}

#[test]
fn what_was_removed_by_hand_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::in_memory().unwrap();
    write_old(&folder.path().join("a.jsonl"), &prompt(SESSION, "Hello"));
    import(&archive, folder.path());
    let session = SessionId::try_parse(SESSION).unwrap();
    archive.log(session, session).truncate(0).unwrap();
    let again = import(&archive, folder.path());
    assert!(!again.files[0].was_skipped);
    assert_eq!(again.new_entries(), 1);
}
