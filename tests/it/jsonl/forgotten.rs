//! What was taken away from an archive, and stays away when its file comes again.

use sessiondb::Archive;
use sessiondb::jsonl::{Import, Outcome};

use super::{A, B, Folder, entries, import, import_one};

#[test]
fn a_session_that_was_forgotten_stays_away_until_it_is_wanted_again() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let name = format!("{A}/{B}.jsonl");
    let file = folder.write(&name, "1\n2\n");
    import(&archive, &file);
    for by_segment in [false, true] {
        if by_segment {
            archive.forget_segment(A, B).unwrap();
        } else {
            archive.forget_session(A).unwrap();
        }
        for content in ["1\n2\n", "1\n2\n3\n", "7\n"] {
            folder.write(&name, content);
            let report = import_one(&Import::new(&archive), &file);
            assert_eq!(report.outcome, Outcome::Forgotten { entries: 2 });
            assert_eq!(report.forgotten, 2);
            assert_eq!(archive.sessions().unwrap().count(), 0);
        }
        folder.write(&name, "1\n2\n");
        let report = import_one(&Import::new(&archive).again(true), &file);
        assert_eq!(report.outcome, Outcome::Imported { new: 2, total: 2 });
        let report = import_one(&Import::new(&archive), &file);
        assert_eq!(report.outcome, Outcome::Unchanged { total: 2 });
    }
}

#[test]
fn what_was_cut_off_or_erased_stays_away_and_what_comes_later_comes_in() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let name = format!("{A}/{B}.jsonl");
    let file = folder.write(&name, "0\n1\n2\n3\n4\n");
    import(&archive, &file);
    let log = archive.log(A, B);
    log.erase(0..1).unwrap();
    archive.forget_from(&log, 2).unwrap();
    let here = || entries(&log);
    let cut = [r#"{"kind":"erased"}"#, "1"];
    assert_eq!(here(), cut);
    for (content, forgotten) in [("0\n1\n2\n3\n4\n", 4), ("0\n1\n", 1)] {
        folder.write(&name, content);
        let report = import_one(&Import::new(&archive), &file);
        assert_eq!(
            (report.outcome, report.forgotten),
            (Outcome::Unchanged { total: 2 }, forgotten)
        );
        assert_eq!(here(), cut);
    }
    folder.write(&name, "0\n1\n2\n3\n4\n5\n6\n");
    for new in [true, false] {
        let report = import_one(&Import::new(&archive), &file);
        let outcome = if new {
            Outcome::Imported { new: 2, total: 4 }
        } else {
            Outcome::Unchanged { total: 4 }
        };
        assert_eq!((report.outcome, report.forgotten), (outcome, 4));
        assert_eq!(here(), [cut[0], cut[1], "5", "6"]);
    }
    // Other entries than those that were cut off are another matter: a branch.
    folder.write(&name, "0\n1\n2\n30\n40\n");
    let report = import_one(&Import::new(&archive), &file);
    assert_eq!((report.branch_of, report.session), (Some(B), A));
    assert_eq!(
        entries(&archive.log(A, report.segment)),
        [cut[0], cut[1], "2", "30", "40"]
    );
}

#[test]
fn a_log_that_is_cut_off_twice_stays_cut_off() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let file = folder.write(&format!("{A}/{B}.jsonl"), "0\n1\n2\n3\n4\n5\n");
    import(&archive, &file);
    let log = archive.log(A, B);
    archive.forget_from(&log, 4).unwrap();
    archive.forget_from(&log, 1).unwrap();
    let report = import_one(&Import::new(&archive), &file);
    assert_eq!(
        (report.outcome, report.forgotten),
        (Outcome::Unchanged { total: 1 }, 5)
    );
    assert_eq!(entries(&log), ["0"]);
    // What came in between the two cuts lies behind what the first took.
    folder.write(&format!("{A}/{B}.jsonl"), "0\n1\n2\n3\n4\n5\n6\n7\n");
    import(&archive, &file);
    assert_eq!(entries(&log), ["0", "6", "7"]);
    archive.forget_from(&log, 2).unwrap();
    let report = import_one(&Import::new(&archive), &file);
    assert_eq!(
        (report.outcome, report.forgotten),
        (Outcome::Unchanged { total: 2 }, 6)
    );
}

#[test]
fn what_was_erased_does_not_come_back_when_it_is_cut_off_too() {
    let folder = Folder::new();
    let archive = Archive::in_memory().unwrap();
    let name = format!("{A}/{B}.jsonl");
    let file = folder.write(&name, "0\n1\n2\n");
    import(&archive, &file);
    let log = archive.log(A, B);
    log.erase(1..2).unwrap();
    archive.forget_from(&log, 0).unwrap();
    for content in ["0\n1\n2\n", "0\n", "0\n1\n2\n3\n"] {
        folder.write(&name, content);
        import(&archive, &file);
        let grown = content.ends_with("3\n");
        assert_eq!(entries(&log), if grown { vec!["3"] } else { vec![] });
    }
}
