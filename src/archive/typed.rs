//! Entries as values. Neighbours are decoded in one go: a JSON reader that is made anew for each
//! of them spends a quarter of its time on growing its buffer again.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Deserializer;

use super::entries::{RawEntries, Stretch};
use super::entry::Entry;
use crate::entry::segment_log::LogEntry;
use crate::entry::wire::Known;
use crate::error::StoreError;

/// The most entries that are decoded in one go.
const MAX_BATCH: u64 = 64;

/// The entries of a part of a log as values of `T`, from both ends; made by
/// [`RawEntries::decode`].
///
/// An entry that is not what `T` takes is an error, and the next one comes after it.
///
/// ```
/// use sessiondb::{Archive, StoreError, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append_many([1, 2, 3])?;
/// let sum: i32 = log.read(..)?.decode::<i32>().sum::<Result<_, _>>()?;
/// assert_eq!(sum, 6);
///
/// log.append("four")?;
/// log.append(&5)?;
/// let read: Vec<_> = log.read(3..)?.decode::<i32>().collect();
/// assert!(matches!(read[..], [Err(StoreError::DoesNotFit { index: 3, .. }), Ok(5)]));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
pub struct TypedEntries<T>(Decoded<T, Strict>);

impl RawEntries {
    /// The same entries as values of `T`. One that is not what `T` takes is
    /// [`StoreError::DoesNotFit`], and the next one comes after it.
    pub fn decode<T: DeserializeOwned>(self) -> TypedEntries<T> {
        TypedEntries(Decoded::new(self))
    }
}

impl<T: DeserializeOwned> Iterator for TypedEntries<T> {
    type Item = Result<T, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T: DeserializeOwned> DoubleEndedIterator for TypedEntries<T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self.0.raw.next_back() {
            Some(entry) => Some(entry.and_then(|entry| entry.decode())),
            None => self.0.ready.pop_back(),
        }
    }
}

impl<T> fmt::Debug for TypedEntries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedEntries")
            .field("raw", &self.0.raw)
            .finish_non_exhaustive()
    }
}

/// The entries of a part of a log as a [`Store`](crate::Store) gives them: none of them is an error
/// because of what it holds.
pub(super) type LogEntries = Decoded<LogEntry, AnyEntry>;

/// How entries become values.
pub(super) trait Decode<T> {
    /// What is read from the JSON first.
    type Json: DeserializeOwned;

    /// The value of what was read from an entry's text.
    fn value(json: Self::Json, text: &str) -> T;

    /// The value of an entry that cannot be read as `Json`.
    fn alone(entry: &Entry) -> Result<T, StoreError>;
}

/// What `T` takes, and else an error.
pub(super) struct Strict;

impl<T: DeserializeOwned> Decode<T> for Strict {
    type Json = T;

    fn value(json: T, _text: &str) -> T {
        json
    }

    fn alone(entry: &Entry) -> Result<T, StoreError> {
        entry.decode()
    }
}

/// An entry of a known kind, and else its bytes.
pub(super) struct AnyEntry;

impl Decode<LogEntry> for AnyEntry {
    type Json = Known<LogEntry>;

    fn value(json: Known<LogEntry>, text: &str) -> LogEntry {
        LogEntry::from_known(json, text)
    }

    fn alone(entry: &Entry) -> Result<LogEntry, StoreError> {
        entry.to_log_entry()
    }
}

/// Entries that are decoded some at a time.
pub(super) struct Decoded<T, D> {
    raw: RawEntries,
    /// Those before the raw ones, which were taken from them.
    ready: VecDeque<Result<T, StoreError>>,
    /// How many to decode next. It grows, so that the first ones are had as soon as possible.
    batch: u64,
    how: PhantomData<D>,
}

impl<T, D> Decoded<T, D> {
    pub(super) fn new(raw: RawEntries) -> Self {
        Self {
            raw: raw.prefetching(),
            ready: VecDeque::new(),
            batch: 1,
            how: PhantomData,
        }
    }
}

impl<T, D: Decode<T>> Decoded<T, D> {
    fn decode_more(&mut self) -> Option<()> {
        match self.raw.next_stretch(self.batch)? {
            Ok(stretch) => decode::<T, D>(&stretch, &mut self.ready),
            Err(err) => self.ready.push_back(Err(err)),
        }
        self.batch = (self.batch * 2).min(MAX_BATCH);
        Some(())
    }
}

impl<T, D: Decode<T>> Iterator for Decoded<T, D> {
    type Item = Result<T, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            self.decode_more()?;
        }
        self.ready.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let ready = self.ready.len();
        let raw = self.raw.size_hint().1;
        // An error ends the iteration early.
        (ready, raw.and_then(|raw| raw.checked_add(ready)))
    }
}

/// Decodes the entries in one go, and from the first on that cannot be, one by one, so that each
/// gets its own error or its own way out.
fn decode<T, D: Decode<T>>(stretch: &Stretch, decoded: &mut VecDeque<Result<T, StoreError>>) {
    let text = std::str::from_utf8(stretch.lines()).unwrap_or_default();
    let mut values = Deserializer::from_str(text).into_iter::<D::Json>();
    let (mut count, mut start) = (0, 0);
    for end in stretch.ends() {
        let Some(Ok(value)) = values.next() else {
            break;
        };
        let behind = text.get(values.byte_offset()..end);
        if !behind.is_some_and(|behind| behind.trim_ascii().is_empty()) {
            break;
        }
        let entry = text.get(start..end).unwrap_or_default();
        decoded.push_back(Ok(D::value(value, entry)));
        count += 1;
        start = end + 1;
    }
    for entry in stretch.entries().skip(count) {
        decoded.push_back(D::alone(&entry));
    }
}
