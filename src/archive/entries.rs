//! Iterators over the entries of a log. They hold one run at each end, however long the log is.

use std::fmt;
use std::ops::{Bound, Range, RangeBounds};

use super::entry::Entry;
use super::entry_reader::EntryReader;
use super::prefetch::Prefetch;
use crate::engine::{EntrySlice, Held, Layers, LogId, Part, View};
use crate::error::StoreError;

/// The entries of a part of a log, from both ends; made by [`Log::read`](crate::Log::read).
///
/// All entries are of the moment when the read began. While it lives, the space of what other
/// writers replace is not used again: do not keep it for long. After an error it is at its end.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append_many([1, 2, 3])?;
/// let newest_first: Result<Vec<_>, _> = log.read(1..)?.rev().collect();
/// assert_eq!(newest_first?.iter().map(|entry| entry.as_str()).collect::<Vec<_>>(), ["3", "2"]);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
pub struct RawEntries {
    // Declared, and so ended, before the view that its thread reads from as well.
    prefetch: Option<Prefetch>,
    prefetches: bool,
    /// The index at which to begin to prefetch.
    prefetch_at: u64,
    view: View,
    log: LogId,
    rest: Range<u64>,
    front: Option<Part>,
    back: Option<Part>,
}

/// The most bytes that a stretch of several entries has.
const MAX_STRETCH_BYTES: usize = 64 << 10;
/// Of parts that are smaller, the next one is unpacked sooner than a thread begins.
const MIN_BYTES_TO_PREFETCH: usize = 96 << 10;
/// How many entries a prefetch wants before its thread has begun.
const FIRST_ENTRIES: u64 = 64;

impl RawEntries {
    pub(super) fn new(view: View, log: LogId, rest: Range<u64>) -> Self {
        Self {
            prefetch: None,
            prefetches: false,
            prefetch_at: u64::MAX,
            view,
            log,
            rest,
            front: None,
            back: None,
        }
    }

    /// Unpacks the next run on another thread while one is gone through from the front. For those
    /// who do more with the entries than unpacking them costs.
    pub(crate) fn prefetching(mut self) -> Self {
        self.prefetches = true;
        self
    }

    /// How many entries are still to come.
    pub fn len_remaining(&self) -> u64 {
        self.rest.end.saturating_sub(self.rest.start)
    }

    /// The next entries from the front, up to so many, that stand one behind the other in memory.
    pub(super) fn next_stretch(&mut self, most: u64) -> Option<Result<Stretch, StoreError>> {
        let first = match self.next()? {
            Ok(entry) => entry.index(),
            Err(err) => return Some(Err(err)),
        };
        let part = self.front.clone()?;
        let end = part.end_within(first, MAX_STRETCH_BYTES);
        let end = end.min(first.saturating_add(most)).min(self.rest.end);
        self.rest.start = self.rest.start.max(end);
        Some(Ok(Stretch {
            log: self.log,
            numbers: first..self.rest.start,
            part,
        }))
    }

