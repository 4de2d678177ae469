//! One consistent state of an archive as callers hold it, which keeps the archive open; and the
//! guard that turns a panic on damaged pages into an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::Engine;
use super::fault::Outcome;
use super::layers::Layers;
use super::verify::Watch;
use crate::store::StoreError;

/// One consistent state; cheap to clone.
#[derive(Clone)]
pub(crate) struct View {
    layers: Layers,
    engine: Arc<Engine>,
}

impl View {
    pub(super) fn new(layers: Layers, engine: Arc<Engine>) -> Self {
        Self { layers, engine }
    }

    /// Reads from the state.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Layers) -> Outcome<T>,
    ) -> Result<T, StoreError> {
        self.engine.core.must_be_here()?;
        guarded(self.engine.core.file.watch(), || read(&self.layers))
            .map_err(|fault| fault.at(self.path()))
    }

    /// Whether reads may use threads of their own: not where nothing happens in the background.
    pub(crate) fn may_use_threads(&self) -> bool {
        self.engine.options.background
    }

    /// Fails in a process that was forked from the one that made the view.
    pub(crate) fn must_be_here(&self) -> Result<(), StoreError> {
        self.engine.core.must_be_here()
    }

    pub(crate) fn path(&self) -> &Path {
        self.engine.path()
    }
}

/// Calls what may panic on damaged pages, and turns a panic into a fault. From then on redb is
/// not called any more. Where an earlier read has made it useless, the fault is that of the
/// earlier read.
pub(super) fn guarded<T>(watch: &Watch, call: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let called = caught(|| match watch.panicked() {
        Some(damage) => Err(damage.clone().into()),
        None => call(),
    });
    match called {
        Ok(Err(fault)) if fault.is_of_an_earlier_read() => {
            Err(watch.first().map_or(fault, |damage| damage.clone().into()))
        }
        Ok(outcome) => outcome,
        Err(said) => Err(watch.panic(&said).into()),
    }
}

/// Calls what may panic on damaged bytes, and returns what a panic said.
pub(super) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        said.unwrap_or("no message").to_owned()
    })
}
