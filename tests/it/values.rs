//! Values that repeat are stored once: entries come back byte for byte whatever was done, nothing is left of what is gone,
//! and a value that is lost is damage of exactly the entries that have it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use memchr::memmem;
use proptest::prelude::*;
use sessiondb::testing::entries_in;
use sessiondb::{Archive, Durability, SegmentId, SessionId, StoreError};
use uuid::Uuid;

use crate::raw::{raw, raws};

/// The lengths of the values that entries draw from: below and above all that decides what is shared.
const LENGTHS: [usize; 7] = [900, 1100, 5_000, 9_000, 40_000, 150_000, 1_200_000];
const SESSION: SessionId = Uuid::from_u128(7);

#[derive(Debug, Clone)]
enum Step {
    /// Entries with these values, to the log or the traces of a segment.
    Append(u8, bool, Vec<Vec<usize>>),
    Truncate(u8, u8),
    Erase(u8, u8),
    Branch(u8, u8),
    Replace(u8, Vec<usize>),
    Delete(u8),
    Checkpoint,
    Reopen,
    Compact,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop_oneof![12 => 0..LENGTHS.len() - 2, 2 => Just(LENGTHS.len() - 2), 1 => Just(LENGTHS.len() - 1)];
    let values = || prop::collection::vec(value.clone(), 0..4);
    let entries = prop::collection::vec(values(), 1..8);
    let step = prop_oneof![
        8 => (0..3_u8, prop::bool::weighted(0.1), entries).prop_map(|(log, trace, entries)| Step::Append(log, trace, entries)),
        1 => (0..3_u8, any::<u8>()).prop_map(|(log, at)| Step::Truncate(log, at)),
        1 => (0..3_u8, any::<u8>()).prop_map(|(log, at)| Step::Erase(log, at)),
        1 => (0..3_u8, any::<u8>()).prop_map(|(log, at)| Step::Branch(log, at)),
        1 => (0..3_u8, values()).prop_map(|(log, values)| Step::Replace(log, values)),
        1 => (0..3_u8).prop_map(Step::Delete),
        4 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        1 => Just(Step::Compact),
    ];
    prop::collection::vec(step, 1..30)
}

/// A value that no other is like, with what JSON escapes in it.
fn value(number: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(number as u64);
    let mut text = format!("value{number}:\\n\\\"");
    let len = LENGTHS[number];
    while text.len() < len {
        let some = std::iter::repeat_with(|| rng.alphanumeric()).take(40);
        text.extend(some);
        text.push_str(" and \\\"more\\\" ");
    }
    text
}

fn entry(number: u64, values: &[usize]) -> String {
    let values: Vec<_> = values
        .iter()
        .map(|at| format!("\"{}\"", value(*at)))
        .collect();
    format!("{{\"number\":{number},\"values\":[{}]}}", values.join(","))
}

fn segment(number: u8) -> SegmentId {
    Uuid::from_u128(100 + u128::from(number))
}

fn open(path: &Path) -> Archive {
    let options = Archive::options().durability(Durability::Written);
    options.open(path).unwrap()
}

/// What the archive is to hold.
#[derive(Default)]
struct Model {
    logs: BTreeMap<u8, Vec<String>>,
    traces: BTreeMap<u8, Vec<String>>,
    made: u64,
    branches: u8,
}

impl Model {
    fn entries(&mut self, values: &[Vec<usize>]) -> Vec<String> {
        let entries = values.iter().map(|values| {
            self.made += 1;
            entry(self.made, values)
        });
        entries.collect()
    }

    fn must_be(&self, archive: &Archive) {
        let read = |log: sessiondb::Log| -> Vec<String> {
            let entries = log.read(..).unwrap();
            entries
                .map(|entry| entry.unwrap().as_str().to_owned())
                .collect()
        };
        for (number, entries) in &self.logs {
            assert!(
                read(archive.log(SESSION, segment(*number))) == *entries,
                "log {number}"
            );
            let log = archive.log(SESSION, segment(*number));
            for (index, entry) in (0..).zip(entries).step_by(3) {
                let found = log.read(index..=index).unwrap().next().unwrap().unwrap();
                assert!(found.as_str() == entry, "log {number}, entry {index}");
            }
        }
        for (number, entries) in &self.traces {
            assert!(
                read(archive.trace(SESSION, segment(*number))) == *entries,
                "traces {number}"
            );
        }
        assert_eq!(archive.check(None).unwrap().problems, vec![]);
    }

    /// The values that any entry has.
    fn values(&self) -> BTreeSet<usize> {
        let all = self.logs.values().chain(self.traces.values()).flatten();
        let all: Vec<_> = all.collect();
        let has = |number: &usize| {
            all.iter()
                .any(|entry| entry.contains(&format!("\"value{number}:")))
        };
        (0..LENGTHS.len()).filter(has).collect()
    }

