//! What LangGraph asks of a checkpoint saver.

use std::collections::BTreeMap;
use std::thread;

use serde_json::{Value, json};
use sessiondb::{Archive, ErrorKind};
use sessiondb_sdk::{
    LangGraphChannel, LangGraphCheckpoint, LangGraphList, LangGraphPut, LangGraphStore,
    LangGraphWrite, Typed,
};

fn store() -> LangGraphStore {
    LangGraphStore::new(&Archive::in_memory().unwrap())
}

pub(crate) fn packed(text: &str) -> Typed {
    Typed {
        kind: "json".to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

/// A list of messages as MessagePack: so many of them, with long texts.
pub(crate) fn messages(numbers: &[u8]) -> Typed {
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
pub(crate) struct Put {
    pub(crate) thread: String,
    pub(crate) ns: String,
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) metadata: Value,
    pub(crate) versions: BTreeMap<String, Value>,
    pub(crate) values: Vec<(String, Value, Option<Typed>)>,
}

impl Put {
    pub(crate) fn new(thread: &str, id: &str) -> Self {
        Self {
            thread: thread.to_owned(),
            id: id.to_owned(),
            metadata: json!({}),
            ..Self::default()
        }
    }

    pub(crate) fn into(self, store: &LangGraphStore) {
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

pub(crate) fn write(task: &str, path: &str, idx: i64, text: &str) -> LangGraphWrite {
    LangGraphWrite {
        task_id: task.to_owned(),
        task_path: path.to_owned(),
        idx,
        channel: "ch".to_owned(),
        value: packed(text),
    }
}

pub(crate) fn ids(listed: &[LangGraphCheckpoint]) -> Vec<&str> {
    listed
        .iter()
        .map(|checkpoint| checkpoint.checkpoint_id.as_str())
        .collect()
}

pub(crate) fn list_of(thread: &str) -> LangGraphList<'_> {
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

/// Checkpoints with metadata, in two namespaces of a thread, and one of another thread.
fn listed_store() -> LangGraphStore {
    let store = store();
    let all = [
        ("1", "input", json!(1)),
        ("2", "loop", json!(1.0)),
        ("3", "input", json!(2)),
    ];
    for (id, source, step) in all {
        let metadata = json!({"source": source, "step": step, "x": null});
        Put {
            metadata,
            ..Put::new("t", id)
        }
        .into(&store);
    }
    Put::new("u", "0").into(&store);
    let child = Put {
        ns: "child".into(),
        ..Put::new("t", "4")
    };
    child.into(&store);
    store
}

fn listed(store: &LangGraphStore, list: &LangGraphList<'_>) -> String {
    ids(&store.list(list).unwrap()).join(" ")
}

#[test]
fn the_highest_id_is_first_in_a_list() {
    let store = listed_store();
    let all = LangGraphList::default();
    let root = LangGraphList {
        checkpoint_ns: Some(""),
        ..list_of("t")
    };
    let before = LangGraphList {
        before: Some("3"),
        ..root
    };
    for (list, expected) in [
        (all, "4 3 2 1 0"),
        (
            LangGraphList {
                limit: Some(2),
                ..all
            },
            "4 3",
        ),
        (list_of("t"), "4 3 2 1"),
        (list_of("nobody"), ""),
        (root, "3 2 1"),
        (before, "2 1"),
        (
            LangGraphList {
                limit: Some(1),
                ..before
            },
            "2",
        ),
        (
            LangGraphList {
                limit: Some(0),
                ..root
            },
            "",
        ),
        (
            LangGraphList {
                checkpoint_id: Some("2"),
                ..root
            },
            "2",
        ),
    ] {
        assert_eq!(listed(&store, &list), expected, "{list:?}");
    }
    assert_eq!(store.threads().unwrap().len(), 2);
}

#[test]
fn lists_are_filtered_by_metadata() {
    let store = listed_store();
    let root = LangGraphList {
        checkpoint_ns: Some(""),
        ..list_of("t")
    };
    for (filter, expected) in [
        (r#"{"source":"input"}"#, "3 1"),
        (r#"{"step":1}"#, "2 1"),
        (r#"{"source":"input","step":2}"#, "3"),
        (r#"{"x":null,"y":null}"#, "3 2 1"),
        (r#"{"source":"update"}"#, ""),
    ] {
        let list = LangGraphList {
            filter: Some(filter),
            ..root
        };
        assert_eq!(listed(&store, &list), expected, "{filter}");
    }
    let error = store
        .list(&LangGraphList {
            filter: Some("[]"),
            ..root
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
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
