//! The run codec: some consecutive entries of one log as one row. Pure, no I/O.
//!
//! A row names the log and the index that it belongs to and carries a checksum over all of it,
//! so that it can be told from garbage wherever it is found. The entries are plain or one zstd
//! frame. `docs/format.md` has the byte map.

use std::ops::Range;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::compress::{self, MAX_UNPACKED_BYTES};
use super::fault::{Fault, Outcome};
use super::op::{LogId, LogKind};
use super::row::Reader;
use super::seeded::{Bug, seeded};

/// The largest row that holds more than one entry, in bytes: with redb's own overhead it fills a
/// page of 64 KiB (a row of 65,400 bytes takes 1.00 of its size, one of 65,600 takes 2.0).
pub(crate) const MAX_SHARED_ROW_BYTES: usize = 65_400;

/// The bytes of a row before its entries.
pub(crate) const HEADER_BYTES: usize = 68;

const MAGIC: [u8; 4] = *b"sRun";
const ENCODING_PLAIN: u8 = 0;
const ENCODING_ZSTD: u8 = 1;

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

    pub(crate) fn push(&mut self, entry: &[u8]) {
        if !self.ends.is_empty() {
            self.payload.push(b'\n');
        }
        self.payload.extend_from_slice(entry);
        self.ends.push(self.payload.len());
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

    /// The bytes of all entries, separators not counted.
    pub(crate) fn entry_bytes(&self) -> u64 {
        (self.payload.len() - self.ends.len().saturating_sub(1)) as u64
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|position| self.at(position))
    }

    fn at(&self, position: usize) -> &[u8] {
        let range = self.range_of(position).unwrap_or_default();
        self.payload.get(range).unwrap_or_default()
    }

    fn range_of(&self, position: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(position)?;
        let start = match position.checked_sub(1) {
            Some(before) => self.ends.get(before)? + 1,
            None => 0,
        };
        Some(start..end)
    }

    fn truncate(&mut self, len: usize) {
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

    /// How many entries from the front have no more than so many bytes together, separators
    /// included.
    pub(crate) fn within(&self, bytes: usize) -> usize {
        self.ends.partition_point(|end| *end <= bytes)
    }

    /// Those at the positions in the range.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let at = |position| usize::try_from(position).unwrap_or(usize::MAX);
        let mut part = self.clone();
        part.truncate(at(range.end));
        part.drop_front(at(range.start));
        part
    }

    /// Where in the payload the first `count` entries end.
    pub(crate) fn end_of(&self, count: usize) -> usize {
        let last = count.checked_sub(1).and_then(|last| self.ends.get(last));
        last.copied().unwrap_or(0)
    }
}

/// The entries of a row as they stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload<'p> {
    Plain(&'p [u8]),
    /// So many bytes as one zstd frame.
    Zstd {
        bytes: u32,
        frame: Vec<u8>,
    },
}

impl<'p> Payload<'p> {
    /// The smaller of the two forms of joined entries; `level` is that of zstd.
    pub(crate) fn new(entries: &'p [u8], level: Option<i32>) -> Self {
        let frame = level.and_then(|level| compress::compress(entries, level));
        match (u32::try_from(entries.len()), frame) {
            (Ok(bytes), Some(frame)) if frame.len() + 4 < entries.len() => {
                Self::Zstd { bytes, frame }
            }
            _ => Self::Plain(entries),
        }
    }

