//! Damage: looked for, and what can be saved.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::archive::Archive;
use crate::copies::Listener;
use crate::handle::call;
use crate::json;

#[pymethods]
impl Archive {
    /// Reads everything and says what is wrong. An archive without problems has an empty list of them.
    #[pyo3(signature = (*, progress=None))]
    fn check<'py>(
        &self,
        py: Python<'py>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let report = call(py, || {
            let archive = self.handle.get()?;
            Listener::new(progress).during(|tell| Ok(archive.check(Some(tell))?))
        })?;
        json::report(py, &report)
    }
}

/// What a file is, without opening it as an archive.
#[pyfunction]
pub(crate) fn look(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    let look = call(py, || Ok(sessiondb::doctor::look(path)?))?;
    json::report(py, &look)
}

/// Saves what can be read of a damaged archive into a new one.
#[pyfunction]
#[pyo3(signature = (broken, new, *, progress=None))]
pub(crate) fn recover(
    py: Python<'_>,
    broken: PathBuf,
    new: PathBuf,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'_, PyAny>> {
    let report = call(py, || {
        Listener::new(progress)
            .during(|tell| Ok(sessiondb::doctor::recover(broken, new, Some(tell))?))
    })?;
    json::report(py, &report)
}
