//! Changes as they are made, by whichever process.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use sessiondb::archive::{Canceller, ChangeKind};
use uuid::Uuid;

use crate::handle::call;
use crate::options::seconds;

/// One change.
#[pyclass(frozen, get_all, module = "sessiondb")]
pub(crate) struct Change {
    /// `"append"`, `"replace"`, `"truncate"`, `"branch"`, `"erase"`, `"delete_log"`, `"delete_session"`,
    /// `"metadata"`, `"name"`, `"delete_name"`, `"compaction"` or `"gap"`.
    kind: &'static str,
    session_id: Option<Uuid>,
    segment_id: Option<Uuid>,
    is_trace: bool,
    start: u64,
    stop: u64,
    name: Option<String>,
    version: u64,
}

impl From<sessiondb::archive::Change> for Change {
    fn from(change: sessiondb::archive::Change) -> Self {
        Self {
            kind: kind_name(change.kind),
            session_id: change.session,
            segment_id: change.segment,
            is_trace: change.trace,
            start: change.range.start,
            stop: change.range.end,
            name: change.name,
            version: change.version,
        }
    }
}

fn kind_name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Append => "append",
        ChangeKind::Replace => "replace",
        ChangeKind::Truncate => "truncate",
        ChangeKind::Branch => "branch",
        ChangeKind::Erase => "erase",
        ChangeKind::DeleteLog => "delete_log",
        ChangeKind::DeleteSession => "delete_session",
        ChangeKind::Metadata => "metadata",
        ChangeKind::Name => "name",
        ChangeKind::DeleteName => "delete_name",
        ChangeKind::Compaction => "compaction",
        // Whoever does not know a kind reads again, as after a gap.
        _ => "gap",
    }
}

#[pymethods]
impl Change {
    fn __repr__(&self) -> String {
        let Self {
            kind,
            start,
            stop,
            version,
            ..
        } = self;
        format!("<Change {kind} {start}..{stop} at version {version}>")
    }
}

/// How long a call waits before it looks whether Python has a signal, such as that of Ctrl-C.
const SIGNALS: Duration = Duration::from_millis(100);

/// Tells each change once and in order. As an iterator it waits for the next one, until it is closed.
#[pyclass(frozen, module = "sessiondb")]
pub(crate) struct Changes {
    changes: Mutex<Option<sessiondb::archive::Changes>>,
    canceller: Canceller,
}

/// What became of waiting for a change.
enum Next {
    Change(Change),
    NotYet,
    Closed,
}

impl Changes {
    pub(crate) fn new(changes: sessiondb::archive::Changes) -> Self {
        Self {
            canceller: changes.canceller(),
            changes: Mutex::new(Some(changes)),
        }
    }

    fn within(&self, py: Python<'_>, time: Duration) -> PyResult<Next> {
        call(py, || {
            let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(changes) = changes.as_mut() else {
                return Ok(Next::Closed);
            };
            let next = changes.next_within(time)?;
            Ok(next.map_or(Next::NotYet, |change| Next::Change(change.into())))
        })
    }

    fn end(&self) -> Option<sessiondb::archive::Changes> {
        self.canceller.cancel();
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

#[pymethods]
impl Changes {
    /// The next change, or `None` if none comes within `timeout` seconds, or ever after `close`. Without a
    /// timeout it waits.
    #[pyo3(signature = (timeout=None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Change>> {
        let timeout = timeout.map(|value| seconds("timeout", value)).transpose()?;
        let began = Instant::now();
        loop {
            let left = timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
            let found = self.within(py, left.unwrap_or(SIGNALS).min(SIGNALS))?;
            match found {
                Next::Closed => return Ok(None),
                Next::Change(change) => return Ok(Some(change)),
                Next::NotYet if left.is_some_and(|left| left <= SIGNALS) => return Ok(None),
                Next::NotYet => py.check_signals()?,
            }
        }
    }

    /// Ends it: whoever waits for the next change gets none.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.end()));
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Change>> {
        self.next(py, None)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) {
        self.close(py);
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        let changes = self.end();
        let _ = Python::try_attach(|py| py.detach(move || drop(changes)));
    }
}
