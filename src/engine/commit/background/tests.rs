//! What happens in the background while something else hangs or fails there.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use redb::StorageBackend;
use uuid::Uuid;

use crate::engine::create_in_memory;
use crate::engine::file::superblock::{MIN_JOURNAL_BYTES, Superblock};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::op::Op;
use crate::engine::open::handle::{Engine, EngineOptions};
use crate::error::StoreError;

/// Long enough for any machine; only a thread that hangs waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Storage on which writes to the tables wait while a gate is closed, and whose syncs are counted.
#[derive(Debug)]
struct Gated {
    bytes: Arc<dyn StorageBackend>,
    image_offset: u64,
    closed: Mutex<bool>,
    opened: Condvar,
    /// Writes that found the gate closed.
    waiting: AtomicU64,
    syncs: AtomicU64,
    panics: AtomicBool,
}

impl Gated {
    fn new() -> Arc<Self> {
        let superblock = Superblock::new(MIN_JOURNAL_BYTES);
        Arc::new(Self {
            bytes: create_in_memory(&superblock).unwrap(),
            image_offset: superblock.image_offset(),
            closed: Mutex::new(false),
            opened: Condvar::new(),
            waiting: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            panics: AtomicBool::new(false),
        })
    }

    fn set_closed(&self, closed: bool) {
        *self.closed.lock().unwrap() = closed;
        self.opened.notify_all();
    }
}

impl StorageBackend for Gated {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        assert!(
            !self.panics.load(Ordering::SeqCst),
            "a panic that this test asks for"
        );
        self.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset >= self.image_offset {
            let mut closed = self.closed.lock().unwrap();
            while *closed {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                closed = self.opened.wait(closed).unwrap();
            }
        }
        self.bytes.write(offset, data)
    }
}

const OPTIONS: EngineOptions = EngineOptions {
    read_only: false,
    shared: false,
    cache_bytes: 1 << 20,
    lock_timeout: Duration::from_secs(5),
    sync_interval: Duration::from_millis(20),
    background: true,
};

fn open(storage: &Arc<Gated>, options: EngineOptions) -> Engine {
    let storage = Arc::clone(storage);
    Engine::over(storage, Path::new("test.sessiondb"), options).unwrap()
}

fn append(engine: &Engine, synced: bool) -> Result<(), StoreError> {
    engine.write(synced, [entry()]).map(drop)
}

/// Five of them fill half of the journal.
fn entry() -> Op {
    let mut entries = Entries::default();
    entries.push(format!("\"{}\"", "x".repeat(1500)).as_bytes());
    Op::Append {
        log: LogId {
            session: Uuid::from_u128(1),
            segment: Uuid::from_u128(2),
            kind: LogKind::Entries,
        },
        expected: None,
        entries,
        origin: None,
        at_ms: 1,
    }
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A checkpoint can take longer than the interval within which what was written is to be synced.
#[test]
fn no_sync_waits_for_a_fold() {
    let storage = Gated::new();
    let engine = open(&storage, OPTIONS);
    storage.set_closed(true);
    for _ in 0..6 {
        append(&engine, false).unwrap();
    }
    wait_until("the checkpoint begins", || {
        storage.waiting.load(Ordering::SeqCst) > 0
    });
    let last = engine.write(false, [entry()]).unwrap();
    wait_until("a sync beside the checkpoint", || engine.is_synced(&last));
    storage.set_closed(false);
    engine.close().unwrap();
}

#[test]
fn a_panic_in_the_background_is_said_by_the_next_write() {
    let storage = Gated::new();
    let engine = open(&storage, OPTIONS);
    storage.panics.store(true, Ordering::SeqCst);
    append(&engine, false).unwrap();
    // Without further writes: one that has to make room would panic in redb itself, in other words.
    wait_until("writes are refused", || engine.committer.healthy().is_err());
    let err = append(&engine, false).unwrap_err();
    assert!(matches!(&err, StoreError::Poisoned { .. }), "{err:?}");
    assert!(err.to_string().contains("asks for"), "{err}");
    storage.panics.store(false, Ordering::SeqCst);
    assert!(engine.close().is_err(), "what was written was never synced");
}

#[test]
fn members_of_a_group_that_fails_get_the_same_error() {
    let storage = Gated::new();
    let engine = open(&storage, OPTIONS);
    engine
        .committer
        .poison_because("a test asks for it".to_owned());
    let poisoned = engine.committer.write_group(vec![vec![entry()]; 3]);
    assert_eq!(poisoned.len(), 3);
    for result in poisoned {
        let err = result.unwrap_err();
        assert!(matches!(&err, StoreError::Poisoned { .. }), "{err:?}");
    }

    let storage = Gated::new();
    let engine = open(&storage, OPTIONS);
    storage.panics.store(true, Ordering::SeqCst);
    for result in engine.committer.write_group(vec![vec![entry()]; 3]) {
        let err = result.unwrap_err();
        assert!(matches!(&err, StoreError::OutcomeUnknown { .. }), "{err:?}");
        assert!(err.to_string().contains("asks for"), "{err}");
    }
}

#[test]
fn durations_without_an_end_are_no_overflow() {
    let options = EngineOptions {
        lock_timeout: Duration::MAX,
        sync_interval: Duration::MAX,
        ..OPTIONS
    };
    let storage = Gated::new();
    let engine = open(&storage, options);
    for _ in 0..12 {
        append(&engine, false).unwrap();
    }
    engine.sync().unwrap();
    engine.checkpoint().unwrap();
    assert!(
        engine
            .committer
            .compact_in_place(&mut |_, _| {})
            .unwrap()
            .not_erased
            .is_none()
    );
    engine.close().unwrap();
}
