//! One consistent state of an archive. All reads pass here; a panic of redb on damaged pages
//! becomes an error here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::base::BaseView;
use super::fault::{Fault, Outcome};
use crate::store::StoreError;

/// One consistent state; cheap to clone.
#[derive(Clone)]
pub(crate) struct View {
    base: Arc<BaseView>,
    path: Arc<Path>,
}

impl View {
    pub(super) fn new(base: BaseView, path: Arc<Path>) -> Self {
        Self {
            base: Arc::new(base),
            path,
        }
    }

    /// Reads from the state.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&BaseView) -> Outcome<T>,
    ) -> Result<T, StoreError> {
        guarded(|| read(&self.base)).map_err(|fault| fault.at(&self.path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Calls what may panic on damaged pages and turns a panic into a fault.
pub(super) fn guarded<T>(call: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
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
