//! Branches: shared entries behave as copies would, whatever happens to the segments that have
//! them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sessiondb::doctor::RecoverBasis;
use sessiondb::{Archive, SegmentId, SessionId, StoreError, new_session_id};
use uuid::Uuid;

use crate::raw::raws;

/// What each segment holds: entries by their place in a list, so that what is shared is known.
#[derive(Default)]
struct Model {
    segments: BTreeMap<SegmentId, Vec<usize>>,
    entries: Vec<String>,
}

impl Model {
    /// New entries, which nobody shares yet.
    fn new_entries(&mut self, new: &[String]) -> Vec<usize> {
        self.entries.extend_from_slice(new);
        (self.entries.len() - new.len()..self.entries.len()).collect()
    }

    fn texts(&self) -> BTreeMap<SegmentId, Vec<String>> {
        let text = |place: &usize| self.entries[*place].clone();
        let segments = self.segments.iter();
        segments
            .map(|(id, places)| (*id, places.iter().map(text).collect()))
            .collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8, Vec<u16>),
    Branch(u8, u8, prop::sample::Index),
    Truncate(u8, prop::sample::Index),
    Replace(u8, Vec<u16>),
    Delete(u8),
    Erase(u8, prop::sample::Index, u8),
    Checkpoint,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let segment = || 0..6_u8;
    let entries = || prop::collection::vec(any::<u16>(), 0..5);
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (segment(), entries()).prop_map(|(to, new)| Step::Append(to, new)),
        4 => (segment(), segment(), at()).prop_map(|(from, to, at)| Step::Branch(from, to, at)),
        2 => (segment(), at()).prop_map(|(from, at)| Step::Truncate(from, at)),
        1 => (segment(), entries()).prop_map(|(to, new)| Step::Replace(to, new)),
        2 => segment().prop_map(Step::Delete),
        2 => (segment(), at(), 1..4_u8).prop_map(|(to, at, count)| Step::Erase(to, at, count)),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
    ]
}

fn id(segment: u8) -> SegmentId {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001 + u128::from(segment))
}

fn entry(number: u16) -> String {
    format!(
        r#"{{"n":{number},"ts":{number},"pad":"{}"}}"#,
        "x".repeat(usize::from(number % 97))
    )
}

const ERASED: &str = "erased";

/// Makes the step in the archive and in the model.
fn make(archive: &Archive, session: SessionId, model: &mut Model, step: &Step) {
    match step {
        Step::Append(to, new) => {
            let new: Vec<_> = new.iter().map(|number| entry(*number)).collect();
            archive
                .log(session, id(*to))
                .append_many(raws(&new))
                .unwrap();
            if !new.is_empty() {
                let new = model.new_entries(&new);
                model.segments.entry(id(*to)).or_default().extend(new);
            }
        }
        Step::Branch(from, to, at) => branch(archive, session, model, (id(*from), id(*to)), *at),
        Step::Truncate(from, at) => {
            if let Some(entries) = model.segments.get_mut(&id(*from)) {
                let len = at.index(entries.len() + 1);
                entries.truncate(len);
                let log = archive.log(session, id(*from));
                log.truncate(len as u64).unwrap();
            }
        }
        Step::Replace(to, new) => {
            let new: Vec<_> = new.iter().map(|number| entry(*number)).collect();
            archive.log(session, id(*to)).replace(raws(&new)).unwrap();
            let new = model.new_entries(&new);
            model.segments.insert(id(*to), new);
        }
        Step::Delete(segment) => {
            let was_there = archive.delete_segment(session, id(*segment)).unwrap();
            assert_eq!(model.segments.remove(&id(*segment)).is_some(), was_there);
        }
        Step::Erase(segment, at, count) => {
            let Some(places) = model.segments.get(&id(*segment)) else {
                return;
            };
            let from = at.index(places.len() + 1);
            let to = (from + usize::from(*count)).min(places.len());
            for place in &places[from..to] {
                ERASED.clone_into(&mut model.entries[*place]);
            }
            let range = from as u64..to as u64;
            let erased = archive.log(session, id(*segment)).erase(range).unwrap();
            assert_eq!(erased, (to - from) as u64);
        }
        Step::Checkpoint | Step::Reopen => archive.checkpoint().unwrap(),
    }
}

