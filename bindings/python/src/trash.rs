//! The trash, hidden sessions, and what is taken away for good.

use pyo3::prelude::*;

use crate::archive::Archive;
use crate::id::Id;
use crate::log::Log;

#[pymethods]
impl Archive {
    /// Takes a session out of the lists that programs show. Returns whether it was there and not in the trash.
    fn trash_session(&self, py: Python<'_>, session_id: Id) -> PyResult<bool> {
        self.handle
            .call(py, |archive| archive.trash_session(session_id.0))
    }

    /// Brings a session back from the trash.
    fn restore_session(&self, py: Python<'_>, session_id: Id) -> PyResult<bool> {
        self.handle
            .call(py, |archive| archive.restore_session(session_id.0))
    }

    /// Takes a session out of lists alone.
    fn hide_session(&self, py: Python<'_>, session_id: Id) -> PyResult<bool> {
        self.handle
            .call(py, |archive| archive.hide_session(session_id.0))
    }

    /// Brings a hidden session back.
    fn unhide_session(&self, py: Python<'_>, session_id: Id) -> PyResult<bool> {
        self.handle
            .call(py, |archive| archive.unhide_session(session_id.0))
    }

    /// Removes a session. Returns whether it was there.
    fn delete_session(&self, py: Python<'_>, session_id: Id) -> PyResult<bool> {
        self.handle
            .call(py, |archive| archive.delete_session(session_id.0))
    }

    /// Removes a segment with its traces. Returns whether it was there.
    fn delete_segment(&self, py: Python<'_>, session_id: Id, segment_id: Id) -> PyResult<bool> {
        self.handle.call(py, |archive| {
            archive.delete_segment(session_id.0, segment_id.0)
        })
    }

    /// Removes a session and marks it, so that no import or merge brings it back.
    fn forget_session(&self, py: Python<'_>, session_id: Id) -> PyResult<bool> {
        self.handle
            .call(py, |archive| archive.forget_session(session_id.0))
    }

    /// Removes a segment and marks it.
    fn forget_segment(&self, py: Python<'_>, session_id: Id, segment_id: Id) -> PyResult<bool> {
        self.handle.call(py, |archive| {
            archive.forget_segment(session_id.0, segment_id.0)
        })
    }

    /// Cuts a log off behind its first `len` entries and marks what went.
    fn forget_from(&self, py: Python<'_>, log: &Bound<'_, Log>, len: u64) -> PyResult<()> {
        let log = log.get();
        self.handle
            .call(py, |archive| archive.forget_from(&log.of(archive), len))
    }

    /// Takes the marks of a session away.
    fn allow_again(&self, py: Python<'_>, session_id: Id) -> PyResult<()> {
        self.handle
            .call(py, |archive| archive.allow_again(session_id.0))
    }
}
