//! A stored entry, and the iterator over the entries of a log.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString};
use sessiondb::archive::RawEntries;

use crate::errors::Fault;
use crate::handle::call;
use crate::json;

/// A stored entry: its bytes as they were given, and what they say.
#[pyclass(frozen, module = "sessiondb")]
pub(crate) struct Entry {
    entry: sessiondb::Entry,
    decoded: PyOnceLock<Py<PyAny>>,
}

impl Entry {
    pub(crate) fn new(entry: sessiondb::Entry) -> Self {
        Self {
            entry,
            decoded: PyOnceLock::new(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        self.entry.as_str()
    }
}

#[pymethods]
impl Entry {
    /// Its number within the log, counted from 0.
    #[getter]
    fn index(&self) -> u64 {
        self.entry.index()
    }

    /// Its bytes, copied when they are asked for.
    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.entry)
    }

    /// The same as text.
    #[getter(text)]
    fn py_text<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, self.text())
    }

    /// What it says, decoded by the first call. Every call gives the same object.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let decode = || json::loads(py, self.text()).map(Bound::unbind);
        Ok(self.decoded.get_or_try_init(py, decode)?.bind(py).clone())
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.bytes(py)
    }

    fn __str__(&self) -> &str {
        self.text()
    }

    fn __len__(&self) -> usize {
        self.entry.len()
    }

    fn __repr__(&self) -> String {
        let text = self.text();
        let shown: String = text.chars().take(60).collect();
        let more = if shown.len() < text.len() { " ..." } else { "" };
        format!("<Entry {}: {shown}{more}>", self.index())
    }
}

/// How many entries are read while other Python threads may run.
const AT_A_TIME: usize = 256;

/// Iterates over entries, as they were when it was made.
#[pyclass(frozen, module = "sessiondb")]
pub(crate) struct Entries(Mutex<Reading>);

struct Reading {
    entries: RawEntries,
    read: VecDeque<sessiondb::Entry>,
    /// An error behind the entries that were read before it.
    fault: Option<Fault>,
}

impl Reading {
    fn fill(&mut self) {
        while self.read.len() < AT_A_TIME && self.fault.is_none() {
            match self.entries.next() {
                Some(Ok(entry)) => self.read.push_back(entry),
                Some(Err(error)) => self.fault = Some(error.into()),
                None => break,
            }
        }
    }

    fn next(&mut self) -> Result<Option<sessiondb::Entry>, Fault> {
        if self.read.is_empty() {
            self.fill();
        }
        match self.read.pop_front() {
            Some(entry) => Ok(Some(entry)),
            None => self.fault.take().map_or(Ok(None), Err),
        }
    }

    fn remaining(&self) -> u64 {
        self.entries.len_remaining() + self.read.len() as u64
    }

    /// All that is left as one JSON array, which is decoded faster than many values.
    fn array(&mut self) -> Result<String, Fault> {
        let mut array = String::from("[");
        while let Some(entry) = self.next()? {
            if array.len() > 1 {
                array.push(',');
            }
            array.push_str(entry.as_str());
        }
        array.push(']');
        Ok(array)
    }
}

impl Entries {
    pub(crate) fn new(entries: RawEntries) -> Self {
        Self(Mutex::new(Reading {
            entries,
            read: VecDeque::new(),
            fault: None,
        }))
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Reading) -> Result<T, Fault> + Send,
    ) -> PyResult<T> {
        call(py, || {
            work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}

#[pymethods]
impl Entries {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Entry>> {
        // What was read already needs no other thread.
        if let Ok(mut reading) = self.0.try_lock()
            && let Some(entry) = reading.read.pop_front()
        {
            return Ok(Some(Entry::new(entry)));
        }
        Ok(self.with(py, Reading::next)?.map(Entry::new))
    }

    fn __length_hint__(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |reading| Ok(reading.remaining()))
    }

    /// All entries that are left, decoded at once.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let array = self.with(py, Reading::array)?;
        json::loads(py, &array)
    }

    /// The bytes of all entries that are left.
    fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let entries = self.with(py, |reading| {
            let mut entries = Vec::new();
            while let Some(entry) = reading.next()? {
                entries.push(entry);
            }
            Ok(entries)
        })?;
        Ok(entries
            .iter()
            .map(|entry| PyBytes::new(py, entry))
            .collect())
    }
}
