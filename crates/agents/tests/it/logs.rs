//! Logs for tests, and what is asked of them.

use std::fmt::Write;

pub(crate) use crate::samples::{sample, shared};
use serde_json::Value;
use sessiondb_agents::{Agent, By, Document, Fold, Item, Probe, by_name, recognise};

pub(crate) fn agent(name: &str) -> &'static dyn Agent {
    by_name(name).unwrap()
}

/// Who wrote it, which is to be told by its content even where its path tells nothing.
pub(crate) fn author(path: &str, log: &str) -> &'static dyn Agent {
    let probe = Probe {
        path: "",
        head: log.as_bytes(),
    };
    let agent = recognise(&probe).unwrap_or_else(|| panic!("nobody wrote {path}"));
    assert_eq!(agent.recognise(&probe), Some(By::Content), "{path}");
    agent
}

/// Folds a log of lines.
pub(crate) fn fold_lines(path: &str, log: &str) -> Fold {
    fold_entries(author(path, log), path, None, &lines(log))
}

/// Folds a document.
pub(crate) fn fold_document(path: &str, agent: &'static dyn Agent, document: &Document) -> Fold {
    let entries: Vec<&str> = document.entries.iter().map(String::as_str).collect();
    fold_entries(agent, path, Some(&document.header), &entries)
}

/// Folds entries, writing and reading what is known after each, which changes nothing.
pub(crate) fn fold_entries(
    agent: &'static dyn Agent,
    path: &str,
    header: Option<&str>,
    entries: &[&str],
) -> Fold {
    let mut whole = Fold::new(agent, path);
    let mut parts = Fold::new(agent, path);
    if let Some(header) = header {
        whole.header(header);
        parts.header(header);
    }
    for entry in entries {
        whole.entry(entry.as_bytes());
        parts = serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
        parts.entry(entry.as_bytes());
    }
    assert_eq!(whole.summary(), parts.summary());
    assert_eq!(whole.identity(), parts.identity());
    whole
}

pub(crate) fn lines(log: &str) -> Vec<&str> {
    log.lines().collect()
}

/// Compares a summary with one that was written down.
#[track_caller]
pub(crate) fn expect(fold: &Fold, expected: &Value) {
    let summary = serde_json::to_value(fold.summary()).unwrap();
    let shown = serde_json::to_string_pretty(&summary).unwrap();
    assert_eq!(&summary, expected, "{shown}");
}

/// The items of entries, settled.
pub(crate) fn items<S: AsRef<str>>(agent: &dyn Agent, entries: &[S]) -> Vec<Item> {
    let mut items = Vec::new();
    for (index, entry) in (0..).zip(entries) {
        agent.items(entry.as_ref().as_bytes(), index, &mut items);
    }
    agent.settle(&mut items);
    items
}

/// What a reader sees, a line an item.
pub(crate) fn shown(items: &[Item]) -> Vec<String> {
    let shown = items.iter().filter(|item| !item.hidden);
    shown.map(line).collect()
}

fn line(item: &Item) -> String {
    let value = serde_json::to_value(item).unwrap();
    let mut line = value["kind"].as_str().unwrap().to_owned();
    for key in [
        "name",
        "id",
        "input",
        "text",
        "summary",
        "title",
        "media_type",
        "bytes",
        "url",
        "is_error",
    ] {
        let own = if value["kind"] != "subagent" && key == "id" {
            &Value::Null
        } else {
            &value[key]
        };
        match own {
            Value::Null | Value::Bool(false) => {}
            Value::Bool(true) => line.push_str(" failed"),
            Value::String(text) => write!(line, " {text}").unwrap(),
            other => write!(line, " {other}").unwrap(),
        }
    }
    line
}

/// Takes a document apart and joins it again, into equal JSON.
#[track_caller]
pub(crate) fn there_and_back(agent: &dyn Agent, document: &str) -> Document {
    let parts = agent.split(document).unwrap();
    let joined = agent.join(&parts).unwrap();
    let value = |text: &str| serde_json::from_str::<Value>(text).ok();
    assert_eq!(value(&joined), value(document));
    for entry in &parts.entries {
        assert!(!entry.contains('\n'));
    }
    assert_eq!(agent.split(&joined).unwrap(), parts);
    parts
}