    fn take(&mut self, mut archive: Archive, path: &Path, step: &Step) -> Archive {
        match step {
            Step::Append(log, false, values) => {
                let entries = self.entries(values);
                let log = *log;
                let all: Vec<_> = entries.iter().map(|entry| raw(entry.as_bytes())).collect();
                archive.log(SESSION, segment(log)).append_many(all).unwrap();
                self.logs.entry(log).or_default().extend(entries);
            }
            Step::Append(log, true, values) => {
                let entries = self.entries(values);
                let all: Vec<_> = entries.iter().map(|entry| raw(entry.as_bytes())).collect();
                archive
                    .trace(SESSION, segment(*log))
                    .append_many(all)
                    .unwrap();
                self.traces.entry(*log).or_default().extend(entries);
            }
            Step::Truncate(log, at) => {
                if let Some(entries) = self.logs.get_mut(log) {
                    let len = usize::from(*at) % (entries.len() + 1);
                    entries.truncate(len);
                    archive
                        .log(SESSION, segment(*log))
                        .truncate(len as u64)
                        .unwrap();
                }
            }
            Step::Erase(log, at) => self.erase(&archive, *log, *at),
            Step::Branch(log, at) => {
                if let Some(entries) = self.logs.get(log).filter(|entries| !entries.is_empty()) {
                    let len = usize::from(*at) % entries.len() + 1;
                    let new = 10 + self.branches;
                    self.branches += 1;
                    let log = archive.log(SESSION, segment(*log));
                    log.branch(len as u64, segment(new)).unwrap();
                    self.logs.insert(new, entries[..len].to_vec());
                }
            }
            Step::Replace(log, values) => {
                let entries = self.entries(std::slice::from_ref(values));
                let log = *log;
                if self.logs.contains_key(&log) {
                    let all: Vec<_> = entries.iter().map(|entry| raw(entry.as_bytes())).collect();
                    archive.log(SESSION, segment(log)).replace(all).unwrap();
                    self.logs.insert(log, entries);
                }
            }
            Step::Delete(log) => {
                if self.logs.remove(log).is_some() {
                    archive.delete_segment(SESSION, segment(*log)).unwrap();
                    self.traces.remove(log);
                }
            }
            Step::Checkpoint => archive.checkpoint().unwrap(),
            Step::Reopen => {
                drop(archive);
                archive = open(path);
            }
            Step::Compact => archive = archive.compact(None).unwrap().0,
        }
        archive
    }

