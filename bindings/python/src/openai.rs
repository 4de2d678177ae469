//! The session of the OpenAI Agents SDK, for its Python half.

use pyo3::prelude::*;

use crate::archive::Archive;
use crate::errors::Fault;
use crate::handle::call;
use crate::json::{self, Given};
use crate::store::Store;

/// The items of one conversation.
#[pyclass(frozen, module = "sessiondb._native")]
pub(crate) struct OpenAiSession(Store<sessiondb_sdk::OpenAiSession>);

fn texts(items: Vec<Given>) -> Result<Vec<String>, Fault> {
    items.into_iter().map(Given::into_text).collect()
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[pymethods]
impl OpenAiSession {
    #[new]
    fn new(py: Python<'_>, archive: &Bound<'_, Archive>, session_id: &str) -> PyResult<Self> {
        Store::new(py, archive, |archive| {
            sessiondb_sdk::OpenAiSession::new(archive, session_id)
        })
        .map(Self)
    }

    /// Lets go of the archive.
    fn close(&self, py: Python<'_>) {
        self.0.close(py);
    }

    /// The last items in order, or all.
    #[pyo3(signature = (limit=None))]
    fn items<'py>(&self, py: Python<'py>, limit: Option<u64>) -> PyResult<Bound<'py, PyAny>> {
        let array = call(py, || Ok(json::array(&self.0.get()?.items(limit)?)))?;
        json::loads(py, &array)
    }

    /// Appends items, all or none.
    fn add(&self, py: Python<'_>, items: Vec<Given>) -> PyResult<()> {
        call(py, || Ok(self.0.get()?.add(&strs(&texts(items)?))?))
    }

    /// Takes the last item away.
    fn pop<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let last = call(py, || Ok(self.0.get()?.pop()?))?;
        last.map(|last| json::loads(py, last.as_str())).transpose()
    }

    /// Takes all items away. Returns whether there was such a conversation.
    fn clear(&self, py: Python<'_>) -> PyResult<bool> {
        call(py, || Ok(self.0.get()?.clear()?))
    }

    /// The last items, or all, which can be replaced as long as they are the last.
    #[pyo3(signature = (limit=None))]
    fn tail(&self, py: Python<'_>, limit: Option<u64>) -> PyResult<OpenAiTail> {
        call(py, || {
            let session = self.0.get()?;
            let entries = session.items(limit)?;
            Ok(OpenAiTail { session, entries })
        })
    }
}

/// The last items of a conversation, as they were read.
#[pyclass(frozen, module = "sessiondb._native")]
pub(crate) struct OpenAiTail {
    session: sessiondb_sdk::OpenAiSession,
    entries: Vec<sessiondb::Entry>,
}

#[pymethods]
impl OpenAiTail {
    fn __len__(&self) -> usize {
        self.entries.len()
    }

    /// What they say.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::loads(py, &json::array(&self.entries))
    }

    /// The same as JSON.
    fn texts(&self) -> Vec<&str> {
        self.entries.iter().map(sessiondb::Entry::as_str).collect()
    }

    /// Puts these in the place of the items from `start` on, if the items are still the last. Returns whether they were.
    fn replace(&self, py: Python<'_>, start: usize, items: Vec<Given>) -> PyResult<bool> {
        call(py, || {
            let items = texts(items)?;
            let expected: Vec<&str> = self
                .entries
                .iter()
                .skip(start)
                .map(sessiondb::Entry::as_str)
                .collect();
            Ok(self.session.replace_suffix(&expected, &strs(&items))?)
        })
    }
}
