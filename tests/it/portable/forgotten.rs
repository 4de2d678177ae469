//! What was taken away here, in each way that there is, and stays away.

use sessiondb::portable::{LeftOut, Merge, MergeOutcome, MergeReport};
use sessiondb::retention::{Limits, plan};
use sessiondb::{Archive, Log};

use super::{Content, assert_clean, record, segment, session, texts};
use crate::raw::raws;

const ERASED: &str = r#"{"kind":"erased"}"#;

/// Session 1 with two segments and traces, and session 2.
fn sample() -> Archive {
    let archive = Archive::in_memory().unwrap();
    for (of, number, entries) in [(1, 1, "123456"), (1, 2, "78"), (2, 3, "9")] {
        let log = archive.log(session(of), segment(number));
        let entries = entries.chars().map(String::from).collect::<Vec<_>>();
        log.with_timestamp(1000)
            .append_many(raws(&entries))
            .unwrap();
    }
    let traces = archive.trace(session(1), segment(1));
    traces.append_many(raws(["1", "2"])).unwrap();
    archive
}

fn both() -> (Archive, Archive) {
    let (here, there) = (Archive::in_memory().unwrap(), sample());
    merge(&here, &there);
    assert_eq!(Content::of(&here), Content::of(&there));
    (here, there)
}

fn merge(here: &Archive, there: &Archive) -> MergeReport {
    Merge::new(here).run(there, None).unwrap()
}

fn log(archive: &Archive) -> Log {
    archive.log(session(1), segment(1))
}

fn lines(log: &Log) -> Vec<String> {
    texts(log.read(..).unwrap())
}

/// Merges twice, which changes nothing but what `allowed` does, and tells what was left out.
#[track_caller]
fn left_out(here: &Archive, there: &Archive) -> (u64, u64, u64) {
    let before = (Content::of(here), here.version().unwrap());
    let report = merge(here, there);
    assert!(report.is_unchanged(), "{report:?}");
    assert_eq!((Content::of(here), here.version().unwrap()), before);
    let dry = Merge::new(here).dry_run(true).run(there, None).unwrap();
    assert_eq!(dry, report);
    assert_clean(here);
    let LeftOut {
        sessions,
        segments,
        entries,
        ..
    } = report.left_out();
    (sessions, segments, entries)
}

/// Brings all back, and the marks are gone.
#[track_caller]
fn assert_back(here: &Archive, there: &Archive) {
    let merge = Merge::new(here).again(true);
    let report = merge.clone().dry_run(true).run(there, None).unwrap();
    assert!(report.left_out().is_nothing() && !report.is_unchanged());
    assert_eq!(merge.run(there, None).unwrap(), report);
    assert_eq!(Content::of(here), Content::of(there));
    let marks = here.snapshot().unwrap().notes("sessiondb/").unwrap();
    assert_eq!(marks, [""; 0]);
    assert_eq!(left_out(here, there), (0, 0, 0));
}

#[test]
fn a_session_that_was_removed_stays_away_with_its_names() {
    let (here, there) = both();
    there.write_name("one", &record("one", Some(1))).unwrap();
    here.forget_session(session(1)).unwrap();
    assert_eq!(left_out(&here, &there), (1, 0, 0));
    assert_eq!(
        merge(&here, &there).sessions[0].outcome,
        MergeOutcome::Forgotten
    );
    assert!(here.session(session(1)).unwrap().is_none());
    // What the program itself writes anew is another matter, and is not mixed with it.
    log(&here).append_many(raws(["1"])).unwrap();
    assert_eq!(left_out(&here, &there), (1, 0, 0));
    here.delete_session(session(1)).unwrap();
    assert_back(&here, &there);
}

#[test]
fn a_segment_that_was_removed_stays_away_and_so_does_the_last_one() {
    let (here, there) = both();
    here.forget_segment(session(1), segment(1)).unwrap();
    assert_eq!(left_out(&here, &there), (0, 1, 0));
    here.forget_segment(session(1), segment(2)).unwrap();
    there
        .set_metadata(
            session(1),
            &[("a".to_owned(), 1.into())].into_iter().collect(),
        )
        .unwrap();
    assert_eq!(left_out(&here, &there), (0, 2, 0));
    assert!(here.session(session(1)).unwrap().is_none());
    assert_back(&here, &there);
}

