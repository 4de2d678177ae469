//! What an SDK keeps in an archive, for as long as neither of them is closed.

use std::sync::{Arc, PoisonError, RwLock};

use pyo3::prelude::*;

use crate::archive::Archive;
use crate::errors::Fault;
use crate::handle::{Handle, call};

/// A store of an SDK.
pub(crate) struct Store<T> {
    handle: Arc<Handle>,
    store: RwLock<Option<T>>,
}

impl<T: Clone + Send + Sync> Store<T> {
    /// Makes one of an open archive.
    pub(crate) fn new(
        py: Python<'_>,
        archive: &Bound<'_, Archive>,
        make: impl FnOnce(&sessiondb::Archive) -> T + Send,
    ) -> PyResult<Self> {
        let handle = Arc::clone(&archive.get().handle);
        let store = call(py, || Ok(make(&handle.get()?)))?;
        Ok(Self {
            handle,
            store: RwLock::new(Some(store)),
        })
    }

    pub(crate) fn get(&self) -> Result<T, Fault> {
        self.handle.must_be_open()?;
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        store.clone().ok_or_else(|| self.handle.closed())
    }

    /// Lets go of the archive.
    pub(crate) fn close(&self, py: Python<'_>) {
        py.detach(|| {
            let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
            drop(store.take());
        });
    }
}
