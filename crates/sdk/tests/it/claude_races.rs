//! Several threads, several processes, processes that are killed, and a disk that stops at each step.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use sessiondb::Archive;
use sessiondb_sdk::{ClaudeKey, ClaudeStore};

use crate::claude::{KEY, append, fold, load, sub};
use crate::disk::Disk;

/// By which a process of these tests knows that it is a child, and in which archive it is to write.
const CHILD: &str = "SESSIONDB_SDK_CHILD";

fn entry(id: &str) -> String {
    json!({"type": "x", "uuid": id, "text": "word ".repeat(20)}).to_string()
}

/// Each entry once, and a summary of just these.
fn must_be_whole(store: &ClaudeStore) -> BTreeSet<String> {
    let entries = load(store, KEY).unwrap();
    let of = |entry: &String| {
        let entry: Value = serde_json::from_str(entry).unwrap();
        entry["uuid"].as_str().unwrap().to_owned()
    };
    let ids: BTreeSet<String> = entries.iter().map(of).collect();
    assert_eq!(ids.len(), entries.len(), "each is there once");
    let all: Vec<&str> = entries.iter().map(String::as_str).collect();
    let summaries = store.list_summaries("proj").unwrap();
    assert_eq!(summaries.len(), 1);
    assert_eq!(summaries[0].data, fold(None, &all));
    ids
}

#[test]
fn threads_append_each_entry_once() {
    let archive = Archive::in_memory().unwrap();
    let store = ClaudeStore::new(&archive);
    thread::scope(|scope| {
        for number in 0..6 {
            // Every other thread has a store of its own, with a memory of its own.
            let store = if number % 2 == 0 {
                store.clone()
            } else {
                ClaudeStore::new(&archive)
            };
            scope.spawn(move || {
                for round in 0..40 {
                    // Two threads each send the same entries.
                    let entry = entry(&format!("{}-{round}", number / 2));
                    append(&store, &KEY, &[&entry]).unwrap();
                    let own = sub(KEY, ["x", "y", "z"][number / 2]);
                    append(&store, &own, &[&entry]).unwrap();
                }
            });
        }
    });
    assert_eq!(must_be_whole(&store).len(), 120);
    for subpath in ["x", "y", "z"] {
        assert_eq!(load(&store, sub(KEY, subpath)).unwrap().len(), 40);
    }
    assert!(archive.check(None).unwrap().problems.is_empty());
}

fn child(archive: &Path, name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "claude_races::appends_in_a_process_of_its_own",
            "--nocapture",
            "--ignored",
        ])
        .env(CHILD, archive)
        .env("SESSIONDB_SDK_NAME", name)
        .stdout(Stdio::piped());
    command
}

/// What a child does: without one it is ignored.
#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn appends_in_a_process_of_its_own() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let name = std::env::var("SESSIONDB_SDK_NAME").unwrap();
    let store = ClaudeStore::new(&Archive::open(path).unwrap());
    for round in 0..30 {
        let (own, common) = (
            entry(&format!("{name}-{round}")),
            entry(&format!("common-{round}")),
        );
        append(&store, &KEY, &[&own, &common]).unwrap();
        println!("appended {round}");
    }
}

#[test]
fn processes_append_each_entry_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sessiondb");
    let store = ClaudeStore::new(&Archive::open(&path).unwrap());
    let children = ["one", "two"].map(|name| child(&path, name).spawn().unwrap());
    for round in 0..30 {
        append(&store, &KEY, &[&entry(&format!("common-{round}"))]).unwrap();
    }
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    assert_eq!(must_be_whole(&store).len(), 90);
}

#[test]
fn a_process_that_is_killed_leaves_entries_and_their_summary() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sessiondb");
    for rounds in [1, 2, 5, 9] {
        let mut child = child(&path, &format!("killed-{rounds}")).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let told = output
            .lines()
            .map(Result::unwrap)
            .filter(|line| line.contains("appended"));
        assert_eq!(told.take(rounds).count(), rounds);
        child.kill().unwrap();
        child.wait().unwrap();
        let store = ClaudeStore::new(&Archive::open(&path).unwrap());
        let ids = must_be_whole(&store);
        for round in 0..rounds {
            assert!(
                ids.contains(&format!("killed-{rounds}-{round}")),
                "what was acknowledged is there"
            );
        }
        let now = store.archive().sessions().unwrap().count();
        assert_eq!(now, 1);
    }
}

/// What a reader sees of the logs, the summaries and the subpaths.
type State = (
    Option<Vec<String>>,
    Option<Vec<String>>,
    Vec<String>,
    Vec<String>,
);

fn state(store: &ClaudeStore) -> State {
    let summaries = store
        .list_summaries("proj")
        .unwrap()
        .into_iter()
        .map(|summary| summary.data);
    (
        load(store, KEY),
        load(store, sub(KEY, "s")),
        summaries.collect(),
        store.list_subkeys("proj", "sess").unwrap(),
    )
}

/// Whatever of the writes has reached the disk when a process ends: a call took effect as a whole or not at all.
#[test]
fn a_call_that_is_cut_off_at_any_write_leaves_all_or_nothing() {
    let disk = Disk::with_archive();
    let start = disk.content();
    let archive = disk.open();
    let store = ClaudeStore::new(&archive);
    let mut states = vec![state(&store)];
    let mut acknowledged = vec![0];
    let calls: [(ClaudeKey<'_>, &[&str]); 9] = [
        (KEY, &["a", "b"]),
        (KEY, &["c"]),
        (sub(KEY, "s"), &["a"]),
        (KEY, &["c", "d", "e"]),
        (sub(KEY, "s"), &["b", "c"]),
        (sub(KEY, "s"), &[]),
        (KEY, &["f"]),
        (KEY, &[]),
        (KEY, &["a"]),
    ];
    for (key, ids) in calls {
        if ids.is_empty() {
            store.delete(&key).unwrap();
        } else {
            let entries: Vec<String> = ids.iter().map(|id| entry(&id.repeat(40))).collect();
            let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
            append(&store, &key, &entries).unwrap();
        }
        sessiondb::testing::run_background(&archive);
        states.push(state(&store));
        acknowledged.push(disk.now());
    }
    drop((store, archive));
    let mut looked = 0;
    disk.states(start, |changes, disk| {
        let now = state(&ClaudeStore::new(&disk.open()));
        // Of the calls that had returned, and the one that was under way.
        let returned = acknowledged.iter().filter(|at| **at <= changes).count() - 1;
        let under_way = states.get(returned + 1);
        let allowed = now == states[returned] || Some(&now) == under_way;
        assert!(
            allowed,
            "after {changes} changes, {returned} calls had returned: {now:?}"
        );
        looked += 1;
    });
    assert!(looked > 20, "{looked}");
}
