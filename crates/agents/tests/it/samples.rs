use std::fs;
use std::path::Path;

use sessiondb_agents::{Fold, Item, Probe, recognise};

/// The text of a sample of the project's own.
pub(crate) fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of a log beside the repository, if that is there.
pub(crate) fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    text
}

/// Folds a log line by line.
pub(crate) fn fold(path: &str, log: &str) -> Fold {
    let probe = Probe {
        path,
        head: log.as_bytes(),
    };
    let agent = recognise(&probe).unwrap_or_else(|| panic!("nobody wrote {path}"));
    let mut fold = Fold::new(agent, path);
    for line in log.lines() {
        fold.entry(line.as_bytes());
    }
    fold
}

/// What a reader sees of a log.
pub(crate) fn shown(path: &str, log: &str) -> Vec<Item> {
    let agent = fold(path, log).agent();
    let mut items = Vec::new();
    for (index, line) in log.lines().enumerate() {
        agent.items(line.as_bytes(), index as u64, &mut items);
    }
    agent.settle(&mut items);
    items.retain(|item| !item.hidden);
    items
}
