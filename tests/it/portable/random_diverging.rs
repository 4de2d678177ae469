//! Random pairs of archives that differ, back and forth, against plain lists.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sessiondb::Archive;
use sessiondb::portable::{Merge, MergeReport};
use uuid::Uuid;

use super::random_branches::{Step, make, steps};
use super::{assert_clean, segment, session};

/// So often two archives that both grew are merged at most until nothing changes any more.
const ROUNDS: u32 = 3;

/// What the segments of each session hold.
type Logs = BTreeMap<(Uuid, Uuid), Vec<u8>>;

fn read(archive: &Archive) -> Logs {
    let mut logs = Logs::new();
    for of in (0..2).map(session) {
        for info in archive.segments(of).unwrap() {
            let id = info.unwrap().id;
            let entries = archive.log(of, id).read(..).unwrap();
            let entries = entries.map(|entry| entry.unwrap().decode().unwrap());
            logs.insert((of, id), entries.collect());
        }
    }
    logs
}

/// What there is after a merge, and how many branches were made for it.
fn naive(here: &Logs, there: &Logs) -> (Logs, u64) {
    let (mut merged, mut branches) = (here.clone(), 0);
    for ((of, id), theirs) in there {
        let mut to = *id;
        loop {
            let ours = merged.get(&(*of, to)).cloned();
            let pairs = ours.iter().flatten().zip(theirs);
            let Some(at) = pairs.map(|(one, two)| one == two).position(|same| !same) else {
                if ours.as_ref().is_none_or(|ours| ours.len() < theirs.len()) {
                    branches += u64::from(ours.is_none() && to != *id);
                    merged.insert((*of, to), theirs.clone());
                }
                break;
            };
            let entry = theirs[at].to_string();
            let hash = xxhash_rust::xxh3::xxh3_64(entry.as_bytes());
            let name = format!("diverged at {at}: {hash:016x}");
            to = Uuid::new_v5(&to, name.as_bytes());
        }
    }
    (merged, branches)
}

/// What an archive holds, whatever the ids: the logs of each session that are no beginning of
/// another one.
fn content(archive: &Archive) -> BTreeSet<(Uuid, Vec<u8>)> {
    let logs = read(archive);
    let all: Vec<_> = logs.into_iter().map(|((of, _), log)| (of, log)).collect();
    let is_whole = |(of, log): &&(Uuid, Vec<u8>)| {
        let mut others = all.iter().filter(|(other, _)| other == of);
        !others.any(|(_, other)| other.len() > log.len() && other.starts_with(log))
    };
    all.iter().filter(is_whole).cloned().collect()
}

fn merge(here: &Archive, there: &Archive) -> MergeReport {
    Merge::new(here).run(there, None).unwrap()
}

fn pair(common: &[Step], here: &[Step], there: &[Step]) -> (Archive, Archive) {
    let pair = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    for (archive, own) in [(&pair.0, here), (&pair.1, there)] {
        let mut logs = BTreeMap::new();
        make(archive, &mut logs, common);
        make(archive, &mut logs, own);
    }
    pair
}

/// Appends to the segments that have these places in the archive.
fn grow(archive: &Archive, places: &[prop::sample::Index]) {
    for place in places {
        let logs: Vec<_> = read(archive).into_keys().collect();
        if !logs.is_empty() {
            let (of, id) = logs[place.index(logs.len())];
            archive.log(of, id).append(&place.index(3)).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn what_differs_merges_as_plain_lists_would(
        common in steps(12),
        here in steps(8),
        there in steps(8),
    ) {
        let (archive, other) = pair(&common, &here, &there);
        let (expected, branches) = naive(&read(&archive), &read(&other));
        let report = merge(&archive, &other);
        prop_assert_eq!(read(&archive), expected.clone());
        prop_assert_eq!(report.branches(), branches);
        prop_assert_eq!(report.conflicts().count(), 0);
        assert_clean(&archive);

        let version = archive.version().unwrap();
        let again = merge(&archive, &other);
        prop_assert!(again.is_unchanged(), "{:?}", again);
        prop_assert_eq!(archive.version().unwrap(), version);

        // What each segment is made of is right too: it stays whole when others go.
        for number in 0..3 {
            for of in (0..2).map(session) {
                archive.delete_segment(of, segment(number)).unwrap();
            }
        }
        archive.checkpoint().unwrap();
        let mut left = expected;
        left.retain(|(_, id), _| !(0..3).any(|number| *id == segment(number)));
        prop_assert_eq!(read(&archive), left);
        assert_clean(&archive);
    }

    #[test]
    fn two_archives_that_merge_back_and_forth_come_to_hold_the_same(
        common in steps(12),
        here in steps(8),
        there in steps(8),
        grown in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let (archive, other) = pair(&common, &here, &there);
        merge(&archive, &other);
        merge(&other, &archive);
        prop_assert_eq!(content(&archive), content(&other));
        let (one, two) = grown.split_at(grown.len() / 2);
        grow(&archive, one);
        grow(&other, two);
        let mut wanted = content(&archive);
        wanted.extend(content(&other));
        merge(&archive, &other);
        merge(&other, &archive);
        prop_assert_eq!(content(&archive), content(&other));
        let held = read(&archive);
        for (of, log) in wanted {
            let mut logs = held.iter().filter(|((other, _), _)| *other == of);
            prop_assert!(logs.any(|(_, held)| held.starts_with(&log)));
        }
        // Where the same branch grew on both sides, each may learn the other's name for it.
        let rounds = (0..ROUNDS).find(|_| {
            let reports = [merge(&archive, &other), merge(&other, &archive)];
            reports.iter().all(MergeReport::is_unchanged)
        });
        prop_assert!(rounds.is_some(), "not settled after {} rounds", ROUNDS);
        prop_assert_eq!(content(&archive), content(&other));
        for (to, from) in [(&archive, &other), (&other, &archive)] {
            let version = to.version().unwrap();
            prop_assert!(merge(to, from).is_unchanged());
            prop_assert_eq!(to.version().unwrap(), version);
            assert_clean(to);
        }
    }
}
