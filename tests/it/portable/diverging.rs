//! Logs that differ, and the branches that are made of them.

use std::collections::BTreeMap;

use serde_json::json;
use sessiondb::jsonl::Import;
use sessiondb::portable::{Merge, MergeOutcome, MergeReport};
use sessiondb::{Archive, SegmentInfo};
use uuid::Uuid;

use super::{Content, assert_clean, segment, session, texts};
use crate::raw::raws;
use crate::scratch::Scratch;

fn merge(here: &Archive, there: &Archive) -> MergeReport {
    Merge::new(here).run(there, None).unwrap()
}

fn append(archive: &Archive, number: u128, entries: &[&str]) {
    let log = archive.log(session(1), segment(number));
    log.with_timestamp(1000).append_many(raws(entries)).unwrap();
}

fn trace(archive: &Archive, number: u128, traces: &[&str]) {
    let log = archive.trace(session(1), segment(number));
    log.append_many(raws(traces)).unwrap();
}

fn archive(entries: &[&str]) -> Archive {
    let archive = Archive::in_memory().unwrap();
    append(&archive, 1, entries);
    archive
}

/// The segments of session 1 by what they hold.
fn by_content(archive: &Archive) -> BTreeMap<Vec<String>, SegmentInfo> {
    let infos = archive.segments(session(1)).unwrap();
    let infos = infos.map(|info| info.unwrap()).filter(|info| info.exists);
    infos
        .map(|info| {
            (
                texts(archive.log(session(1), info.id).read(..).unwrap()),
                info,
            )
        })
        .collect()
}

fn parent_of(info: &SegmentInfo) -> Option<(Uuid, u64)> {
    info.parent.map(|parent| (parent.segment, parent.len))
}

#[track_caller]
fn assert_unchanged(here: &Archive, there: &Archive) {
    let version = here.version().unwrap();
    let again = merge(here, there);
    assert!(again.is_unchanged(), "{again:?}");
    assert_eq!((again.new_entries(), again.branches()), (0, 0));
    assert_eq!(here.version().unwrap(), version);
    assert_clean(here);
}

#[test]
fn what_differs_becomes_a_branch_that_shares_what_does_not() {
    let here = archive(&["1", "2", "3"]);
    let there = archive(&["1", "2", "4", "5"]);
    let report = merge(&here, &there);
    let one = &report.sessions[0];
    assert_eq!(one.outcome, MergeOutcome::Extended);
    assert_eq!((one.segments, one.branches, report.branches()), (1, 1, 1));
    assert_eq!(report.conflicts().count(), 0);
    let found = by_content(&here);
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[&["1", "2", "3"].map(String::from).to_vec()].id,
        segment(1)
    );
    let branch = found[&["1", "2", "4", "5"].map(String::from).to_vec()].clone();
    assert_eq!(parent_of(&branch), Some((segment(1), 2)));
    assert_eq!((branch.entry_bytes, branch.created_ms), (2, 1000));
    assert_unchanged(&here, &there);

    // What has grown there extends it, and what parts from it branches off it.
    append(&there, 1, &["6"]);
    assert_eq!(merge(&here, &there).new_entries(), 1);
    here.log(session(1), branch.id).truncate(4).unwrap();
    let log = here.log(session(1), branch.id);
    log.append_many(raws(["7"])).unwrap();
    let report = merge(&here, &there);
    assert_eq!((report.branches(), by_content(&here).len()), (1, 3));
    let second = &by_content(&here)[&["1", "2", "4", "5", "6"].map(String::from).to_vec()];
    assert_eq!(parent_of(second), Some((branch.id, 4)));
    assert_unchanged(&here, &there);
}

#[test]
fn what_differs_from_the_first_entry_on_is_a_segment_of_its_own() {
    let (here, there) = (archive(&["1"]), archive(&["2", "3"]));
    assert_eq!(merge(&here, &there).branches(), 1);
    let found = by_content(&here);
    let other = &found[&["2", "3"].map(String::from).to_vec()];
    assert_eq!((parent_of(other), other.entries), (None, 2));
    assert_unchanged(&here, &there);
}

#[test]
fn branches_of_what_differs_come_in_whole_and_share_with_its_branch() {
    let here = archive(&["1", "2", "3"]);
    let there = archive(&["1", "4", "5", "6"]);
    for (at, to) in [(3, 2), (1, 3)] {
        let log = there.log(session(1), segment(1));
        log.branch(at, segment(to)).unwrap();
        append(&there, to, &["7"]);
    }
    // A branch that is on both sides, and differs as its parent does.
    for archive in [&here, &there] {
        let log = archive.log(session(1), segment(1));
        log.branch(3, segment(4)).unwrap();
    }
    append(&there, 4, &["8"]);
    let report = merge(&here, &there);
    assert_eq!(report.branches(), 2, "{report:?}");
    let found = by_content(&here);
    let of = |entries: &[&str]| {
        let entries: Vec<_> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        found.get(&entries).unwrap_or_else(|| panic!("{entries:?}"))
    };
    let branch = of(&["1", "4", "5", "6"]);
    assert_eq!(parent_of(branch), Some((segment(1), 1)));
    let two = of(&["1", "4", "5", "7"]);
    assert_eq!((two.id, parent_of(two)), (segment(2), Some((branch.id, 3))));
    let three = of(&["1", "7"]);
    assert_eq!(
        (three.id, parent_of(three)),
        (segment(3), Some((segment(1), 1)))
    );
    assert_eq!(parent_of(of(&["1", "4", "5", "8"])), Some((branch.id, 3)));
    assert_unchanged(&here, &there);
}

