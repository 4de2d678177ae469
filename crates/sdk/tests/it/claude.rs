//! The contracts that the Claude Agent SDK holds every store to, and what this one promises beyond them.

use serde_json::{Value, json};
use sessiondb::archive::SessionQuery;
use sessiondb::{Archive, ErrorKind};
use sessiondb_sdk::{ClaudeKey, ClaudeStore, SdkError};

pub(crate) const KEY: ClaudeKey<'_> = ClaudeKey {
    project_key: "proj",
    session_id: "sess",
    subpath: None,
};

pub(crate) fn sub<'a>(key: ClaudeKey<'a>, subpath: &'a str) -> ClaudeKey<'a> {
    ClaudeKey {
        subpath: Some(subpath),
        ..key
    }
}

fn store() -> ClaudeStore {
    ClaudeStore::new(&Archive::in_memory().unwrap())
}

/// Counts entries and keeps the last title, as a fold of the SDK does.
pub(crate) fn fold(data: Option<&str>, entries: &[&str]) -> String {
    let mut data: Value = serde_json::from_str(data.unwrap_or("{}")).unwrap();
    for entry in entries {
        let entry: Value = serde_json::from_str(entry).unwrap();
        data["count"] = json!(data["count"].as_u64().unwrap_or(0) + 1);
        if let Some(title) = entry.get("customTitle") {
            data["title"] = title.clone();
        }
    }
    data.to_string()
}

pub(crate) fn append(
    store: &ClaudeStore,
    key: &ClaudeKey<'_>,
    entries: &[&str],
) -> Result<usize, SdkError> {
    store.append(key, entries, |append| {
        let before = append.unfolded()?;
        let before = before.iter().map(sessiondb::Entry::as_str);
        let new = append.new_entries().iter().map(|at| entries[*at]);
        let all: Vec<&str> = before.chain(new).collect();
        Ok(Some(fold(append.data(), &all)))
    })
}

fn put(store: &ClaudeStore, key: ClaudeKey<'_>, entries: &[&str]) -> usize {
    append(store, &key, entries).unwrap()
}

pub(crate) fn load(store: &ClaudeStore, key: ClaudeKey<'_>) -> Option<Vec<String>> {
    let entries = store.load(&key).unwrap()?;
    Some(
        entries
            .iter()
            .map(|entry| entry.as_str().to_owned())
            .collect(),
    )
}

fn ids(store: &ClaudeStore, project: &str) -> Vec<String> {
    let listed = store.list_sessions(project).unwrap();
    assert!(
        listed
            .iter()
            .all(|session| session.mtime_ms > 1_000_000_000_000)
    );
    let mut ids: Vec<String> = listed
        .into_iter()
        .map(|session| session.session_id)
        .collect();
    ids.sort_unstable();
    ids
}

