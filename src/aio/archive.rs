//! The archive: any call on it without blocking, and an end in order.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use super::pool::{Job, Pool};
use super::reply::Reply;
use super::stream::ChangeStream;
use crate::archive::{Archive, ArchiveOptions, Batch, Closed};
use crate::error::StoreError;

/// How many threads make calls that have an order, and as many those that have none.
const THREADS: usize = 2;

/// An archive whose calls block nobody. Cheap to clone; all clones are one.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sessiondb::StoreError> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("agent.sessiondb");
/// use sessiondb::aio::AsyncArchive;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = AsyncArchive::open(Archive::options(), path).await?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// // They are done in this order, whether or not the first is awaited.
/// let first = log.append("hello");
/// let second = log.append("again").await?;
/// assert_eq!((first.await?.index, second.index), (0, 1));
///
/// // Whatever else an archive does:
/// let sessions = archive.call(|archive| Ok(archive.sessions()?.count())).await?;
/// assert_eq!(sessions, 1);
/// assert!(!archive.close().await?.is_open_here);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AsyncArchive {
    shared: Arc<Shared>,
}

struct Shared {
    archive: RwLock<Option<(Archive, Pool)>>,
}

impl AsyncArchive {
    /// Opens the archive at the path, in a thread of its own.
    pub fn open(options: ArchiveOptions, path: impl Into<PathBuf>) -> Reply<Self> {
        let (sender, reply) = Reply::new();
        let path = path.into();
        let open = move || {
            let opened = options.open(path).and_then(Self::new);
            // Nobody may wait for it any more.
            let _ = sender.send(opened);
        };
        match spawn(open) {
            Ok(()) => reply,
            Err(err) => Reply::ready(Err(err)),
        }
    }

    /// The same for an archive that is open: two threads make calls that have an order, two others
    /// the rest.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the system gives no threads.
    pub fn new(archive: Archive) -> Result<Self, StoreError> {
        Self::with_threads(archive, THREADS)
    }

    /// The same with so many threads of either kind, at least one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the system gives no threads.
    pub fn with_threads(archive: Archive, threads: usize) -> Result<Self, StoreError> {
        let pool = Pool::start(&archive, threads)?;
        let archive = RwLock::new(Some((archive, pool)));
        Ok(Self {
            shared: Arc::new(Shared { archive }),
        })
    }

    /// Makes any call on the archive. It has no order with others.
    pub fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Archive) -> Result<T, StoreError> + Send + 'static,
    ) -> Reply<T> {
        self.hand_over(call, |pool, job| pool.put(job))
    }

    /// Makes a call on the archive after those of the same lane.
    pub(super) fn call_in_lane<T: Send + 'static>(
        &self,
        lane: u64,
        call: impl FnOnce(&Archive) -> Result<T, StoreError> + Send + 'static,
    ) -> Reply<T> {
        self.hand_over(call, |pool, job| pool.put_in_lane(lane, job))
    }

    fn hand_over<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Archive) -> Result<T, StoreError> + Send + 'static,
        put: impl FnOnce(&Pool, Job),
    ) -> Reply<T> {
        let (sender, reply) = Reply::new();
        let shared = self.shared.archive.read();
        if let Some((_, pool)) = &*shared.unwrap_or_else(PoisonError::into_inner) {
            let job = move |archive: &Archive| {
                // Nobody may wait for it any more.
                let _ = sender.send(call(archive));
            };
            put(pool, Box::new(job));
        }
        reply
    }

    /// Makes the changes that `fill` puts into a batch, as one step.
    pub fn commit(
        &self,
        fill: impl FnOnce(&Archive, &mut Batch) -> Result<(), StoreError> + Send + 'static,
    ) -> Reply<()> {
        self.call(move |archive| {
            let mut batch = archive.batch();
            fill(archive, &mut batch)?;
            batch.commit()
        })
    }

    /// Follows what is changed from now on, as [`Archive::changes`] does. It takes a thread as long as
    /// the stream is there.
    pub fn changes(&self) -> Reply<ChangeStream> {
        self.call(|archive| ChangeStream::start(archive.changes()?))
    }

    /// Makes all calls that were made before, and gives the archive back as [`Archive::close`] does.
    /// Calls that come later fail.
    pub fn close(self) -> Reply<Closed> {
        let (sender, reply) = Reply::new();
        let mut shared = self.shared.archive.write();
        let taken = shared
            .as_mut()
            .map_or_else(|poisoned| poisoned.get_mut().take(), |shared| shared.take());
        drop(shared);
        let Some((archive, pool)) = taken else {
            return reply;
        };
        let close = move || {
            pool.finish();
            let _ = sender.send(archive.close());
        };
        match spawn(close) {
            Ok(()) => reply,
            Err(err) => Reply::ready(Err(err)),
        }
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let thread = std::thread::Builder::new().name("sessiondb-call".to_owned());
    Ok(thread.spawn(run).map(drop)?)
}

impl fmt::Debug for AsyncArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncArchive").finish_non_exhaustive()
    }
}
