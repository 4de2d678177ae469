//! A log: the entries of a segment, or its traces.

use std::sync::Arc;

use pyo3::prelude::*;
use sessiondb::archive::Durability;
use sessiondb::{SegmentId, SessionId};

use crate::entry::Entries;
use crate::handle::Handle;
use crate::id::Id;
use crate::info::Receipt;
use crate::json::{self, Given};
use crate::log_snapshot::LogSnapshot;
use crate::options;

/// The entries of a segment, or its traces. It works as long as its archive is open.
#[pyclass(frozen, module = "sessiondb")]
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) handle: Arc<Handle>,
    session: SessionId,
    segment: SegmentId,
    trace: bool,
    durability: Durability,
    timestamp_ms: Option<u64>,
}

impl Log {
    /// The entries of a segment. Nothing is asked of the archive, which a compaction may have to itself.
    pub(crate) fn new(
        handle: Arc<Handle>,
        session: SessionId,
        segment: SegmentId,
        durability: Durability,
    ) -> Self {
        Self {
            handle,
            session,
            segment,
            trace: false,
            durability,
            timestamp_ms: None,
        }
    }

    /// The traces of the segment, which are `Written` unless asked otherwise.
    pub(crate) fn into_trace(self) -> Self {
        Self {
            trace: true,
            durability: Durability::Written,
            ..self
        }
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn segment(&self) -> SegmentId {
        self.segment
    }

    /// The same log of the library.
    pub(crate) fn of(&self, archive: &sessiondb::Archive) -> sessiondb::Log {
        let log = if self.trace {
            archive.trace(self.session, self.segment)
        } else {
            archive.log(self.session, self.segment)
        };
        let log = log.with_durability(self.durability);
        match self.timestamp_ms {
            Some(timestamp_ms) => log.with_timestamp(timestamp_ms),
            None => log,
        }
    }

    fn call<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&sessiondb::Log) -> Result<T, sessiondb::StoreError> + Send,
    ) -> PyResult<T> {
        self.handle.call(py, |archive| work(&self.of(archive)))
    }

    fn checked(&self, given: Vec<Given>) -> Result<Vec<sessiondb::RawJson>, sessiondb::StoreError> {
        json::checked(self.session, self.segment, given)
    }
}

#[pymethods]
impl Log {
    #[getter]
    fn session_id(&self) -> SessionId {
        self.session
    }

    #[getter]
    fn segment_id(&self) -> SegmentId {
        self.segment
    }

    #[getter]
    fn is_trace(&self) -> bool {
        self.trace
    }

    #[getter]
    fn durability(&self) -> &'static str {
        options::durability_name(self.durability)
    }

    /// The same log, whose appends survive power loss (`"synced"`) or the death of the process (`"written"`).
    fn with_durability(&self, durability: &str) -> PyResult<Self> {
        let durability = options::durability(durability)?;
        Ok(Self {
            durability,
            ..self.clone()
        })
    }

    /// The same log, whose changes have this time in place of now, in milliseconds since 1970.
    fn with_timestamp(&self, timestamp_ms: u64) -> Self {
        Self {
            timestamp_ms: Some(timestamp_ms),
            ..self.clone()
        }
    }

    /// Appends one entry.
    fn append(&self, py: Python<'_>, entry: Given) -> PyResult<Receipt> {
        let done = self.call(py, |log| log.append_many(self.checked(vec![entry])?));
        done.map(Receipt::from)
    }

    /// Appends several entries, all or none.
    fn append_many(&self, py: Python<'_>, entries: &Bound<'_, PyAny>) -> PyResult<Receipt> {
        let entries = json::many(entries)?;
        let done = self.call(py, |log| log.append_many(self.checked(entries)?));
        done.map(Receipt::from)
    }

    /// Appends several entries if the log has this many.
    fn append_at(
        &self,
        py: Python<'_>,
        expected_len: u64,
        entries: &Bound<'_, PyAny>,
    ) -> PyResult<Receipt> {
        let entries = json::many(entries)?;
        let done = self.call(py, |log| {
            log.append_at(expected_len, self.checked(entries)?)
        });
        done.map(Receipt::from)
    }

    /// Replaces all entries by these.
    fn replace(&self, py: Python<'_>, entries: &Bound<'_, PyAny>) -> PyResult<()> {
        let entries = json::many(entries)?;
        self.call(py, |log| log.replace(self.checked(entries)?))
    }

    /// Cuts the log off behind its first `len` entries.
    fn truncate(&self, py: Python<'_>, len: u64) -> PyResult<()> {
        self.call(py, |log| log.truncate(len))
    }

    /// Removes the log. Returns whether it was there.
    fn delete(&self, py: Python<'_>) -> PyResult<bool> {
        self.call(py, sessiondb::Log::delete)
    }

    /// Puts a tombstone in the place of each of these entries.
    fn erase(&self, py: Python<'_>, start: u64, stop: u64) -> PyResult<u64> {
        self.call(py, |log| log.erase(start..stop))
    }

    /// Begins another segment that shares the first `at` entries.
    #[pyo3(signature = (at, segment_id=None))]
    fn branch(&self, py: Python<'_>, at: u64, segment_id: Option<Id>) -> PyResult<Self> {
        let segment = segment_id.map_or_else(sessiondb::new_segment_id, |id| id.0);
        self.call(py, |log| log.branch(at, segment).map(drop))?;
        Ok(Self {
            segment,
            ..self.clone()
        })
    }

    /// Whether the log was ever written to.
    fn exists(&self, py: Python<'_>) -> PyResult<bool> {
        self.call(py, sessiondb::Log::exists)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let len = self.call(py, sessiondb::Log::len)?;
        Ok(usize::try_from(len)?)
    }

    /// A log with no entries is one all the same.
    fn __bool__(&self) -> bool {
        true
    }

    /// The entries from `start` to before `stop`, as they are now.
    #[pyo3(signature = (start=0, stop=None))]
    fn read(&self, py: Python<'_>, start: u64, stop: Option<u64>) -> PyResult<Entries> {
        let stop = stop.unwrap_or(u64::MAX);
        self.call(py, |log| log.read(start..stop)).map(Entries::new)
    }

    /// The last `count` entries, in order.
    fn last(&self, py: Python<'_>, count: u64) -> PyResult<Entries> {
        self.call(py, |log| log.last(count)).map(Entries::new)
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<Entries> {
        self.read(py, 0, None)
    }

    /// The log as it is now.
    fn snapshot(&self, py: Python<'_>) -> PyResult<LogSnapshot> {
        self.call(py, sessiondb::Log::snapshot)
            .map(LogSnapshot::new)
    }

    fn __repr__(&self) -> String {
        let what = if self.trace { "traces" } else { "entries" };
        format!(
            "<Log of {what} of segment {} of session {}>",
            self.segment, self.session
        )
    }
}
