//! A search, and what it finds.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sessiondb_search::{Kind, Query, Role};
use uuid::Uuid;

use crate::handle::call;

/// What `search` was asked for.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one that is switched on or off by itself"
)]
pub(crate) struct Asked {
    pub(crate) pattern: String,
    pub(crate) regex: bool,
    pub(crate) whole_words: bool,
    pub(crate) ignore_case: Option<bool>,
    pub(crate) raw: bool,
    pub(crate) hidden: bool,
    pub(crate) kinds: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) since_ms: Option<i64>,
    pub(crate) until_ms: Option<i64>,
    pub(crate) sessions: Option<Vec<Uuid>>,
    pub(crate) context: usize,
    pub(crate) threads: usize,
}

impl Asked {
    pub(crate) fn query(self) -> PyResult<Query> {
        let builder = if self.regex {
            Query::regex(self.pattern)
        } else {
            Query::literal(self.pattern)
        };
        let mut builder = builder
            .whole_words(self.whole_words)
            .raw(self.raw)
            .hidden(self.hidden)
            .kinds(named::<Kind>(&self.kinds)?)
            .roles(named::<Role>(&self.roles)?)
            .context(self.context)
            .threads(self.threads);
        if let Some(ignore_case) = self.ignore_case {
            builder = builder.ignore_case(ignore_case);
        }
        if let Some(since_ms) = self.since_ms {
            builder = builder.since_ms(since_ms);
        }
        if let Some(until_ms) = self.until_ms {
            builder = builder.until_ms(until_ms);
        }
        if let Some(sessions) = self.sessions {
            builder = builder.sessions(sessions);
        }
        builder
            .build()
            .map_err(|cause| PyValueError::new_err(cause.to_string()))
    }
}

fn named<T: std::str::FromStr<Err = String>>(names: &[String]) -> PyResult<Vec<T>> {
    let parsed = names.iter().map(|name| name.parse());
    parsed
        .collect::<Result<_, _>>()
        .map_err(PyValueError::new_err)
}

/// Iterates over the hits of a search, as they are found.
#[pyclass(frozen, module = "sessiondb")]
pub(crate) struct Search(Mutex<Option<sessiondb_search::Search>>);

impl Search {
    pub(crate) fn new(now: &sessiondb::Snapshot, query: Query) -> Self {
        Self(Mutex::new(Some(sessiondb_search::Search::new(now, query))))
    }

    fn take(&self) -> Option<sessiondb_search::Search> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl Search {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Hit>> {
        let hit = call(py, || {
            let mut search = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(search.as_mut().and_then(Iterator::next).transpose()?)
        })?;
        hit.map(|hit| Hit::new(py, hit)).transpose()
    }

    /// Ends the search and its threads.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.take()));
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.close(py);
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        let search = self.take();
        // Its threads are waited for.
        let _ = Python::try_attach(|py| py.detach(move || drop(search)));
    }
}

/// One thing of a session in which the pattern is.
#[pyclass(frozen, module = "sessiondb")]
pub(crate) struct Hit {
    hit: sessiondb_search::Hit,
    lines: Vec<Py<Line>>,
}

impl Hit {
    fn new(py: Python<'_>, mut hit: sessiondb_search::Hit) -> PyResult<Self> {
        let lines = std::mem::take(&mut hit.lines).into_iter();
        let lines = lines.map(|line| Py::new(py, Line::new(line)));
        Ok(Self {
            lines: lines.collect::<PyResult<_>>()?,
            hit,
        })
    }
}

#[pymethods]
impl Hit {
    #[getter]
    fn session_id(&self) -> Uuid {
        self.hit.session
    }

    #[getter]
    fn segment_id(&self) -> Uuid {
        self.hit.segment
    }

    /// The number of the entry, counted from 0.
    #[getter]
    fn entry(&self) -> u64 {
        self.hit.entry
    }

    /// When, in milliseconds since 1970, if the entry says so.
    #[getter]
    fn at_ms(&self) -> Option<i64> {
        self.hit.at_ms
    }

    /// What it is, such as `"prompt"` or `"tool_result"`.
    #[getter]
    fn kind(&self) -> &'static str {
        let known = Kind::ALL.iter().find(|(_, kind)| *kind == self.hit.kind);
        known.map_or("raw", |(name, _)| name)
    }

    /// Who said it: `"user"`, `"assistant"`, `"tool"` or `"system"`.
    #[getter]
    fn role(&self) -> &'static str {
        let known = Role::ALL.iter().find(|(_, role)| *role == self.hit.role);
        known.map_or("system", |(name, _)| name)
    }

    /// The lines with a match, and those around them that were asked for.
    #[getter]
    fn lines(&self, py: Python<'_>) -> Vec<Py<Line>> {
        self.lines.iter().map(|line| line.clone_ref(py)).collect()
    }

    fn __repr__(&self) -> String {
        let (kind, entry) = (self.kind(), self.hit.entry);
        format!(
            "<Hit {kind} in entry {entry} of segment {} of session {}>",
            self.hit.segment, self.hit.session
        )
    }
}

/// One line of what was found.
#[pyclass(frozen, get_all, module = "sessiondb")]
pub(crate) struct Line {
    number: u64,
    text: String,
    /// Where in the text the matches are, in characters.
    matches: Vec<(usize, usize)>,
    is_cut: bool,
}

impl Line {
    fn new(line: sessiondb_search::Line) -> Self {
        let characters = |bytes: usize| {
            line.text
                .get(..bytes)
                .map_or(0, |text| text.chars().count())
        };
        let matches = line.matches.iter();
        Self {
            number: line.number,
            matches: matches
                .map(|range| (characters(range.start), characters(range.end)))
                .collect(),
            is_cut: line.is_cut,
            text: line.text,
        }
    }
}

#[pymethods]
impl Line {
    fn __repr__(&self) -> String {
        format!("<Line {}: {}>", self.number, self.text)
    }
}
