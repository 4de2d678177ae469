//! Random calls give what a plain model in memory gives.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use sessiondb::Archive;
use sessiondb_sdk::{ClaudeKey, ClaudeStore};

use crate::claude::{append, fold, load};

const PROJECTS: [&str; 2] = ["p", "q"];
const SESSIONS: [&str; 3] = ["a", "b", "c"];
const SUBPATHS: [&str; 2] = ["subagents/agent-1", "subagents/agent-2"];

/// Project, session, and subpath from 1 on.
type Of = (usize, usize, usize);

#[derive(Debug, Clone)]
enum Call {
    /// By which store, where, and the ids of the entries; 0 for none.
    Append(bool, Of, Vec<u8>),
    Delete(Of),
    Checkpoint,
}

fn call() -> impl Strategy<Value = Call> {
    let of = || {
        (
            0..2_usize,
            0..3_usize,
            prop_oneof![2 => Just(0_usize), 1 => 1..3_usize],
        )
    };
    prop_oneof![
        12 => (any::<bool>(), of(), prop::collection::vec(0..12_u8, 0..6))
            .prop_map(|(store, of, ids)| Call::Append(store, of, ids)),
        2 => of().prop_map(Call::Delete),
        1 => Just(Call::Checkpoint),
    ]
}

fn key((project, session, subpath): Of) -> ClaudeKey<'static> {
    ClaudeKey {
        subpath: subpath.checked_sub(1).map(|subpath| SUBPATHS[subpath]),
        ..ClaudeKey::main(PROJECTS[project], SESSIONS[session])
    }
}

#[derive(Default)]
struct Model {
    logs: BTreeMap<Of, Vec<String>>,
    counter: u64,
}

impl Model {
    fn entries(&mut self, ids: &[u8]) -> Vec<String> {
        let mut entry = |id: &u8| {
            self.counter += 1;
            let n = self.counter;
            match id {
                0 => json!({"type": "x", "customTitle": n.to_string()}).to_string(),
                id => json!({"type": "x", "n": n, "uuid": id.to_string()}).to_string(),
            }
        };
        ids.iter().map(&mut entry).collect()
    }

    fn append(&mut self, of: Of, ids: &[u8], entries: &[String]) -> usize {
        let mut new = 0;
        for (id, entry) in ids.iter().zip(entries) {
            let marker = format!("\"uuid\":\"{id}\"");
            let log = self.logs.get(&of);
            let is_there = log.is_some_and(|log| log.iter().any(|entry| entry.contains(&marker)));
            if *id == 0 || !is_there {
                self.logs.entry(of).or_default().push(entry.clone());
                new += 1;
            }
        }
        new
    }

    fn delete(&mut self, of: Of) {
        self.logs
            .retain(|log, _| *log != of && (of.2 != 0 || (log.0, log.1) != (of.0, of.1)));
    }

    fn compare(&self, store: &ClaudeStore) {
        for (number, project) in PROJECTS.iter().enumerate() {
            let mains = self
                .logs
                .iter()
                .filter(|(of, _)| of.0 == number && of.2 == 0);
            let mains: BTreeMap<String, String> = mains
                .map(|(of, log)| {
                    let log: Vec<&str> = log.iter().map(String::as_str).collect();
                    (SESSIONS[of.1].to_owned(), fold(None, &log))
                })
                .collect();
            let listed = store.list_sessions(project).unwrap();
            let listed: Vec<_> = listed
                .into_iter()
                .map(|listed| (listed.session_id, listed.mtime_ms))
                .collect();
            let summaries = store.list_summaries(project).unwrap();
            let times: Vec<_> = summaries
                .iter()
                .map(|listed| (listed.session_id.clone(), listed.mtime_ms))
                .collect();
            assert_eq!(times, listed);
            let summaries: BTreeMap<_, _> = summaries
                .into_iter()
                .map(|listed| (listed.session_id, listed.data))
                .collect();
            assert_eq!(summaries, mains);
        }
        for of in (0..2).flat_map(|p| (0..3).flat_map(move |s| (0..3).map(move |sub| (p, s, sub))))
        {
            assert_eq!(load(store, key(of)).as_ref(), self.logs.get(&of), "{of:?}");
            let subkeys = (1..3).filter(|sub| self.logs.contains_key(&(of.0, of.1, *sub)));
            let subkeys: Vec<&str> = subkeys.map(|sub| SUBPATHS[sub - 1]).collect();
            assert_eq!(
                store.list_subkeys(PROJECTS[of.0], SESSIONS[of.1]).unwrap(),
                subkeys
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_calls_give_what_a_model_gives(calls in prop::collection::vec(call(), 1..40)) {
        let archive = Archive::in_memory().unwrap();
        let stores = [ClaudeStore::new(&archive), ClaudeStore::new(&archive)];
        let mut model = Model::default();
        for call in &calls {
            match call {
                Call::Append(store, of, ids) => {
                    let entries = model.entries(ids);
                    let new = model.append(*of, ids, &entries);
                    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
                    let store = &stores[usize::from(*store)];
                    prop_assert_eq!(append(store, &key(*of), &entries).unwrap(), new);
                }
                Call::Delete(of) => {
                    let was_there = stores[0].delete(&key(*of)).unwrap();
                    let before = model.logs.len();
                    model.delete(*of);
                    prop_assert_eq!(was_there, model.logs.len() < before);
                }
                Call::Checkpoint => archive.checkpoint().unwrap(),
            }
        }
        model.compare(&stores[0]);
        prop_assert!(archive.check(None).unwrap().problems.is_empty());
    }
}
