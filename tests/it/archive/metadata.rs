//! The metadata of sessions, with which one may begin.

use sessiondb::doctor::recover;
use sessiondb::jsonl::{Export, Import};
use sessiondb::portable::Merge;
use sessiondb::{Archive, Store, StoreError, new_segment_id, new_session_id};

use crate::raw::{raw, raws};
use crate::scratch::Scratch;

/// A runtime knows what a session is about before it has an entry.
#[test]
fn a_session_begins_with_its_metadata_and_goes_everywhere_with_it() {
    let scratch = Scratch::new();
    let archive = Archive::open(scratch.fresh()).unwrap();
    let (session, segment) = (new_session_id(), new_segment_id());
    let set = |number: u64| {
        archive.update_metadata(session, |metadata| {
            let before = metadata.insert("number".to_owned(), number.into());
            Ok::<_, StoreError>(before.and_then(|before| before.as_u64()))
        })
    };
    assert_eq!(set(1).unwrap(), None);
    assert_eq!(set(2).unwrap(), Some(1));
    let metadata = archive.metadata(session).unwrap().unwrap();

    let same = |other: &Archive, place: &str| {
        let (here, there) = (archive.session(session), other.session(session));
        assert_eq!(here.unwrap(), there.unwrap(), "{place}");
        let found = other.metadata(session).unwrap().unwrap();
        assert_eq!(found, metadata, "{place}");
        let report = other.check(None).unwrap();
        assert_eq!((report.sessions, report.problems), (1, vec![]), "{place}");
    };
    for folded in [false, true] {
        if folded {
            archive.checkpoint().unwrap();
        }
        let info = archive.session(session).unwrap().unwrap();
        assert_eq!((info.segments, info.entries, info.traces), (0, 0, 0));
        assert!(info.created_ms > 0 && info.created_ms <= info.updated_ms);
        let listed: Vec<_> = archive.sessions().unwrap().map(Result::unwrap).collect();
        assert_eq!(listed, [info]);
        // To the trait a session has logs.
        assert!(Store::list_sessions(&archive).unwrap().is_empty());
        same(&archive, "itself");

        let backup = scratch.fresh();
        archive.backup(&backup, None).unwrap();
        same(&Archive::open(&backup).unwrap(), "backup");
        let merged = Archive::in_memory().unwrap();
        for changed in [true, false] {
            let report = Merge::new(&merged).run(&archive, None).unwrap();
            assert_eq!(report.is_unchanged(), !changed);
            same(&merged, "merge");
        }
        let recovered = scratch.fresh();
        let report = recover(archive.path(), &recovered, None).unwrap();
        assert_eq!((report.sessions, report.problems), (1, vec![]));
        same(&Archive::open(&recovered).unwrap(), "recover");
        let folder = scratch.fresh();
        Export::new(&archive).run(&folder, None).unwrap();
        let imported = Archive::in_memory().unwrap();
        Import::new(&imported).run(&[folder], None).unwrap();
        assert_eq!(imported.metadata(session).unwrap().unwrap(), metadata);
    }

    // What empties nothing ends nothing.
    archive.delete_segment(session, segment).unwrap();
    archive
        .trace(session, segment)
        .replace(raws([""; 0]))
        .unwrap();
    assert_eq!(archive.metadata(session).unwrap().unwrap(), metadata);
    archive.log(session, segment).append(&raw(b"1")).unwrap();
    assert_eq!(Store::list_sessions(&archive).unwrap(), [session]);
    archive.delete_segment(session, segment).unwrap();
    assert_eq!(archive.session(session).unwrap(), None);
    assert_eq!(set(3).unwrap(), None);
    assert!(archive.delete_session(session).unwrap());
    assert_eq!(archive.metadata(session).unwrap(), None);
}
