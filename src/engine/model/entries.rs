//! Entries as bytes: JSON lines joined, and where each of them ends. Pure, no I/O.

use std::ops::Range;

/// Entries without a place: their bytes as JSON lines, each but the last followed by `\n`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Entries {
    payload: Vec<u8>,
    /// Where in the payload each entry ends.
    ends: Vec<usize>,
}

impl Entries {
    /// Takes entries apart that were joined.
    pub(crate) fn from_lines(payload: Vec<u8>) -> Self {
        let mut ends: Vec<usize> = memchr::memchr_iter(b'\n', &payload).collect();
        ends.push(payload.len());
        Self { payload, ends }
    }

    /// Makes room for so many more bytes, separators counted.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.payload.reserve_exact(bytes);
    }

    pub(crate) fn push(&mut self, entry: &[u8]) {
        if !self.ends.is_empty() {
            self.payload.push(b'\n');
        }
        self.payload.extend_from_slice(entry);
        self.ends.push(self.payload.len());
    }

    /// Adds the entry that `write` puts behind the others, if `check` accepts it.
    pub(crate) fn push_written<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
        check: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.payload.len();
        if !self.ends.is_empty() {
            self.payload.push(b'\n');
        }
        let start = self.payload.len();
        let written = write(&mut self.payload);
        let checked = written.and_then(|()| check(self.payload.get(start..).unwrap_or_default()));
        match &checked {
            Ok(()) => self.ends.push(self.payload.len()),
            Err(_) => self.payload.truncate(before),
        }
        checked
    }

    pub(crate) fn len(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The entries joined.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// About how much memory they take.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.payload.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// The bytes of all entries, separators not counted.
    pub(crate) fn entry_bytes(&self) -> u64 {
        (self.payload.len() - self.ends.len().saturating_sub(1)) as u64
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|position| self.at(position))
    }

    pub(crate) fn at(&self, position: usize) -> &[u8] {
        let range = self.range_of(position).unwrap_or_default();
        self.payload.get(range).unwrap_or_default()
    }

    pub(crate) fn range_of(&self, position: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(position)?;
        let start = match position.checked_sub(1) {
            Some(before) => self.ends.get(before)? + 1,
            None => 0,
        };
        Some(start..end)
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.payload
            .truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Drops that many entries from the front.
    pub(crate) fn drop_front(&mut self, count: usize) {
        let Some(last) = count.checked_sub(1).and_then(|last| self.ends.get(last)) else {
            return;
        };
        let bytes = (last + 1).min(self.payload.len());
        self.payload.drain(..bytes);
        self.ends.drain(..count);
        for end in &mut self.ends {
            *end -= bytes;
        }
    }

    /// Those at the positions in the range.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let at = |position| usize::try_from(position).unwrap_or(usize::MAX);
        let mut part = self.clone();
        part.truncate(at(range.end));
        part.drop_front(at(range.start));
        part
    }

    /// Where in the payload each entry ends.
    pub(crate) fn ends(&self) -> &[usize] {
        &self.ends
    }

    pub(crate) fn clear(&mut self) {
        self.payload.clear();
        self.ends.clear();
    }
}
