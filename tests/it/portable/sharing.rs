//! Branches stay branches in the archives that are made of archives: nothing is copied twice.

use std::path::Path;

use sessiondb::Archive;
use sessiondb::portable::{Merge, MergeOutcome, OnConflict};

use super::{Content, assert_clean, segment, session};
use crate::raw::{raw, raws};
use crate::scratch::{Scratch, noise};

/// Chains of branches, some with a base whose id comes after theirs, and what happens to them.
fn sample() -> Archive {
    let archive = Archive::in_memory().unwrap();
    let log = |number, of| archive.log(session(1), segment(number)).with_timestamp(of);
    let branch = |from, at, to| {
        let made = archive
            .log(session(1), segment(from))
            .branch(at, segment(to));
        made.unwrap();
    };
    log(5, 1000)
        .append_many(raws(["1", "2", "3", "4"]))
        .unwrap();
    branch(5, 3, 2);
    log(2, 9_000_000_000_000).append(&raw(b"20")).unwrap();
    branch(2, 4, 8);
    log(8, 9_000_000_000_001)
        .append_many(raws(["80", "81"]))
        .unwrap();
    branch(8, 5, 1);
    branch(8, 2, 3);
    branch(5, 0, 4);
    // One that was written to later, and has nothing of its own.
    branch(5, 4, 6);
    let later = log(6, 9_000_000_000_002);
    later.append(&raw(b"60")).unwrap();
    later.truncate(4).unwrap();
    // One with traces, and one whose base has lost what it shares.
    let trace = archive.trace(session(1), segment(8));
    trace.append(&raw(b"7")).unwrap();
    branch(5, 4, 7);
    log(5, 1000).truncate(2).unwrap();
    log(5, 1000).append(&raw(b"50")).unwrap();
    archive
}

#[test]
fn branches_stay_branches() {
    let (archive, scratch) = (sample(), Scratch::new());
    let expected = Content::of(&archive);
    let (backup, extract) = (scratch.fresh(), scratch.fresh());
    archive.backup(&backup, None).unwrap();
    archive.extract(&extract, &[session(1)], None).unwrap();
    let merged = Archive::in_memory().unwrap();
    Merge::new(&merged).run(&archive, None).unwrap();
    let copies = [backup, extract].map(|path| Archive::open(path).unwrap());
    for copy in copies.iter().chain([&merged]) {
        assert_eq!(Content::of(copy), expected);
        assert_clean(copy);
    }
}

#[test]
fn a_hundred_branches_of_a_large_segment_cost_nothing() {
    let scratch = Scratch::new();
    let archive = Archive::open(scratch.fresh()).unwrap();
    let log = archive.log(session(1), segment(1));
    for seed in 0..200 {
        let entry = format!("\"{}\"", noise(seed, 50_000));
        log.append(&raw(entry.as_bytes())).unwrap();
    }
    let copies = |names: [&Path; 2]| {
        let [backup, extract] = names;
        archive.backup(backup, None).unwrap();
        let sessions = [session(1)];
        archive.extract(extract, &sessions, None).unwrap();
        names.map(|path| path.metadata().unwrap().len())
    };
    let (one, two) = (scratch.fresh(), scratch.fresh());
    let before = copies([&one, &two]);
    let entry_bytes = archive.stats().unwrap().entry_bytes;
    for number in 0..100 {
        let (at, to) = (200 - number / 2, segment(u128::from(2 + number)));
        archive.log(session(1), segment(1)).branch(at, to).unwrap();
        archive.log(session(1), to).append(&raw(b"1")).unwrap();
    }
    let (one, two) = (scratch.fresh(), scratch.fresh());
    let after = copies([&one, &two]);
    let merged = Archive::open(scratch.fresh()).unwrap();
    Merge::new(&merged)
        .run(&Archive::open(&two).unwrap(), None)
        .unwrap();
    let again = Merge::new(&merged).run(&archive, None).unwrap();
    assert!(again.is_unchanged());
    for copy in [
        &Archive::open(one).unwrap(),
        &Archive::open(two).unwrap(),
        &merged,
    ] {
        let stats = copy.stats().unwrap();
        assert_eq!(stats.entry_bytes, entry_bytes + 100);
        assert_eq!(stats.segments, 101);
    }
    for (before, after) in before.into_iter().zip(after) {
        assert!(after < before + before / 50, "{before} {after}");
    }
}

#[test]
fn what_is_here_already_is_shared_with() {
    let (here, there) = (Archive::in_memory().unwrap(), sample());
    let log = |number| here.log(session(1), segment(number));
    // The beginning of a base, a branch that is a copy here, and a base that is longer here.
    log(7).append_many(raws(["1", "2"])).unwrap();
    log(2).append_many(raws(["1", "2", "3"])).unwrap();
    log(5).append_many(raws(["1", "2", "50", "51"])).unwrap();
    here.log(session(1), segment(5))
        .branch(3, segment(9))
        .unwrap();
    let report = Merge::new(&here).run(&there, None).unwrap();
    assert_eq!(report.sessions[0].outcome, MergeOutcome::Extended);
    let lines = |archive: &Archive, number| {
        let entries = archive.log(session(1), segment(number)).read(..);
        super::texts(entries.unwrap())
    };
    for number in [1, 2, 3, 4, 6, 7, 8] {
        assert_eq!(lines(&here, number), lines(&there, number), "{number}");
    }
    assert_eq!(lines(&here, 5), ["1", "2", "50", "51"]);
    assert_eq!(lines(&here, 9), ["1", "2", "50"]);
    let base_of = |number| {
        let info = here.segment(session(1), segment(number)).unwrap();
        info.unwrap()
            .parent
            .map(|parent| (parent.segment, parent.len))
    };
    assert_eq!(base_of(8), Some((segment(2), 4)));
    assert_eq!(base_of(1), Some((segment(8), 5)));
    assert_eq!(base_of(2), None);
    assert_clean(&here);
    let again = Merge::new(&here).run(&there, None).unwrap();
    assert!(again.is_unchanged(), "{again:?}");
}

#[test]
fn what_contradicts_is_told_of_each_segment_that_shares_it() {
    let archive = |last: &str| {
        let archive = Archive::in_memory().unwrap();
        let log = archive.log(session(1), segment(1));
        log.append_many(raws(["1", last])).unwrap();
        for (at, to) in [(2, 2), (1, 3)] {
            archive
                .log(session(1), segment(1))
                .branch(at, segment(to))
                .unwrap();
        }
        archive
    };
    let (here, there) = (archive("2"), archive("3"));
    let skip = Merge::new(&here).on_conflict(OnConflict::Skip);
    let report = skip.run(&there, None).unwrap();
    let conflicts = report.conflicts();
    let conflicts: Vec<_> = conflicts
        .map(|(_, conflict)| (conflict.segment, conflict.entry))
        .collect();
    assert_eq!(conflicts, [(segment(1), 1), (segment(2), 1)]);
}
