//! A file that several engines have open, and one log in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use uuid::Uuid;

use crate::engine::Layers;
use crate::engine::file::superblock::{MIN_JOURNAL_BYTES, Superblock};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::op::Op;
use crate::engine::open::create;
use crate::engine::open::handle::{Engine, EngineOptions};

pub(super) const LOG: LogId = LogId {
    session: Uuid::from_u128(1),
    segment: Uuid::from_u128(2),
    kind: LogKind::Entries,
};

/// A file whose journal holds two halves of 8 KiB.
pub(super) struct Shared {
    pub(super) folder: TempDir,
}

impl Shared {
    pub(super) fn new() -> Self {
        let this = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        create::create(&this.path(), &Superblock::new(MIN_JOURNAL_BYTES)).unwrap();
        this
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("paths.sessiondb")
    }

    pub(super) fn open(&self) -> Arc<Engine> {
        open(&self.path())
    }
}

pub(super) fn open(path: &Path) -> Arc<Engine> {
    let options = EngineOptions {
        read_only: false,
        shared: true,
        cache_bytes: 1 << 20,
        lock_timeout: Duration::from_secs(20),
        sync_interval: Duration::from_millis(50),
        background: true,
    };
    Arc::new(Engine::open(path, options).unwrap())
}

pub(super) fn append_at(expected: Option<u64>, list: &[String]) -> Op {
    let mut entries = Entries::default();
    for entry in list {
        entries.push(entry.as_bytes());
    }
    Op::Append {
        log: LOG,
        expected,
        entries,
        origin: None,
        at_ms: 1,
    }
}

pub(super) fn append(list: &[String]) -> Op {
    append_at(None, list)
}

pub(super) fn texts(numbers: std::ops::Range<usize>, len: usize) -> Vec<String> {
    numbers
        .map(|number| format!("\"{number}{}\"", "x".repeat(len)))
        .collect()
}

pub(super) fn stored(engine: &Arc<Engine>) -> Vec<String> {
    let view = engine.view().unwrap();
    let len = view
        .read(|layers| layers.log_size(&LOG))
        .unwrap()
        .map_or(0, |size| size.entries);
    let entry = |index| {
        let read = |layers: &Layers| layers.part_holding(&LOG, index, &(index..index + 1));
        let part = view.read(read).unwrap();
        String::from_utf8(part.entry(index).unwrap().bytes().to_vec()).unwrap()
    };
    (0..len).map(entry).collect()
}

pub(super) fn put(engine: &Arc<Engine>, list: &[String]) {
    engine.write(false, &[append(list)]).unwrap();
}