    /// The bytes that it takes in a row.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Plain(entries) => entries.len(),
            Self::Zstd { frame, .. } => 4 + frame.len(),
        }
    }

    /// The row of so many entries of a log that begin with number `first`.
    pub(crate) fn row(&self, log: &LogId, first: u64, count: usize) -> Vec<u8> {
        let mut row = Vec::with_capacity(HEADER_BYTES + self.len());
        row.extend_from_slice(&[0; 8]);
        row.extend_from_slice(&MAGIC);
        row.push(log.kind.tag());
        row.push(match self {
            Self::Plain(_) => ENCODING_PLAIN,
            Self::Zstd { .. } => ENCODING_ZSTD,
        });
        row.extend_from_slice(&[0; 2]);
        row.extend_from_slice(log.session.as_bytes());
        row.extend_from_slice(log.segment.as_bytes());
        row.extend_from_slice(&first.to_le_bytes());
        row.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        row.extend_from_slice(&(self.len() as u64).to_le_bytes());
        debug_assert_eq!(row.len(), HEADER_BYTES);
        match self {
            Self::Plain(entries) => row.extend_from_slice(entries),
            Self::Zstd { bytes, frame } => {
                row.extend_from_slice(&bytes.to_le_bytes());
                row.extend_from_slice(frame);
            }
        }
        let checksum = xxh3_64(row.get(8..).unwrap_or_default());
        if let Some(field) = row.first_chunk_mut::<8>() {
            *field = checksum.to_le_bytes();
        }
        row
    }
}

/// Some consecutive entries of one log, and where in the log they stand.
#[derive(Debug, Default, Clone)]
pub(crate) struct Run {
    first: u64,
    entries: Entries,
}

impl Run {
    pub(crate) fn new(first: u64, entries: Entries) -> Self {
        Self { first, entries }
    }

    /// The index of the first entry.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len()
    }

    pub(crate) fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Where in the payload the entry with that index of the log stands.
    pub(crate) fn range_of(&self, index: u64) -> Option<Range<usize>> {
        self.entries
            .range_of(usize::try_from(index.checked_sub(self.first)?).ok()?)
    }

    /// The bytes of the entries with an index in the range, separators not counted.
    pub(crate) fn bytes_between(&self, range: Range<u64>) -> u64 {
        let here = range.start.max(self.first)..range.end.min(self.end());
        here.filter_map(|index| self.range_of(index))
            .map(|entry| entry.len() as u64)
            .sum()
    }

    /// The entries whose index of the log is in the range.
    pub(crate) fn entries_between(&self, range: Range<u64>) -> impl Iterator<Item = &[u8]> {
        let at =
            |index: u64| usize::try_from(index.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let (start, end) = (at(range.start), at(range.end).min(self.entries.ends.len()));
        (start..end).map(|position| self.entries.at(position))
    }

    /// Drops the entries whose index of the log is not in the range.
    pub(crate) fn limit(&mut self, range: &Range<u64>) {
        self.truncate(range.end);
        let before = range
            .start
            .saturating_sub(self.first)
            .min(self.entries.len());
        self.entries
            .drop_front(usize::try_from(before).unwrap_or(usize::MAX));
        self.first += before;
    }

    /// Drops the entries from this index of the log on.
    pub(crate) fn truncate(&mut self, end: u64) {
        let keep = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.entries.truncate(keep);
    }

    /// Reads a row back, having verified that it is intact and belongs where it was found.
    pub(crate) fn decode(log: &LogId, first: u64, row: &[u8]) -> Outcome<Self> {
        let at = |message| damaged(log, first, message);
        let header = RowHeader::parse(row).map_err(at)?;
        header.must_be(log, first)?;
        header.unpack().map(|found| found.run).map_err(at)
    }
}

/// The fault of a run that is not what it must be.
pub(crate) fn damaged(log: &LogId, first: u64, message: String) -> Fault {
    Fault::damaged(format!("{log}, run that begins at entry {first}"), message)
}

/// What a row that is intact says of its run, before the entries are unpacked.
pub(crate) struct RowHeader<'r> {
    pub(crate) log: LogId,
    pub(crate) first: u64,
    pub(crate) count: u64,
    encoding: u8,
    payload: &'r [u8],
    /// The bytes of the entries with separators, and not compressed.
    pub(crate) bytes: usize,
}

