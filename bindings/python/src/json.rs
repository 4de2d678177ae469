//! JSON between Python and the library: bytes and text as they are, everything else by `json` once.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyMemoryView, PyString};
use serde::Serialize;
use serde_json::value::RawValue;
use sessiondb::{RawJson, SegmentId, SessionId, StoreError};

use crate::entry::Entry;
use crate::errors::Fault;

/// An entry as Python gave it, before it is known to be JSON.
pub(crate) enum Given {
    Bytes(Vec<u8>),
    Text(String),
}

impl<'py> FromPyObject<'_, 'py> for Given {
    type Error = PyErr;

    /// Bytes and text are JSON already; of everything else `json.dumps` makes it.
    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = given.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.as_bytes().to_vec()));
        }
        if let Ok(text) = given.cast::<PyString>() {
            return Ok(Self::Text(text.to_str()?.to_owned()));
        }
        if let Ok(entry) = given.cast::<Entry>() {
            return Ok(Self::Text(entry.get().text().to_owned()));
        }
        if given.is_instance_of::<PyByteArray>() || given.is_instance_of::<PyMemoryView>() {
            let bytes = given.py().get_type::<PyBytes>().call1((given,))?;
            return Ok(Self::Bytes(bytes.cast::<PyBytes>()?.as_bytes().to_vec()));
        }
        dumps(&given).map(Self::Text)
    }
}

impl Given {
    /// As text, for a store that checks it itself. To be called while other Python threads may run.
    pub(crate) fn into_text(self) -> Result<String, Fault> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Bytes(bytes) => {
                String::from_utf8(bytes).map_err(|cause| invalid(&serde::de::Error::custom(cause)))
            }
        }
    }

    fn check(self) -> Result<RawJson, serde_json::Error> {
        match self {
            Self::Bytes(bytes) => RawJson::from_bytes(&bytes),
            Self::Text(text) => RawJson::new(text),
        }
    }
}

/// The entries of a call, each of them JSON. To be called while other Python threads may run.
pub(crate) fn checked(
    session: SessionId,
    segment: SegmentId,
    given: Vec<Given>,
) -> Result<Vec<RawJson>, StoreError> {
    let check = |(position, given): (usize, Given)| {
        given.check().map_err(|cause| StoreError::InvalidEntry {
            session,
            segment,
            position,
            message: cause.to_string(),
        })
    };
    given.into_iter().enumerate().map(check).collect()
}

/// Several entries. One alone would be taken apart into its keys or letters.
pub(crate) fn many(given: &Bound<'_, PyAny>) -> PyResult<Vec<Given>> {
    let is_one = given.is_instance_of::<PyString>()
        || given.is_instance_of::<PyBytes>()
        || given.is_instance_of::<PyDict>();
    if is_one {
        return Err(PyTypeError::new_err(
            "several entries are wanted: give a list of them, or call `append` for one",
        ));
    }
    given.try_iter()?.map(|one| one?.extract()).collect()
}

/// Entries as one JSON array, which is decoded faster than many values.
pub(crate) fn array(entries: &[sessiondb::Entry]) -> String {
    let bytes: usize = entries.iter().map(|entry| entry.len() + 1).sum();
    let mut array = String::with_capacity(bytes + 2);
    array.push('[');
    for entry in entries {
        if array.len() > 1 {
            array.push(',');
        }
        array.push_str(entry.as_str());
    }
    array.push(']');
    array
}

/// Any value as JSON. `bytes` and `str` are values here as well, where they stand for themselves.
pub(crate) fn dumps(value: &Bound<'_, PyAny>) -> PyResult<String> {
    static COMPACT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static ASCII: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let compact = COMPACT.get_or_try_init(py, || encoder(py, false))?;
    let text = compact.bind(py).call1((value,))?;
    let text = text.cast::<PyString>()?;
    if let Ok(text) = text.to_str() {
        return Ok(text.to_owned());
    }
    // Half of a surrogate pair is no UTF-8; as an escape it is JSON.
    let ascii = ASCII.get_or_try_init(py, || encoder(py, true))?;
    ascii.bind(py).call1((value,))?.extract()
}

fn encoder(py: Python<'_>, ascii: bool) -> PyResult<Py<PyAny>> {
    let options = PyDict::new(py);
    options.set_item("ensure_ascii", ascii)?;
    options.set_item("allow_nan", false)?;
    options.set_item("separators", (",", ":"))?;
    let encoder = py.import("json")?.getattr("JSONEncoder")?;
    let encoder = encoder.call((), Some(&options))?;
    Ok(encoder.getattr("encode")?.unbind())
}

/// What JSON says, as `json.loads` has it.
pub(crate) fn loads<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOADS.import(py, "json", "loads")?.call1((text,))
}

/// A value for metadata, notes and names, as any JSON.
pub(crate) fn raw_value(value: &Bound<'_, PyAny>) -> PyResult<Box<RawValue>> {
    let text = dumps(value)?;
    RawValue::from_string(text).map_err(|cause| invalid(&cause).into())
}

/// A report of the library, as dictionaries and lists.
pub(crate) fn report<'py>(py: Python<'py>, report: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(report).map_err(|cause| PyErr::from(invalid(&cause)))?;
    loads(py, &text)
}

/// A JSON error as the library has it.
pub(crate) fn invalid(cause: &serde_json::Error) -> Fault {
    Fault::Store(StoreError::Serde(serde::de::Error::custom(cause)))
}