/// What has gone to the other archive as a branch comes back as what it was.
#[test]
fn archives_that_are_merged_both_ways_hold_the_same_and_nothing_twice() {
    let (here, there) = (archive(&["1", "2"]), archive(&["1", "3"]));
    merge(&here, &there);
    merge(&there, &here);
    for archive in [&here, &there] {
        let entries = archive.session(session(1)).unwrap().unwrap();
        assert_eq!((entries.segments, by_content(archive).len()), (2, 2));
    }
    // Each goes on with its own, and with that of the other.
    append(&here, 1, &["4"]);
    append(&there, 1, &["5"]);
    for (archive, beginning, more) in [(&here, "3", "6"), (&there, "2", "7")] {
        let found = by_content(archive);
        let info = &found[&["1", beginning].map(String::from).to_vec()];
        let log = archive.log(session(1), info.id);
        log.append_many(raws([more])).unwrap();
    }
    for _ in 0..2 {
        merge(&here, &there);
        merge(&there, &here);
    }
    let expected: Vec<_> = [
        ["1", "2", "4"],
        ["1", "2", "7"],
        ["1", "3", "5"],
        ["1", "3", "6"],
    ]
    .map(|entries| entries.map(String::from).to_vec())
    .into();
    for archive in [&here, &there] {
        let found: Vec<_> = by_content(archive).into_keys().collect();
        assert_eq!(found, expected);
        assert_eq!(archive.session(session(1)).unwrap().unwrap().segments, 4);
    }
    assert_unchanged(&here, &there);
    assert_unchanged(&there, &here);
}

#[test]
fn traces_go_with_their_log_and_where_they_alone_differ_into_a_segment_of_their_own() {
    let (here, there) = (archive(&["1", "2"]), archive(&["1", "3"]));
    for (number, mine, theirs) in [(1, "1", "1"), (2, "1", "2"), (3, "1", "1")] {
        trace(&here, number, &["0", mine]);
        trace(&there, number, &["0", theirs]);
    }
    trace(&there, 1, &["9"]);
    append(&here, 2, &["1"]);
    append(&there, 2, &["1", "2"]);
    let report = merge(&here, &there);
    let one = &report.sessions[0];
    assert_eq!(
        (one.branches, one.entries, one.traces),
        (2, 3, 5),
        "{one:?}"
    );
    let branch = &by_content(&here)[&["1", "3"].map(String::from).to_vec()];
    let traces = |archive: &Archive, id| texts(archive.trace(session(1), id).read(..).unwrap());
    assert_eq!(traces(&here, branch.id), ["0", "1", "9"]);
    assert_eq!(traces(&here, segment(1)), ["0", "1"]);
    assert_eq!(traces(&here, segment(2)), ["0", "1"]);
    let alone = here.segments(session(1)).unwrap();
    let mut alone = alone.map(|info| info.unwrap()).filter(|info| !info.exists);
    let ids = [alone.next(), alone.next()].map(|info| info.unwrap().id);
    let other = ids.into_iter().find(|id| *id != segment(3)).unwrap();
    assert_eq!(traces(&here, other), ["0", "2"]);
    assert_unchanged(&here, &there);

    merge(&there, &here);
    let count = |archive: &Archive| archive.segments(session(1)).unwrap().count();
    assert_eq!((count(&there), count(&here)), (5, 5));
    assert_unchanged(&there, &here);
    assert_unchanged(&here, &there);
}

/// An import of what differs as new and a merge of it agree on where it goes.
#[test]
fn an_import_and_a_merge_make_the_same_segment() {
    let scratch = Scratch::new();
    let folder = scratch.fresh();
    let path = folder.join(session(1).to_string());
    std::fs::create_dir_all(&path).unwrap();
    let file = path.join(format!("{}.jsonl", segment(1)));
    std::fs::write(&file, "1\n3\n4\n").unwrap();
    let (here, there) = (archive(&["1", "2"]), archive(&["1", "3", "4"]));
    let import = Import::new(&here);
    import.run(&[folder], None).unwrap();
    assert_unchanged(&here, &there);
    let merged = archive(&["1", "2"]);
    merge(&merged, &there);
    let ids = |archive| by_content(archive).into_values().map(|info| info.id);
    assert!(ids(&here).eq(ids(&merged)));
}

#[test]
fn notes_on_a_session_come_with_it_where_there_are_none() {
    let (here, there) = (archive(&["1"]), archive(&["1"]));
    let key = |name: &str| format!("session/{}/{name}", session(1));
    there.write_note(&key("a"), &1).unwrap();
    there.write_note(&key("b"), &2).unwrap();
    there.write_note("app/c", &3).unwrap();
    here.write_note(&key("a"), &json!("mine")).unwrap();
    let report = merge(&here, &there);
    assert_eq!(report.sessions[0].notes, 1);
    assert_eq!(report.sessions[0].outcome, MergeOutcome::Extended);
    let read = |key: &str| here.read_note::<serde_json::Value>(key).unwrap();
    assert_eq!(read(&key("a")), Some(json!("mine")));
    assert_eq!(read(&key("b")), Some(json!(2)));
    assert_eq!(read("app/c"), None);
    assert_unchanged(&here, &there);

    let new = Archive::in_memory().unwrap();
    assert_eq!(merge(&new, &there).sessions[0].notes, 2);
    assert_eq!(Content::of(&new), Content::of(&there));
}
