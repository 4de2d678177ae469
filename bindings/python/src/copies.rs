//! Copies: backup, extract, merge, and a file that gives back what it does not need.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sessiondb::Progress;
use sessiondb::portable::{Merge, OnConflict, Relocation};

use crate::archive::Archive;
use crate::errors::Fault;
use crate::handle::call;
use crate::id::Id;
use crate::json;

/// A function of Python that is told how far a call is: what is done, and of how much.
pub(crate) struct Listener {
    function: Option<Py<PyAny>>,
    failed: Option<PyErr>,
}

impl Listener {
    pub(crate) fn new(function: Option<Py<PyAny>>) -> Self {
        Self {
            function,
            failed: None,
        }
    }

    pub(crate) fn tell(&mut self, done: u64, total: u64) {
        let Some(function) = self.function.as_ref().filter(|_| self.failed.is_none()) else {
            return;
        };
        let told = Python::attach(|py| function.call1(py, (done, total)).map(drop));
        self.failed = told.err();
    }

    /// Runs a call that tells it. What the function raised is raised when the call is done.
    pub(crate) fn during<T>(
        mut self,
        work: impl FnOnce(&mut dyn FnMut(Progress<'_>)) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let done = work(&mut |progress: Progress<'_>| self.tell(progress.done, progress.total))?;
        self.end()?;
        Ok(done)
    }

    pub(crate) fn end(self) -> Result<(), Fault> {
        self.failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Folders that have another path here.
pub(crate) fn relocation(moves: Option<Vec<(String, String)>>) -> PyResult<Relocation> {
    let mut relocation = Relocation::new();
    for (old, new) in moves.unwrap_or_default() {
        relocation.add(&old, &new).map_err(PyValueError::new_err)?;
    }
    Ok(relocation)
}

#[pymethods]
impl Archive {
    /// Writes a copy of one moment to a file that is not there yet.
    #[pyo3(signature = (path, *, progress=None))]
    fn backup<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let report = call(py, || {
            let archive = self.handle.get()?;
            Listener::new(progress).during(|tell| Ok(archive.backup(path, Some(tell))?))
        })?;
        json::report(py, &report)
    }

    /// Writes some sessions to an archive that is not there yet.
    #[pyo3(signature = (path, session_ids, *, progress=None))]
    fn extract<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        session_ids: Vec<Id>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let sessions: Vec<_> = session_ids.into_iter().map(|id| id.0).collect();
        let report = call(py, || {
            let archive = self.handle.get()?;
            Listener::new(progress)
                .during(|tell| Ok(archive.extract(path, &sessions, Some(tell))?))
        })?;
        json::report(py, &report)
    }

    /// Brings the sessions of another archive in.
    #[pyo3(signature = (other, *, on_conflict="branch", again=false, dry_run=false, relocate=None, progress=None))]
    #[expect(clippy::too_many_arguments, reason = "Python names each of them")]
    fn merge<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, Self>,
        on_conflict: &str,
        again: bool,
        dry_run: bool,
        relocate: Option<Vec<(String, String)>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let on_conflict = match on_conflict {
            "branch" => OnConflict::Branch,
            "skip" => OnConflict::Skip,
            _ => {
                let reason =
                    format!("{on_conflict:?} is no way to go on: give \"branch\" or \"skip\"");
                return Err(PyValueError::new_err(reason));
            }
        };
        let (relocation, other) = (relocation(relocate)?, other.get());
        let report = call(py, || {
            let (archive, other) = (self.handle.get()?, other.handle.get()?);
            let merge = Merge::new(&archive)
                .on_conflict(on_conflict)
                .again(again)
                .dry_run(dry_run)
                .relocate(relocation);
            Listener::new(progress).during(|tell| Ok(merge.run(&other, Some(tell))?))
        })?;
        json::report(py, &report)
    }

    /// Makes the file as small as what is in it. Other calls of this object wait meanwhile.
    #[pyo3(signature = (*, progress=None))]
    fn compact<'py>(
        &self,
        py: Python<'py>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let compacted = call(py, || {
            Listener::new(progress).during(|tell| {
                self.handle
                    .exchange(|archive| match archive.compact(Some(tell)) {
                        Ok((archive, compacted)) => (Some(archive), Ok(compacted)),
                        Err(failed) => (failed.archive, Err(failed.error)),
                    })
            })
        })?;
        json::report(py, &compacted)
    }
}
