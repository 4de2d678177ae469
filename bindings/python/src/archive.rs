//! An open archive: opening, closing, logs and lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use sessiondb::archive::Match;
use sessiondb::{Durability, StoreError};
use uuid::Uuid;

use crate::batch::Batch;
use crate::changes::Changes;
use crate::handle::{Handle, call};
use crate::id::Id;
use crate::info::{Closed, SegmentInfo, SessionInfo};
use crate::json;
use crate::log::Log;
use crate::options::{self, Options, seconds};
use crate::snapshot::Snapshot;

/// An open archive. As a context it is closed at its end.
#[pyclass(frozen, module = "sessiondb", weakref)]
pub(crate) struct Archive {
    pub(crate) handle: Arc<Handle>,
    durability: Durability,
}

impl Archive {
    fn open(py: Python<'_>, options: Options, path: PathBuf) -> PyResult<Self> {
        let durability = options.durability;
        let handle = call(py, || Ok(Handle::new(options.open(path)?)))?;
        Ok(Self {
            handle: Arc::new(handle),
            durability,
        })
    }
}

#[pymethods]
impl Archive {
    /// Opens an archive, and makes it if it is not there.
    #[new]
    #[pyo3(signature = (path, *, create=true, create_new=false, read_only=false, exclusive=false, durability="synced",
        cache_bytes=None, lock_timeout=None, sync_interval=None, word_filters=true))]
    #[expect(clippy::too_many_arguments, reason = "Python names each of them")]
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "Python names each of them"
    )]
    fn py_open(
        py: Python<'_>,
        path: PathBuf,
        create: bool,
        create_new: bool,
        read_only: bool,
        exclusive: bool,
        durability: &str,
        cache_bytes: Option<usize>,
        lock_timeout: Option<f64>,
        sync_interval: Option<f64>,
        word_filters: bool,
    ) -> PyResult<Self> {
        let time = |name: &str, value: Option<f64>| value.map(|value| seconds(name, value));
        let options = Options {
            create,
            create_new,
            read_only,
            exclusive,
            durability: options::durability(durability)?,
            cache_bytes,
            lock_timeout: time("lock_timeout", lock_timeout).transpose()?,
            sync_interval: time("sync_interval", sync_interval).transpose()?,
            word_filters,
        };
        Self::open(py, options, path)
    }

    /// An archive without a file, which is gone when it is closed.
    #[staticmethod]
    fn in_memory(py: Python<'_>) -> PyResult<Self> {
        let handle = call(py, || Ok(Handle::new(sessiondb::Archive::in_memory()?)))?;
        Ok(Self {
            handle: Arc::new(handle),
            durability: Durability::default(),
        })
    }

    /// Closes the archive: moves the journal into the tables and says what is still open. Logs and batches of this
    /// object work no more. A second call does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<Option<Closed>> {
        let closed = call(py, || {
            let archive = self.handle.take();
            Ok(archive.map(sessiondb::Archive::close).transpose()?)
        })?;
        Ok(closed.map(Closed::from))
    }

    #[getter]
    fn is_open(&self, py: Python<'_>) -> bool {
        py.detach(|| self.handle.is_open())
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _exception: &Bound<'_, pyo3::types::PyTuple>,
    ) -> PyResult<()> {
        self.close(py).map(drop)
    }

    /// The path by which it was opened.
    #[getter]
    fn path(&self) -> &Path {
        self.handle.path()
    }

    #[getter]
    fn durability(&self) -> &'static str {
        options::durability_name(self.durability)
    }

    /// The log of a segment. It is made by the first append. Without ids it is a new one.
    #[pyo3(signature = (session_id=None, segment_id=None))]
    fn log(&self, session_id: Option<Id>, segment_id: Option<Id>) -> Log {
        let session = session_id.map_or_else(sessiondb::new_session_id, |id| id.0);
        let segment = segment_id.map_or_else(sessiondb::new_segment_id, |id| id.0);
        Log::new(Arc::clone(&self.handle), session, segment, self.durability)
    }

    /// The traces of a segment.
    fn trace(&self, session_id: Id, segment_id: Id) -> Log {
        self.log(Some(session_id), Some(segment_id)).into_trace()
    }

    /// Several changes that are made together or not at all.
    fn batch(&self, py: Python<'_>) -> PyResult<Batch> {
        Batch::new(py, &self.handle)
    }

    /// The archive as it is now.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        Snapshot::of(py, &self.handle)
    }

    /// Tells each change from now on.
    fn changes(&self, py: Python<'_>) -> PyResult<Changes> {
        self.handle
            .call(py, sessiondb::Archive::changes)
            .map(Changes::new)
    }

    /// A session, or `None`.
    fn session(&self, py: Python<'_>, session_id: Id) -> PyResult<Option<SessionInfo>> {
        let found = self
            .handle
            .call(py, |archive| archive.session(session_id.0))?;
        Ok(found.map(SessionInfo::from))
    }

    /// A segment, or `None`.
    fn segment(
        &self,
        py: Python<'_>,
        session_id: Id,
        segment_id: Id,
    ) -> PyResult<Option<SegmentInfo>> {
        let found = self
            .handle
            .call(py, |archive| archive.segment(session_id.0, segment_id.0))?;
        Ok(found.map(SegmentInfo::from))
    }

    /// All sessions by descending id, those in the trash and hidden ones as well.
    fn sessions(&self, py: Python<'_>) -> PyResult<Vec<SessionInfo>> {
        let sessions = self.handle.call(py, |archive| {
            archive.sessions()?.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(sessions.into_iter().map(SessionInfo::from).collect())
    }

    /// The segments of a session by descending id.
    fn segments(&self, py: Python<'_>, session_id: Id) -> PyResult<Vec<SegmentInfo>> {
        let segments = self.handle.call(py, |archive| {
            archive
                .segments(session_id.0)?
                .collect::<Result<Vec<_>, StoreError>>()
        })?;
        Ok(segments.into_iter().map(SegmentInfo::from).collect())
    }

    /// The sessions and segments whose id begins so: pairs of a session and a segment or `None`.
    fn matching(&self, py: Python<'_>, prefix: &str) -> PyResult<Vec<(Uuid, Option<Uuid>)>> {
        let found = self.handle.call(py, |archive| archive.matching(prefix))?;
        let pair = |found: Match| match found {
            Match::Session(session) => (session, None),
            Match::Segment { session, segment } => (session, Some(segment)),
        };
        Ok(found.into_iter().map(pair).collect())
    }

    /// How much there is in it.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let stats = self.handle.call(py, sessiondb::Archive::stats)?;
        json::report(py, &stats)
    }

    /// The number of the last change.
    fn version(&self, py: Python<'_>) -> PyResult<u64> {
        self.handle.call(py, sessiondb::Archive::version)
    }

    /// Waits until all that was written is on the disk.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, sessiondb::Archive::sync)
    }

    /// Moves the journal into the tables.
    fn checkpoint(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, sessiondb::Archive::checkpoint)
    }

    /// Why the place of the file may harm it, such as a network file system, or `None`.
    fn place_warning(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.handle.call(py, |archive| Ok(archive.place_warning()))
    }

    fn __repr__(&self) -> String {
        format!("<Archive {}>", self.handle.path().display())
    }
}
