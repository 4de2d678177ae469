//! What LangGraph asks of a checkpoint saver: against a plain model, by several at once, and cut off at any write.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use proptest::prelude::*;
use serde_json::{Value, json};
use sessiondb::{Archive, ErrorKind};
use sessiondb_sdk::{
    LangGraphChannel, LangGraphCheckpoint, LangGraphList, LangGraphPut, LangGraphStore,
    LangGraphWrite, Typed,
};

use crate::disk::Disk;

fn store() -> LangGraphStore {
    LangGraphStore::new(&Archive::in_memory().unwrap())
}

fn packed(text: &str) -> Typed {
    Typed {
        kind: "json".to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

/// A list of messages as MessagePack: so many of them, with long texts.
fn messages(numbers: &[u8]) -> Typed {
    let mut bytes = vec![0x90 | u8::try_from(numbers.len()).unwrap()];
    for number in numbers {
        let text = format!("message number {number:>3} of all");
        bytes.push(0xa0 | u8::try_from(text.len()).unwrap());
        bytes.extend_from_slice(text.as_bytes());
    }
    Typed {
        kind: "msgpack".to_owned(),
        bytes,
    }
}

/// What a test puts.
#[derive(Debug, Clone, Default)]
struct Put {
    thread: String,
    ns: String,
    id: String,
    parent: Option<String>,
    metadata: Value,
    versions: BTreeMap<String, Value>,
    values: Vec<(String, Value, Option<Typed>)>,
}

impl Put {
    fn new(thread: &str, id: &str) -> Self {
        Self {
            thread: thread.to_owned(),
            id: id.to_owned(),
            metadata: json!({}),
            ..Self::default()
        }
    }

    fn into(self, store: &LangGraphStore) {
        let given = |(channel, version, value): (String, Value, Option<Typed>)| LangGraphChannel {
            channel,
            version: version.to_string(),
            value,
        };
        let values: Vec<_> = self.values.into_iter().map(given).collect();
        let put = LangGraphPut {
            thread_id: &self.thread,
            checkpoint_ns: &self.ns,
            checkpoint_id: &self.id,
            parent_id: self.parent.as_deref(),
            checkpoint: &packed(&format!("{{\"id\":\"{}\"}}", self.id)),
            metadata: &self.metadata.to_string(),
            versions: &json!(self.versions).to_string(),
            values: &values,
        };
        store.put(&put).unwrap();
    }
}

fn write(task: &str, path: &str, idx: i64, text: &str) -> LangGraphWrite {
    LangGraphWrite {
        task_id: task.to_owned(),
        task_path: path.to_owned(),
        idx,
        channel: "ch".to_owned(),
        value: packed(text),
    }
}

fn ids(listed: &[LangGraphCheckpoint]) -> Vec<&str> {
    listed
        .iter()
        .map(|checkpoint| checkpoint.checkpoint_id.as_str())
        .collect()
}

fn list_of(thread: &str) -> LangGraphList<'_> {
    LangGraphList {
        thread_id: Some(thread),
        ..LangGraphList::default()
    }
}

#[test]
fn the_latest_is_that_of_the_highest_id_and_each_is_found_by_its_id() {
    let store = store();
    assert!(store.get("t", "", None).unwrap().is_none());
    for id in ["2", "3", "1"] {
        Put {
            parent: Some("0".into()),
            metadata: json!({"step": id}),
            ..Put::new("t", id)
        }
        .into(&store);
    }
    Put {
        ns: "child".into(),
        ..Put::new("t", "9")
    }
    .into(&store);
    let latest = store.get("t", "", None).unwrap().unwrap();
    assert_eq!(
        (&*latest.checkpoint_id, latest.parent_id.as_deref()),
        ("3", Some("0"))
    );
    assert_eq!(latest.metadata, r#"{"step":"3"}"#);
    assert_eq!(latest.checkpoint, packed(r#"{"id":"3"}"#));
    assert_eq!(
        store
            .get("t", "", Some("1"))
            .unwrap()
            .unwrap()
            .checkpoint_id,
        "1"
    );
    assert!(store.get("t", "", Some("9")).unwrap().is_none());
    assert_eq!(
        store
            .get("t", "child", None)
            .unwrap()
            .unwrap()
            .checkpoint_id,
        "9"
    );
    Put {
        metadata: json!({"again": true}),
        ..Put::new("t", "2")
    }
    .into(&store);
    assert_eq!(
        store.get("t", "", Some("2")).unwrap().unwrap().metadata,
        r#"{"again":true}"#
    );
    assert_eq!(store.list(&list_of("t")).unwrap().len(), 4);
}

#[test]
fn channels_are_those_of_the_versions_whenever_they_were_put() {
    let store = store();
    let versions = |pairs: &[(&str, Value)]| {
        pairs
            .iter()
            .map(|(name, version)| ((*name).to_owned(), version.clone()))
            .collect()
    };
    let value =
        |name: &str, version: Value, value: Option<Typed>| (name.to_owned(), version, value);
    Put {
        versions: versions(&[("a", json!(1)), ("b", json!("1"))]),
        values: vec![
            value("a", json!(1), Some(packed("\"a1\""))),
            value("b", json!("1"), Some(packed("\"b1\""))),
        ],
        ..Put::new("t", "1")
    }
    .into(&store);
    Put {
        parent: Some("1".into()),
        versions: versions(&[("a", json!(2)), ("b", json!("1")), ("c", json!(1.5))]),
        values: vec![
            value("a", json!(2), None),
            value("c", json!(1.5), Some(messages(&[1]))),
        ],
        ..Put::new("t", "2")
    }
    .into(&store);
    Put {
        versions: versions(&[("c", json!(1.5)), ("d", json!(1))]),
        ..Put::new("t", "3")
    }
    .into(&store);
    let values = |id: &str| store.get("t", "", Some(id)).unwrap().unwrap().values;
    let named = |name: &str, value: Typed| (name.to_owned(), value);
    assert_eq!(
        values("1"),
        [named("a", packed("\"a1\"")), named("b", packed("\"b1\""))]
    );
    assert_eq!(
        values("2"),
        [named("b", packed("\"b1\"")), named("c", messages(&[1]))]
    );
    assert_eq!(values("3"), [named("c", messages(&[1]))]);
}

#[test]
fn of_writes_the_first_stays_and_of_special_ones_the_last() {
    let store = store();
    Put::new("t", "1").into(&store);
    let put = |writes: &[LangGraphWrite]| store.put_writes("t", "", "1", writes).unwrap();
    put(&[write("b", "p2", 0, "1"), write("b", "p2", 1, "2")]);
    put(&[write("a", "p3", 0, "3"), write("a", "p3", -1, "4")]);
    put(&[
        write("a", "p3", 0, "5"),
        write("a", "p3", -1, "6"),
        write("a", "p3", 1, "7"),
    ]);
    put(&[write("c", "", 0, "8")]);
    let version = store.archive().version().unwrap();
    put(&[write("c", "", 0, "9")]);
    put(&[]);
    assert_eq!(
        store.archive().version().unwrap(),
        version,
        "nothing is written"
    );
    let writes = store.get("t", "", None).unwrap().unwrap().writes;
    let texts: Vec<_> = writes
        .iter()
        .map(|write| std::str::from_utf8(&write.value.bytes).unwrap())
        .collect();
    assert_eq!(texts, ["8", "1", "2", "6", "3", "7"]);
    // Pending on what comes later, or never.
    store
        .put_writes("t", "", "2", &[write("a", "", 0, "0")])
        .unwrap();
    assert!(store.get("t", "", Some("2")).unwrap().is_none());
    Put::new("t", "2").into(&store);
    assert_eq!(store.get("t", "", None).unwrap().unwrap().writes.len(), 1);
    let other = LangGraphStore::new(store.archive());
    assert_eq!(
        other.list(&list_of("t")).unwrap(),
        store.list(&list_of("t")).unwrap()
    );
}

#[test]
fn lists_are_filtered_and_the_highest_id_is_first() {
    let store = store();
    for (id, source, step) in [
        ("1", "input", json!(1)),
        ("2", "loop", json!(1.0)),
        ("3", "input", json!(2)),
    ] {
        Put {
            metadata: json!({"source": source, "step": step, "x": null}),
            ..Put::new("t", id)
        }
        .into(&store);
    }
    Put::new("u", "0").into(&store);
    Put {
        ns: "child".into(),
        ..Put::new("t", "4")
    }
    .into(&store);
    let list = |list: LangGraphList<'_>| {
        let listed = store.list(&list).unwrap();
        ids(&listed).join(" ")
    };
    let root = LangGraphList {
        checkpoint_ns: Some(""),
        ..list_of("t")
    };
    assert_eq!(list(LangGraphList::default()), "4 3 2 1 0");
    assert_eq!(
        list(LangGraphList {
            limit: Some(2),
            ..LangGraphList::default()
        }),
        "4 3"
    );
    assert_eq!(list(list_of("t")), "4 3 2 1");
    assert_eq!(list(list_of("nobody")), "");
    assert_eq!(list(root), "3 2 1");
    assert_eq!(
        list(LangGraphList {
            before: Some("3"),
            ..root
        }),
        "2 1"
    );
    assert_eq!(
        list(LangGraphList {
            before: Some("3"),
            limit: Some(1),
            ..root
        }),
        "2"
    );
    assert_eq!(
        list(LangGraphList {
            limit: Some(0),
            ..root
        }),
        ""
    );
    assert_eq!(
        list(LangGraphList {
            checkpoint_id: Some("2"),
            ..root
        }),
        "2"
    );
    let filtered = |filter: &str| {
        list(LangGraphList {
            filter: Some(filter),
            ..root
        })
    };
    assert_eq!(filtered(r#"{"source":"input"}"#), "3 1");
    assert_eq!(filtered(r#"{"step":1}"#), "2 1");
    assert_eq!(filtered(r#"{"source":"input","step":2}"#), "3");
    assert_eq!(filtered(r#"{"x":null,"y":null}"#), "3 2 1");
    assert_eq!(filtered(r#"{"source":"update"}"#), "");
    let error = store
        .list(&LangGraphList {
            filter: Some("[]"),
            ..root
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(store.threads().unwrap().len(), 2);
}

/// A thread whose list grows: with the id, the versions and the values of each checkpoint.
fn grown(store: &LangGraphStore, thread: &str, count: u8) {
    for number in 1..=count {
        let id = format!("{number:02}");
        Put {
            parent: number
                .checked_sub(1)
                .filter(|before| *before > 0)
                .map(|before| format!("{before:02}")),
            metadata: json!({"run_id": format!("run {}", number % 2)}),
            versions: BTreeMap::from([("messages".to_owned(), json!(number))]),
            values: vec![(
                "messages".to_owned(),
                json!(number),
                Some(messages(&(0..number).collect::<Vec<_>>())),
            )],
            ..Put::new(thread, &id)
        }
        .into(store);
        store
            .put_writes(thread, "", &id, &[write("task", "", 0, &id)])
            .unwrap();
    }
}

fn must_be_grown(store: &LangGraphStore, thread: &str, expected: &[u8]) {
    let listed = store.list(&list_of(thread)).unwrap();
    let expected_ids: Vec<String> = expected
        .iter()
        .rev()
        .map(|number| format!("{number:02}"))
        .collect();
    assert_eq!(ids(&listed), expected_ids);
    for (checkpoint, number) in listed.iter().zip(expected.iter().rev()) {
        let list = messages(&(0..*number).collect::<Vec<_>>());
        assert_eq!(checkpoint.values, [("messages".to_owned(), list)]);
        assert_eq!(checkpoint.writes.len(), 1);
    }
}

#[test]
fn a_thread_is_deleted_copied_and_pruned() {
    let store = store();
    grown(&store, "t", 9);
    grown(&store, "u", 5);
    Put {
        ns: "child".into(),
        ..Put::new("t", "1")
    }
    .into(&store);
    store.copy_thread("t", "copy").unwrap();
    store.copy_thread("nobody", "nothing").unwrap();
    store.copy_thread("t", "t").unwrap();
    assert_eq!(store.threads().unwrap().len(), 3);
    let copied = store
        .list(&LangGraphList {
            checkpoint_ns: Some(""),
            ..list_of("copy")
        })
        .unwrap();
    assert_eq!(copied.len(), 9);
    assert_eq!(store.list(&list_of("copy")).unwrap().len(), 10);

    assert!(store.delete_thread("t").unwrap() && !store.delete_thread("t").unwrap());
    assert!(store.list(&list_of("t")).unwrap().is_empty());
    must_be_grown(&store, "u", &[1, 2, 3, 4, 5]);
    grown(&store, "t", 2);
    must_be_grown(&store, "t", &[1, 2]);

    store.prune(&["u", "nobody"]).unwrap();
    must_be_grown(&store, "u", &[5]);
    must_be_grown(&store, "t", &[1, 2]);
    must_be_grown(&LangGraphStore::new(store.archive()), "u", &[5]);
    assert!(store.archive().check(None).unwrap().problems.is_empty());
}

#[test]
fn the_checkpoints_of_runs_are_deleted_with_their_writes() {
    let store = store();
    grown(&store, "t", 6);
    store.delete_for_runs(&[]).unwrap();
    store.delete_for_runs(&["no run"]).unwrap();
    must_be_grown(&store, "t", &[1, 2, 3, 4, 5, 6]);
    store.delete_for_runs(&["run 1"]).unwrap();
    must_be_grown(&store, "t", &[2, 4, 6]);
    store.delete_for_runs(&["run 0"]).unwrap();
    assert!(store.threads().unwrap().is_empty());
    assert!(
        store
            .archive()
            .snapshot()
            .unwrap()
            .notes("session/")
            .unwrap()
            .is_empty()
    );
    grown(&store, "t", 1);
    must_be_grown(&store, "t", &[1]);
}

#[test]
fn of_a_channel_that_is_kept_by_what_was_added_the_beginning_stays() {
    let store = store();
    for number in 1..=6 {
        let value = (number == 3).then(|| packed("\"snapshot\""));
        Put {
            parent: (number > 1).then(|| (number - 1).to_string()),
            metadata: json!({"counters_since_delta_snapshot": {"log": [1, 2]}}),
            versions: BTreeMap::from([
                ("log".to_owned(), json!(number)),
                ("empty".to_owned(), json!(1)),
            ]),
            values: vec![("log".to_owned(), json!(number), value)],
            ..Put::new("t", &number.to_string())
        }
        .into(&store);
    }
    store.prune(&["t"]).unwrap();
    assert_eq!(
        ids(&store.list(&list_of("t")).unwrap()),
        ["6", "5", "4", "3"]
    );
}

#[test]
fn what_rests_on_an_erased_entry_is_an_error_and_never_something_else() {
    let store = store();
    grown(&store, "t", 3);
    let session = store
        .archive()
        .sessions()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .id;
    store.archive().log(session, session).erase(..1).unwrap();
    let error = store.get("t", "", None).unwrap_err();
    assert!(error.to_string().contains("erased"), "{error}");
    assert!(store.get("t", "", Some("01")).unwrap().is_none());
}

#[test]
fn what_cannot_be_is_refused() {
    let store = store();
    let checkpoint = packed("{}");
    let put = LangGraphPut {
        thread_id: "t",
        checkpoint_ns: "",
        checkpoint_id: "1",
        parent_id: None,
        checkpoint: &checkpoint,
        metadata: "{}",
        versions: "{}",
        values: &[],
    };
    let version = LangGraphChannel {
        channel: "a".into(),
        version: "x".into(),
        value: None,
    };
    for put in [
        LangGraphPut {
            metadata: "[]",
            ..put
        },
        LangGraphPut {
            metadata: "{\n}",
            ..put
        },
        LangGraphPut {
            versions: "7",
            ..put
        },
        LangGraphPut {
            values: &[version],
            ..put
        },
    ] {
        assert_eq!(store.put(&put).unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert!(store.threads().unwrap().is_empty());
}

#[test]
fn threads_put_at_once_and_nothing_is_lost() {
    let archive = Archive::in_memory().unwrap();
    thread::scope(|scope| {
        for number in 0..4 {
            let store = LangGraphStore::new(&archive);
            scope.spawn(move || {
                for round in 0..20 {
                    let task = format!("task {number} {round}");
                    store
                        .put_writes("t", "", "1", &[write(&task, "", 0, "1")])
                        .unwrap();
                    Put::new("t", &format!("{number}-{round:02}")).into(&store);
                }
            });
        }
    });
    let store = LangGraphStore::new(&archive);
    assert_eq!(store.list(&list_of("t")).unwrap().len(), 80);
    Put::new("t", "1").into(&store);
    assert_eq!(
        store.get("t", "", Some("1")).unwrap().unwrap().writes.len(),
        80
    );
}

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

#[derive(Default)]
struct Model {
    threads: BTreeMap<u8, Thread>,
    counter: u64,
}

impl Model {
    fn call(&mut self, stores: &[LangGraphStore; 2], call: &Call) {
        let name = |thread: &u8| format!("thread {thread}");
        match call {
            Call::Put(store, thread, id, parent, a, b) => {
                self.counter += 1;
                let number = self.counter;
                let known = self.threads.entry(*thread).or_default();
                let parent = parent.map(|parent| parent.to_string());
                let before = parent
                    .as_ref()
                    .and_then(|parent| known.checkpoints.get(parent));
                let mut versions = before.map(|before| before.2.clone()).unwrap_or_default();
                let mut put = Put {
                    parent: parent.clone(),
                    ..Put::new(&name(thread), &id.to_string())
                };
                for (channel, list) in [("a", a), ("b", b)] {
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
                put.versions = versions
                    .iter()
                    .map(|(channel, version)| (channel.clone(), json!(version)))
                    .collect();
                put.into(&stores[usize::from(*store)]);
                known
                    .checkpoints
                    .insert(id.to_string(), (parent, run, versions));
            }
            Call::Writes(store, thread, id, task, idx) => {
                self.counter += 1;
                let text = self.counter.to_string();
                let task = format!("task {task}");
                let writes = idx.iter().map(|idx| write(&task, "", *idx, &text));
                let writes: Vec<_> = writes.collect();
                stores[usize::from(*store)]
                    .put_writes(&name(thread), "", &id.to_string(), &writes)
                    .unwrap();
                if idx.is_empty() {
                    return;
                }
                let known = self.threads.entry(*thread).or_default();
                for idx in idx {
                    let key = (id.to_string(), task.clone(), *idx);
                    if *idx < 0 || !known.writes.contains_key(&key) {
                        known.writes.insert(key, text.clone());
                    }
                }
            }
            Call::Delete(thread) => {
                let was_there = self.threads.remove(thread).is_some();
                assert_eq!(stores[0].delete_thread(&name(thread)).unwrap(), was_there);
            }
            Call::Prune(thread) => {
                stores[1].prune(&[&name(thread)]).unwrap();
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
                stores[0].copy_thread(&name(from), &name(to)).unwrap();
                let Some(source) = self.threads.get(from).cloned().filter(|_| from != to) else {
                    return;
                };
                let known = self.threads.entry(*to).or_default();
                known.checkpoints.extend(source.checkpoints);
                known.values.extend(source.values);
                for (key, text) in source.writes {
                    if key.2 < 0 || !known.writes.contains_key(&key) {
                        known.writes.insert(key, text);
                    }
                }
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