#[test]
fn what_was_cut_off_stays_away_and_so_does_what_follows_it() {
    let (here, there) = both();
    here.forget_from(&log(&here), 3).unwrap();
    assert_eq!(left_out(&here, &there), (0, 0, 3));
    assert_eq!(lines(&log(&here)), ["1", "2", "3"]);
    log(&there).append_many(raws(["7", "8"])).unwrap();
    assert_eq!(left_out(&here, &there), (0, 0, 5));
    // Nor does it come back beside what was written here since.
    log(&here)
        .append_many(raws(["x", "y"].map(|text| format!("\"{text}\""))))
        .unwrap();
    assert_eq!(left_out(&here, &there), (0, 0, 5));
    // A branch of it there keeps what it shares, as one here would.
    log(&there).branch(5, segment(7)).unwrap();
    let report = merge(&here, &there);
    assert_eq!((report.branches(), report.new_entries()), (0, 5));
    let branch = here.log(session(1), segment(7));
    assert_eq!(lines(&branch), ["1", "2", "3", "4", "5"]);

    here.delete_segment(session(1), segment(7)).unwrap();
    log(&here).truncate(3).unwrap();
    let report = Merge::new(&here).again(true).run(&there, None).unwrap();
    assert!(report.left_out().is_nothing());
    assert_eq!(lines(&log(&here)), lines(&log(&there)));
}

#[test]
fn what_was_cut_off_is_known_where_there_is_less_of_it() {
    let (here, there) = both();
    here.forget_from(&log(&here), 3).unwrap();
    log(&there).truncate(4).unwrap();
    assert_eq!(left_out(&here, &there), (0, 0, 1));
    // What differs from it comes in.
    log(&there).truncate(3).unwrap();
    log(&there).append_many(raws(["5"])).unwrap();
    assert_eq!(merge(&here, &there).new_entries(), 1);
    assert_eq!(lines(&log(&here)), lines(&log(&there)));
}

/// A second mark does not make the first one forgotten.
#[test]
fn what_was_cut_off_twice_stays_away_both_times() {
    let (here, there) = both();
    here.forget_from(&log(&here), 4).unwrap();
    log(&here).append_many(raws(["7", "8"])).unwrap();
    let second = Archive::in_memory().unwrap();
    merge(&second, &here);
    here.forget_from(&log(&here), 3).unwrap();
    assert_eq!(left_out(&here, &there), (0, 0, 3));
    assert_eq!(left_out(&here, &second), (0, 0, 3));
    assert_eq!(lines(&log(&here)), ["1", "2", "3"]);
    here.allow_again(session(1)).unwrap();
    let now = here.snapshot().unwrap();
    assert_eq!(now.notes("sessiondb/").unwrap(), [""; 0]);
}

#[test]
fn a_branch_that_was_removed_or_cut_off_stays_so() {
    let (here, there) = both();
    here.log(session(1), segment(1)).truncate(2).unwrap();
    log(&here).append_many(raws(["0"])).unwrap();
    assert_eq!(merge(&here, &there).branches(), 1);
    let segments = here.segments(session(1)).unwrap();
    let mut infos = segments.map(|info| info.unwrap());
    let branch = infos.find(|info| info.parent.is_some()).unwrap().id;
    let branch = here.log(session(1), branch);
    here.forget_from(&branch, 4).unwrap();
    assert_eq!(left_out(&here, &there), (0, 0, 2));
    here.forget_segment(session(1), branch.segment_id())
        .unwrap();
    assert_eq!(left_out(&here, &there), (0, 1, 0));
    let again = Merge::new(&here).again(true).run(&there, None).unwrap();
    assert_eq!((again.branches(), again.sessions[0].entries), (1, 6));
    assert_eq!(lines(&branch), lines(&log(&there)));
}

/// The other archive has a segment that was removed here as a branch of its own segment.
#[test]
fn what_was_removed_does_not_come_back_as_a_branch() {
    for first in [2, 0] {
        let (here, there) = both();
        for (archive, own) in [(&here, "7"), (&there, "8")] {
            log(archive).truncate(first).unwrap();
            log(archive).append_many(raws([own])).unwrap();
        }
        merge(&here, &there);
        merge(&there, &here);
        assert_eq!(there.segments(session(1)).unwrap().count(), 3);
        here.forget_segment(session(1), segment(1)).unwrap();
        // What was of the other archive is here under an id of its own.
        assert_eq!(here.segments(session(1)).unwrap().count(), 2);
        assert_eq!(left_out(&here, &there), (0, 2, 0));
        let again = Merge::new(&here).again(true).run(&there, None).unwrap();
        assert!(again.left_out().is_nothing() && again.new_entries() > 0);
    }
}

