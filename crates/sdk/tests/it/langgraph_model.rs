//! Random calls on a saver give what a plain model gives, also when they are cut off at any write.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;
use sessiondb::Archive;
use sessiondb_sdk::{LangGraphStore, Typed};

use crate::disk::Disk;
use crate::langgraph::{Put, ids, list_of, messages, write};

#[derive(Debug, Clone)]
enum Call {
    /// By which store, thread, id, parent, and the lists of the two channels; none for no new version.
    Put(bool, u8, u8, Option<u8>, Option<Vec<u8>>, Option<Vec<u8>>),
    Writes(bool, u8, u8, u8, Vec<i64>),
    Delete(u8),
    Prune(u8),
    Runs(u8),
    Copy(u8, u8),
}

fn call() -> impl Strategy<Value = Call> {
    let list = || prop::option::weighted(0.7, prop::collection::vec(0..6_u8, 0..8));
    prop_oneof![
        12 => (any::<bool>(), 0..3_u8, 0..9_u8, prop::option::of(0..9_u8), list(), list())
            .prop_map(|(store, thread, id, parent, a, b)| Call::Put(store, thread, id, parent, a, b)),
        4 => (any::<bool>(), 0..3_u8, 0..9_u8, 0..3_u8, prop::collection::vec(-2..3_i64, 0..4))
            .prop_map(|(store, thread, id, task, idx)| Call::Writes(store, thread, id, task, idx)),
        1 => (0..3_u8).prop_map(Call::Delete),
        1 => (0..3_u8).prop_map(Call::Prune),
        1 => (0..3_u8).prop_map(Call::Runs),
        1 => (0..3_u8, 0..3_u8).prop_map(|(from, to)| Call::Copy(from, to)),
    ]
}

/// A checkpoint in the model: parent, run, versions.
type Known = (Option<String>, u64, BTreeMap<String, u64>);

/// A thread in the model, as the saver in memory keeps it.
#[derive(Debug, Clone, Default)]
struct Thread {
    checkpoints: BTreeMap<String, Known>,
    values: BTreeMap<(String, u64), Typed>,
    writes: BTreeMap<(String, String, i64), String>,
}

fn name(thread: u8) -> String {
    format!("thread {thread}")
}

#[derive(Default)]
struct Model {
    threads: BTreeMap<u8, Thread>,
    counter: u64,
}

impl Model {
    fn call(&mut self, stores: &[LangGraphStore; 2], call: &Call) {
        match call {
            Call::Put(store, thread, id, parent, a, b) => {
                let lists = [("a", a), ("b", b)];
                self.put(&stores[usize::from(*store)], *thread, *id, *parent, lists);
            }
            Call::Writes(store, thread, id, task, idx) => {
                self.write(&stores[usize::from(*store)], *thread, *id, *task, idx);
            }
            Call::Delete(thread) => {
                let was_there = self.threads.remove(thread).is_some();
                assert_eq!(stores[0].delete_thread(&name(*thread)).unwrap(), was_there);
            }
            Call::Prune(thread) => {
                stores[1].prune(&[&name(*thread)]).unwrap();
                let latest = |known: &Thread| known.checkpoints.keys().next_back().cloned();
                if let Some(latest) = self.threads.get(thread).and_then(latest) {
                    self.keep(*thread, |id, _| id == latest);
                }
            }
            Call::Runs(run) => {
                stores[0].delete_for_runs(&[&run.to_string()]).unwrap();
                for thread in self.threads.keys().copied().collect::<Vec<_>>() {
                    self.keep(thread, |_, known| known.1 != u64::from(*run));
                }
            }
            Call::Copy(from, to) => {
                stores[0].copy_thread(&name(*from), &name(*to)).unwrap();
                self.copy(*from, *to);
            }
        }
    }

    fn put(
        &mut self,
        store: &LangGraphStore,
        thread: u8,
        id: u8,
        parent: Option<u8>,
        lists: [(&str, &Option<Vec<u8>>); 2],
    ) {
        self.counter += 1;
        let number = self.counter;
        let known = self.threads.entry(thread).or_default();
        let parent = parent.map(|parent| parent.to_string());
        let before = parent
            .as_ref()
            .and_then(|parent| known.checkpoints.get(parent));
        let mut versions = before.map(|before| before.2.clone()).unwrap_or_default();
        let mut put = Put {
            parent: parent.clone(),
            ..Put::new(&name(thread), &id.to_string())
        };
        for (channel, list) in lists {
            let Some(list) = list else { continue };
            // A value of no version but this one, or, of an empty list, none.
            versions.insert(channel.to_owned(), number);
            let value = (!list.is_empty()).then(|| messages(list));
            put.values
                .push((channel.to_owned(), json!(number), value.clone()));
            known
                .values
                .extend(value.map(|value| ((channel.to_owned(), number), value)));
        }
        let run = number % 3;
        put.metadata = json!({"run_id": run.to_string()});
        let texts = versions.iter();
        put.versions = texts
            .map(|(channel, version)| (channel.clone(), json!(version)))
            .collect();
        put.into(store);
        known
            .checkpoints
            .insert(id.to_string(), (parent, run, versions));
    }