fn owned(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

const A: &str = r#"{"type":"x","uuid":"a","n":1}"#;
const B: &str = r#"{"type":"x","uuid":"b","n":2}"#;
const C: &str = r#"{"type":"x","uuid":"c","n":3}"#;
const N: &str = r#"{"type":"x","n":1}"#;

#[test]
fn contract_1_what_was_appended_is_loaded_in_its_order() {
    let store = store();
    put(&store, KEY, &[B, A]);
    assert_eq!(load(&store, KEY), Some(owned(&[B, A])));
}

#[test]
fn contract_2_what_was_never_written_is_none() {
    let store = store();
    assert_eq!(load(&store, ClaudeKey::main("proj", "nope")), None);
    put(&store, KEY, &[A]);
    assert_eq!(load(&store, sub(KEY, "nope")), None);
}

#[test]
fn contract_3_calls_keep_their_order() {
    let store = store();
    put(&store, KEY, &[C]);
    put(&store, KEY, &[A, N]);
    put(&store, KEY, &[B]);
    assert_eq!(load(&store, KEY), Some(owned(&[C, A, N, B])));
}

#[test]
fn contract_4_an_append_of_nothing_does_nothing() {
    let store = store();
    put(&store, KEY, &[]);
    assert_eq!(load(&store, KEY), None);
    put(&store, KEY, &[A]);
    let version = store.archive().version().unwrap();
    put(&store, KEY, &[]);
    put(&store, KEY, &[A]);
    assert_eq!(load(&store, KEY), Some(owned(&[A])));
    assert_eq!(
        store.archive().version().unwrap(),
        version,
        "nothing is written"
    );
}

#[test]
fn contract_5_subpaths_have_logs_of_their_own() {
    let store = store();
    put(&store, KEY, &[A]);
    put(&store, sub(KEY, "subagents/agent-1"), &[A, B]);
    assert_eq!(load(&store, KEY), Some(owned(&[A])));
    assert_eq!(
        load(&store, sub(KEY, "subagents/agent-1")),
        Some(owned(&[A, B]))
    );
}

#[test]
fn contract_6_projects_are_apart() {
    let store = store();
    put(&store, ClaudeKey::main("A", "s1"), &[A]);
    put(&store, ClaudeKey::main("B", "s1"), &[B]);
    assert_eq!(load(&store, ClaudeKey::main("A", "s1")), Some(owned(&[A])));
    assert_eq!(load(&store, ClaudeKey::main("B", "s1")), Some(owned(&[B])));
    assert_eq!(
        (ids(&store, "A"), ids(&store, "B")),
        (vec!["s1".into()], vec!["s1".into()])
    );
}

#[test]
fn contracts_7_and_8_sessions_are_listed_by_project_and_subpaths_are_none() {
    let store = store();
    put(&store, ClaudeKey::main("proj", "a"), &[N]);
    put(&store, ClaudeKey::main("proj", "b"), &[N]);
    put(&store, ClaudeKey::main("other", "c"), &[N]);
    put(
        &store,
        sub(ClaudeKey::main("proj", "a"), "subagents/agent-1"),
        &[N],
    );
    put(
        &store,
        sub(ClaudeKey::main("proj", "only"), "subagents/agent-1"),
        &[N],
    );
    assert_eq!(ids(&store, "proj"), ["a", "b"]);
    assert!(ids(&store, "never").is_empty());
}

#[test]
fn contract_9_a_deleted_log_is_none() {
    let store = store();
    assert!(!store.delete(&ClaudeKey::main("proj", "never")).unwrap());
    put(&store, KEY, &[N]);
    assert!(store.delete(&KEY).unwrap());
    assert_eq!(load(&store, KEY), None);
    // Written anew, it knows nothing of before.
    assert_eq!(put(&store, KEY, &[A, N]), 2);
    assert!(store.delete(&KEY).unwrap());
    assert_eq!(put(&store, KEY, &[A]), 1);
    assert_eq!(load(&store, KEY), Some(owned(&[A])));
    assert_eq!(
        store.list_summaries("proj").unwrap()[0].data,
        r#"{"count":1}"#
    );
}

#[test]
fn contract_10_a_session_is_deleted_with_its_subpaths() {
    let store = store();
    let (one, two) = (sub(KEY, "subagents/agent-1"), sub(KEY, "subagents/agent-2"));
    let other = ClaudeKey::main("proj", "sess2");
    let elsewhere = ClaudeKey::main("other-proj", "sess");
    for key in [KEY, one, two, other, elsewhere] {
        put(&store, key, &[N]);
    }
    assert!(store.delete(&KEY).unwrap());
    for key in [KEY, one, two] {
        assert_eq!(load(&store, key), None);
    }
    assert!(load(&store, other).is_some() && load(&store, elsewhere).is_some());
    assert!(store.list_subkeys("proj", "sess").unwrap().is_empty());
    assert_eq!(ids(&store, "proj"), ["sess2"]);
    let left = store
        .archive()
        .snapshot()
        .unwrap()
        .notes("session/")
        .unwrap();
    assert_eq!(left.len(), 6, "three notes a session: {left:?}");
}

#[test]
fn contract_11_a_subpath_is_deleted_alone() {
    let store = store();
    let (one, two) = (sub(KEY, "subagents/agent-1"), sub(KEY, "subagents/agent-2"));
    for key in [KEY, one, two] {
        put(&store, key, &[A]);
    }
    assert!(store.delete(&one).unwrap());
    assert!(!store.delete(&one).unwrap());
    assert_eq!(load(&store, one), None);
    assert!(load(&store, two).is_some() && load(&store, KEY).is_some());
    assert_eq!(
        store.list_subkeys("proj", "sess").unwrap(),
        ["subagents/agent-2"]
    );
    assert_eq!(put(&store, one, &[A]), 1);
}

#[test]
fn with_its_last_log_a_session_is_gone() {
    let store = store();
    let only = sub(KEY, "subagents/agent-1");
    put(&store, only, &[A]);
    assert!(store.delete(&only).unwrap());
    let now = store.archive().snapshot().unwrap();
    assert_eq!(now.notes("session/").unwrap(), [""; 0]);
    assert_eq!(now.sessions().count(), 0);
}

#[test]
fn contracts_12_and_13_subpaths_are_listed_and_the_main_log_is_none() {
    let store = store();
    put(&store, KEY, &[N]);
    assert!(store.list_subkeys("proj", "sess").unwrap().is_empty());
    put(&store, sub(KEY, "subagents/agent-2"), &[N]);
    put(&store, sub(KEY, "subagents/agent-1"), &[N]);
    put(
        &store,
        sub(ClaudeKey::main("proj", "other"), "subagents/agent-x"),
        &[N],
    );
    let expected = ["subagents/agent-1", "subagents/agent-2"];
    assert_eq!(store.list_subkeys("proj", "sess").unwrap(), expected);
    assert!(store.list_subkeys("proj", "never").unwrap().is_empty());
}

#[test]
fn contract_14_summaries_are_kept_as_they_were_folded() {
    let store = store();
    let key = ClaudeKey::main("proj", "summ");
    put(&store, key, &[r#"{"type":"x","customTitle":"first"}"#, N]);
    put(&store, key, &[r#"{"type":"x","customTitle":"second"}"#]);
    put(&store, ClaudeKey::main("other", "elsewhere"), &[N]);
    let summaries = store.list_summaries("proj").unwrap();
    assert_eq!(summaries.len(), 1);
    assert_eq!(summaries[0].data, r#"{"count":3,"title":"second"}"#);
    let listed = store.list_sessions("proj").unwrap();
    assert_eq!(summaries[0].mtime_ms, listed[0].mtime_ms);
    put(
        &store,
        sub(key, "subagents/agent-1"),
        &[r#"{"type":"x","customTitle":"subagent"}"#],
    );
    let after = store.list_summaries("proj").unwrap();
    assert_eq!(after[0].data, summaries[0].data);
    assert!(store.list_summaries("never").unwrap().is_empty());
    assert!(store.delete(&key).unwrap());
    assert!(store.list_summaries("proj").unwrap().is_empty());
}

#[test]
fn entries_are_known_by_their_uuid_however_they_came_in() {
    let store = store();
    assert_eq!(put(&store, KEY, &[A, A, N, N]), 3);
    assert_eq!(put(&store, KEY, &[A, N]), 1);
    // Another store knows nothing yet, and reads.
    let other = ClaudeStore::new(store.archive());
    assert_eq!(put(&other, KEY, &[A, B]), 1);
    // What the other one wrote is read on from where this one was.
    assert_eq!(put(&store, KEY, &[B, C, A]), 1);
    assert_eq!(load(&store, KEY), Some(owned(&[A, N, N, N, B, C])));
    assert_eq!(
        store.list_summaries("proj").unwrap()[0].data,
        r#"{"count":6}"#
    );
}

#[test]
fn a_log_that_something_else_changed_is_read_anew_and_its_summary_left_out() {
    let store = store();
    put(&store, KEY, &[A, B]);
    let session = store.archive().sessions().unwrap().next().unwrap().unwrap();
    let log = store.archive().log(session.id, session.id);
    log.append(&json!({"type": "x", "uuid": "c"})).unwrap();
    assert!(store.list_summaries("proj").unwrap().is_empty());
    assert_eq!(put(&store, KEY, &[C, N]), 1);
    assert_eq!(
        store.list_summaries("proj").unwrap()[0].data,
        r#"{"count":4}"#
    );
    log.truncate(1).unwrap();
    assert!(store.list_summaries("proj").unwrap().is_empty());
    log.append_many([json!({"type": "x", "uuid": "d"}), json!({}), json!({})])
        .unwrap();
    // As long as before, with other entries: `b` is gone and `d` has come.
    assert_eq!(put(&store, KEY, &[B, r#"{"type":"x","uuid":"d"}"#]), 1);
    log.truncate(0).unwrap();
    assert_eq!(load(&store, KEY), Some(owned(&[])));
    assert_eq!(put(&store, KEY, &[A]), 1);
    assert_eq!(
        store.list_summaries("proj").unwrap()[0].data,
        r#"{"count":1}"#
    );
}

#[test]
fn who_began_before_another_wrote_begins_anew() {
    let store = store();
    put(&store, KEY, &[A]);
    let begun = || store.begin(&KEY, &[B]).unwrap();
    let (first, second) = (begun(), begun());
    assert!(store.commit(first, None).unwrap());
    assert!(!store.commit(second, None).unwrap());
    assert_eq!(begun().new_entries(), [0_usize; 0]);

    // Also where the log was deleted and is as long as before.
    let begun = store.begin(&KEY, &[C]).unwrap();
    store.delete(&KEY).unwrap();
    put(&store, KEY, &[C, N]);
    assert!(!store.commit(begun, None).unwrap());
    assert_eq!(load(&store, KEY), Some(owned(&[C, N])));
    let begun = store.begin(&sub(KEY, "late"), &[A]).unwrap();
    store.delete(&KEY).unwrap();
    assert!(
        !store.commit(begun, None).unwrap(),
        "no log without its session's note"
    );
}

#[test]
fn without_data_there_is_no_summary_until_the_next() {
    let store = store();
    store.append(&KEY, &[A, B], |_| Ok(None)).unwrap();
    assert!(store.list_summaries("proj").unwrap().is_empty());
    assert_eq!(ids(&store, "proj"), ["sess"]);
    put(&store, KEY, &[C]);
    assert_eq!(
        store.list_summaries("proj").unwrap()[0].data,
        r#"{"count":3}"#
    );
}

#[test]
fn what_cannot_be_is_refused_and_nothing_written() {
    let store = store();
    let invalid =
        |done: Result<usize, SdkError>| assert_eq!(done.unwrap_err().kind(), ErrorKind::Invalid);
    invalid(append(&store, &sub(KEY, ""), &[A]));
    invalid(append(&store, &KEY, &[A, "7"]));
    invalid(append(&store, &KEY, &["{\n}"]));
    for data in ["[]", "", "{", "7"] {
        invalid(store.append(&KEY, &[A], |_| Ok(Some(data.to_owned()))));
    }
    assert_eq!(load(&store, KEY), None);
    assert_eq!(
        store.load(&sub(KEY, "")).unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

#[test]
fn strings_of_any_kind_name_a_session() {
    let store = store();
    let names = [
        "",
        "/",
        "a/b",
        "../x",
        "\u{0}",
        "ü\u{10ffff}",
        "a b\n",
        &"x".repeat(9000),
    ];
    for project in names {
        for session in names {
            put(&store, ClaudeKey::main(project, session), &[A]);
        }
    }
    for project in names {
        let mut sorted: Vec<&str> = names.to_vec();
        sorted.sort_unstable();
        assert_eq!(ids(&store, project), sorted);
    }
    let path = sub(KEY, "a\"\\\u{0}ü");
    put(&store, path, &[A]);
    assert_eq!(
        store.list_subkeys("proj", "sess").unwrap(),
        [path.subpath.unwrap()]
    );
}

#[test]
fn another_name_under_the_same_id_is_an_error() {
    let store = store();
    put(&store, KEY, &[A]);
    let session = store
        .archive()
        .sessions()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .id;
    let key = format!("session/{session}/sdk");
    let other = json!({"protocol": "claude", "scope": "proj", "id": "twin"});
    store.archive().write_note(&key, &other).unwrap();
    let error = append(&store, &KEY, &[B]).unwrap_err();
    assert!(matches!(error, SdkError::Collision { .. }), "{error}");
    assert!(error.to_string().contains("\"twin\""), "{error}");
    assert!(store.load(&KEY).is_err() && store.delete(&KEY).is_err());
    store
        .archive()
        .write_note(&key, &json!({"of": "a newer version"}))
        .unwrap();
    assert_eq!(
        store.load(&KEY).unwrap_err().kind(),
        ErrorKind::Incompatible
    );
}

#[test]
fn sessions_in_the_trash_and_hidden_ones_are_not_listed() {
    let store = store();
    put(&store, KEY, &[A]);
    let session = store
        .archive()
        .sessions()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .id;
    store.archive().trash_session(session).unwrap();
    assert!(ids(&store, "proj").is_empty() && store.list_summaries("proj").unwrap().is_empty());
    assert!(load(&store, KEY).is_some());
    store.archive().restore_session(session).unwrap();
    store.archive().hide_session(session).unwrap();
    assert!(ids(&store, "proj").is_empty());
    let query = SessionQuery::new();
    assert!(
        store
            .archive()
            .query_sessions(&query)
            .unwrap()
            .sessions
            .is_empty()
    );
    store.archive().unhide_session(session).unwrap();
    assert_eq!(ids(&store, "proj"), ["sess"]);
}

#[test]
fn a_session_goes_into_another_archive_with_all_that_is_known_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store();
    put(&store, KEY, &[A, B]);
    put(&store, sub(KEY, "subagents/agent-1"), &[C]);
    let copy = folder.path().join("copy.sessiondb");
    store.archive().backup(&copy, None).unwrap();
    let copy = ClaudeStore::new(&Archive::open(&copy).unwrap());
    assert_eq!(
        copy.list_summaries("proj").unwrap(),
        store.list_summaries("proj").unwrap()
    );
    assert_eq!(
        copy.list_subkeys("proj", "sess").unwrap(),
        ["subagents/agent-1"]
    );
    assert_eq!(put(&copy, KEY, &[A, C]), 1);
    assert_eq!(load(&copy, KEY), Some(owned(&[A, B, C])));
}
