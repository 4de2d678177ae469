//! What the library says of sessions, segments, appends and closing, as objects with names.

use pyo3::prelude::*;
use sessiondb::archive::OriginKind;
use uuid::Uuid;

/// An append that was made.
#[pyclass(frozen, get_all, eq, module = "sessiondb")]
#[derive(PartialEq)]
pub(crate) struct Receipt {
    index: u64,
    len: u64,
    version: u64,
    synced: bool,
}

impl From<sessiondb::Receipt> for Receipt {
    fn from(receipt: sessiondb::Receipt) -> Self {
        Self {
            index: receipt.index,
            len: receipt.len,
            version: receipt.version,
            synced: receipt.synced,
        }
    }
}

#[pymethods]
impl Receipt {
    fn __repr__(&self) -> String {
        let Self {
            index,
            len,
            version,
            synced,
        } = self;
        let synced = if *synced { "True" } else { "False" };
        format!("Receipt(index={index}, len={len}, version={version}, synced={synced})")
    }
}

/// What is left open after `Archive.close`.
#[pyclass(frozen, get_all, eq, module = "sessiondb")]
#[derive(PartialEq)]
pub(crate) struct Closed {
    is_open_here: bool,
    is_open_elsewhere: bool,
    is_journal_empty: bool,
}

impl From<sessiondb::archive::Closed> for Closed {
    fn from(closed: sessiondb::archive::Closed) -> Self {
        Self {
            is_open_here: closed.is_open_here,
            is_open_elsewhere: closed.is_open_elsewhere,
            is_journal_empty: closed.is_journal_empty,
        }
    }
}

/// A session, without reading an entry.
#[pyclass(frozen, get_all, eq, module = "sessiondb")]
#[derive(PartialEq)]
pub(crate) struct SessionInfo {
    id: Uuid,
    created_ms: u64,
    updated_ms: u64,
    segments: u64,
    entries: u64,
    entry_bytes: u64,
    traces: u64,
    trace_bytes: u64,
    trashed_ms: Option<u64>,
    hidden: bool,
}

impl From<sessiondb::SessionInfo> for SessionInfo {
    fn from(info: sessiondb::SessionInfo) -> Self {
        Self {
            id: info.id,
            created_ms: info.created_ms,
            updated_ms: info.updated_ms,
            segments: info.segments,
            entries: info.entries,
            entry_bytes: info.entry_bytes,
            traces: info.traces,
            trace_bytes: info.trace_bytes,
            trashed_ms: info.trashed_ms,
            hidden: info.hidden,
        }
    }
}

#[pymethods]
impl SessionInfo {
    fn __repr__(&self) -> String {
        let Self {
            id,
            segments,
            entries,
            ..
        } = self;
        format!("<SessionInfo {id}: {segments} segments, {entries} entries>")
    }
}

/// A page of sessions, and where the next one begins.
#[pyclass(frozen, module = "sessiondb")]
pub(crate) struct SessionPage {
    sessions: Vec<Py<SessionInfo>>,
    next: Option<String>,
}

impl SessionPage {
    pub(crate) fn new(py: Python<'_>, page: sessiondb::archive::SessionPage) -> PyResult<Self> {
        let sessions = page.sessions.into_iter();
        let sessions = sessions.map(|info| Py::new(py, SessionInfo::from(info)));
        Ok(Self {
            sessions: sessions.collect::<PyResult<_>>()?,
            next: page.next.map(|next| next.to_string()),
        })
    }
}

#[pymethods]
impl SessionPage {
    /// The sessions, the last used first.
    #[getter]
    fn sessions(&self, py: Python<'_>) -> Vec<Py<SessionInfo>> {
        self.sessions
            .iter()
            .map(|info| info.clone_ref(py))
            .collect()
    }

    /// What `after` takes to go on, or `None` behind the last page.
    #[getter]
    fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

/// A segment, without reading an entry.
#[pyclass(frozen, get_all, eq, module = "sessiondb")]
#[derive(PartialEq)]
pub(crate) struct SegmentInfo {
    session: Uuid,
    id: Uuid,
    exists: bool,
    created_ms: u64,
    updated_ms: u64,
    entries: u64,
    entry_bytes: u64,
    traces: u64,
    trace_bytes: u64,
    /// How it began: `fork` or `compaction`, the segment, and the turn.
    origin: Option<(&'static str, Uuid, u64)>,
    /// The segment whose first entries it shares, and how many.
    parent: Option<(Uuid, u64)>,
    branches: u64,
}

impl From<sessiondb::SegmentInfo> for SegmentInfo {
    fn from(info: sessiondb::SegmentInfo) -> Self {
        let origin = info.origin.map(|origin| {
            let kind = match origin.kind {
                OriginKind::Fork => "fork",
                OriginKind::Compaction => "compaction",
            };
            (kind, origin.segment, origin.at_turn)
        });
        Self {
            session: info.session,
            id: info.id,
            exists: info.exists,
            created_ms: info.created_ms,
            updated_ms: info.updated_ms,
            entries: info.entries,
            entry_bytes: info.entry_bytes,
            traces: info.traces,
            trace_bytes: info.trace_bytes,
            origin,
            parent: info.parent.map(|parent| (parent.segment, parent.len)),
            branches: info.branches,
        }
    }
}

#[pymethods]
impl SegmentInfo {
    fn __repr__(&self) -> String {
        let Self { id, entries, .. } = self;
        format!("<SegmentInfo {id}: {entries} entries>")
    }
}
