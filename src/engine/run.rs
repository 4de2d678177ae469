//! The run codec: some consecutive entries of one log as one row. Pure, no I/O.
//!
//! A row names the log and the index that it belongs to and carries a checksum over all of it,
//! so that it can be told from garbage wherever it is found. `docs/format.md` has the byte map.

use std::ops::Range;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

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
        (0..self.ends.len()).map(|position| {
            let range = self.range_of(position).unwrap_or_default();
            self.payload.get(range).unwrap_or_default()
        })
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

    /// Whether one more entry of this length would still share the row.
    pub(crate) fn has_room_for(&self, entry_bytes: usize) -> bool {
        let payload = self.entries.payload.len();
        self.entries.is_empty() || HEADER_BYTES + payload + 1 + entry_bytes <= MAX_SHARED_ROW_BYTES
    }

    pub(crate) fn push(&mut self, entry: &[u8]) {
        self.entries.push(entry);
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

    /// Drops the entries from this index of the log on.
    pub(crate) fn truncate(&mut self, end: u64) {
        let keep = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.entries.truncate(keep);
    }

    /// The row for this run in the given log.
    pub(crate) fn encode(&self, log: &LogId) -> Vec<u8> {
        let mut row = Vec::with_capacity(HEADER_BYTES + self.entries.payload.len());
        row.extend_from_slice(&[0; 8]);
        row.extend_from_slice(&MAGIC);
        row.push(log.kind.tag());
        row.push(ENCODING_PLAIN);
        row.extend_from_slice(&[0; 2]);
        row.extend_from_slice(log.session.as_bytes());
        row.extend_from_slice(log.segment.as_bytes());
        row.extend_from_slice(&self.first.to_le_bytes());
        row.extend_from_slice(
            &u32::try_from(self.entries.ends.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        row.extend_from_slice(&(self.entries.payload.len() as u64).to_le_bytes());
        debug_assert_eq!(row.len(), HEADER_BYTES);
        row.extend_from_slice(&self.entries.payload);
        let checksum = xxh3_64(row.get(8..).unwrap_or_default());
        if let Some(field) = row.first_chunk_mut::<8>() {
            *field = checksum.to_le_bytes();
        }
        row
    }

    /// Reads a row back, having verified that it is intact and belongs where it was found.
    pub(crate) fn decode(log: &LogId, first: u64, row: &[u8]) -> Outcome<Self> {
        let found = FoundRun::parse(row).map_err(|message| {
            Fault::damaged(format!("{log}, run that begins at entry {first}"), message)
        })?;
        if found.log != *log || found.run.first != first {
            return Err(Fault::damaged(
                format!("{log}, run that begins at entry {first}"),
                format!(
                    "its row is that of {}, entry {}",
                    found.log, found.run.first
                ),
            ));
        }
        Ok(found.run)
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
        let count = fields.u32()?;
        let len = fields.u64()?;
        let payload = fields.rest();
        let kind = LogKind::from_tag(kind).filter(|_| magic == MAGIC && reserved == [0; 2]);
        let kind = kind.ok_or("its row is not that of a run")?;
        if encoding != ENCODING_PLAIN {
            return Err(format!("its encoding {encoding} is not known"));
        }
        if payload.len() as u64 != len {
            return Err("its row is cut short".to_owned());
        }
        let entries = Entries::from_lines(payload.to_vec());
        if entries.len() != u64::from(count) {
            let found = entries.len();
            return Err(format!("it holds {found} entries where {count} are named"));
        }
        let run = Run { first, entries };
        Ok(Self {
            log: LogId {
                session,
                segment,
                kind,
            },
            run,
        })
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

    proptest! {
        #[test]
        fn a_run_reads_back_and_any_flipped_bit_is_noticed(
            first in 0..u64::MAX / 2,
            entries in prop::collection::vec("[^\n]{0,40}", 1..20),
            flip in any::<prop::sample::Index>(),
        ) {
            let mut run = Run::new(first, Entries::default());
            for entry in &entries {
                run.push(entry.as_bytes());
            }
            let mut row = run.encode(&log());
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
        for (at, value) in [(8, b'S'), (12, 3), (13, 1), (14, 1), (15, 1)] {
            assert!(!with(at, value), "byte {at}");
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
