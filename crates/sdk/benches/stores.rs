//! How long the calls of the stores take: `cargo bench -p sessiondb-sdk --bench stores -- [FOLDER]`. The archive lies in
//! the folder that is given, else in that for temporary files.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a measurement ends with the first error"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rmpv::Value;
use serde_json::json;
use sessiondb::{Archive, Durability};
use sessiondb_sdk::{
    ClaudeKey, ClaudeStore, LangGraphChannel, LangGraphList, LangGraphPut, LangGraphStore,
    LangGraphWrite, OpenAiSession, Typed,
};

const SESSIONS: usize = 1_000;
const ENTRIES: usize = 100;
const BATCH: usize = 10;
const CHECKPOINTS: usize = 1_000;

fn main() {
    // Cargo says what it is run as.
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let folder = folder
        .map_or_else(tempfile::tempdir, tempfile::tempdir_in)
        .unwrap();
    claude(&folder.path().join("claude"));
    openai(&folder.path().join("openai"));
    langgraph(&folder.path().join("langgraph"));
}

fn open(path: &Path, durability: Durability) -> Archive {
    Archive::options()
        .durability(durability)
        .open(path)
        .unwrap()
}

fn took<T>(what: &str, times: usize, call: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = call();
    let all = start.elapsed();
    let one = all / u32::try_from(times).unwrap();
    let each = if times == 1 {
        String::new()
    } else {
        format!("  {} each of {times}", shown(one))
    };
    println!("{what:<64} {:>10}{each}", shown(all));
    result
}

fn shown(time: Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    if us < 10_000.0 {
        format!("{us:.1} us")
    } else {
        format!("{:.1} ms", us / 1e3)
    }
}

fn size(what: &str, path: &Path) {
    println!(
        "{what:<64} {:>7} KiB",
        fs::metadata(path).unwrap().len() >> 10
    );
}

/// Text that is compressed as text is.
fn words(seed: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let words = [
        "mill", "stone", "grain", "water", "wheel", "flour", "sack", "the", "is", "worn",
    ];
    let words = (0..60).map(|_| format!("{}{}", random.choice(words).unwrap(), random.u8(0..40)));
    words.collect::<Vec<_>>().join(" ")
}

fn transcript(session: usize, entry: usize) -> String {
    let uuid = format!("{session:08x}-0000-4000-8000-{entry:012x}");
    json!({"type": "user", "uuid": uuid, "timestamp": "2026-02-03T10:00:00.000Z", "cwd": "/src/mill",
        "message": {"role": "user", "content": words(session * 1_000 + entry)}})
    .to_string()
}

/// About what the SDK keeps of a session.
fn summary() -> String {
    let data = json!({"is_sidechain": false, "created_at": 1_770_112_800_000_i64, "cwd": "/src/mill",
        "first_prompt": "Are the stones worn?", "first_prompt_locked": true, "git_branch": "main"});
    data.to_string()
}

fn claude(path: &Path) {
    println!("Claude: {SESSIONS} sessions of {ENTRIES} entries");
    let archive = open(path, Durability::Written);
    let store = ClaudeStore::new(&archive);
    let name = |session: usize| format!("{session:08}");
    let given: Vec<Vec<String>> = (0..SESSIONS)
        .map(|session| {
            (0..ENTRIES)
                .map(|entry| transcript(session, entry))
                .collect()
        })
        .collect();
    took(
        "append of 10 entries, Written",
        SESSIONS * ENTRIES / BATCH,
        || {
            for from in (0..ENTRIES).step_by(BATCH) {
                for (session, entries) in given.iter().enumerate() {
                    append_to(&store, session, &entries[from..from + BATCH]);
                }
            }
        },
    );
    took("the same again, of which nothing is new", SESSIONS, || {
        for (session, entries) in given.iter().enumerate() {
            assert_eq!(append_to(&store, session, &entries[..BATCH]), 0);
        }
    });
    archive.checkpoint().unwrap();
    took("list_sessions", 1, || {
        assert_eq!(store.list_sessions("-src-mill").unwrap().len(), SESSIONS);
    });
    took("list_summaries", 1, || {
        assert_eq!(store.list_summaries("-src-mill").unwrap().len(), SESSIONS);
    });
    took("list_sessions of another project", 1, || {
        store.list_sessions("-src").unwrap()
    });
    took("load of 100 entries", SESSIONS, || {
        for session in 0..SESSIONS {
            let key = name(session);
            let loaded = store.load(&ClaudeKey::main("-src-mill", &key)).unwrap();
            assert_eq!(loaded.map(|entries| entries.len()), Some(ENTRIES));
        }
    });
    drop(store);
    claude_long(&archive);
    drop(archive);
    claude_synced(path);
    size("the archive", path);
}

fn append_to(store: &ClaudeStore, session: usize, entries: &[String]) -> usize {
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let name = format!("{session:08}");
    let key = ClaudeKey::main("-src-mill", &name);
    store
        .append(&key, &entries, |_| Ok(Some(summary())))
        .unwrap()
}