    fn write(&mut self, store: &LangGraphStore, thread: u8, id: u8, task: u8, idx: &[i64]) {
        self.counter += 1;
        let text = self.counter.to_string();
        let task = format!("task {task}");
        let writes: Vec<_> = idx
            .iter()
            .map(|idx| write(&task, "", *idx, &text))
            .collect();
        store
            .put_writes(&name(thread), "", &id.to_string(), &writes)
            .unwrap();
        if idx.is_empty() {
            return;
        }
        let known = self.threads.entry(thread).or_default();
        for idx in idx {
            let key = (id.to_string(), task.clone(), *idx);
            if *idx < 0 || !known.writes.contains_key(&key) {
                known.writes.insert(key, text.clone());
            }
        }
    }

    fn copy(&mut self, from: u8, to: u8) {
        let Some(source) = self.threads.get(&from).cloned().filter(|_| from != to) else {
            return;
        };
        let known = self.threads.entry(to).or_default();
        known.checkpoints.extend(source.checkpoints);
        known.values.extend(source.values);
        for (key, text) in source.writes {
            if key.2 < 0 || !known.writes.contains_key(&key) {
                known.writes.insert(key, text);
            }
        }
    }

    fn keep(&mut self, thread: u8, keep: impl Fn(&str, &Known) -> bool) {
        let known = self.threads.get_mut(&thread).unwrap();
        let gone = known
            .checkpoints
            .iter()
            .filter(|(id, checkpoint)| !keep(id, checkpoint));
        let gone: BTreeSet<String> = gone.map(|(id, _)| id.clone()).collect();
        known.checkpoints.retain(|id, _| !gone.contains(id));
        known.writes.retain(|(id, _, _), _| !gone.contains(id));
        if known.checkpoints.is_empty() && known.writes.is_empty() {
            self.threads.remove(&thread);
        }
    }

    fn compare(&self, store: &LangGraphStore) {
        for thread in 0..3_u8 {
            let name = format!("thread {thread}");
            let listed = store.list(&list_of(&name)).unwrap();
            let known = self.threads.get(&thread).cloned().unwrap_or_default();
            assert_eq!(
                ids(&listed),
                known.checkpoints.keys().rev().collect::<Vec<_>>()
            );
            for checkpoint in listed {
                let id = &checkpoint.checkpoint_id;
                let (parent, run, versions) = &known.checkpoints[id];
                assert_eq!(&checkpoint.parent_id, parent);
                assert_eq!(checkpoint.metadata, format!("{{\"run_id\":\"{run}\"}}"));
                let value = |(channel, version): (&String, &u64)| {
                    let value = known.values.get(&(channel.clone(), *version))?;
                    Some((channel.clone(), value.clone()))
                };
                assert_eq!(
                    checkpoint.values,
                    versions.iter().filter_map(value).collect::<Vec<_>>()
                );
                let writes = known.writes.iter().filter(|((of, _, _), _)| of == id);
                let writes = writes.map(|((_, task, idx), text)| write(task, "", *idx, text));
                assert_eq!(checkpoint.writes, writes.collect::<Vec<_>>());
                assert_eq!(
                    store.get(&name, "", Some(id)).unwrap().as_ref(),
                    Some(&checkpoint)
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_calls_give_what_a_model_gives(calls in prop::collection::vec(call(), 1..40)) {
        let archive = Archive::in_memory().unwrap();
        let stores = [LangGraphStore::new(&archive), LangGraphStore::new(&archive)];
        let mut model = Model::default();
        for call in &calls {
            model.call(&stores, call);
        }
        model.compare(&stores[0]);
        model.compare(&LangGraphStore::new(&archive));
        prop_assert!(archive.check(None).unwrap().problems.is_empty());
    }
}

#[test]
fn a_call_that_is_cut_off_at_any_write_leaves_all_or_nothing() {
    let disk = Disk::with_archive();
    let start = disk.content();
    let archive = disk.open();
    let stores = [LangGraphStore::new(&archive), LangGraphStore::new(&archive)];
    let calls = [
        Call::Put(false, 0, 1, None, Some(vec![1, 2]), Some(vec![3])),
        Call::Writes(false, 0, 1, 0, vec![0, 1, -1]),
        Call::Put(true, 0, 2, Some(1), Some(vec![1, 2, 3]), None),
        Call::Prune(0),
        Call::Put(false, 0, 3, Some(2), Some(vec![1, 2, 3, 4]), None),
        Call::Delete(0),
    ];
    let state = |store: &LangGraphStore| store.list(&list_of("thread 0")).unwrap();
    let mut model = Model::default();
    let (mut states, mut acknowledged) = (vec![Vec::new()], vec![0]);
    for call in &calls {
        model.call(&stores, call);
        states.push(state(&stores[0]));
        acknowledged.push(disk.now());
    }
    drop((stores, archive));
    disk.states(start, |changes, disk| {
        let now = state(&LangGraphStore::new(&disk.open()));
        let returned = acknowledged.iter().filter(|at| **at <= changes).count() - 1;
        let allowed = now == states[returned] || Some(&now) == states.get(returned + 1);
        assert!(
            allowed,
            "after {changes} changes, {returned} calls had returned: {now:?}"
        );
    });
}
