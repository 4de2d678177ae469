//! What merging adds, and what it leaves alone.

use serde_json::json;
use sessiondb::portable::{Merge, MergeOutcome, MergeReport, OnConflict, Relocation};
use sessiondb::{Archive, StoreError};

use super::{Content, assert_clean, record, sample, segment, session, texts};
use crate::raw::{raw, raws};
use crate::scratch::Scratch;

fn merge(here: &Archive, there: &Archive) -> MergeReport {
    Merge::new(here).run(there, None).unwrap()
}

fn archive(logs: &[(u128, u128, &[&str])]) -> Archive {
    let archive = Archive::in_memory().unwrap();
    for (of, number, entries) in logs {
        let log = archive.log(session(*of), segment(*number));
        log.with_timestamp(1000)
            .append_many(raws(*entries))
            .unwrap();
    }
    archive
}

fn entries(archive: &Archive, of: u128, number: u128) -> Vec<String> {
    texts(archive.log(session(of), segment(number)).read(..).unwrap())
}

#[test]
fn into_an_empty_archive_comes_everything() {
    let (here, there) = (Archive::in_memory().unwrap(), sample());
    let report = merge(&here, &there);
    assert_eq!(Content::of(&here), Content::of(&there));
    assert_clean(&here);
    assert_eq!(report.names.len(), 3);
    assert_eq!(report.notes, [""; 0]);
    assert!(
        report
            .sessions
            .iter()
            .all(|session| session.outcome == MergeOutcome::Added)
    );
    let stats = there.stats().unwrap();
    assert_eq!(report.new_entries(), stats.entries + stats.traces);

    let version = here.version().unwrap();
    let again = merge(&here, &there);
    assert!(again.is_unchanged(), "{again:?}");
    assert_eq!(again.new_entries(), 0);
    assert_eq!(here.version().unwrap(), version);
}

#[test]
fn what_grew_is_extended_and_what_is_longer_here_stays() {
    let here = archive(&[(1, 1, &["1"]), (1, 2, &["1", "2", "3"]), (2, 3, &["1"])]);
    let there = archive(&[
        (1, 1, &["1", "2"]),
        (1, 2, &["1", "2"]),
        (1, 4, &["4"]),
        (2, 3, &["1"]),
    ]);
    there
        .trace(session(1), segment(1))
        .append(&raw(b"7"))
        .unwrap();
    let report = merge(&here, &there);
    let [one, two] = &report.sessions[..] else {
        panic!("{report:?}");
    };
    assert_eq!(
        (&one.outcome, one.segments, one.entries, one.traces),
        (&MergeOutcome::Extended, 1, 2, 1)
    );
    assert_eq!(two.outcome, MergeOutcome::Unchanged);
    assert_eq!(entries(&here, 1, 1), ["1", "2"]);
    assert_eq!(entries(&here, 1, 2), ["1", "2", "3"]);
    assert_eq!(entries(&here, 1, 4), ["4"]);
    assert_eq!(here.trace(session(1), segment(1)).len().unwrap(), 1);
    assert!(merge(&here, &there).is_unchanged());
    assert_clean(&here);
}

#[test]
fn a_session_with_a_conflict_is_left_wholly_alone_if_asked_for() {
    let here = archive(&[(1, 1, &["1", "2", "3"]), (1, 2, &["1"]), (2, 5, &["1"])]);
    let there = archive(&[
        (1, 1, &["1", "9"]),
        (1, 2, &["1", "2"]),
        (1, 3, &["3"]),
        (2, 5, &["1", "2"]),
    ]);
    for (archive, entry) in [(&here, "1"), (&there, "2")] {
        archive
            .trace(session(1), segment(2))
            .append(&raw(entry.as_bytes()))
            .unwrap();
    }
    there
        .set_metadata(session(1), json!({"a": 1}).as_object().unwrap())
        .unwrap();
    let before = Content::of(&here).only(session(1));
    let skip = Merge::new(&here).on_conflict(OnConflict::Skip);
    let report = skip.run(&there, None).unwrap();
    let found: Vec<_> = report
        .conflicts()
        .map(|(id, conflict)| (id, conflict.segment, conflict.traces, conflict.entry))
        .collect();
    assert_eq!(
        found,
        [
            (session(1), segment(1), false, 1),
            (session(1), segment(2), true, 0)
        ]
    );
    assert_eq!(report.new_entries(), 1);
    assert_eq!(Content::of(&here).only(session(1)), before);
    assert_eq!(entries(&here, 2, 5), ["1", "2"]);
}

