//! Notes, and marks of what was taken away for good: kept, copied and hidden as they should be.

use sessiondb::portable::Merge;
use sessiondb::{Archive, new_segment_id, new_session_id};
use tempfile::tempdir;

#[test]
fn notes_are_kept_beside_names_and_not_among_them() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.sessiondb");
    let archive = Archive::open(&path).unwrap();
    for name in ["-", "0", "a", "zz"] {
        archive.write_name(name, &serde_json::json!({})).unwrap();
    }
    for key in ["a/1", "a/2", "b", ""] {
        archive.write_note(key, key).unwrap();
    }
    let check = |archive: &Archive| {
        let now = archive.snapshot().unwrap();
        assert_eq!(now.names().unwrap(), ["-", "0", "a", "zz"]);
        assert_eq!(now.notes("").unwrap(), ["", "a/1", "a/2", "b"]);
        assert_eq!(now.notes("a/").unwrap(), ["a/1", "a/2"]);
        assert_eq!(now.read_note::<String>("a/2").unwrap().unwrap(), "a/2");
        assert_eq!(now.read_note::<String>("a").unwrap(), None);
        assert_eq!(archive.stats().unwrap().names, 4);
    };
    check(&archive);
    archive.checkpoint().unwrap();
    check(&archive);
    assert!(archive.delete_note("b").unwrap());
    assert!(!archive.delete_note("b").unwrap());
    archive.write_note("b", "b").unwrap();
    let (archive, _) = archive.compact(None).unwrap();
    check(&archive);
    let copy = folder.path().join("copy.sessiondb");
    archive.backup(&copy, None).unwrap();
    check(&Archive::open(&copy).unwrap());
    archive.close().unwrap();
    check(&Archive::open(&path).unwrap());
}

#[test]
fn notes_of_a_session_go_where_it_goes() {
    let folder = tempdir().unwrap();
    let archive = Archive::in_memory().unwrap();
    let (one, other) = (new_session_id(), new_session_id());
    for session in [one, other] {
        archive.log(session, new_segment_id()).append(&1).unwrap();
        archive
            .write_note(&format!("session/{session}/x"), &1)
            .unwrap();
    }
    archive.write_note("program", &1).unwrap();
    let out = folder.path().join("one.sessiondb");
    archive.extract(&out, &[one], None).unwrap();
    let extracted = Archive::open(&out).unwrap();
    let notes = extracted.snapshot().unwrap().notes("").unwrap();
    assert_eq!(notes, [format!("session/{one}/x")]);
}

/// Nothing of a session stays behind, wherever its notes are by then.
#[test]
fn notes_of_a_session_end_with_it() {
    for checkpoint in [false, true] {
        let archive = Archive::in_memory().unwrap();
        let (one, other) = (new_session_id(), new_session_id());
        let segments = [new_segment_id(), new_segment_id()];
        let begin = || {
            for session in [one, other] {
                for segment in segments {
                    archive.log(session, segment).append(&1).unwrap();
                }
                archive
                    .write_note(&format!("session/{session}/x"), &1)
                    .unwrap();
            }
            if checkpoint {
                archive.checkpoint().unwrap();
            }
            archive.write_note(&format!("session/{one}/y"), &1).unwrap();
        };
        let left = || archive.snapshot().unwrap().notes("session/").unwrap();
        let of_other = [format!("session/{other}/x")];
        begin();
        archive.delete_session(one).unwrap();
        assert_eq!(left(), of_other);
        begin();
        archive.log(one, segments[0]).delete().unwrap();
        assert_eq!(left().len(), 3);
        archive.log(one, segments[1]).delete().unwrap();
        assert_eq!(left(), of_other);
        begin();
        let mut batch = archive.batch();
        batch.delete_session(one);
        batch.append(&archive.log(one, segments[0]), &2).unwrap();
        batch.write_note(&format!("session/{one}/z"), &1).unwrap();
        batch.commit().unwrap();
        assert_eq!(left().len(), 2);
    }
}

#[test]
fn what_is_forgotten_is_marked_in_the_same_step() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.sessiondb");
    let archive = Archive::open(&path).unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    let log = archive.log(session, segment);
    assert!(!archive.forget_session(session).unwrap());
    assert!(!archive.forget_segment(session, segment).unwrap());
    log.append_many(0..5).unwrap();
    archive.forget_from(&log, 7).unwrap_err();
    archive.forget_from(&log, 5).unwrap();
    assert_eq!(
        archive
            .snapshot()
            .unwrap()
            .forgotten(session, segment)
            .unwrap(),
        None
    );
    archive.forget_from(&log, 2).unwrap();
    let mark = archive
        .snapshot()
        .unwrap()
        .forgotten(session, segment)
        .unwrap()
        .unwrap();
    assert_eq!((mark.entries, mark.is_whole()), (5, false));
    let [cut] = mark.cuts.as_slice() else {
        panic!("{mark:?}");
    };
    assert_eq!((cut.from, cut.to), (2, 5));
    let mut hash = sessiondb::archive::ForgottenHash::default();
    for entry in ["2", "3", "4"] {
        hash.entry(entry.as_bytes());
    }
    assert_eq!(cut.hash, hash.finish());
    assert!(archive.forget_segment(session, segment).unwrap());
    assert!(!log.exists().unwrap());
    let mark = archive
        .snapshot()
        .unwrap()
        .forgotten(session, segment)
        .unwrap()
        .unwrap();
    assert!(mark.is_whole());
    archive.log(session, segment).append(&1).unwrap();
    assert!(archive.forget_session(session).unwrap());
    archive.close().unwrap();

    let archive = Archive::open(&path).unwrap();
    let now = archive.snapshot().unwrap();
    assert!(now.is_session_forgotten(session).unwrap());
    assert!(
        now.forgotten(session, new_segment_id())
            .unwrap()
            .unwrap()
            .is_whole()
    );
    assert_eq!(now.names().unwrap(), [""; 0]);
    // A merge elsewhere does not spread the marks.
    let elsewhere = Archive::in_memory().unwrap();
    Merge::new(&elsewhere).run(&archive, None).unwrap();
    assert_eq!(elsewhere.snapshot().unwrap().notes("").unwrap(), [""; 0]);
    archive.allow_again(session).unwrap();
    assert_eq!(archive.snapshot().unwrap().notes("").unwrap(), [""; 0]);
}
