//! The base: the redb tables. This folder is the only place that names them.

mod apply;
mod read;

use redb::{
    Builder, ConcurrencyMode, Database, ReadOnlyDatabase, ReadableDatabase, StorageBackend,
    TableDefinition,
};
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::op::{LogId, LogKind, Op};
pub(crate) use read::BaseView;

type RunKey = (Uuid, Uuid, u64);
type SegmentKey = (Uuid, Uuid);

/// Runs of entries by session, segment and the index of their first entry.
const RUNS: TableDefinition<'_, RunKey, &[u8]> = TableDefinition::new("runs");
/// The same for traces.
const TRACES: TableDefinition<'_, RunKey, &[u8]> = TableDefinition::new("traces");
/// Heads by session and segment.
const HEADS: TableDefinition<'_, SegmentKey, &[u8]> = TableDefinition::new("heads");
/// Sums over the heads of a session.
const SESSIONS: TableDefinition<'_, Uuid, &[u8]> = TableDefinition::new("sessions");
/// Segments that have a log, by segment and session.
const INDEX: TableDefinition<'_, SegmentKey, &[u8]> = TableDefinition::new("segment_index");
/// JSON metadata by session.
const METADATA: TableDefinition<'_, Uuid, &[u8]> = TableDefinition::new("metadata");
/// JSON records by name.
const NAMES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("names");

fn runs_of(kind: LogKind) -> TableDefinition<'static, RunKey, &'static [u8]> {
    match kind {
        LogKind::Entries => RUNS,
        LogKind::Traces => TRACES,
    }
}

fn run_key(log: &LogId, first: u64) -> RunKey {
    (log.session, log.segment, first)
}

fn pair_bytes(first: Uuid, second: Uuid) -> [u8; 32] {
    let mut key = [0; 32];
    let (left, right) = key.split_at_mut(16);
    left.copy_from_slice(first.as_bytes());
    right.copy_from_slice(second.as_bytes());
    key
}

/// How an image is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BaseOptions {
    pub(crate) cache_bytes: usize,
    pub(crate) shared: bool,
    pub(crate) read_only: bool,
}

/// An open image.
pub(crate) enum Base {
    Writable(Box<Database>),
    ReadOnly(Box<ReadOnlyDatabase>),
}

impl Base {
    /// Writes a new image, with all tables, into empty storage.
    pub(crate) fn create(backend: impl StorageBackend, options: BaseOptions) -> Outcome<Self> {
        let base = Self::Writable(Box::new(builder(options).create_with_backend(backend)?));
        let txn = base.begin_write()?;
        txn.open_table(RUNS)?;
        txn.open_table(TRACES)?;
        txn.open_table(HEADS)?;
        txn.open_table(SESSIONS)?;
        txn.open_table(INDEX)?;
        txn.open_table(METADATA)?;
        txn.open_table(NAMES)?;
        txn.commit()?;
        Ok(base)
    }

    /// Opens an image that is there.
    pub(crate) fn open(backend: impl StorageBackend, options: BaseOptions) -> Outcome<Self> {
        if options.read_only {
            let base = builder(options).open_read_only_with_backend(backend)?;
            return Ok(Self::ReadOnly(Box::new(base)));
        }
        if backend.len()? == 0 {
            return Err(Fault::damaged("database image", "the file ends before it"));
        }
        Ok(Self::Writable(Box::new(
            builder(options).create_with_backend(backend)?,
        )))
    }

    /// One consistent state.
    pub(crate) fn view(&self) -> Outcome<BaseView> {
        let txn = match self {
            Self::Writable(db) => db.begin_read()?,
            Self::ReadOnly(db) => db.begin_read()?,
        };
        Ok(BaseView::new(txn))
    }

    /// Applies all ops or, on an error, none. Whether a failed commit took effect is not known.
    pub(crate) fn apply(&self, ops: &[Op]) -> Result<Vec<u64>, ApplyError> {
        let txn = self.begin_write().map_err(ApplyError::Refused)?;
        let lengths = ops
            .iter()
            .map(|op| apply::apply(&txn, op))
            .collect::<Outcome<Vec<u64>>>();
        match lengths {
            Ok(lengths) => {
                txn.commit()
                    .map_err(|err| ApplyError::Unknown(err.into()))?;
                Ok(lengths)
            }
            Err(fault) => {
                txn.abort().map_err(|err| ApplyError::Refused(err.into()))?;
                Err(ApplyError::Refused(fault))
            }
        }
    }

    /// Closes the image and reports what fails.
    pub(crate) fn close(self) -> Outcome<()> {
        match self {
            Self::Writable(db) => Ok(db.close()?),
            Self::ReadOnly(db) => Ok(db.close()?),
        }
    }

    fn begin_write(&self) -> Outcome<redb::WriteTransaction> {
        match self {
            Self::Writable(db) => {
                let mut txn = db.begin_write()?;
                // So that opening after a crash takes milliseconds, whatever the size.
                txn.set_quick_repair(true);
                Ok(txn)
            }
            Self::ReadOnly(_) => Err(Fault::damaged(
                "database image",
                "a write reached a read-only image",
            )),
        }
    }
}

/// Why a batch was not applied.
pub(crate) enum ApplyError {
    /// Nothing was changed.
    Refused(Fault),
    /// The commit failed; the batch may or may not be there.
    Unknown(Fault),
}

fn builder(options: BaseOptions) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    builder.set_concurrency_mode(if options.shared {
        ConcurrencyMode::MultiWriter
    } else {
        ConcurrencyMode::ExclusiveWriter
    });
    builder
}
