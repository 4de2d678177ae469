//! One consistent state of an archive as callers hold it, which keeps the archive open.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::engine::commit::{Choice, Done};
use crate::engine::fault::Outcome;
use crate::engine::layers::Layers;
use crate::engine::model::op::Op;
use crate::engine::open::handle::Engine;
use crate::engine::redb_format::guard::guarded;
use crate::error::StoreError;

/// One consistent state; cheap to clone.
#[derive(Clone)]
pub(crate) struct View {
    layers: Layers,
    engine: Arc<Engine>,
}

impl View {
    pub(crate) fn new(layers: Layers, engine: Arc<Engine>) -> Self {
        Self { layers, engine }
    }

    /// Reads from the state.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Layers) -> Outcome<T>,
    ) -> Result<T, StoreError> {
        self.engine.committer.must_be_here()?;
        guarded(self.engine.committer.sources.file.watch(), || {
            read(&self.layers)
        })
        .map_err(|fault| fault.at(self.path()))
    }

    /// Whether reads may use threads of their own: not where nothing happens in the background.
    pub(crate) fn may_use_threads(&self) -> bool {
        self.engine.options.background
    }

    /// Fails in a process that was forked from the one that made the view.
    pub(crate) fn must_be_here(&self) -> Result<(), StoreError> {
        self.engine.committer.must_be_here()
    }

    pub(crate) fn path(&self) -> &Path {
        self.engine.path()
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// The state as of now.
    pub(crate) fn view(self: &Arc<Self>) -> Result<View, StoreError> {
        self.committer.must_be_here()?;
        Ok(View::new(self.committer.layers()?, Arc::clone(self)))
    }

    /// Makes the changes that `decide` draws from the state, all or none, as one step: between
    /// the state that it is shown and the changes no other writer comes in.
    pub(crate) fn commit<R>(
        self: &Arc<Self>,
        synced: bool,
        decide: impl FnOnce(&View) -> Result<(Vec<Op>, R), StoreError>,
    ) -> Result<(R, Done), StoreError> {
        self.committer.must_be_here()?;
        let decide = |layers| decide(&View::new(layers, Arc::clone(self)));
        let (decided, done) = self.committer.commit(decide)?;
        self.finish(synced, &done)?;
        Ok((decided, done))
    }

    /// Makes the first of two changes if its conditions hold, else the other one, in one step.
    /// Returns whether it was the first.
    pub(crate) fn commit_either(
        self: &Arc<Self>,
        synced: bool,
        first: Choice<'_>,
        otherwise: Choice<'_>,
    ) -> Result<bool, StoreError> {
        self.committer.must_be_here()?;
        let (was_first, done) = self.committer.write_either(first, otherwise)?;
        self.finish(synced, &done)?;
        Ok(was_first)
    }

    /// The same past the journal, of which no byte is left.
    pub(crate) fn commit_without_journal<R>(
        self: &Arc<Self>,
        decide: impl FnOnce(&View) -> Result<(Vec<Op>, R), StoreError>,
    ) -> Result<R, StoreError> {
        self.committer.must_be_here()?;
        let decide = |layers| decide(&View::new(layers, Arc::clone(self)));
        self.committer.commit_without_journal(decide)
    }
}
