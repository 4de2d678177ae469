//! A log as it was at one moment.

use pyo3::prelude::*;
use sessiondb::{SegmentId, SessionId, StoreError};

use crate::entry::Entries;
use crate::handle::call;

/// A log as it was at one moment, whatever was written since.
#[pyclass(frozen, module = "sessiondb")]
pub(crate) struct LogSnapshot(sessiondb::archive::LogSnapshot);

impl LogSnapshot {
    pub(crate) fn new(log: sessiondb::archive::LogSnapshot) -> Self {
        Self(log)
    }

    fn call<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&sessiondb::archive::LogSnapshot) -> Result<T, StoreError> + Send,
    ) -> PyResult<T> {
        call(py, || Ok(work(&self.0)?))
    }
}

#[pymethods]
impl LogSnapshot {
    #[getter]
    fn session_id(&self) -> SessionId {
        self.0.session_id()
    }

    #[getter]
    fn segment_id(&self) -> SegmentId {
        self.0.segment_id()
    }

    #[getter]
    fn is_trace(&self) -> bool {
        self.0.is_trace()
    }

    fn exists(&self, py: Python<'_>) -> PyResult<bool> {
        self.call(py, sessiondb::archive::LogSnapshot::exists)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let len = self.call(py, sessiondb::archive::LogSnapshot::len)?;
        Ok(usize::try_from(len)?)
    }

    fn __bool__(&self) -> bool {
        true
    }

    /// The entries from `start` to before `stop`.
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
}
