//! Ids as Python gives them: a `uuid.UUID`, or its text.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use uuid::Uuid;

/// A session's or a segment's id.
#[derive(Clone, Copy)]
pub(crate) struct Id(pub(crate) Uuid);

impl<'py> FromPyObject<'_, 'py> for Id {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let Ok(text) = given.extract::<&str>() else {
            return given.extract().map(Self);
        };
        let parsed = Uuid::try_parse(text);
        parsed.map(Self).map_err(|cause| {
            PyValueError::new_err(format!("{text:?} is no id: give a UUID ({cause})"))
        })
    }
}

/// Makes a fresh session id. Those that are made later are greater.
#[pyfunction]
pub(crate) fn new_session_id() -> Uuid {
    sessiondb::new_session_id()
}

/// Makes a fresh segment id. Those that are made later are greater.
#[pyfunction]
pub(crate) fn new_segment_id() -> Uuid {
    sessiondb::new_segment_id()
}
