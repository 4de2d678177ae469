//! The engine: one open archive file in this process. Everything above speaks to it in ops and
//! views; nothing here knows what an entry means.

mod base;
mod fault;
#[cfg(test)]
mod faults;
mod file;
mod op;
mod registry;
mod row;
mod run;
mod superblock;
mod view;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

pub(crate) use self::base::BaseView;
pub(crate) use self::fault::{Fault, Outcome};
pub(crate) use self::op::{Entries, LogId, LogKind, Op, OriginRecord};
pub(crate) use self::registry::open;
pub(crate) use self::row::{Extent, Head, SessionRow};
pub(crate) use self::run::{EntrySlice, Run};
pub(crate) use self::superblock::FORMAT_VERSION;
pub(crate) use self::view::View;

use self::base::{ApplyError, Base, BaseOptions};
use self::file::ArchiveFile;
use self::superblock::Superblock;
use self::view::guarded;
use crate::store::StoreError;

/// How a file is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineOptions {
    pub(crate) read_only: bool,
    pub(crate) shared: bool,
    pub(crate) cache_bytes: usize,
    pub(crate) lock_timeout: Duration,
}

/// One open archive file in this process.
pub(crate) struct Engine {
    // Declared, and so dropped, before the file whose locks it holds.
    base: Option<Base>,
    file: ArchiveFile,
    path: Arc<Path>,
    archive_id: Uuid,
    read_only: bool,
    /// Orders the writers of this process, and holds why none may write any more.
    poisoned: Mutex<Option<String>>,
}

impl Engine {
    /// Opens the archive at `path`.
    fn open(path: &Path, options: EngineOptions) -> Result<Self, StoreError> {
        let EngineOptions {
            read_only,
            shared,
            lock_timeout,
            ..
        } = options;
        let (file, superblock) = ArchiveFile::open(path, read_only, shared, lock_timeout)?;
        let start = Instant::now();
        let base = loop {
            // redb waits for a peer's write transaction without end; this lock has a deadline.
            let writer = if read_only {
                None
            } else {
                Some(file.lock_writer()?)
            };
            let opened = guarded(|| Base::open(file.image(), base_options(options)));
            drop(writer);
            match opened {
                Err(fault) if read_only && fault.needs_recovery() => recover(path, options)?,
                Err(fault) if fault.is_lock_timeout() => {
                    if start.elapsed() >= lock_timeout {
                        return Err(file.busy(start.elapsed()));
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                opened => break opened.map_err(|fault| fault.at(path))?,
            }
        };
        Ok(Self::new(file, base, superblock, read_only))
    }

    /// A new archive in memory.
    pub(crate) fn in_memory(cache_bytes: usize) -> Result<Self, StoreError> {
        let superblock = Superblock::new();
        let file = ArchiveFile::in_memory(&superblock)?;
        let options = BaseOptions {
            cache_bytes,
            shared: false,
            read_only: false,
        };
        let base = Base::create(file.image(), options).map_err(|fault| fault.at(file.path()))?;
        Ok(Self::new(file, base, superblock, false))
    }

    fn new(file: ArchiveFile, base: Base, superblock: Superblock, read_only: bool) -> Self {
        Self {
            base: Some(base),
            path: file.path().into(),
            file,
            archive_id: superblock.archive_id,
            read_only,
            poisoned: Mutex::new(None),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn archive_id(&self) -> Uuid {
        self.archive_id
    }

    pub(crate) fn file_bytes(&self) -> Result<u64, StoreError> {
        Ok(self
            .file
            .len()
            .map_err(|err| fault::named(&self.path, &err))?)
    }

    /// The state as of now.
    pub(crate) fn view(&self) -> Result<View, StoreError> {
        let start = Instant::now();
        match guarded(|| self.base()?.view()) {
            Ok(base) => Ok(View::new(base, Arc::clone(&self.path))),
            Err(fault) if fault.is_lock_timeout() => Err(self.file.busy(start.elapsed())),
            Err(fault) => Err(fault.at(&self.path)),
        }
    }

    /// Makes the changes that `decide` asks for, all or none, as one step: between the state
    /// that it is shown and the changes no other writer comes in. Returns what it returned and
    /// what each op leaves (see [`Op`]).
    pub(crate) fn commit<R>(
        &self,
        decide: impl FnOnce(&View) -> Result<(Vec<Op>, R), StoreError>,
    ) -> Result<(R, Vec<u64>), StoreError> {
        let mut poisoned = self.writers()?;
        let _writer = self.file.lock_writer()?;
        let (ops, decided) = decide(&self.view()?)?;
        let lengths = self.apply(&ops, &mut poisoned)?;
        Ok((decided, lengths))
    }

    /// Makes changes that need no look at the state before.
    pub(crate) fn write(&self, ops: &[Op]) -> Result<Vec<u64>, StoreError> {
        let mut poisoned = self.writers()?;
        let _writer = self.file.lock_writer()?;
        self.apply(ops, &mut poisoned)
    }

    fn writers(&self) -> Result<MutexGuard<'_, Option<String>>, StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly {
                path: self.path.to_path_buf(),
                reason: "it cannot be written to through this handle".to_owned(),
            });
        }
        // A panic while writing is turned into a fault, which poisons the engine by itself.
        let poisoned = self.poisoned.lock().unwrap_or_else(PoisonError::into_inner);
        match &*poisoned {
            Some(cause) => Err(StoreError::Poisoned {
                path: self.path.to_path_buf(),
                cause: cause.clone(),
            }),
            None => Ok(poisoned),
        }
    }

