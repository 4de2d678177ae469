//! Iterators over the entries of a log. They hold one run at each end, however long the log is.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::DeserializeOwned;

use super::entry::Entry;
use crate::engine::{EntrySlice, Layers, LogId, Part, View};
use crate::store::StoreError;

/// The raw entries of a part of a log, from both ends; made by [`Log::read_raw`](crate::Log).
///
/// All entries are of the moment when the read began. While it lives, the space of what other
/// writers replace is not used again: do not keep it for long. After an error it is at its end.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append_many_raw(&["1", "2", "3"])?;
/// let newest_first: Result<Vec<_>, _> = log.read_raw(1..)?.rev().collect();
/// assert_eq!(newest_first?.iter().map(|entry| entry.as_str()).collect::<Vec<_>>(), ["3", "2"]);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
pub struct RawEntries {
    view: View,
    log: LogId,
    rest: Range<u64>,
    front: Option<Part>,
    back: Option<Part>,
}

impl RawEntries {
    pub(super) fn new(view: View, log: LogId, rest: Range<u64>) -> Self {
        Self {
            view,
            log,
            rest,
            front: None,
            back: None,
        }
    }

    /// How many entries are still to come.
    pub fn len_remaining(&self) -> u64 {
        self.rest.end.saturating_sub(self.rest.start)
    }

    fn entry(&mut self, index: u64, from_back: bool) -> Result<Entry, StoreError> {
        let cached = if from_back { &self.back } else { &self.front };
        let slice = match cached.as_ref().and_then(|part| part.entry(index)) {
            Some(slice) => slice,
            None => self.load(index, from_back)?,
        };
        Ok(Entry::new(self.log, index, slice))
    }

    fn load(&mut self, index: u64, from_back: bool) -> Result<EntrySlice, StoreError> {
        let log = self.log;
        let wanted = index.min(self.rest.start)..self.rest.end.max(index.saturating_add(1));
        let read = |layers: &Layers| layers.part_holding(&log, index, &wanted);
        let part = self.view.read(read)?;
        let slice = part.entry(index).ok_or_else(|| StoreError::Damaged {
            path: self.view.path().to_owned(),
            place: format!("{log}, entry {index}"),
            message: "its run does not hold it".to_owned(),
        })?;
        if from_back {
            self.back = Some(part);
        } else {
            self.front = Some(part);
        }
        Ok(slice)
    }

    fn step(&mut self, index: u64, from_back: bool) -> Result<Entry, StoreError> {
        let entry = self.entry(index, from_back);
        if entry.is_err() {
            self.rest = 0..0;
        }
        entry
    }
}

impl Iterator for RawEntries {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.rest.next()?;
        Some(self.step(index, false))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the iteration early.
        (0, usize::try_from(self.len_remaining()).ok())
    }
}

impl DoubleEndedIterator for RawEntries {
    fn next_back(&mut self) -> Option<Self::Item> {
        let index = self.rest.next_back()?;
        Some(self.step(index, true))
    }
}

impl fmt::Debug for RawEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawEntries")
            .field("rest", &self.rest)
            .finish_non_exhaustive()
    }
}

/// The entries of a part of a log as values of `T`, from both ends; made by
/// [`Log::read`](crate::Log). See [`RawEntries`].
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append_many(&[1, 2, 3])?;
/// let sum: i32 = log.read::<i32>(..)?.sum::<Result<_, _>>()?;
/// assert_eq!(sum, 6);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug)]
pub struct TypedEntries<T> {
    raw: RawEntries,
    values: PhantomData<fn() -> T>,
}

impl<T> TypedEntries<T> {
    pub(super) fn new(raw: RawEntries) -> Self {
        Self {
            raw,
            values: PhantomData,
        }
    }
}

impl<T: DeserializeOwned> Iterator for TypedEntries<T> {
    type Item = Result<T, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.raw.next()?.and_then(|entry| entry.decode()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.raw.size_hint()
    }
}

impl<T: DeserializeOwned> DoubleEndedIterator for TypedEntries<T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        Some(self.raw.next_back()?.and_then(|entry| entry.decode()))
    }
}
