//! The store of the Claude Agent SDK, in the steps of its Python half.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use sessiondb_sdk::ClaudeKey;

use crate::archive::Archive;
use crate::errors::Fault;
use crate::handle::call;
use crate::json::{self, Given};
use crate::store::Store;

/// The sessions of the Claude Agent SDK in an archive.
#[pyclass(frozen, module = "sessiondb._native")]
pub(crate) struct ClaudeStore(Store<sessiondb_sdk::ClaudeStore>);

/// Which log is meant.
#[derive(FromPyObject)]
struct Key(String, String, Option<String>);

impl Key {
    fn get(&self) -> ClaudeKey<'_> {
        ClaudeKey {
            project_key: &self.0,
            session_id: &self.1,
            subpath: self.2.as_deref(),
        }
    }
}

#[pymethods]
impl ClaudeStore {
    #[new]
    fn new(py: Python<'_>, archive: &Bound<'_, Archive>) -> PyResult<Self> {
        Store::new(py, archive, sessiondb_sdk::ClaudeStore::new).map(Self)
    }

    /// Lets go of the archive.
    fn close(&self, py: Python<'_>) {
        self.0.close(py);
    }

    /// Begins to append: which of the entries are new, and what the summary is so far.
    fn begin(&self, py: Python<'_>, key: Key, entries: Vec<Given>) -> PyResult<ClaudeAppend> {
        let (store, append) = call(py, || {
            let store = self.0.get()?;
            let texts = entries.into_iter().map(Given::into_text);
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let append = store.begin(&key.get(), &texts)?;
            Ok((store, append))
        })?;
        Ok(ClaudeAppend {
            store,
            new_entries: append.new_entries().to_vec(),
            is_main: append.is_main(),
            data: append.data().map(str::to_owned),
            append: Mutex::new(Some(append)),
        })
    }

    /// All entries of a log, or `None` if it was never written to.
    fn load<'py>(&self, py: Python<'py>, key: Key) -> PyResult<Option<Bound<'py, PyAny>>> {
        let array = call(py, || {
            let entries = self.0.get()?.load(&key.get())?;
            Ok(entries.map(|entries| json::array(&entries)))
        })?;
        array.map(|array| json::loads(py, &array)).transpose()
    }

    /// The sessions of a project with the time of their last write, in milliseconds since 1970.
    fn list_sessions(&self, py: Python<'_>, project_key: &str) -> PyResult<Vec<(String, u64)>> {
        let sessions = call(py, || Ok(self.0.get()?.list_sessions(project_key)?))?;
        let sessions = sessions.into_iter();
        Ok(sessions
            .map(|session| (session.session_id, session.mtime_ms))
            .collect())
    }

    /// The summaries of a project as JSON.
    fn list_summaries(
        &self,
        py: Python<'_>,
        project_key: &str,
    ) -> PyResult<Vec<(String, u64, String)>> {
        let summaries = call(py, || Ok(self.0.get()?.list_summaries(project_key)?))?;
        let summaries = summaries.into_iter();
        Ok(summaries
            .map(|summary| (summary.session_id, summary.mtime_ms, summary.data))
            .collect())
    }

    /// Removes a log, and with the main log of a session all others of it.
    fn delete(&self, py: Python<'_>, key: Key) -> PyResult<bool> {
        call(py, || Ok(self.0.get()?.delete(&key.get())?))
    }

    /// The subpaths of a session, sorted.
    fn list_subkeys(
        &self,
        py: Python<'_>,
        project_key: &str,
        session_id: &str,
    ) -> PyResult<Vec<String>> {
        call(py, || {
            Ok(self.0.get()?.list_subkeys(project_key, session_id)?)
        })
    }
}

/// An append that was begun.
#[pyclass(frozen, module = "sessiondb._native")]
pub(crate) struct ClaudeAppend {
    store: sessiondb_sdk::ClaudeStore,
    append: Mutex<Option<sessiondb_sdk::ClaudeAppend>>,
    /// Which of the entries are new, by their places.
    #[pyo3(get)]
    new_entries: Vec<usize>,
    /// Whether it is the log that the summary is of.
    #[pyo3(get)]
    is_main: bool,
    /// What the SDK keeps of the summary so far, as JSON.
    #[pyo3(get)]
    data: Option<String>,
}

#[pymethods]
impl ClaudeAppend {
    /// The entries that are there and that the summary does not cover.
    fn unfolded<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let array = call(py, || {
            let append = self.append.lock().unwrap_or_else(PoisonError::into_inner);
            let append = append.as_ref().ok_or_else(ended)?;
            Ok(json::array(&append.unfolded()?))
        })?;
        json::loads(py, &array)
    }

    /// Appends the new entries and keeps the summary. Returns false if somebody wrote meanwhile, and nothing was written.
    #[pyo3(signature = (data=None))]
    fn commit(&self, py: Python<'_>, data: Option<&str>) -> PyResult<bool> {
        call(py, || {
            let mut append = self.append.lock().unwrap_or_else(PoisonError::into_inner);
            let append = append.take().ok_or_else(ended)?;
            Ok(self.store.commit(append, data)?)
        })
    }
}

fn ended() -> Fault {
    PyRuntimeError::new_err("this append has been committed; begin another one").into()
}