impl<'r> RowHeader<'r> {
    /// Verifies and reads what stands before the entries.
    pub(crate) fn parse(row: &'r [u8]) -> Result<Self, String> {
        let (checksum, body) = row.split_first_chunk::<8>().ok_or("its row is cut short")?;
        if xxh3_64(body) != u64::from_le_bytes(*checksum) && !seeded(Bug::DropChecksum) {
            return Err("its checksum does not match".to_owned());
        }
        let mut fields = Reader::new(body);
        let magic: [u8; 4] = fields.array()?;
        let kind = fields.u8()?;
        let encoding = fields.u8()?;
        let reserved: [u8; 2] = fields.array()?;
        let session = fields.uuid()?;
        let segment = fields.uuid()?;
        let first = fields.u64()?;
        let count = u64::from(fields.u32()?);
        let len = fields.u64()?;
        let payload = fields.rest();
        let kind = LogKind::from_tag(kind).filter(|_| magic == MAGIC && reserved == [0; 2]);
        let kind = kind.ok_or("its row is not that of a run")?;
        if payload.len() as u64 != len {
            return Err("its row is cut short".to_owned());
        }
        let (bytes, payload) = match encoding {
            ENCODING_PLAIN => (payload.len(), payload),
            ENCODING_ZSTD => {
                let mut fields = Reader::new(payload);
                let bytes = usize::try_from(fields.u32()?).map_err(|err| err.to_string())?;
                (bytes, fields.rest())
            }
            encoding => return Err(format!("its encoding {encoding} is not known")),
        };
        Ok(Self {
            log: LogId {
                session,
                segment,
                kind,
            },
            first,
            count,
            encoding,
            payload,
            bytes,
        })
    }

    /// Verifies that the row belongs where it was found.
    pub(crate) fn must_be(&self, log: &LogId, first: u64) -> Outcome<()> {
        if self.log == *log && self.first == first {
            return Ok(());
        }
        let message = format!("its row is that of {}, entry {}", self.log, self.first);
        Err(damaged(log, first, message))
    }

    /// The index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(self.count)
    }

    /// The bytes of the entries, separators not counted.
    pub(crate) fn entry_bytes(&self) -> u64 {
        (self.bytes as u64).saturating_sub(self.count.saturating_sub(1))
    }

    /// The run itself.
    pub(crate) fn unpack(&self) -> Result<FoundRun, String> {
        let payload = match self.encoding {
            ENCODING_PLAIN => self.payload.to_vec(),
            _ if self.bytes > MAX_UNPACKED_BYTES => {
                return Err(format!(
                    "it names {} bytes, more than a run has",
                    self.bytes
                ));
            }
            _ => compress::decompress(self.payload, self.bytes)?,
        };
        let entries = Entries::from_lines(payload);
        if entries.len() != self.count {
            let (found, count) = (entries.len(), self.count);
            return Err(format!("it holds {found} entries where {count} are named"));
        }
        let first = self.first;
        Ok(FoundRun {
            log: self.log,
            run: Run { first, entries },
        })
    }
}

/// A run with the log that its row says it belongs to.
pub(crate) struct FoundRun {
    pub(crate) log: LogId,
    pub(crate) run: Run,
}

impl FoundRun {
    /// Reads a row, verifying all that can be verified without knowing where it belongs.
    pub(crate) fn parse(row: &[u8]) -> Result<Self, String> {
        RowHeader::parse(row)?.unpack()
    }
}

/// One entry as it was stored; cheap to clone.
#[derive(Clone)]
pub(crate) struct EntrySlice {
    run: Arc<Run>,
    start: usize,
    end: usize,
}

