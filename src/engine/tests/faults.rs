//! Tests of the engine over storage that fails, and over a lock that somebody else holds.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::StorageBackend;
use uuid::Uuid;

use crate::engine::file::ArchiveFile;
use crate::engine::file::process::Signature;
use crate::engine::file::shared_page::SharedPage;
use crate::engine::file::superblock::{DEFAULT_JOURNAL_BYTES, MIN_JOURNAL_BYTES, Superblock};
use crate::engine::layers::Layers;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::op::Op;
use crate::engine::open::create::Creation;
use crate::engine::open::handle::{Engine, EngineOptions, tables_options};
use crate::engine::open::view::View;
use crate::engine::tables::{Checkpointed, Tables};
use crate::error::StoreError;

/// Storage in memory whose calls fail from a given one on, as a full or broken disk's do.
#[derive(Debug)]
pub(super) struct Failing {
    bytes: Arc<Mutex<Vec<u8>>>,
    calls: AtomicU64,
    fail_from: u64,
    kind: io::ErrorKind,
    /// Reads go on working, as they do on a full disk.
    reads_work: bool,
    /// The length that it does not get beyond, whatever else works.
    most_bytes: usize,
}

impl Failing {
    pub(super) fn over(bytes: &Arc<Mutex<Vec<u8>>>, fail_from: u64, kind: io::ErrorKind) -> Self {
        let reads_work = kind == io::ErrorKind::StorageFull;
        Self {
            bytes: Arc::clone(bytes),
            calls: AtomicU64::new(0),
            fail_from,
            kind,
            reads_work,
            most_bytes: usize::MAX,
        }
    }

    /// A disk that has room for so many bytes, and on which all that is there can be overwritten.
    fn full_at(bytes: &Arc<Mutex<Vec<u8>>>, most_bytes: usize) -> Self {
        Self {
            most_bytes,
            ..Self::over(bytes, u64::MAX, io::ErrorKind::StorageFull)
        }
    }

    fn must_fit(&self, len: u64) -> io::Result<()> {
        if len > self.most_bytes as u64 {
            return Err(self.kind.into());
        }
        Ok(())
    }