fn branch(
    archive: &Archive,
    session: SessionId,
    model: &mut Model,
    (from, to): (SegmentId, SegmentId),
    at: prop::sample::Index,
) {
    let segments = &mut model.segments;
    let len = segments.get(&from).map_or(0, Vec::len);
    let at = at.index(len + 2);
    let made = archive.log(session, from).branch(at as u64, to);
    match segments.get(&from) {
        None => assert!(matches!(made, Err(StoreError::NotFound(_)))),
        Some(_) if at > len => assert!(matches!(made, Err(StoreError::BranchPastEnd { .. }))),
        Some(_) if segments.contains_key(&to) => {
            assert!(matches!(made, Err(StoreError::SegmentExists { .. })));
        }
        Some(parent) => {
            made.unwrap();
            let shared = parent[..at].to_vec();
            segments.insert(to, shared);
        }
    }
}

/// Compares everything, by reads from both ends and by single entries.
fn compare(archive: &Archive, session: SessionId, model: &Model) {
    let told = |text: &str| {
        let erased = text.starts_with(r#"{"kind":"erased""#);
        if erased { ERASED } else { text }.to_owned()
    };
    let there = archive.segments(session).unwrap();
    let mut there: Vec<_> = there.map(|info| info.unwrap().id).collect();
    there.reverse();
    let model = model.texts();
    assert_eq!(there, model.keys().copied().collect::<Vec<_>>());
    for (segment, expected) in &model {
        let log = archive.log(session, *segment);
        assert_eq!(log.len().unwrap(), expected.len() as u64);
        let forwards = log.read(..).unwrap();
        let forwards: Vec<_> = forwards
            .map(|entry| told(entry.unwrap().as_str()))
            .collect();
        assert_eq!(&forwards, expected, "segment {segment}");
        let backwards = log.read(..).unwrap().rev();
        let mut backwards: Vec<_> = backwards
            .map(|entry| told(entry.unwrap().as_str()))
            .collect();
        backwards.reverse();
        assert_eq!(&backwards, expected, "segment {segment} from its end");
    }
}

fn check_is_clean(archive: &Archive) {
    let report = archive.check(None).unwrap();
    assert!(report.is_clean(), "{report:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn shared_entries_are_as_good_as_copies(steps in prop::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sessiondb");
        let mut archive = Archive::open(&path).unwrap();
        let session = new_session_id();
        let mut model = Model::default();
        for step in &steps {
            make(&archive, session, &mut model, step);
            if matches!(step, Step::Reopen) {
                archive.close().unwrap();
                archive = Archive::open(&path).unwrap();
            }
        }
        compare(&archive, session, &model);
        check_is_clean(&archive);
        // With the journal as it stands: what a recovery makes of frames and tables.
        let copy = dir.path().join("copy.sessiondb");
        std::fs::copy(&path, &copy).unwrap();
        recovered_is(&copy, session, &model);
        archive.close().unwrap();
        recovered_is(&path, session, &model);
        let archive = Archive::open(&path).unwrap();
        compare(&archive, session, &model);
        check_is_clean(&archive);
    }
}

fn recovered_is(broken: &std::path::Path, session: SessionId, model: &Model) {
    let new = broken.with_extension("new");
    let report = sessiondb::doctor::recover(broken, &new, None).unwrap();
    assert!(report.complete, "{report:#?}");
    assert_eq!(report.basis, RecoverBasis::Newest);
    let archive = Archive::open(&new).unwrap();
    compare(&archive, session, model);
    check_is_clean(&archive);
    archive.close().unwrap();
    std::fs::remove_file(new).unwrap();
}

/// A segment that was deleted and is a branch of the one that took its entries over, which is cut off
/// then: so it owns the end of the entries that it once had all of, and its old runs hold more.
#[test]
fn a_log_that_owns_less_than_its_runs_hold_leaves_nothing_twice() {
    for (shared, cut) in [(6, 1), (6, 3), (4, 2), (3, 0)] {
        let archive = Archive::in_memory().unwrap();
        let session = sessiondb::new_session_id();
        let (first, second) = (archive.log(session, id(1)), archive.log(session, id(2)));
        first.append_many(0..6).unwrap();
        archive.checkpoint().unwrap();
        first.branch(shared, id(2)).unwrap();
        first.delete().unwrap();
        second.branch(shared, id(1)).unwrap();
        second.truncate(cut).unwrap();
        let numbers = |log: &sessiondb::Log| {
            let entries = log.read(..).unwrap().decode::<u64>();
            entries.collect::<Result<Vec<_>, _>>().unwrap()
        };
        let as_it_is = |archive: &Archive| {
            let (first, second) = (archive.log(session, id(1)), archive.log(session, id(2)));
            assert_eq!(numbers(&first), (0..shared).collect::<Vec<_>>());
            assert_eq!(numbers(&second), (0..cut).collect::<Vec<_>>());
            check_is_clean(archive);
        };
        as_it_is(&archive);
        archive.checkpoint().unwrap();
        as_it_is(&archive);
        let (archive, _) = archive.compact(None).unwrap();
        as_it_is(&archive);
    }
}
