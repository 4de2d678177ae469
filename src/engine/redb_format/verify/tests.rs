//! What is called damaged, and what only looks like it.

/// Which commit is shown.
mod commits;
/// Damaged pages.
mod damage;
/// What other processes do meanwhile.
mod others;

use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::engine::file::superblock::{MIN_JOURNAL_BYTES, Superblock};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::op::Op;
use crate::engine::open::create::Creation;
use crate::engine::open::handle::{Engine, EngineOptions};
use crate::engine::redb_format::page::{self, TableRow, Widths};
use crate::engine::redb_format::verify::tree::roots_of;
use crate::engine::tests::memory::Memory;
use crate::error::StoreError;

const OPTIONS: EngineOptions = EngineOptions {
    read_only: false,
    shared: false,
    cache_bytes: 1 << 20,
    lock_timeout: Duration::ZERO,
    sync_interval: Duration::from_secs(60),
    background: false,
};

const LOG: LogId = LogId {
    session: Uuid::from_u128(1),
    segment: Uuid::from_u128(2),
    kind: LogKind::Entries,
};

fn append(engine: &Engine, text: &str) -> Result<(), StoreError> {
    append_to(engine, LOG, text)
}

fn open(bytes: &[u8], read_only: bool) -> (Memory, Result<Engine, StoreError>) {
    let storage = Memory(Arc::new(Mutex::new(bytes.to_vec())));
    let options = EngineOptions {
        read_only,
        ..OPTIONS
    };
    let engine = Engine::over(Arc::new(storage.clone()), Path::new("a.sessiondb"), options);
    (storage, engine)
}

fn entries(engine: Engine) -> Result<u64, StoreError> {
    let size = Arc::new(engine)
        .view()?
        .read(|layers| layers.log_size(&LOG))?;
    Ok(size.map_or(0, |size| size.entries))
}

/// The bytes of an archive that was closed after each of two appends, and where its image begins.
fn closed_twice() -> (Vec<u8>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sessiondb");
    crate::engine::open::create::create(&path, &Superblock::new(MIN_JOURNAL_BYTES)).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for text in ["one", "two"] {
        let (storage, engine) = open(&bytes, false);
        let engine = engine.unwrap();
        append(&engine, text).unwrap();
        engine.close().unwrap();
        bytes = storage.0.lock().unwrap().clone();
    }
    let image = usize::try_from(Superblock::new(MIN_JOURNAL_BYTES).image_offset()).unwrap();
    (bytes, image)
}

const FLAGS: usize = 9;
const SECOND_IS_PRIMARY: u8 = 1;
const RECOVERY_REQUIRED: u8 = 2;
const PRIMARY_UNFLUSHED: u8 = 8;

/// Where in the file the root of a table is, which is a leaf here.
fn root_of(bytes: &[u8], image: usize, table: &str) -> std::ops::Range<usize> {
    let range = |root: page::Root| {
        let range = Geometry::OF_NEW_IMAGES.range(root.link.page).unwrap();
        let within = |offset: u64| image + usize::try_from(offset).unwrap();
        within(range.start)..within(range.end)
    };
    let header = Header::parse(&bytes[image..]).unwrap();
    let tables = &bytes[range(header.published().tables.unwrap())];
    let Ok(Node::Leaf(leaf)) = Node::parse(tables, Widths::OF_TABLES) else {
        panic!("the tree of tables has a branch")
    };
    let mut rows = leaf.rows();
    let (_, row) = rows.find(|(name, _)| *name == table.as_bytes()).unwrap();
    range(TableRow::parse(row).unwrap().root.unwrap())
}

/// The bytes of a closed archive whose tables have branches, and where its image begins.
fn with_branches(logs: u128) -> (Vec<u8>, usize) {
    let (bytes, image) = closed_twice();
    let (storage, engine) = open(&bytes, false);
    let engine = engine.unwrap();
    for number in 0..logs {
        append_to(&engine, log_numbered(number), "first").unwrap();
    }
    engine.close().unwrap();
    let bytes = storage.0.lock().unwrap().clone();
    (bytes, image)
}

fn log_numbered(number: u128) -> LogId {
    LogId {
        segment: Uuid::from_u128(1_000 + number),
        ..LOG
    }
}

fn append_to(engine: &Engine, log: LogId, text: &str) -> Result<(), StoreError> {
    let mut entries = Entries::default();
    entries.push(format!("\"{text}\"").as_bytes());
    let append = Op::Append {
        log,
        expected: None,
        entries,
        origin: None,
        at_ms: 1,
    };
    engine.write(true, [append]).map(drop)
}

/// Where in the file the live leaf of a table is that has the key, and where in it the key.
fn leaf_with(bytes: &[u8], image: usize, table: &str, key: &[u8]) -> (usize, usize) {
    let widths = Widths {
        key: Some(key.len()),
        value: None,
    };
    let mut pages = vec![root_of(bytes, image, table)];
    while let Some(page) = pages.pop() {
        match Node::parse(&bytes[page.clone()], widths).unwrap() {
            Node::Branch(branch) => pages.extend(branch.links().map(|link| {
                let range = Geometry::OF_NEW_IMAGES.range(link.page).unwrap();
                image + usize::try_from(range.start).unwrap()
                    ..image + usize::try_from(range.end).unwrap()
            })),
            Node::Leaf(leaf) if leaf.rows().any(|(found, _)| found == key) => {
                let within = bytes[page.clone()]
                    .windows(key.len())
                    .position(|part| part == key);
                return (page.start, page.start + within.unwrap());
            }
            Node::Leaf(_) => {}
        }
    }
    panic!("no leaf of {table} has the key")
}

fn head_key(log: &LogId) -> Vec<u8> {
    [*log.session.as_bytes(), *log.segment.as_bytes()].concat()
}
