//! Merging beside writers, and after an interruption.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sessiondb::portable::{Merge, MergeOutcome, OnConflict};
use sessiondb::{Archive, Log};

use super::{Content, assert_clean, segment, session};
use crate::raw::{raw, raws};

/// Entries of 64 KiB, which differ.
fn entry(number: usize) -> String {
    format!("\"{number:08}{}\"", "x".repeat(65_526))
}

fn append(log: &Log, numbers: std::ops::Range<usize>) {
    let mut numbers = numbers.peekable();
    while numbers.peek().is_some() {
        let entries: Vec<String> = numbers.by_ref().take(64).map(entry).collect();
        log.append_many(raws(&entries)).unwrap();
    }
}

fn log_of(archive: &Archive) -> Log {
    archive.log(session(1), segment(1)).with_timestamp(1000)
}

/// Merges 40 entries where 20 are here, with `meddle` called in the middle of the comparison.
fn merge_with(on_conflict: OnConflict, meddle: Meddle<'_>) -> (Archive, Archive, MergeOutcome) {
    let (here, there) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    append(&log_of(&here), 0..20);
    append(&log_of(&there), 0..40);
    let mut meddled = false;
    let report = Merge::new(&here)
        .on_conflict(on_conflict)
        .run(
            &there,
            Some(&mut |progress| {
                if progress.done >= 10 * 65_536 && !std::mem::replace(&mut meddled, true) {
                    meddle(&log_of(&here));
                }
            }),
        )
        .unwrap();
    assert!(meddled);
    (here, there, report.sessions[0].outcome.clone())
}

#[test]
fn a_writer_that_adds_the_same_is_not_repeated() {
    let (here, there, outcome) = merge_with(OnConflict::Skip, &mut |log| append(log, 20..25));
    assert_eq!(outcome, MergeOutcome::Extended);
    assert_eq!(Content::of(&here), Content::of(&there));
}

#[test]
fn a_writer_that_adds_something_else_is_a_conflict() {
    let (here, _, outcome) = merge_with(OnConflict::Skip, &mut |log| append(log, 99..100));
    let MergeOutcome::Conflict(conflicts) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(conflicts[0].entry, 20);
    assert_eq!(log_of(&here).len().unwrap(), 21);
}

#[test]
fn a_writer_that_keeps_the_length_is_noticed() {
    let (here, _, outcome) = merge_with(OnConflict::Skip, &mut |log| {
        log.truncate(5).unwrap();
        append(&log.clone().with_timestamp(2000), 50..65);
    });
    assert!(matches!(outcome, MergeOutcome::Conflict(_)), "{outcome:?}");
    assert_eq!(log_of(&here).len().unwrap(), 20);
}

#[test]
fn a_writer_that_keeps_lengths_and_times_is_noticed() {
    let (here, _, outcome) = merge_with(OnConflict::Skip, &mut |log| {
        log.truncate(5).unwrap();
        append(log, 50..65);
    });
    assert!(matches!(outcome, MergeOutcome::Conflict(_)), "{outcome:?}");
    assert_eq!(log_of(&here).len().unwrap(), 20);
}

type Meddle<'m> = &'m mut dyn FnMut(&Log);

