//! Looking for words without reading what cannot have them.

use std::fmt;
use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::entry::Entry;
use super::reader::LogSnapshot;
use crate::engine::{self, LogId, Part};
use crate::error::StoreError;

/// Words that an entry is to have, all of them, for [`LogSnapshot::with_words`].
///
/// Words are of Latin, Greek and Cyrillic letters, digits and `_`, in any case. Numbers and ids do not count
/// (five digits and more, or one in 16 characters and more), nor what has more than 32 bytes.
///
/// ```
/// use sessiondb::archive::Words;
///
/// assert_eq!(Words::of("why does it FAIL?"), Words::of("Why does it fail"));
/// assert!(Words::of("... 1234567").is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(engine::Words);

impl Words {
    /// The words of a text, which begins and ends with whole ones: with "it fail" an entry that says "it fails"
    /// is not looked for.
    pub fn of(text: &str) -> Self {
        Self(engine::Words::of(text))
    }

    /// Whether there are none that count, and so every entry has them.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The words of some entries in few bits, as the archive keeps them of each run of entries. It may say of words that they
/// are there when they are not, and never the other way round. `docs/format.md` has the bytes, which no version changes.
///
/// ```
/// use sessiondb::archive::{WordFilter, Words};
///
/// let filter = WordFilter::of(b"\"Why does it fail?\"\n\"It does not.\"\n");
/// assert!(filter.may_have(&Words::of("fail")) && !filter.may_have(&Words::of("rare")));
/// assert_eq!(WordFilter::from_bytes(filter.as_bytes()), Some(filter));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WordFilter(Vec<u8>);

impl WordFilter {
    /// The filter of entries that are given as lines, each a JSON value.
    pub fn of(lines: &[u8]) -> Self {
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        let count = match lines {
            [] => 0,
            lines => lines.split(|byte| *byte == b'\n').count() as u64,
        };
        Self(engine::word_filter_of(lines, xxh3_64(lines), count))
    }

    /// A filter as it was stored; `None` if these bytes are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        engine::WordFilter::parse(bytes).ok()?;
        Some(Self(bytes.to_vec()))
    }

    /// As it is to be stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether one of the entries may have all the words. A word counts as for [`LogSnapshot::with_words`].
    pub fn may_have(&self, words: &Words) -> bool {
        // What does not parse, which `from_bytes` refuses, would tell nothing.
        engine::WordFilter::parse(&self.0).map_or(true, |filter| words.0.may_be_in(&filter))
    }
}

impl fmt::Debug for WordFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WordFilter")
            .field("bytes", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// Consecutive entries of a log as they stand in memory, made by [`LogSnapshot::chunk`].
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append_many(["one", "two"])?;
/// let now = archive.snapshot()?.log(log.session_id(), log.segment_id());
/// let chunk = now.chunk(1)?;
/// assert_eq!((chunk.numbers(), chunk.lines()), (0..2, &b"\"one\"\n\"two\""[..]));
/// assert_eq!(chunk.entry_at(8), Some((1, 6..11)));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Chunk {
    log: LogId,
    part: Part,
}

impl Chunk {
    /// The numbers of the entries.
    pub fn numbers(&self) -> Range<u64> {
        self.part.numbers()
    }

    /// The entries as lines: each the bytes of a JSON value, with `\n` between them.
    pub fn lines(&self) -> &[u8] {
        self.part.lines(&self.part.numbers())
    }

    /// The number of the entry that the byte of [`lines`](Self::lines) belongs to, and where in these it stands.
    /// A line end belongs to the entry before it.
    pub fn entry_at(&self, byte: usize) -> Option<(u64, Range<usize>)> {
        self.part.entry_at(byte)
    }

    /// The entry with this number.
    pub fn entry(&self, number: u64) -> Option<Entry> {
        let slice = self.part.entry(number)?;
        Some(Entry::new(self.log, number, slice))
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("numbers", &self.numbers())
            .finish_non_exhaustive()
    }
}

impl LogSnapshot {
    /// The numbers of the entries among which one with all the words may be, as ranges in ascending order. What
    /// is left out has none. Entries that the segment shares with its parent are left out as well: they are found there.
    ///
    /// The archive keeps a filter of the words of each run of entries, so most of them need not be read. Where
    /// there is none (an archive made before, or told to have none), and for entries that came in just now, the
    /// range is given. No range has entries of two runs, where there are filters; [`chunk`](Self::chunk) reads one.
    ///
    /// A word counts as a person reads it: escapes of JSON are undone, also those of JSON within a string. Not looked
    /// for is what stands 256 bytes or more behind the beginning of a stretch of letters, digits, `_`, `+` and `/`: data.
    ///
    /// ```
    /// use sessiondb::archive::Words;
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let archive = Archive::in_memory()?;
    /// let log = archive.log(new_session_id(), new_segment_id());
    /// log.append("Why does it fail?")?;
    /// let now = archive.snapshot()?.log(log.session_id(), log.segment_id());
    /// assert_eq!(now.with_words(&Words::of("fail"))?, [0..1]);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of a read: [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn with_words(&self, words: &Words) -> Result<Vec<Range<u64>>, StoreError> {
        self.view
            .read(|layers| layers.with_words(&self.id, &words.0))
    }

    /// The run that holds the entry with this number, as far as the log has it.
    ///
    /// # Errors
    ///
    /// Those of a read; [`StoreError::Damaged`] as well if there is no such entry.
    pub fn chunk(&self, number: u64) -> Result<Chunk, StoreError> {
        let all = 0..u64::MAX;
        let read = |layers: &engine::Layers| layers.part_holding(&self.id, number, &all);
        let part = self.view.read(read)?;
        Ok(Chunk { log: self.id, part })
    }
}
