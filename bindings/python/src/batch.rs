//! Several changes that are made together or not at all.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use sessiondb::StoreError;

use crate::errors::Fault;
use crate::handle::{Handle, call};
use crate::id::Id;
use crate::json::{self, Given};
use crate::log::Log;
use crate::options;
use crate::records::fields;

/// Several changes that are made together or not at all, when they are committed. As a context it is committed at
/// its end, and given up if an exception leaves it.
#[pyclass(frozen, module = "sessiondb")]
pub(crate) struct Batch {
    handle: Arc<Handle>,
    batch: Mutex<Option<sessiondb::Batch>>,
}

/// Each change gives the batch back, so that the next one can follow.
type Same<'py> = PyResult<Bound<'py, Batch>>;

impl Batch {
    pub(crate) fn new(py: Python<'_>, handle: &Arc<Handle>) -> PyResult<Self> {
        let batch = handle.call(py, |archive| Ok(archive.batch()))?;
        Ok(Self {
            handle: Arc::clone(handle),
            batch: Mutex::new(Some(batch)),
        })
    }

    fn take(&self) -> Result<sessiondb::Batch, Fault> {
        let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        batch.take().ok_or_else(ended)
    }
}

fn ended() -> Fault {
    PyRuntimeError::new_err("this batch has been committed or given up; make another one").into()
}

/// A change that may be refused.
fn try_change(
    slf: Bound<'_, Batch>,
    change: impl FnOnce(&mut sessiondb::Batch) -> Result<(), StoreError> + Send,
) -> Same<'_> {
    let batch = slf.get();
    call(slf.py(), || {
        let mut batch = batch.batch.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(change(batch.as_mut().ok_or_else(ended)?)?)
    })?;
    Ok(slf)
}

/// A change that is looked at when it is committed.
fn change(slf: Bound<'_, Batch>, change: impl FnOnce(&mut sessiondb::Batch) + Send) -> Same<'_> {
    try_change(slf, |batch| {
        change(batch);
        Ok(())
    })
}

/// A change of one log that may be refused.
fn try_of_log<'py>(
    slf: Bound<'py, Batch>,
    log: &Bound<'py, Log>,
    change: impl FnOnce(&mut sessiondb::Batch, &sessiondb::Log) -> Result<(), StoreError> + Send,
) -> Same<'py> {
    let log = log.get();
    let archive = call(slf.py(), || log.handle.get())?;
    try_change(slf, move |batch| change(batch, &log.of(&archive)))
}

/// A change of one log.
fn of_log<'py>(
    slf: Bound<'py, Batch>,
    log: &Bound<'py, Log>,
    change: impl FnOnce(&mut sessiondb::Batch, &sessiondb::Log) + Send,
) -> Same<'py> {
    try_of_log(slf, log, |batch, log| {
        change(batch, log);
        Ok(())
    })
}

#[pymethods]
impl Batch {
    /// Commits it if the log has this many entries.
    fn expect_len<'py>(slf: Bound<'py, Self>, log: &Bound<'py, Log>, len: u64) -> Same<'py> {
        of_log(slf, log, move |batch, log| {
            batch.expect_len(log, len);
        })
    }

    /// Commits it if the log is not there.
    fn expect_absent<'py>(slf: Bound<'py, Self>, log: &Bound<'py, Log>) -> Same<'py> {
        of_log(slf, log, |batch, log| {
            batch.expect_absent(log);
        })
    }

    /// Commits it if the log is there.
    fn expect_present<'py>(slf: Bound<'py, Self>, log: &Bound<'py, Log>) -> Same<'py> {
        of_log(slf, log, |batch, log| {
            batch.expect_present(log);
        })
    }

    /// Commits it if the session has no other segment than that of the log.
    fn expect_only_segment<'py>(slf: Bound<'py, Self>, log: &Bound<'py, Log>) -> Same<'py> {
        of_log(slf, log, |batch, log| {
            batch.expect_only_segment(log);
        })
    }

    /// Commits it if the session is not there.
    fn expect_session_absent(slf: Bound<'_, Self>, session_id: Id) -> Same<'_> {
        change(slf, move |batch| {
            batch.expect_session_absent(session_id.0);
        })
    }

    /// Commits it if the session is there.
    fn expect_session_present(slf: Bound<'_, Self>, session_id: Id) -> Same<'_> {
        change(slf, move |batch| {
            batch.expect_session_present(session_id.0);
        })
    }

    fn append<'py>(slf: Bound<'py, Self>, log: &Bound<'py, Log>, entry: Given) -> Same<'py> {
        let (session, segment) = (log.get().session(), log.get().segment());
        try_of_log(slf, log, move |batch, log| {
            let entry = json::checked(session, segment, vec![entry])?;
            batch.append_many(log, entry).map(drop)
        })
    }

    fn append_many<'py>(
        slf: Bound<'py, Self>,
        log: &Bound<'py, Log>,
        entries: &Bound<'py, PyAny>,
    ) -> Same<'py> {
        let entries = json::many(entries)?;
        let (session, segment) = (log.get().session(), log.get().segment());
        try_of_log(slf, log, move |batch, log| {
            batch
                .append_many(log, json::checked(session, segment, entries)?)
                .map(drop)
        })
    }

