//! Threads that are deleted, copied, pruned, and of which entries were erased.

use std::collections::BTreeMap;

use serde_json::json;
use sessiondb::Archive;
use sessiondb_sdk::{LangGraphList, LangGraphStore};

use crate::langgraph::{Put, ids, list_of, messages, packed, write};

fn store() -> LangGraphStore {
    LangGraphStore::new(&Archive::in_memory().unwrap())
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
