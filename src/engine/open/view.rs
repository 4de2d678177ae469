//! One consistent state of an archive as callers hold it, which keeps the archive open.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::engine::commit::{Choice, Done, MOST_TRIES};
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
    /// Whether it is of a writer, who has the locks that it takes to open the tables again.
    is_of_writer: bool,
}

impl View {
    pub(crate) fn new(layers: Layers, engine: Arc<Engine>) -> Self {
        Self {
            layers,
            engine,
            is_of_writer: false,
        }
    }

    fn of_writer(layers: Layers, engine: Arc<Engine>) -> Self {
        Self {
            layers,
            engine,
            is_of_writer: true,
        }
    }

    /// Reads from the state.
    pub(crate) fn read<T>(&self, read: impl Fn(&Layers) -> Outcome<T>) -> Result<T, StoreError> {
        let committer = &self.engine.committer;
        committer.must_be_here()?;
        let watch = committer.sources.file.watch();
        let mut outcome = guarded(watch, || read(&self.layers));
        for _ in 0..MOST_TRIES {
            // A checkpoint that found no room, as in the background, takes the tables from under it.
            let layers = match &outcome {
                Err(fault) if fault.is_of_an_earlier_read() => self.on_tables_of_now(),
                _ => break,
            };
            let Some(layers) = layers else {
                break;
            };
            outcome = guarded(watch, || read(&layers));
        }
        outcome.map_err(|fault| fault.at(self.path()))
    }

    /// The same state on tables that were opened again, if they hold what they held.
    fn on_tables_of_now(&self) -> Option<Layers> {
        if self.is_of_writer {
            return None;
        }
        let now = self.engine.committer.layers().ok()?;
        self.layers.on_tables_of(&now)
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
        let decide = |layers| decide(&View::of_writer(layers, Arc::clone(self)));
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
        let decide = |layers| decide(&View::of_writer(layers, Arc::clone(self)));
        self.committer.commit_without_journal(decide)
    }
}
