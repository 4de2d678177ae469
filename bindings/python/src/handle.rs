//! The archive that the objects of one `Archive` share, and how each of their calls runs.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;
use sessiondb::StoreError;

use crate::errors::Fault;

/// An open archive until it is closed.
pub(crate) struct Handle {
    path: PathBuf,
    open: RwLock<Option<sessiondb::Archive>>,
}

/// Runs what the library does, while other Python threads go on.
pub(crate) fn call<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, Fault> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(PyErr::from)
}

impl Handle {
    pub(crate) fn new(archive: sessiondb::Archive) -> Self {
        Self {
            path: archive.path().to_owned(),
            open: RwLock::new(Some(archive)),
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The archive, for one call. To be asked for while other Python threads may run, since a compaction has it to
    /// itself.
    pub(crate) fn get(&self) -> Result<sessiondb::Archive, Fault> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.clone().ok_or_else(|| self.closed())
    }

    /// Takes the archive away: nothing is open any more.
    pub(crate) fn take(&self) -> Option<sessiondb::Archive> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.take()
    }

    /// Makes of the archive another one. Nobody gets it meanwhile.
    pub(crate) fn exchange<T>(
        &self,
        change: impl FnOnce(sessiondb::Archive) -> (Option<sessiondb::Archive>, Result<T, StoreError>),
    ) -> Result<T, Fault> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let archive = open.take().ok_or_else(|| self.closed())?;
        let (archive, done) = change(archive);
        *open = archive;
        Ok(done?)
    }

    pub(crate) fn is_open(&self) -> bool {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.is_some()
    }

    /// Refuses a call if the archive was closed.
    pub(crate) fn must_be_open(&self) -> Result<(), Fault> {
        if self.is_open() {
            Ok(())
        } else {
            Err(self.closed())
        }
    }

    /// Runs a call on the archive, while other Python threads go on.
    pub(crate) fn call<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&sessiondb::Archive) -> Result<T, StoreError> + Send,
    ) -> PyResult<T> {
        call(py, || Ok(work(&self.get()?)?))
    }

    pub(crate) fn closed(&self) -> Fault {
        Fault::Closed(self.path.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let archive = self.take();
        // The last handle moves the journal into the tables, which may take a while.
        let _ = Python::try_attach(|py| py.detach(move || drop(archive)));
    }
}
