//! The archive as it was at one moment.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sessiondb::StoreError;
use sessiondb::archive::{SessionCursor, SessionQuery};
use uuid::Uuid;

use crate::errors::Fault;
use crate::handle::{Handle, call};
use crate::id::Id;
use crate::info::{SegmentInfo, SessionInfo, SessionPage};
use crate::json;
use crate::log_snapshot::LogSnapshot;
use crate::search::{Asked, Search};

/// The archive as it was at one moment, whatever was written since.
#[pyclass(frozen, module = "sessiondb")]
pub(crate) struct Snapshot {
    now: sessiondb::Snapshot,
}

impl Snapshot {
    pub(crate) fn of(py: Python<'_>, handle: &Arc<Handle>) -> PyResult<Self> {
        let now = handle.call(py, sessiondb::Archive::snapshot)?;
        Ok(Self { now })
    }

    fn call<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&sessiondb::Snapshot) -> Result<T, StoreError> + Send,
    ) -> PyResult<T> {
        call(py, || Ok(work(&self.now)?))
    }
}

#[pymethods]
impl Snapshot {
    fn log(&self, session_id: Id, segment_id: Id) -> LogSnapshot {
        LogSnapshot::new(self.now.log(session_id.0, segment_id.0))
    }

    fn trace(&self, session_id: Id, segment_id: Id) -> LogSnapshot {
        LogSnapshot::new(self.now.trace(session_id.0, segment_id.0))
    }

    /// A session, or `None`.
    fn session(&self, py: Python<'_>, session_id: Id) -> PyResult<Option<SessionInfo>> {
        let found = self.call(py, |now| now.session(session_id.0))?;
        Ok(found.map(SessionInfo::from))
    }

    /// A segment, or `None`.
    fn segment(
        &self,
        py: Python<'_>,
        session_id: Id,
        segment_id: Id,
    ) -> PyResult<Option<SegmentInfo>> {
        let found = self.call(py, |now| now.segment(session_id.0, segment_id.0))?;
        Ok(found.map(SegmentInfo::from))
    }

    /// The session that a segment is of, or `None`.
    fn session_of(&self, py: Python<'_>, segment_id: Id) -> PyResult<Option<Uuid>> {
        self.call(py, |now| now.session_of(segment_id.0))
    }

    /// All sessions by descending id, those in the trash and hidden ones as well.
    fn sessions(&self, py: Python<'_>) -> PyResult<Vec<SessionInfo>> {
        let sessions = self.call(py, |now| now.sessions().collect::<Result<Vec<_>, _>>())?;
        Ok(sessions.into_iter().map(SessionInfo::from).collect())
    }

    /// The segments of a session by descending id.
    fn segments(&self, py: Python<'_>, session_id: Id) -> PyResult<Vec<SegmentInfo>> {
        let segments = self.call(py, |now| {
            now.segments(session_id.0).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(segments.into_iter().map(SegmentInfo::from).collect())
    }

    /// A page of sessions, the last used first.
    #[pyo3(signature = (*, limit=50, after=None, since_ms=0, until_ms=None, trashed=false, hidden=false))]
    #[expect(clippy::too_many_arguments, reason = "Python names each of them")]
    fn query_sessions(
        &self,
        py: Python<'_>,
        limit: usize,
        after: Option<&str>,
        since_ms: u64,
        until_ms: Option<u64>,
        trashed: bool,
        hidden: bool,
    ) -> PyResult<SessionPage> {
        let mut query = SessionQuery::new()
            .limit(limit)
            .since_ms(since_ms)
            .trashed(trashed)
            .hidden(hidden);
        if let Some(cursor) = after {
            let cursor: SessionCursor = cursor.parse().map_err(PyValueError::new_err)?;
            query = query.after(&cursor);
        }
        if let Some(until_ms) = until_ms {
            query = query.until_ms(until_ms);
        }
        let page = self.call(py, |now| now.query_sessions(&query))?;
        SessionPage::new(py, page)
    }

    /// The sessions in the trash.
    fn trash(&self, py: Python<'_>) -> PyResult<Vec<SessionInfo>> {
        let sessions = self.call(py, sessiondb::Snapshot::trash)?;
        Ok(sessions.into_iter().map(SessionInfo::from).collect())
    }

    /// The metadata of a session, or `None` if there is no such session.
    fn metadata<'py>(
        &self,
        py: Python<'py>,
        session_id: Id,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let fields = self.call(py, |now| now.metadata(session_id.0))?;
        fields.map(|fields| json::report(py, &fields)).transpose()
    }

    /// The note of a key, or `None`.
    fn read_note<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let note = self.call(py, |now| {
            now.read_note::<Box<serde_json::value::RawValue>>(key)
        })?;
        note.map(|note| json::loads(py, note.get())).transpose()
    }

    /// The keys that begin with `prefix` and have a note, sorted.
    #[pyo3(signature = (prefix=""))]
    fn notes(&self, py: Python<'_>, prefix: &str) -> PyResult<Vec<String>> {
        self.call(py, |now| now.notes(prefix))
    }

    /// The names, sorted.
    fn names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.call(py, sessiondb::Snapshot::names)
    }

    /// What a list shows of a session: its agent, title, turns and so on; `None` if no agent is known.
    #[pyo3(signature = (session_id, *, most_bytes=u64::MAX))]
    fn summary<'py>(
        &self,
        py: Python<'py>,
        session_id: Id,
        most_bytes: u64,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let fields = self.call(py, |now| {
            let Some(info) = now.session(session_id.0)? else {
                return Err(StoreError::SessionNotFound(session_id.0));
            };
            Ok(sessiondb_logs::summary(now, &info, most_bytes)?.fields)
        })?;
        fields.map(|fields| json::report(py, &fields)).transpose()
    }

    /// Looks for a pattern in what was said, the newest first.
    #[pyo3(signature = (pattern, *, regex=false, whole_words=false, ignore_case=None, raw=false, hidden=false,
        kinds=None, roles=None, since_ms=None, until_ms=None, sessions=None, context=0, threads=0))]
    #[expect(clippy::too_many_arguments, reason = "Python names each of them")]
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "Python names each of them"
    )]
    fn search(
        &self,
        py: Python<'_>,
        pattern: String,
        regex: bool,
        whole_words: bool,
        ignore_case: Option<bool>,
        raw: bool,
        hidden: bool,
        kinds: Option<Vec<String>>,
        roles: Option<Vec<String>>,
        since_ms: Option<i64>,
        until_ms: Option<i64>,
        sessions: Option<Vec<Id>>,
        context: usize,
        threads: usize,
    ) -> PyResult<Search> {
        let asked = Asked {
            pattern,
            regex,
            whole_words,
            ignore_case,
            raw,
            hidden,
            kinds: kinds.unwrap_or_default(),
            roles: roles.unwrap_or_default(),
            since_ms,
            until_ms,
            sessions: sessions.map(|ids| ids.into_iter().map(|id| id.0).collect()),
            context,
            threads,
        };
        let query = asked.query()?;
        call(py, || Ok::<_, Fault>(Search::new(&self.now, query)))
    }
}