#[test]
fn metadata_and_names_that_are_here_stay() {
    let here = archive(&[(1, 1, &["1"]), (2, 2, &["1"])]);
    let there = archive(&[(1, 1, &["1"]), (2, 2, &["1"])]);
    let set = |archive: &Archive, number, json: serde_json::Value| {
        archive
            .set_metadata(session(number), json.as_object().unwrap())
            .unwrap();
    };
    set(&here, 1, json!({"title": "a", "model": "m"}));
    set(&there, 1, json!({"title": "b", "model": "m", "cwd": "/x"}));
    set(&there, 2, json!({"title": "c"}));
    here.write_name("same", &record("same", Some(1))).unwrap();
    here.write_name("other", &record("other", Some(1))).unwrap();
    for (name, number) in [("same", 1), ("other", 2), ("new", 2)] {
        there.write_name(name, &record(name, Some(number))).unwrap();
    }
    let report = merge(&here, &there);
    assert_eq!(report.names, ["new"]);
    assert_eq!(report.notes.len(), 2, "{report:?}");
    assert!(report.notes[0].contains("cwd, title"), "{report:?}");
    assert!(report.notes[1].contains("\"other\""), "{report:?}");
    assert_eq!(here.metadata(session(1)).unwrap().unwrap()["title"], "a");
    assert_eq!(here.metadata(session(2)).unwrap().unwrap()["title"], "c");
    assert_eq!(
        here.read_name("other").unwrap(),
        Some(record("other", Some(1)))
    );
    assert_eq!(here.read_name("new").unwrap(), Some(record("new", Some(2))));
    assert!(report.sessions[1].metadata);
    assert!(merge(&here, &there).is_unchanged());
}

#[test]
fn a_dry_run_says_the_same_and_does_nothing() {
    let (here, there) = (archive(&[(1, 1, &["9"]), (5, 5, &[])]), sample());
    for on_conflict in [OnConflict::Skip, OnConflict::Branch] {
        let before = (Content::of(&here), here.version().unwrap());
        let merge = Merge::new(&here).on_conflict(on_conflict);
        let dry = merge.clone().dry_run(true).run(&there, None).unwrap();
        assert_eq!((Content::of(&here), here.version().unwrap()), before);
        let (conflicts, branches) = match on_conflict {
            OnConflict::Skip => (1, 0),
            _ => (0, 1),
        };
        assert_eq!(dry.conflicts().count(), conflicts);
        assert_eq!(dry.branches(), branches);
        assert_eq!(dry, merge.run(&there, None).unwrap());
    }
}

#[test]
fn paths_are_rebased_before_anything_is_done_with_them() {
    let there = sample();
    let relocation: Relocation = "/home/ann=/work".parse().unwrap();
    let run = |here: &Archive| {
        let merge = Merge::new(here).relocate(relocation.clone());
        merge.run(&there, None).unwrap()
    };
    let here = Archive::in_memory().unwrap();
    run(&here);
    assert_eq!(
        here.metadata(session(1)).unwrap().unwrap()["cwd"],
        "/work/a"
    );
    let again = run(&here);
    assert!(again.is_unchanged() && again.notes.is_empty(), "{again:?}");
}

#[test]
fn an_archive_is_not_merged_with_itself() {
    let scratch = Scratch::new();
    let path = scratch.fresh();
    let archive = Archive::open(&path).unwrap();
    archive
        .log(session(1), segment(1))
        .append(&raw(b"1"))
        .unwrap();
    let link = scratch.fresh();
    std::fs::hard_link(&path, &link).unwrap();
    for other in [
        archive.clone(),
        Archive::options().read_only(true).open(&path).unwrap(),
        Archive::options().read_only(true).open(&link).unwrap(),
    ] {
        let refused = Merge::new(&archive).run(&other, None).unwrap_err();
        assert!(refused.to_string().contains("with itself"), "{refused}");
    }
    // A copy is another archive, though it has the same id.
    let copy = scratch.fresh();
    archive.clone().close().unwrap();
    drop(archive);
    std::fs::copy(&path, &copy).unwrap();
    let (archive, copy) = (Archive::open(&path).unwrap(), Archive::open(&copy).unwrap());
    assert!(merge(&archive, &copy).is_unchanged());
}

/// A path may become longer by a relocation, and metadata with it longer than it may be.
#[test]
fn metadata_that_a_relocation_makes_too_long_is_refused() {
    let (here, there) = (Archive::in_memory().unwrap(), archive(&[(1, 1, &["1"])]));
    let metadata = json!({"cwd": "/a/b", "pad": "x".repeat((1 << 20) - 40)});
    there
        .set_metadata(session(1), metadata.as_object().unwrap())
        .unwrap();
    let relocation: Relocation = format!("/a=/{}", "long".repeat(20)).parse().unwrap();
    let refused = Merge::new(&here).relocate(relocation).run(&there, None);
    let refused = refused.unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge { .. }), "{refused}");
    assert!(here.sessions().unwrap().next().is_none());
    assert_eq!(merge(&here, &there).sessions.len(), 1);
}