/// One long session, by a store that knows it and by one that does not.
fn claude_long(archive: &Archive) {
    let (store, fresh) = (ClaudeStore::new(archive), ClaudeStore::new(archive));
    let long: Vec<String> = (0..100_000)
        .map(|entry| transcript(SESSIONS, entry))
        .collect();
    took("one append of 100,000 entries", 1, || {
        append_to(&store, SESSIONS, &long)
    });
    took("append of 1 entry to 100,000, Written", 1_000, || {
        for entry in 0..1_000 {
            append_to(&store, SESSIONS, &[transcript(SESSIONS + 1, entry)]);
        }
    });
    took("the first append to it of a process", 1, || {
        append_to(&fresh, SESSIONS, &long[..1])
    });
    took("load of 101,000 entries", 1, || {
        let key = format!("{SESSIONS:08}");
        store
            .load(&ClaudeKey::main("-src-mill", &key))
            .unwrap()
            .unwrap()
            .len()
    });
}

fn claude_synced(path: &Path) {
    let store = ClaudeStore::new(&open(path, Durability::Synced));
    took("append of 1 entry, Synced", 500, || {
        for entry in 0..500 {
            append_to(&store, SESSIONS + 2, &[transcript(SESSIONS + 2, entry)]);
        }
    });
}

fn openai(path: &Path) {
    println!("OpenAI: one conversation of 100,000 items");
    let archive = open(path, Durability::Written);
    let session = OpenAiSession::new(&archive, "conversation");
    let item = |number: usize| json!({"role": "user", "content": words(number)}).to_string();
    let items: Vec<String> = (0..100_000).map(item).collect();
    took("add of 2 items, Written", 50_000, || {
        for items in items.chunks(2) {
            session.add(&[&items[0], &items[1]]).unwrap();
        }
    });
    took("the last 50 items", 1_000, || {
        (0..1_000).for_each(|_| drop(session.items(Some(50)).unwrap()));
    });
    took("pop, Written", 1_000, || {
        (0..1_000).for_each(|_| drop(session.pop().unwrap()));
    });
    took("all items", 1, || session.items(None).unwrap().len());
    drop((session, archive));
    size("the archive", path);
}

/// A message as LangGraph's serializer has it.
fn message(number: usize) -> Value {
    let text = |text: &str| Value::from(text);
    let fields = vec![
        (text("content"), Value::from(words(number))),
        (text("additional_kwargs"), Value::Map(Vec::new())),
        (text("type"), text("human")),
        (text("id"), Value::from(format!("{number:032x}"))),
    ];
    let object = Value::Array(vec![
        text("langchain_core.messages.human"),
        text("HumanMessage"),
        Value::Map(fields),
        text("model_validate_json"),
    ]);
    Value::Ext(5, packed(&object).bytes)
}

fn packed(value: &Value) -> Typed {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).unwrap();
    Typed {
        kind: "msgpack".to_owned(),
        bytes,
    }
}

fn langgraph(path: &Path) {
    println!("LangGraph: {CHECKPOINTS} checkpoints, each with one message more");
    let archive = open(path, Durability::Written);
    let store = LangGraphStore::new(&archive);
    let mut given = 0;
    let mut messages = Vec::new();
    let mut putting = Duration::ZERO;
    for number in 0..CHECKPOINTS {
        messages.push(message(number));
        let list = packed(&Value::Array(messages.clone()));
        given += list.bytes.len();
        let start = Instant::now();
        put(&store, number, list);
        putting += start.elapsed();
    }
    println!(
        "{:<64} {:>7} KiB",
        "the lists as they were given",
        given >> 10
    );
    let each = putting / u32::try_from(CHECKPOINTS).unwrap();
    println!(
        "{:<64} {:>10}  {} each",
        "put with put_writes, Written",
        shown(putting),
        shown(each)
    );
    archive.checkpoint().unwrap();
    took("get of the latest", 100, || {
        (0..100).for_each(|_| drop(store.get("thread", "", None).unwrap()));
    });
    took("get of one in the middle", 100, || {
        (0..100)
            .for_each(|_| assert!(store.get("thread", "", Some("00000500")).unwrap().is_some()));
    });
    let fresh = LangGraphStore::new(&archive);
    took("the first get of a process", 1, || {
        assert!(fresh.get("thread", "", None).unwrap().is_some());
    });
    let ten = LangGraphList {
        thread_id: Some("thread"),
        limit: Some(10),
        ..LangGraphList::default()
    };
    took("list of the latest 10", 10, || {
        (0..10).for_each(|_| drop(store.list(&ten).unwrap()));
    });
    took("copy_thread", 1, || {
        store.copy_thread("thread", "copy").unwrap();
    });
    took("prune", 1, || store.prune(&["copy"]).unwrap());
    drop((store, fresh, archive));
    size("the archive", path);
}

fn put(store: &LangGraphStore, number: usize, list: Typed) {
    let id = format!("{number:08}");
    let before = number.checked_sub(1).map(|before| format!("{before:08}"));
    let checkpoint = Value::Map(vec![
        ("v".into(), 4.into()),
        ("id".into(), id.clone().into()),
    ]);
    let value = LangGraphChannel {
        channel: "messages".to_owned(),
        version: number.to_string(),
        value: Some(list),
    };
    store
        .put(&LangGraphPut {
            thread_id: "thread",
            checkpoint_ns: "",
            checkpoint_id: &id,
            parent_id: before.as_deref(),
            checkpoint: &packed(&checkpoint),
            metadata: r#"{"source":"loop","step":1}"#,
            versions: &json!({"messages": number}).to_string(),
            values: &[value],
        })
        .unwrap();
    let write = LangGraphWrite {
        task_id: format!("{number:032x}"),
        task_path: String::new(),
        idx: 0,
        channel: "messages".to_owned(),
        value: packed(&message(number + 1)),
    };
    store.put_writes("thread", "", &id, &[write]).unwrap();
}