#[test]
fn what_is_erased_on_one_side_is_no_difference_and_each_keeps_what_it_has() {
    let (here, there) = both();
    log(&here).erase(1..3).unwrap();
    assert_eq!(left_out(&here, &there), (0, 0, 2));
    log(&there).append_many(raws(["7"])).unwrap();
    assert_eq!(merge(&here, &there).new_entries(), 1);
    assert_eq!(
        lines(&log(&here)),
        ["1", ERASED, ERASED, "4", "5", "6", "7"]
    );
    assert_eq!(left_out(&here, &there), (0, 0, 2));

    // The other way round.
    let report = merge(&there, &here);
    assert!(report.is_unchanged() && report.left_out().is_nothing());
    assert_eq!(lines(&log(&there))[..3], ["1", "2", "3"]);
    // What comes behind may differ all the same, and a new branch shares what is erased.
    log(&there).truncate(5).unwrap();
    log(&there).append_many(raws(["8"])).unwrap();
    log(&there).branch(2, segment(8)).unwrap();
    assert_eq!(merge(&here, &there).branches(), 1);
    let infos = here.segments(session(1)).unwrap();
    let branches = infos
        .map(|info| info.unwrap())
        .filter(|info| info.parent.is_some());
    let branches: Vec<_> = branches.collect();
    assert_eq!(branches.len(), 2);
    for branch in branches {
        assert_eq!(lines(&here.log(session(1), branch.id))[1], ERASED);
    }
    assert_clean(&here);
    // No mark is taken away for what is erased, and `again` does not bring it back.
    Merge::new(&here).again(true).run(&there, None).unwrap();
    assert_eq!(lines(&log(&here))[1], ERASED);
}

/// The other log said something else at that place: it is not what was erased, and is not lost.
#[test]
fn another_entry_in_the_place_of_an_erased_one_is_a_difference() {
    let (here, there) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    log(&here).append_many(raws(["1", "2", "3"])).unwrap();
    log(&there).append_many(raws(["1", "4", "5"])).unwrap();
    let mut batch = here.batch();
    batch.erase(&log(&here), 1..2).erase(&log(&here), 2..3);
    batch.commit().unwrap();
    assert_eq!(lines(&log(&here)), ["1", ERASED, ERASED]);
    let marks = here.snapshot().unwrap().redactions(session(1)).unwrap();
    assert!(marks.is_of(ERASED.as_bytes(), b"2") && marks.is_of(ERASED.as_bytes(), b"3"));
    for (one, other) in [(&here, &there), (&there, &here)] {
        assert_eq!(merge(one, other).branches(), 1);
        let all: Vec<_> = one
            .segments(session(1))
            .unwrap()
            .map(|info| lines(&one.log(session(1), info.unwrap().id)))
            .collect();
        assert!(
            all.contains(&["1", "4", "5"].map(str::to_owned).to_vec()),
            "{all:?}"
        );
        assert!(
            all.contains(&["1", ERASED, ERASED].map(str::to_owned).to_vec()),
            "{all:?}"
        );
    }
    assert_clean(&here);
}

/// An entry that keeps its time when it is erased is told from others by that.
#[test]
fn an_erased_entry_of_another_time_is_a_difference() {
    let (here, there) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    log(&here).append_many(raws([r#"{"ts":1}"#])).unwrap();
    log(&there).append_many(raws([r#"{"ts":2}"#])).unwrap();
    log(&here).erase(..).unwrap();
    assert_eq!(merge(&here, &there).branches(), 1);
}

#[test]
fn what_was_pruned_stays_away() {
    let (here, there) = both();
    let limits = Limits::new().keep_last(1);
    let plan = plan(&here, &limits, 2000).unwrap();
    assert_eq!(plan.apply(&here, None).unwrap().removed.len(), 1);
    assert_eq!(left_out(&here, &there), (1, 0, 0));
    assert_back(&here, &there);
}

/// A removal without a mark forgets nothing.
#[test]
fn what_was_deleted_without_a_mark_comes_back() {
    let (here, there) = both();
    here.delete_session(session(2)).unwrap();
    here.delete_segment(session(1), segment(2)).unwrap();
    log(&here).truncate(2).unwrap();
    assert_eq!(merge(&here, &there).new_entries(), 1 + 2 + 4);
    assert_eq!(left_out(&here, &there), (0, 0, 0));
}