    fn apply(&self, ops: &[Op], poisoned: &mut Option<String>) -> Result<Vec<u64>, StoreError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let start = Instant::now();
        let applied = guarded(|| Ok(self.base()?.apply(ops)));
        let unknown = match applied {
            Ok(Ok(lengths)) => return Ok(lengths),
            Ok(Err(ApplyError::Refused(Fault::Store(err)))) => return Err(err),
            Ok(Err(ApplyError::Refused(fault))) if fault.is_lock_timeout() => {
                return Err(self.file.busy(start.elapsed()));
            }
            Ok(Err(ApplyError::Refused(fault) | ApplyError::Unknown(fault))) | Err(fault) => fault,
        };
        let err = unknown.at(&self.path);
        *poisoned = Some(err.to_string());
        Err(match err {
            StoreError::Io(source) => StoreError::OutcomeUnknown {
                path: self.path.to_path_buf(),
                source,
            },
            err => err,
        })
    }

    fn base(&self) -> Outcome<&Base> {
        self.base
            .as_ref()
            .ok_or_else(|| Fault::damaged("archive", "it has been closed"))
    }

    /// Closes the file and reports what fails; dropping it does the same in silence.
    pub(crate) fn close(mut self) -> Result<(), StoreError> {
        let Some(base) = self.base.take() else {
            return Ok(());
        };
        guarded(|| base.close()).map_err(|fault| fault.at(&self.path))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(base) = self.base.take() {
            // redb writes as it closes, and on damaged pages that may panic like a read.
            let _ = guarded(|| base.close());
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Brings a file in order whose last writer did not close it, which only a writer can.
fn recover(path: &Path, options: EngineOptions) -> Result<(), StoreError> {
    let writable = EngineOptions {
        read_only: false,
        ..options
    };
    Engine::open(path, writable)
        .and_then(Engine::close)
        .map_err(|err| match err {
            StoreError::Io(cause) => StoreError::ReadOnly {
                path: path.to_owned(),
                reason: format!(
                    "the process that wrote it last did not close it, and putting that in order \
                 needs write access once ({cause})"
                ),
            },
            err => err,
        })
}

fn base_options(options: EngineOptions) -> BaseOptions {
    BaseOptions {
        cache_bytes: options.cache_bytes,
        shared: options.shared,
        read_only: options.read_only,
    }
}

/// How an open treats a file that is there, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creation {
    /// The file must be there.
    Never,
    /// The file is made if it is not there.
    IfMissing,
    /// The file must not be there.
    Always,
}

/// Makes the file if `creation` asks for it.
fn create_if_asked(path: &Path, creation: Creation) -> Result<(), StoreError> {
    let missing = || !path.as_os_str().is_empty() && std::fs::symlink_metadata(path).is_err();
    match creation {
        Creation::Never => Ok(()),
        Creation::Always => file::create(path, &Superblock::new()),
        Creation::IfMissing if !missing() => Ok(()),
        Creation::IfMissing => match file::create(path, &Superblock::new()) {
            // Another process was faster, which is as good.
            Err(StoreError::Io(err)) if err.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            created => created,
        },
    }
}
