//! Random pairs of archives with branches on both sides against a naive merge of plain lists.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sessiondb::Archive;
use sessiondb::portable::{Merge, MergeOutcome, OnConflict};

use super::{assert_clean, segment, session};
use crate::raw::raws;

/// What the segments of each session hold.
pub(super) type Logs = BTreeMap<(u128, u128), Vec<u8>>;

#[derive(Debug, Clone)]
pub(super) enum Step {
    Append(u128, u128, Vec<u8>),
    Branch(u128, u128, u128, prop::sample::Index),
    Truncate(u128, u128, prop::sample::Index),
    Delete(u128, u128),
    Checkpoint,
}

pub(super) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let of = || 0..2_u128;
    let number = || 0..5_u128;
    let at = any::<prop::sample::Index>;
    // Mostly equal entries, so that one log is often the beginning of the other.
    let entry = prop_oneof![9 => Just(0_u8), 1 => Just(1)];
    let entries = prop::collection::vec(entry, 1..4);
    let step = prop_oneof![
        4 => (of(), number(), entries).prop_map(|(of, to, new)| Step::Append(of, to, new)),
        4 => (of(), number(), number(), at())
            .prop_map(|(of, from, to, at)| Step::Branch(of, from, to, at)),
        1 => (of(), number(), at()).prop_map(|(of, from, at)| Step::Truncate(of, from, at)),
        1 => (of(), number()).prop_map(|(of, number)| Step::Delete(of, number)),
        1 => Just(Step::Checkpoint),
    ];
    prop::collection::vec(step, 0..most)
}

/// Makes the steps in an archive and in plain lists.
pub(super) fn make(archive: &Archive, logs: &mut Logs, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Append(of, to, new) => {
                let lines: Vec<String> = new.iter().map(u8::to_string).collect();
                let log = archive.log(session(*of), segment(*to));
                log.append_many(raws(&lines)).unwrap();
                logs.entry((*of, *to)).or_default().extend(new);
            }
            Step::Branch(of, from, to, at) => {
                if let Some(entries) = logs.get(&(*of, *from))
                    && !logs.contains_key(&(*of, *to))
                {
                    let at = at.index(entries.len() + 1);
                    let shared = entries[..at].to_vec();
                    let (from, new) = (segment(*from), segment(*to));
                    let made = archive.log(session(*of), from).branch(at as u64, new);
                    made.unwrap();
                    logs.insert((*of, *to), shared);
                }
            }
            Step::Truncate(of, from, at) => {
                if let Some(entries) = logs.get_mut(&(*of, *from)) {
                    let len = at.index(entries.len() + 1);
                    entries.truncate(len);
                    let log = archive.log(session(*of), segment(*from));
                    log.truncate(len as u64).unwrap();
                }
            }
            Step::Delete(of, number) => {
                let (of, number) = (*of, *number);
                archive
                    .delete_segment(session(of), segment(number))
                    .unwrap();
                logs.remove(&(of, number));
            }
            Step::Checkpoint => archive.checkpoint().unwrap(),
        }
    }
}

fn read(archive: &Archive) -> Logs {
    let keys = (0..2).flat_map(|of| (0..5).map(move |number| (of, number)));
    let mut logs = Logs::new();
    for (of, number) in keys {
        let log = archive.log(session(of), segment(number));
        if log.exists().unwrap() {
            let entries = log.read(..).unwrap();
            let entries = entries.map(|entry| entry.unwrap().decode().unwrap());
            logs.insert((of, number), entries.collect());
        }
    }
    logs
}

/// A merge that leaves alone what differs.
fn skip(archive: &Archive) -> Merge<'_> {
    Merge::new(archive).on_conflict(OnConflict::Skip)
}

/// What there is after a merge, and the segments that contradict each other.
fn naive(here: &Logs, there: &Logs) -> (Logs, Vec<(u128, u128)>) {
    let contradicts = |key: &(u128, u128), theirs: &Vec<u8>| {
        here.get(key)
            .is_some_and(|ours| !ours.starts_with(theirs) && !theirs.starts_with(ours))
    };
    let conflicts = there
        .iter()
        .filter(|(key, theirs)| contradicts(key, theirs));
    let conflicts: Vec<_> = conflicts.map(|(key, _)| *key).collect();
    let mut merged = here.clone();
    for (key, theirs) in there {
        let is_left = conflicts.iter().any(|(of, _)| *of == key.0);
        if !is_left && here.get(key).is_none_or(|ours| ours.len() < theirs.len()) {
            merged.insert(*key, theirs.clone());
        }
    }
    (merged, conflicts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn branches_on_both_sides_merge_as_copies_would(
        common in steps(12),
        here in steps(8),
        there in steps(8),
    ) {
        let (archive, other) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
        let (mut ours, mut theirs) = (Logs::new(), Logs::new());
        make(&archive, &mut ours, &common);
        make(&other, &mut theirs, &common);
        make(&archive, &mut ours, &here);
        make(&other, &mut theirs, &there);
        let (expected, conflicts) = naive(&ours, &theirs);

        let report = skip(&archive).run(&other, None).unwrap();
        prop_assert_eq!(&read(&archive), &expected);
        let mut found: Vec<_> = report
            .conflicts()
            .map(|(of, conflict)| (of, conflict.segment))
            .collect();
        found.sort_unstable();
        let conflicts = conflicts.iter().map(|(of, number)| (session(*of), segment(*number)));
        prop_assert_eq!(found, conflicts.collect::<Vec<_>>());
        assert_clean(&archive);

        let version = archive.version().unwrap();
        let again = skip(&archive).run(&other, None).unwrap();
        let is_left = |outcome: &MergeOutcome| {
            matches!(outcome, MergeOutcome::Unchanged | MergeOutcome::Conflict(_))
        };
        let all_left = again.sessions.iter().all(|session| is_left(&session.outcome));
        prop_assert!(all_left, "{:?}", again);
        prop_assert_eq!(archive.version().unwrap(), version);

        // What each segment is made of is right too: it stays whole when the others go.
        for (of, number) in expected.keys().take(3) {
            archive.delete_segment(session(*of), segment(*number)).unwrap();
        }
        archive.checkpoint().unwrap();
        let left = expected.into_iter().skip(3).collect::<Logs>();
        prop_assert_eq!(read(&archive), left);
        assert_clean(&archive);
    }
}
