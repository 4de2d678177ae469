//! What those share who follow: changes as they come, and what new items alone do not tell.

use std::time::Duration;

use sessiondb::archive::{Change, Changes, LogSnapshot};
use sessiondb::{Archive, Snapshot, StoreError};

use crate::context::Context;
use crate::end::End;
use crate::exit::Failure;
use crate::summary;
use crate::transcript::beside::Beside;

/// After so long it is looked whether somebody still reads.
const A_WHILE: Duration = Duration::from_millis(200);

/// An archive whose changes are told.
pub(super) struct Following<'a> {
    pub(super) archive: &'a Archive,
    pub(super) changes: Changes,
    pub(super) end: End,
}

impl Following<'_> {
    /// The changes since the last call, at least one; `None` at the end.
    pub(super) fn next(&mut self, context: &Context) -> Result<Option<Vec<Change>>, Failure> {
        loop {
            if self.end.is_reached() {
                return Ok(None);
            }
            match self.changes.next_within(A_WHILE) {
                Ok(Some(first)) => return self.with_ready(first).map(Some),
                Ok(None) => {}
                Err(error @ StoreError::Busy { .. }) => {
                    context.say(format_args!("{error}; trying again"));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn with_ready(&mut self, first: Change) -> Result<Vec<Change>, Failure> {
        let mut changes = vec![first];
        while let Some(change) = self.changes.next_within(Duration::ZERO)? {
            changes.push(change);
        }
        Ok(changes)
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, Failure> {
        Ok(self.archive.snapshot()?)
    }
}

/// What the new items of a log do not tell.
pub(super) struct Live {
    pub(super) log: LogSnapshot,
    pub(super) now: Snapshot,
}

impl Live {
    pub(super) fn new(now: &Snapshot, log: LogSnapshot) -> Self {
        Self {
            log,
            now: now.clone(),
        }
    }
}

impl Beside for Live {
    fn raw(&self, entry: u64) -> Result<(String, String), Failure> {
        let found = self.log.read(entry..=entry)?.next().transpose()?;
        let line = found.map(|entry| summary::Summary::of(&entry));
        Ok(line.map_or_else(Default::default, |line| (line.kind, line.text)))
    }

    fn segment_of_subagent(&self, id: &str) -> Option<String> {
        let session = self.log.session_id();
        let segments = crate::transcript::segment_ids(&self.now, session).ok()?;
        let is_it = |segment: &&sessiondb::SegmentId| {
            let subagent = sessiondb_logs::subagent_of(&self.now, session, **segment);
            subagent.is_ok_and(|subagent| subagent.as_deref() == Some(id))
        };
        let segment = segments.iter().find(is_it)?;
        crate::sessions::short_segment(&self.now, session, *segment).ok()
    }
}