    /// Erases an entry, which takes it from all that share it.
    fn erase(&mut self, archive: &Archive, log: u8, at: u8) {
        let Some(entries) = self.logs.get(&log).filter(|entries| !entries.is_empty()) else {
            return;
        };
        let index = usize::from(at) % entries.len();
        let erased = entries[index].clone();
        let log = archive.log(SESSION, segment(log));
        log.erase(index as u64..=index as u64).unwrap();
        for entries in self.logs.values_mut() {
            for entry in entries.iter_mut().filter(|entry| **entry == erased) {
                r#"{"kind":"erased"}"#.clone_into(entry);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn entries_come_back_and_nothing_is_left_of_what_is_gone(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("archive.sessiondb");
        let mut archive = open(&path);
        let mut model = Model::default();
        for step in &steps {
            archive = model.take(archive, &path, step);
            if matches!(step, Step::Reopen | Step::Compact | Step::Erase(..)) {
                model.must_be(&archive);
            }
        }
        archive.checkpoint().unwrap();
        model.must_be(&archive);
        let (archive, _) = archive.compact(None).unwrap();
        model.must_be(&archive);
        archive.close().unwrap();
        let there = entries_in(&std::fs::read(&path).unwrap());
        let values = model.values();
        for number in 0..LENGTHS.len() {
            let found = memmem::find(&there, format!("value{number}:").as_bytes()).is_some();
            prop_assert_eq!(found, values.contains(&number), "value {}", number);
        }
    }
}

/// An archive with two logs of which some entries share values, and what they hold.
fn shared(path: &Path) -> Vec<Vec<String>> {
    let archive = open(path);
    let logs: Vec<Vec<String>> = (0..3_u64)
        .map(|log| {
            (0..20)
                .map(|at| entry(100 * log + at, if at % 4 == 0 { &[4] } else { &[] }))
                .collect()
        })
        .collect();
    for (number, entries) in (0..).zip(&logs) {
        let all: Vec<_> = entries.iter().map(|entry| raw(entry.as_bytes())).collect();
        archive
            .log(SESSION, segment(number))
            .append_many(all)
            .unwrap();
        archive.checkpoint().unwrap();
    }
    archive.compact(None).unwrap().0.close().unwrap();
    logs
}

#[test]
fn a_value_that_is_lost_is_damage_of_the_entries_that_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive.sessiondb");
    let logs = shared(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    let pieces: Vec<_> = memmem::find_iter(&bytes, b"sVal").collect();
    let sums: u32 = pieces
        .iter()
        .map(|at| u32::from_le_bytes(bytes[at + 24..at + 28].try_into().unwrap()))
        .sum();
    assert!(
        sums < 40_000,
        "the value is stored once, in pieces of {sums} bytes together"
    );
    bytes[pieces[0] + 1000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();

    let has = |entry: &str| entry.contains("value4:");
    let archive = open(&path);
    for (number, entries) in (0..).zip(&logs) {
        let log = archive.log(SESSION, segment(number));
        for (index, entry) in (0..).zip(entries) {
            let found = log.read(index..=index).unwrap().next().unwrap();
            match found {
                Ok(found) => assert!(found.as_str() == entry && !has(entry), "entry {index}"),
                Err(error) => {
                    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
                    assert!(
                        has(entry) && error.to_string().contains("shared value"),
                        "{error}"
                    );
                }
            }
        }
    }
    let report = archive.check(None).unwrap();
    let told = report.problems.iter().filter_map(|problem| problem.entries);
    let told: Vec<_> = told.map(|range| (range.from, range.to)).collect();
    let hurt: Vec<_> = (0..20).step_by(4).map(|at| (at, Some(at + 1))).collect();
    assert_eq!(told, hurt.repeat(3), "{:#?}", report.problems);
    assert_eq!(report.entries, 45);
    drop(archive);

    let whole = dir.path().join("recovered.sessiondb");
    let report = sessiondb::doctor::recover(&path, &whole, None).unwrap();
    assert!(!report.complete);
    let recovered = open(&whole);
    assert_eq!(recovered.check(None).unwrap().problems, vec![]);
    let mut texts = BTreeSet::new();
    for log in recovered.segments(SESSION).unwrap() {
        let log = recovered.log(SESSION, log.unwrap().id);
        let entries = log.read(..).unwrap();
        texts.extend(entries.map(|entry| entry.unwrap().as_str().to_owned()));
    }
    let rest: BTreeSet<String> = logs
        .into_iter()
        .flatten()
        .filter(|entry| !has(entry))
        .collect();
    assert_eq!(texts, rest);
}

#[test]
fn a_picture_that_is_sent_again_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive.sessiondb");
    let archive = open(&path);
    let mut rng = fastrand::Rng::with_seed(1);
    let picture: String = std::iter::repeat_with(|| rng.alphanumeric())
        .take(1 << 20)
        .collect();
    for number in 0..140 {
        let entry = format!("{{\"number\":{number},\"image\":\"{picture}\"}}");
        archive
            .log(SESSION, segment(number % 3))
            .append(&raw(entry.as_bytes()))
            .unwrap();
    }
    archive.close().unwrap();
    let (archive, _) = open(&path).compact(None).unwrap();
    archive.close().unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("140 pictures take {bytes} bytes");
    assert!(bytes < 3_500_000, "{bytes} bytes");
    let archive = open(&path);
    assert_eq!(archive.check(None).unwrap().problems, vec![]);
    archive.delete_session(SESSION).unwrap();
    let (archive, _) = archive.compact(None).unwrap();
    archive.close().unwrap();
    let there = std::fs::read(&path).unwrap();
    assert!(memmem::find(&there, b"sVal").is_none());
}

/// Trees of several pages, which are searched and recovered by another way than those of one.
#[test]
fn many_values_are_checked_compacted_and_recovered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive.sessiondb");
    let archive = open(&path);
    let mut rng = fastrand::Rng::with_seed(2);
    let letters = |rng: &mut fastrand::Rng| (0..1_500).map(|_| rng.alphanumeric()).collect();
    let values: Vec<String> = (0..800).map(|_| letters(&mut rng)).collect();
    let entries: Vec<String> = values
        .iter()
        .map(|value| format!("[\"{value}\"]"))
        .collect();
    for number in 0..3 {
        let log = archive.log(SESSION, segment(number));
        log.append_many(raws(&entries)).unwrap();
        archive.checkpoint().unwrap();
    }
    archive.close().unwrap();
    let (archive, _) = open(&path).compact(None).unwrap();
    assert_eq!(archive.check(None).unwrap().problems, vec![]);
    archive.close().unwrap();
    let pieces = std::fs::read(&path).unwrap();
    assert!(memmem::find_iter(&pieces, b"sVal").count() > 10);
    let whole = dir.path().join("recovered.sessiondb");
    let report = sessiondb::doctor::recover(&path, &whole, None).unwrap();
    assert!(report.complete, "{:?}", report.problems);
    let recovered = open(&whole);
    for number in 0..3 {
        let log = recovered.log(SESSION, segment(number));
        let found = log
            .read(..)
            .unwrap()
            .map(|entry| entry.unwrap().as_str().to_owned());
        assert!(found.eq(entries.iter().cloned()), "log {number}");
    }
}