    fn call(&self, is_read: bool) -> io::Result<()> {
        if is_read && self.reads_work {
            return Ok(());
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if call >= self.fail_from {
            Err(self.kind.into())
        } else {
            Ok(())
        }
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        self.call(true)?;
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.call(true)?;
        let bytes = self.bytes.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let source = bytes.get(start..start + out.len());
        out.copy_from_slice(source.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(false)?;
        self.must_fit(len)?;
        self.bytes
            .lock()
            .unwrap()
            .resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.call(false)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.call(false)?;
        self.must_fit(offset + data.len() as u64)?;
        let start = usize::try_from(offset).unwrap();
        let mut bytes = self.bytes.lock().unwrap();
        bytes[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

pub(super) const OPTIONS: EngineOptions = EngineOptions {
    read_only: false,
    shared: false,
    cache_bytes: 1 << 20,
    lock_timeout: Duration::ZERO,
    sync_interval: Duration::from_secs(60),
    background: true,
};

pub(super) fn open(storage: Failing) -> Result<Engine, StoreError> {
    open_with(storage, OPTIONS)
}

fn open_with(storage: Failing, options: EngineOptions) -> Result<Engine, StoreError> {
    let superblock = Superblock::read(&storage, Path::new("test.sessiondb"))?;
    let file = ArchiveFile::on(Arc::new(storage), "test.sessiondb", &superblock);
    let tables = Tables::open(file.image(), tables_options(options, &superblock));
    let tables = tables.map_err(|fault| fault.at(file.path()))?;
    Engine::new(file, tables, &superblock, options)
}

/// A new archive, whose journal takes two of the entries below in each half, and its bytes.
pub(super) fn created() -> Arc<Mutex<Vec<u8>>> {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let storage = Failing::over(&bytes, u64::MAX, io::ErrorKind::Other);
    let superblock = Superblock::new(MIN_JOURNAL_BYTES);
    superblock.write(&storage).unwrap();
    let file = ArchiveFile::on(Arc::new(storage), "test.sessiondb", &superblock);
    let checkpointed = Checkpointed::none(&superblock);
    Tables::create(
        file.image(),
        tables_options(OPTIONS, &superblock),
        checkpointed,
    )
    .ok()
    .unwrap()
    .close()
    .ok()
    .unwrap();
    bytes
}

pub(super) const LOG: LogId = LogId {
    session: Uuid::from_u128(1),
    segment: Uuid::from_u128(2),
    kind: LogKind::Entries,
};

fn append(number: u64) -> Op {
    append_with(number, &"x".repeat(3_000))
}

/// An append of the number with a text behind it.
fn append_with(number: u64, text: &str) -> Op {
    let mut entries = Entries::default();
    entries.push(format!("\"{number}{text}\"").as_bytes());
    Op::Append {
        log: LOG,
        expected: None,
        entries,
        origin: None,
        at_ms: 1,
    }
}

pub(super) fn stored(engine: &Engine) -> Vec<String> {
    let layers = engine.committer.layers().unwrap();
    let len = layers
        .log_size(&LOG)
        .ok()
        .unwrap()
        .map_or(0, |size| size.entries);
    let entry = |index| {
        let part = layers.part_holding(&LOG, index, &(0..len)).ok().unwrap();
        String::from_utf8(part.entry(index).unwrap().bytes().to_vec()).unwrap()
    };
    (0..len).map(entry).collect()
}

/// Lets each call fail once, from which on all do, for want of room or otherwise, until `survives` says that
/// its changes ended before.
pub(super) fn each_call_fails(survives: impl Fn(u64, io::ErrorKind) -> bool) {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        let reached = (0..2_000)
            .take_while(|fail_from| !survives(*fail_from, kind))
            .count();
        assert!(
            (20..2_000).contains(&reached),
            "{kind}: {reached} calls failed"
        );
    }
}

/// Every call of every append fails once, from then on: no panic, what was acknowledged is there
/// after opening again, in order and without a hole, and the handle refuses to go on.
#[test]
fn a_failing_disk_loses_nothing_that_was_acknowledged() {
    each_call_fails(survives);
}

/// Appends over a disk that fails from one call on, and opens what is left of it. Returns whether
/// the appends ended before the disk failed.
fn survives(fail_from: u64, kind: io::ErrorKind) -> bool {
    let bytes = created();
    let Ok(engine) = open(Failing::over(&bytes, fail_from, kind)) else {
        return false;
    };
    let mut acknowledged = 0;
    let failed = loop {
        match engine.write(true, &[append(acknowledged)]) {
            Ok(_) => acknowledged += 1,
            Err(err) => break err,
        }
        if acknowledged == 12 {
            return true;
        }
    };
    let says = failed.to_string();
    // That an epoch before it could not be checkpointed leaves nothing of it in doubt.
    let undone = matches!(&failed, StoreError::Io(err) if err.kind() == io::ErrorKind::StorageFull);
    assert!(
        undone
            || matches!(
                failed,
                StoreError::OutcomeUnknown { .. } | StoreError::Poisoned { .. }
            ),
        "call {fail_from}: {failed:?}"
    );
    assert!(says.contains("test.sessiondb"), "{says}");
    let refused = engine.write(true, &[append(99)]);
    match &refused {
        Err(StoreError::Poisoned { .. }) => {}
        // The disk is as full as before.
        Err(_) if undone => {}
        _ => panic!("{refused:?}"),
    }
    drop(engine);

    let again = open(Failing::over(&bytes, u64::MAX, kind)).unwrap();
    let found = stored(&again);
    let len = found.len() as u64;
    assert!(
        len == acknowledged || (!undone && len == acknowledged + 1),
        "call {fail_from}: {len} entries after {acknowledged} acknowledged"
    );
    for (entry, number) in found.iter().zip(0_u64..) {
        assert!(
            entry.starts_with(&format!("\"{number}x")),
            "call {fail_from}"
        );
    }
    again.write(true, &[append(len)]).unwrap();
    false
}

/// What somebody reads goes on to be read where a checkpoint finds no room, for which redb gives the image up.
#[test]
fn what_is_being_read_outlives_a_checkpoint_that_finds_no_room() {
    // With nothing in a cache, so that each read asks redb for its pages.
    let options = EngineOptions {
        cache_bytes: 0,
        ..OPTIONS
    };
    let (mut failed, mut reads) = (0, 0);
    for more in (0..400_000).step_by(20_000) {
        let bytes = created();
        let most_bytes = bytes.lock().unwrap().len() + more;
        let engine = open_with(Failing::full_at(&bytes, most_bytes), options).unwrap();
        let engine = Arc::new(engine);
        let checkpointed = |view: &View| view.read(|layers| Ok(layers.tables().checkpointed()));
        let mut views = Vec::new();
        for len in 0..400 {
            views.push((len, engine.view().unwrap()));
            if engine.write(true, &[noise(len)]).is_err() {
                failed += 1;
                break;
            }
        }
        let now = checkpointed(&engine.view().unwrap()).unwrap();
        // What was checkpointed since may have taken the place of what an earlier view shows.
        views.retain(|(_, view)| checkpointed(view).unwrap() == now);
        for (len, view) in views {
            for index in 0..len {
                let read = |layers: &Layers| layers.part_holding(&LOG, index, &(index..index + 1));
                let part = view.read(read);
                let part = match part {
                    Ok(part) => part,
                    // The thread has found room after all, and checkpointed what was waiting.
                    Err(_) if checkpointed(&engine.view().unwrap()).unwrap() != now => break,
                    Err(err) => panic!("{more} bytes, entry {index}: {err}"),
                };
                let entry = part.entry(index).unwrap();
                assert!(entry.bytes().starts_with(format!("\"{index}x").as_bytes()));
                reads += 1;
            }
        }
    }
    assert!(
        failed > 10 && reads > 100,
        "{failed} found no room, {reads} reads"
    );
}

/// An append of what does not compress.
fn noise(number: u64) -> Op {
    let mut rng = fastrand::Rng::with_seed(number);
    let noise: String = std::iter::repeat_with(|| rng.alphanumeric())
        .take(3_000)
        .collect();
    append_with(number, &format!("x{noise}"))
}

/// Another process that is stopped while it holds the writer lock: the others get an error with
/// its id after the timeout, and go on once it has released the lock.
#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "only Linux tells whether the process that signed is alive"
)]
fn a_lock_that_is_not_released_is_an_error_that_names_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("held.sessiondb");
    let lock_timeout = Duration::from_millis(40);
    let options = EngineOptions {
        shared: true,
        lock_timeout,
        ..OPTIONS
    };
    let engine = crate::engine::open(
        &path,
        Creation::Always(Superblock::new(DEFAULT_JOURNAL_BYTES)),
        options,
    )
    .unwrap();
    // A file description of its own is to the lock what another process is.
    let (peer, _) = ArchiveFile::open(&path, false, true, Duration::ZERO).unwrap();
    let held = peer.lock_writer().unwrap();
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let pid = other.id();
    let signature = Signature::of(pid).unwrap();
    SharedPage::set_holder(peer.storage(), signature).unwrap();
    let busy = engine.write(true, &[append(0)]).unwrap_err();
    assert!(
        matches!(&busy, StoreError::Busy { holder, waited, .. }
            if *holder == Some(pid) && *waited >= Duration::from_millis(40)),
        "{busy:?}"
    );
    assert!(
        busy.to_string().contains(&format!("process {pid}")),
        "{busy}"
    );
    let opened = Engine::open(&path, options).unwrap_err();
    assert!(matches!(opened, StoreError::Busy { .. }), "{opened:?}");
    // Nor one that has ended, since nobody can end it.
    other.kill().unwrap();
    other.wait().unwrap();
    let busy = engine.write(true, &[append(0)]).unwrap_err();
    assert!(
        matches!(busy, StoreError::Busy { holder: None, .. }),
        "{busy:?}"
    );
    // It never takes itself for the one that it waits for.
    SharedPage::set_holder(peer.storage(), Signature::of_this_process()).unwrap();
    let busy = engine.write(true, &[append(0)]).unwrap_err();
    assert!(
        matches!(busy, StoreError::Busy { holder: None, .. }),
        "{busy:?}"
    );
    assert_eq!(stored(&engine).len(), 0);
    drop(held);
    engine.write(true, &[append(0)]).unwrap();
    assert_eq!(stored(&engine).len(), 1);
}