    fn append_at<'py>(
        slf: Bound<'py, Self>,
        log: &Bound<'py, Log>,
        expected_len: u64,
        entries: &Bound<'py, PyAny>,
    ) -> Same<'py> {
        let entries = json::many(entries)?;
        let (session, segment) = (log.get().session(), log.get().segment());
        try_of_log(slf, log, move |batch, log| {
            let entries = json::checked(session, segment, entries)?;
            batch.append_at(log, expected_len, entries).map(drop)
        })
    }

    fn replace<'py>(
        slf: Bound<'py, Self>,
        log: &Bound<'py, Log>,
        entries: &Bound<'py, PyAny>,
    ) -> Same<'py> {
        let entries = json::many(entries)?;
        let (session, segment) = (log.get().session(), log.get().segment());
        try_of_log(slf, log, move |batch, log| {
            batch
                .replace(log, json::checked(session, segment, entries)?)
                .map(drop)
        })
    }

    fn truncate<'py>(slf: Bound<'py, Self>, log: &Bound<'py, Log>, len: u64) -> Same<'py> {
        of_log(slf, log, move |batch, log| {
            batch.truncate(log, len);
        })
    }

    fn erase<'py>(
        slf: Bound<'py, Self>,
        log: &Bound<'py, Log>,
        start: u64,
        stop: u64,
    ) -> Same<'py> {
        of_log(slf, log, move |batch, log| {
            batch.erase(log, start..stop);
        })
    }

    fn delete<'py>(slf: Bound<'py, Self>, log: &Bound<'py, Log>) -> Same<'py> {
        of_log(slf, log, |batch, log| {
            batch.delete(log);
        })
    }

    fn branch<'py>(
        slf: Bound<'py, Self>,
        log: &Bound<'py, Log>,
        at: u64,
        segment_id: Id,
    ) -> Same<'py> {
        of_log(slf, log, move |batch, log| {
            batch.branch(log, at, segment_id.0);
        })
    }

    fn delete_segment(slf: Bound<'_, Self>, session_id: Id, segment_id: Id) -> Same<'_> {
        change(slf, move |batch| {
            batch.delete_segment(session_id.0, segment_id.0);
        })
    }

    fn delete_session(slf: Bound<'_, Self>, session_id: Id) -> Same<'_> {
        change(slf, move |batch| {
            batch.delete_session(session_id.0);
        })
    }

    fn set_metadata<'py>(
        slf: Bound<'py, Self>,
        session_id: Id,
        metadata: &Bound<'py, PyAny>,
    ) -> Same<'py> {
        let fields = fields(metadata)?;
        try_change(slf, move |batch| {
            batch.set_metadata(session_id.0, &fields).map(drop)
        })
    }

    fn write_note<'py>(slf: Bound<'py, Self>, key: String, note: &Bound<'py, PyAny>) -> Same<'py> {
        let note = json::raw_value(note)?;
        try_change(slf, move |batch| batch.write_note(&key, &note).map(drop))
    }

    fn delete_note(slf: Bound<'_, Self>, key: String) -> Same<'_> {
        change(slf, move |batch| {
            batch.delete_note(&key);
        })
    }

    fn write_name<'py>(
        slf: Bound<'py, Self>,
        name: String,
        record: &Bound<'py, PyAny>,
    ) -> Same<'py> {
        let record = json::raw_value(record)?;
        try_change(slf, move |batch| batch.write_name(&name, &record).map(drop))
    }

    fn delete_name(slf: Bound<'_, Self>, name: String) -> Same<'_> {
        try_change(slf, move |batch| batch.delete_name(&name).map(drop))
    }

    /// Says what the whole of it survives, `"synced"` or `"written"`.
    fn with_durability<'py>(slf: Bound<'py, Self>, durability: &str) -> Same<'py> {
        let durability = options::durability(durability)?;
        let this = slf.get();
        call(slf.py(), || {
            let batch = this.take()?.with_durability(durability);
            *this.batch.lock().unwrap_or_else(PoisonError::into_inner) = Some(batch);
            Ok(())
        })?;
        Ok(slf)
    }

    /// Makes all changes, or none.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || {
            let batch = self.take()?;
            // A batch that was made before its archive was closed is refused as all calls are.
            self.handle.get()?;
            Ok(batch.commit()?)
        })
    }

    /// Makes all changes, or if a condition does not hold those of the other batch. Returns whether it was these.
    fn commit_or(&self, py: Python<'_>, otherwise: &Bound<'_, Self>) -> PyResult<bool> {
        let otherwise = otherwise.get();
        call(py, || {
            let (batch, other) = (self.take()?, otherwise.take()?);
            self.handle.get()?;
            Ok(batch.commit_or(other)?)
        })
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let is_open = py.detach(|| {
            let batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
            batch.is_some()
        });
        match (is_open, kind.is_none()) {
            (true, true) => self.commit(py),
            (true, false) => call(py, || self.take().map(drop)),
            (false, _) => Ok(()),
        }
    }
}