impl EntrySlice {
    pub(crate) fn new(run: &Arc<Run>, index: u64) -> Option<Self> {
        let range = run.range_of(index)?;
        Some(Self {
            run: Arc::clone(run),
            start: range.start,
            end: range.end,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.run
            .entries
            .payload
            .get(self.start..self.end)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn log() -> LogId {
        LogId {
            session: Uuid::from_u128(1),
            segment: Uuid::from_u128(2),
            kind: LogKind::Entries,
        }
    }

    impl Run {
        fn push(&mut self, entry: &[u8]) {
            self.entries.push(entry);
        }

        fn encode(&self, log: &LogId) -> Vec<u8> {
            self.encode_at(log, None)
        }

        fn encode_at(&self, log: &LogId, level: Option<i32>) -> Vec<u8> {
            let payload = Payload::new(self.entries.payload(), level);
            payload.row(log, self.first, self.entries.ends.len())
        }
    }

    proptest! {
        #[test]
        fn a_run_reads_back_and_any_flipped_bit_is_noticed(
            first in 0..u64::MAX / 2,
            entries in prop::collection::vec("[^\n]{0,40}", 1..20),
            repeated in 1..9_usize,
            level in prop::option::of(1..6),
            flip in any::<prop::sample::Index>(),
        ) {
            let entries: Vec<_> = entries.iter().cycle().take(entries.len() * repeated).collect();
            let mut run = Run::new(first, Entries::default());
            for entry in &entries {
                run.push(entry.as_bytes());
            }
            let mut row = run.encode_at(&log(), level);
            let back = Run::decode(&log(), first, &row).expect("an intact row reads back");
            prop_assert_eq!(back.end(), first + entries.len() as u64);
            for (entry, index) in entries.iter().zip(first..) {
                let range = back.range_of(index).expect("each index is there");
                prop_assert_eq!(&back.entries.payload[range], entry.as_bytes());
            }
            prop_assert!(back.range_of(back.end()).is_none());

            let bit = flip.index(row.len() * 8);
            row[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Run::decode(&log(), first, &row).is_err());
        }

        #[test]
        fn truncating_keeps_exactly_the_entries_before(
            entries in prop::collection::vec("[^\n]{0,9}", 1..20), keep in 0..20_usize,
        ) {
            let mut run = Run::new(5, Entries::default());
            for entry in &entries {
                run.push(entry.as_bytes());
            }
            run.truncate(5 + keep as u64);
            let mut expected = Run::new(5, Entries::default());
            for entry in entries.iter().take(keep) {
                expected.push(entry.as_bytes());
            }
            prop_assert_eq!(run.encode(&log()), expected.encode(&log()));
        }
    }

    #[test]
    fn a_row_that_says_what_is_not_known_is_refused() {
        let mut run = Run::new(7, Entries::default());
        run.push(b"{}");
        let row = run.encode(&log());
        let with = |at: usize, value: u8| {
            let mut row = row.clone();
            row[at] = value;
            let checksum = xxh3_64(&row[8..]);
            row[..8].copy_from_slice(&checksum.to_le_bytes());
            FoundRun::parse(&row).is_ok()
        };
        assert!(with(12, 2));
        for (at, value) in [(8, b'S'), (12, 3), (13, 1), (13, 2), (14, 1), (15, 1)] {
            assert!(!with(at, value), "byte {at}");
        }
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn a_frame_that_unpacks_to_another_length_is_refused() {
        let mut run = Run::new(7, Entries::default());
        run.push("{}".repeat(50).as_bytes());
        let row = run.encode_at(&log(), Some(3));
        assert_eq!(row[13], ENCODING_ZSTD);
        assert!(FoundRun::parse(&row).is_ok());
        for bytes in [0, 1, 99, 101, 1 << 26, u32::MAX] {
            let mut row = row.clone();
            row[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&bytes.to_le_bytes());
            let checksum = xxh3_64(&row[8..]);
            row[..8].copy_from_slice(&checksum.to_le_bytes());
            assert!(FoundRun::parse(&row).is_err(), "{bytes}");
        }
    }

    #[test]
    fn a_row_in_another_place_is_damage() {
        let mut run = Run::new(7, Entries::default());
        run.push(b"{}");
        let row = run.encode(&log());
        let other = LogId {
            kind: LogKind::Traces,
            ..log()
        };
        assert!(Run::decode(&other, 7, &row).is_err());
        assert!(Run::decode(&log(), 8, &row).is_err());
    }
}
