//! Random pairs of archives against a naive merge.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sessiondb::Archive;
use sessiondb::portable::{Merge, MergeOutcome, OnConflict};

use super::{segment, session};
use crate::raw::raws;

/// The logs of an archive: session, segment, traces or entries.
type Logs = BTreeMap<(u128, u128, bool), Vec<u8>>;

fn logs() -> impl Strategy<Value = Logs> {
    let key = (0..3_u128, 0..2_u128, any::<bool>());
    // Mostly equal entries, so that one log is often the beginning of the other.
    let entry = prop_oneof![8 => Just(0_u8), 1 => Just(1)];
    proptest::collection::btree_map(key, proptest::collection::vec(entry, 0..4), 0..8)
}

fn archive(logs: &Logs) -> Archive {
    let archive = Archive::in_memory().unwrap();
    for ((of, number, traces), entries) in logs {
        let entries: Vec<String> = entries.iter().map(u8::to_string).collect();
        let (of, number) = (session(*of), segment(*number));
        match traces {
            true => drop(
                archive
                    .trace(of, number)
                    .append_many(raws(&entries))
                    .unwrap(),
            ),
            false => archive.log(of, number).replace(raws(&entries)).unwrap(),
        }
    }
    archive
}

fn read(archive: &Archive) -> Logs {
    let mut logs = Logs::new();
    for of in 0..3 {
        for number in 0..2 {
            for traces in [false, true] {
                let log = if traces {
                    archive.trace(session(of), segment(number))
                } else {
                    archive.log(session(of), segment(number))
                };
                if log.exists().unwrap() {
                    let entries = log.read(..).unwrap();
                    let entries = entries.map(|entry| entry.unwrap().decode().unwrap());
                    logs.insert((of, number, traces), entries.collect());
                }
            }
        }
    }
    logs
}

/// A merge that leaves alone what differs.
fn skip(archive: &Archive) -> Merge<'_> {
    Merge::new(archive).on_conflict(OnConflict::Skip)
}

/// What there is after a merge, and the logs that contradict each other.
fn naive(here: &Logs, there: &Logs) -> (Logs, Vec<(u128, u128, bool)>) {
    let contradicts = |key: &(u128, u128, bool), theirs: &Vec<u8>| {
        let ours = here.get(key)?;
        let is_conflict = !ours.starts_with(theirs) && !theirs.starts_with(ours);
        is_conflict.then_some(*key)
    };
    let conflicts = there
        .iter()
        .filter_map(|(key, theirs)| contradicts(key, theirs));
    let conflicts: Vec<_> = conflicts.collect();
    let mut merged = here.clone();
    for (key, theirs) in there {
        let is_left = conflicts.iter().any(|conflict| conflict.0 == key.0);
        if !is_left && here.get(key).is_none_or(|ours| ours.len() < theirs.len()) {
            merged.insert(*key, theirs.clone());
        }
    }
    (merged, conflicts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_merge_is_the_naive_one(here in logs(), there in logs()) {
        let without_empty_traces = |mut logs: Logs| {
            logs.retain(|(.., traces), entries| !traces || !entries.is_empty());
            logs
        };
        let (here, there) = (without_empty_traces(here), without_empty_traces(there));
        let (archive, other) = (archive(&here), archive(&there));
        let (expected, conflicts) = naive(&here, &there);

        let report = skip(&archive).run(&other, None).unwrap();
        prop_assert_eq!(read(&archive), expected);
        let found: Vec<_> = report.conflicts().map(|(of, conflict)| {
            (of, conflict.segment, conflict.traces)
        }).collect();
        let conflicts: Vec<_> = conflicts.iter().map(|(of, number, traces)| {
            (session(*of), segment(*number), *traces)
        }).collect();
        prop_assert_eq!(found, conflicts);
        prop_assert!(archive.check(None).unwrap().is_clean());

        let again = skip(&archive).run(&other, None).unwrap();
        let is_left = |outcome: &MergeOutcome| {
            matches!(outcome, MergeOutcome::Unchanged | MergeOutcome::Conflict(_))
        };
        let all_left = again.sessions.iter().all(|session| is_left(&session.outcome));
        prop_assert!(all_left, "{:?}", again);
    }
}
