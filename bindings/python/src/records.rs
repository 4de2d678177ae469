//! What is kept beside entries: metadata of sessions, notes of a program, names of workers.

use pyo3::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sessiondb::StoreError;

use crate::archive::Archive;
use crate::id::Id;
use crate::json;

#[pymethods]
impl Archive {
    /// The metadata of a session, or `None` if there is no such session.
    fn metadata<'py>(
        &self,
        py: Python<'py>,
        session_id: Id,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let fields = self
            .handle
            .call(py, |archive| archive.metadata(session_id.0))?;
        fields.map(|fields| json::report(py, &fields)).transpose()
    }

    /// Sets the metadata of a session.
    fn set_metadata(
        &self,
        py: Python<'_>,
        session_id: Id,
        metadata: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let fields = fields(metadata)?;
        self.handle
            .call(py, |archive| archive.set_metadata(session_id.0, &fields))
    }

    /// The note of a key, or `None`.
    fn read_note<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let note = self
            .handle
            .call(py, |archive| archive.read_note::<Box<RawValue>>(key))?;
        note.map(|note| json::loads(py, note.get())).transpose()
    }

    /// Sets the note of a key: any JSON of 1 MiB at most. One that begins with `session/{id}/` goes with that session.
    fn write_note(&self, py: Python<'_>, key: &str, note: &Bound<'_, PyAny>) -> PyResult<()> {
        let note = json::raw_value(note)?;
        self.handle
            .call(py, |archive| archive.write_note(key, &note))
    }

    /// Removes the note of a key. Returns whether there was one.
    fn delete_note(&self, py: Python<'_>, key: &str) -> PyResult<bool> {
        self.handle.call(py, |archive| archive.delete_note(key))
    }

    /// The keys that begin with `prefix` and have a note, sorted.
    #[pyo3(signature = (prefix=""))]
    fn notes(&self, py: Python<'_>, prefix: &str) -> PyResult<Vec<String>> {
        self.handle
            .call(py, |archive| archive.snapshot()?.notes(prefix))
    }

    /// The names, sorted.
    fn names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.handle.call(py, sessiondb::Archive::names)
    }

    /// The record of a name, or `None`.
    fn read_name<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let record = self
            .handle
            .call(py, |archive| archive.read_name_as::<Box<RawValue>>(name))?;
        record
            .map(|record| json::loads(py, record.get()))
            .transpose()
    }

    /// Sets the record of a name: any JSON.
    fn write_name(&self, py: Python<'_>, name: &str, record: &Bound<'_, PyAny>) -> PyResult<()> {
        let record = json::raw_value(record)?;
        self.handle
            .call(py, |archive| archive.write_name(name, &record))
    }

    /// Removes a name. Returns whether it was there.
    fn delete_name(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        self.handle.call(py, |archive| archive.delete_name(name))
    }
}

/// The fields of metadata, which is an object.
pub(crate) fn fields(metadata: &Bound<'_, PyAny>) -> PyResult<Map<String, Value>> {
    let text = json::dumps(metadata)?;
    let fields = serde_json::from_str(&text);
    fields.map_err(|cause| crate::errors::Fault::Store(StoreError::Serde(cause)).into())
}
