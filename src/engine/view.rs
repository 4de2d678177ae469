//! One consistent state of an archive as callers hold it, which keeps the archive open; and the
//! guard that turns a panic on damaged pages into an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::Engine;
use super::fault::{Fault, Outcome};
use super::layers::Layers;
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
        guarded(|| read(&self.layers)).map_err(|fault| fault.at(self.path()))
    }

    pub(crate) fn path(&self) -> &Path {
        self.engine.path()
    }
}

/// Calls what may panic on damaged pages and turns a panic into a fault.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(Fault::damaged(
            "database image",
            format!("reading it failed: {said}"),
        ))
    })
}