    /// The next entry from the front, to be read a piece at a time: one of more than 4 MiB is not in memory as a whole then.
    ///
    /// ```
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
    /// log.append_many(["one", "two"])?;
    /// let mut entries = log.read(..)?;
    /// let first = entries.next_reader().expect("there are two")?;
    /// assert_eq!(first.whole(), Some(&b"\"one\""[..]));
    /// assert_eq!(entries.count(), 1);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    pub fn next_reader(&mut self) -> Option<Result<EntryReader, StoreError>> {
        let (index, view, log) = (self.rest.start, self.view.clone(), self.log);
        let is_held = self.front.as_ref().and_then(|part| part.entry(index));
        if !self.rest.is_empty() && is_held.is_none() && !self.prefetches {
            let wanted = self.rest.clone();
            match view.read(|layers| layers.held(&log, index, &wanted)) {
                Ok(Held::Whole(part)) => self.front = Some(part),
                Ok(Held::Cut(cut)) => {
                    self.rest.start = index.saturating_add(1);
                    return Some(Ok(EntryReader::of_pieces(&view, log, index, cut)));
                }
                Err(err) => {
                    self.rest = 0..0;
                    return Some(Err(err));
                }
            }
        }
        let entry = self.next()?;
        Some(entry.map(|entry| EntryReader::of_entry(&view, log, entry)))
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
        let part = match self.taken_from_prefetch(index, from_back) {
            Some(part) => part,
            None => self.read_part(index, from_back)?,
        };
        let slice = part.entry(index).ok_or_else(|| StoreError::Damaged {
            path: self.view.path().to_owned(),
            place: format!("{}, entry {index}", self.log),
            message: "its run does not hold it".to_owned(),
        })?;
        if from_back {
            self.back = Some(part);
        } else {
            self.plan_prefetch(&part);
            self.front = Some(part);
        }
        Ok(slice)
    }

    fn read_part(&self, index: u64, from_back: bool) -> Result<Part, StoreError> {
        let log = self.log;
        let mut wanted = index.min(self.rest.start)..self.rest.end.max(index.saturating_add(1));
        if self.prefetches && !from_back && self.front.is_none() {
            // The other thread unpacks what is behind while the first entries are gone through.
            wanted.end = wanted.end.min(index.saturating_add(FIRST_ENTRIES));
        }
        let read = |layers: &Layers| layers.part_holding(&log, index, &wanted);
        self.view.read(read)
    }

    /// The part that was prefetched, if it is the one that is needed.
    fn taken_from_prefetch(&mut self, index: u64, from_back: bool) -> Option<Part> {
        if from_back {
            return None;
        }
        let part = self.prefetch.as_ref()?.next_part();
        let part = part.filter(|part| part.numbers().contains(&index));
        if part.is_none() {
            self.prefetch = None;
        }
        part
    }

    /// Prefetching begins once an eighth of a run is behind: many readers look at the first
    /// entries of a log and no further.
    fn plan_prefetch(&mut self, part: &Part) {
        let numbers = part.numbers();
        let worthwhile = self.prefetches
            && self.prefetch.is_none()
            && numbers.end < self.rest.end
            && part.run_bytes() >= MIN_BYTES_TO_PREFETCH;
        self.prefetch_at = if worthwhile {
            self.rest.start + (numbers.end - self.rest.start) / 8
        } else {
            u64::MAX
        };
    }

    fn begin_prefetch(&mut self) {
        self.prefetch_at = u64::MAX;
        if let Some(part) = &self.front {
            let next = part.numbers().end..self.rest.end;
            self.prefetch = Prefetch::begin(&self.view, self.log, next);
        }
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
        if index >= self.prefetch_at {
            self.begin_prefetch();
        }
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

/// Some entries one behind the other.
pub(super) struct Stretch {
    log: LogId,
    numbers: Range<u64>,
    part: Part,
}

impl Stretch {
    /// The entries as lines.
    pub(super) fn lines(&self) -> &[u8] {
        self.part.lines(&self.numbers)
    }

    /// Where in the lines each entry ends.
    pub(super) fn ends(&self) -> impl Iterator<Item = usize> {
        self.part.ends(&self.numbers)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let entry = |index| Some(Entry::new(self.log, index, self.part.entry(index)?));
        self.numbers.clone().filter_map(entry)
    }
}

/// The first number in the range, and the one behind its last, if it has an end.
pub(super) fn bounds_of(range: &impl RangeBounds<u64>) -> (u64, Option<u64>) {
    let start = match range.start_bound() {
        Bound::Unbounded => 0,
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
    };
    let end = match range.end_bound() {
        Bound::Unbounded => None,
        Bound::Included(end) => Some(end.saturating_add(1)),
        Bound::Excluded(end) => Some(*end),
    };
    (start, end)
}