/// What a writer adds meanwhile stays, and what is merged goes beside it, whole.
#[test]
fn a_writer_that_adds_something_else_makes_it_a_branch() {
    let meddles: [(u64, Meddle<'_>); 3] = [
        (20, &mut |log| append(log, 99..100)),
        (5, &mut |log| {
            log.truncate(5).unwrap();
            append(log, 50..65);
        }),
        (0, &mut |log| {
            log.truncate(0).unwrap();
            append(log, 50..70);
        }),
    ];
    for (at, meddle) in meddles {
        let (here, there, outcome) = merge_with(OnConflict::Branch, meddle);
        assert_eq!(outcome, MergeOutcome::Extended);
        let branch = here
            .segments(session(1))
            .unwrap()
            .map(|info| info.unwrap())
            .find(|info| info.id != segment(1))
            .unwrap();
        assert_eq!(branch.entries, 40);
        let parent = branch.parent.map(|parent| (parent.segment, parent.len));
        assert_eq!(parent, (at > 0).then_some((segment(1), at)));
        let texts = |log: Log| super::texts(log.read(..).unwrap());
        let theirs = texts(log_of(&there));
        assert_eq!(texts(here.log(session(1), branch.id)), theirs);
        assert_ne!(texts(log_of(&here)), theirs);
        assert!(Merge::new(&here).run(&there, None).unwrap().is_unchanged());
        assert_clean(&here);
    }
}

/// A writer who is always there keeps no merge from its end, and is noticed at any time.
#[test]
fn a_writer_who_never_rests_does_not_keep_a_merge_from_its_end() {
    for changed_in in [None, Some(1), Some(2), Some(3)] {
        let (here, there) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
        append(&log_of(&here), 0..20);
        append(&log_of(&there), 0..40);
        let (mut comparisons, mut last) = (0, 0);
        let skip = Merge::new(&here).on_conflict(OnConflict::Skip);
        let report = skip.run(
            &there,
            Some(&mut |progress| {
                comparisons += u32::from(comparisons == 0 || progress.done < last);
                last = progress.done;
                let other = here.log(session(2), segment(2));
                other.append(&raw(b"1")).unwrap();
                if changed_in == Some(comparisons) && progress.done >= 15 * 65_536 {
                    let log = log_of(&here);
                    log.truncate(5).unwrap();
                    append(&log, 50..65);
                }
            }),
        );
        let outcome = &report.unwrap().sessions[0].outcome;
        let is_conflict = matches!(outcome, MergeOutcome::Conflict(_));
        assert_eq!(
            is_conflict,
            changed_in.is_some(),
            "{changed_in:?}: {outcome:?}"
        );
        let len = if changed_in.is_some() { 20 } else { 40 };
        assert_eq!(log_of(&here).len().unwrap(), len);
    }
}

#[test]
fn metadata_that_comes_meanwhile_stays() {
    let (here, there) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    append(&log_of(&here), 0..20);
    append(&log_of(&there), 0..20);
    let set = |archive: &Archive, title: &str| {
        let metadata = [("title".to_owned(), title.into())].into_iter().collect();
        archive.set_metadata(session(1), &metadata).unwrap();
    };
    set(&there, "theirs");
    let mut meddled = false;
    let report = Merge::new(&here)
        .run(
            &there,
            Some(&mut |_| {
                if !std::mem::replace(&mut meddled, true) {
                    set(&here, "ours");
                }
            }),
        )
        .unwrap();
    assert_eq!(report.sessions[0].outcome, MergeOutcome::Unchanged);
    assert_eq!(report.notes.len(), 1);
    assert_eq!(here.metadata(session(1)).unwrap().unwrap()["title"], "ours");
}

#[test]
fn a_large_session_that_was_interrupted_is_a_prefix_and_is_completed() {
    let (here, there) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    // 78 MiB: more than is added as one change.
    append(&log_of(&there), 0..1200);
    let second = there.log(session(1), segment(2)).with_timestamp(2000);
    append(&second, 0..50);
    let died = catch_unwind(AssertUnwindSafe(|| {
        Merge::new(&here).run(
            &there,
            Some(&mut |progress| {
                assert!(progress.done < 40 << 20, "killed");
            }),
        )
    }));
    assert!(died.is_err());
    let len = log_of(&here).len().unwrap();
    assert!(0 < len && len < 1200, "{len}");
    let last = log_of(&here).last(1).unwrap().next().unwrap().unwrap();
    assert_eq!(last.as_str(), entry(last.index().try_into().unwrap()));

    let report = Merge::new(&here).run(&there, None).unwrap();
    assert_eq!(report.new_entries(), 1250 - len);
    assert_eq!(Content::of(&here), Content::of(&there));
    assert_clean(&here);
}

/// The same where what comes in is a branch, and a branch of that.
#[test]
fn a_large_branch_that_was_interrupted_is_completed() {
    let (here, there) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    append(&log_of(&here), 0..11);
    append(&log_of(&there), 0..10);
    append(&log_of(&there), 20..1200);
    there
        .log(session(1), segment(1))
        .branch(1000, segment(2))
        .unwrap();
    append(&there.log(session(1), segment(2)), 2000..2050);
    for limit in [10_u64, 40, 77] {
        let died = catch_unwind(AssertUnwindSafe(|| {
            Merge::new(&here).run(
                &there,
                Some(&mut |progress| {
                    assert!(progress.done < limit << 20, "killed");
                }),
            )
        }));
        assert!(died.is_err());
        assert_eq!(log_of(&here).len().unwrap(), 11);
        assert_clean(&here);
    }
    let report = Merge::new(&here).run(&there, None).unwrap();
    assert_eq!(report.sessions[0].outcome, MergeOutcome::Extended);
    let segments = here.segments(session(1)).unwrap();
    let infos: Vec<_> = segments.map(|info| info.unwrap()).collect();
    assert_eq!(infos.len(), 3);
    let branch = infos.iter().find(|info| info.parent.is_some()).unwrap();
    assert_eq!(branch.entries, 1190);
    let of_branch = infos.iter().find(|info| info.id == segment(2)).unwrap();
    let parent = of_branch.parent.unwrap();
    assert_eq!((parent.segment, parent.len), (branch.id, 1000));
    let texts = |log: Log| super::texts(log.read(..).unwrap());
    let theirs = texts(log_of(&there));
    assert_eq!(texts(here.log(session(1), branch.id)), theirs);
    assert!(Merge::new(&here).run(&there, None).unwrap().is_unchanged());
    assert_clean(&here);
}

#[test]
fn a_session_of_one_change_is_there_as_a_whole_or_not_at_all() {
    let (here, there) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    append(&log_of(&there), 0..400);
    let died = catch_unwind(AssertUnwindSafe(|| {
        Merge::new(&here).run(
            &there,
            Some(&mut |progress| {
                assert!(progress.done < 20 << 20, "killed");
            }),
        )
    }));
    assert!(died.is_err());
    assert!(!log_of(&here).exists().unwrap());
}
