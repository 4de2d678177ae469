//! Entries as values. Neighbours are decoded in one go: a JSON reader that is made anew for each
//! of them spends a quarter of its time on growing its buffer again.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;
use serde_json::Deserializer;

use super::entries::{RawEntries, Stretch};
use crate::store::StoreError;

/// The most entries that are decoded in one go.
const MAX_BATCH: u64 = 64;

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
    /// Those before the raw ones, which were taken from them.
    decoded: VecDeque<Result<T, StoreError>>,
    /// How many to decode next. It grows, so that the first ones are had as soon as possible.
    batch: u64,
}

impl<T> TypedEntries<T> {
    pub(super) fn new(raw: RawEntries) -> Self {
        Self {
            raw: raw.reading_ahead(),
            decoded: VecDeque::new(),
            batch: 1,
        }
    }
}

impl<T: DeserializeOwned> TypedEntries<T> {
    fn decode_more(&mut self) -> Option<()> {
        match self.raw.next_stretch(self.batch)? {
            Ok(stretch) => decode(&stretch, &mut self.decoded),
            Err(err) => self.decoded.push_back(Err(err)),
        }
        self.batch = (self.batch * 2).min(MAX_BATCH);
        Some(())
    }
}

impl<T: DeserializeOwned> Iterator for TypedEntries<T> {
    type Item = Result<T, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.decoded.is_empty() {
            self.decode_more()?;
        }
        self.decoded.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let decoded = self.decoded.len();
        let raw = self.raw.size_hint().1;
        // An error ends the iteration early.
        (decoded, raw.and_then(|raw| raw.checked_add(decoded)))
    }
}

impl<T: DeserializeOwned> DoubleEndedIterator for TypedEntries<T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self.raw.next_back() {
            Some(entry) => Some(entry.and_then(|entry| entry.decode())),
            None => self.decoded.pop_back(),
        }
    }
}

/// Decodes the entries in one go, and from the first on that is not what `T` takes, one by one, so
/// that each gets its own error.
fn decode<T: DeserializeOwned>(stretch: &Stretch, decoded: &mut VecDeque<Result<T, StoreError>>) {
    let text = std::str::from_utf8(stretch.lines()).unwrap_or_default();
    let mut values = Deserializer::from_str(text).into_iter::<T>();
    let mut count = 0;
    for end in stretch.ends() {
        let Some(Ok(value)) = values.next() else {
            break;
        };
        let behind = text.get(values.byte_offset()..end);
        if !behind.is_some_and(|behind| behind.trim_ascii().is_empty()) {
            break;
        }
        decoded.push_back(Ok(value));
        count += 1;
    }
    for entry in stretch.entries().skip(count) {
        decoded.push_back(entry.decode());
    }
}
