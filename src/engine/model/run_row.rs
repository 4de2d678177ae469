//! The rows of a run: the entries plain or as one zstd frame, in one row or cut into several that
//! fill their pages. Pure, no I/O.
//!
//! A row names the log and the number that it belongs to and carries a checksum over all of it,
//! so that it can be told from garbage wherever it is found. `docs/format.md` has the byte map.

use std::borrow::Cow;
use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::{Fault, Outcome};
use crate::engine::model::compress::{self, MAX_UNPACKED_BYTES};
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::page_fit::chunk_lens;
use crate::engine::model::row::Reader;
use crate::engine::model::shared_value::{Skeleton, Taken, ValueRef, decode_refs};

/// The bytes of a row before its entries.
pub(crate) const HEADER_BYTES: usize = 68;
/// The bytes behind the header of a run's first row that tell of the chunks in other rows.
const CHUNKS_BYTES: usize = 12;

const MAGIC: [u8; 4] = *b"sRun";
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const CHUNK: u8 = 2;
/// Set beside one of the first two where some values of the entries are stored elsewhere.
const SHARES: u8 = 4;

/// The entries of a run as they are stored, behind the room for a row's header, so that the one row
/// of a large entry is not another copy of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    encoding: u8,
    row: Vec<u8>,
}

impl Packed {
    /// The smaller of the two forms of joined entries; `level` is that of zstd.
    pub(crate) fn new(entries: &[u8], level: Option<i32>) -> Self {
        Self::behind(&[0; HEADER_BYTES], entries, level)
    }

    /// The same of entries of so many bytes without their shared values.
    pub(crate) fn without(taken: &Taken, whole_bytes: u32, level: Option<i32>) -> Self {
        let before = [&[0; HEADER_BYTES][..], &taken.encode(whole_bytes)].concat();
        let Self { encoding, row } = Self::behind(&before, &taken.left, level);
        Self {
            encoding: encoding | SHARES,
            row,
        }
    }

    /// The smaller of the two forms behind what stands before it.
    fn behind(before: &[u8], entries: &[u8], level: Option<i32>) -> Self {
        if let (Ok(len), Some(level)) = (u32::try_from(entries.len()), level) {
            let framed = [before, &len.to_le_bytes()].concat();
            let row = compress::compress(&framed, entries, level);
            if let Some(row) = row.filter(|row| row.len() < before.len() + entries.len()) {
                let encoding = ZSTD;
                return Self { encoding, row };
            }
        }
        Self {
            encoding: PLAIN,
            row: [before, entries].concat(),
        }
    }

    /// The one row of so many entries that begin with number `first`.
    pub(crate) fn into_row(mut self, log: &LogId, first: u64, count: u64) -> Vec<u8> {
        let header = header(log, first, count, self.encoding, 0, self.stored().len());
        if let Some(room) = self.row.first_chunk_mut() {
            *room = header;
        }
        seal(&mut self.row);
        self.row
    }

    /// What a row has behind its header.
    fn stored(&self) -> &[u8] {
        self.row.get(HEADER_BYTES..).unwrap_or_default()
    }

    /// The same as several rows, each by the number that it stands under, if pages are filled
    /// better so. There are at most as many as there are entries, since each needs a number.
    pub(crate) fn into_rows(self, log: &LogId, first: u64, count: u64) -> Vec<(u64, Vec<u8>)> {
        let mut rest = self.stored();
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        let headers = [HEADER_BYTES + CHUNKS_BYTES, HEADER_BYTES];
        let lens = chunk_lens(rest.len(), most, headers);
        let more = u16::try_from(lens.len().saturating_sub(1)).unwrap_or(0);
        if more == 0 {
            return vec![(first, self.into_row(log, first, count))];
        }
        let len = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let chunks = [&len.to_le_bytes()[..], &xxh3_64(rest).to_le_bytes()].concat();
        let mut rows = Vec::with_capacity(lens.len());
        for (number, len) in (first..).zip(lens) {
            let (chunk, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            rest = behind;
            rows.push((
                number,
                if number == first {
                    row(log, first, count, self.encoding, more, &[&chunks, chunk])
                } else {
                    row(log, number, 0, CHUNK, 0, &[chunk])
                },
            ));
        }
        rows
    }
}

fn row(log: &LogId, number: u64, count: u64, encoding: u8, more: u16, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut row = Vec::with_capacity(HEADER_BYTES + len);
    row.extend_from_slice(&header(log, number, count, encoding, more, len));
    for part in parts {
        row.extend_from_slice(part);
    }
    seal(&mut row);
    row
}

/// A row's header, with zeros in the place of the checksum.
fn header(
    log: &LogId,
    number: u64,
    count: u64,
    encoding: u8,
    more: u16,
    len: usize,
) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let fields: [&[u8]; 9] = [
        &MAGIC,
        &[log.kind.tag()],
        &[encoding],
        &more.to_le_bytes(),
        log.session.as_bytes(),
        log.segment.as_bytes(),
        &number.to_le_bytes(),
        &u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes(),
        &(len as u64).to_le_bytes(),
    ];
    let bytes = fields.into_iter().flatten();
    for (at, byte) in header.iter_mut().skip(8).zip(bytes) {
        *at = *byte;
    }
    header
}

/// Puts the checksum in its place.
fn seal(row: &mut [u8]) {
    let checksum = xxh3_64(row.get(8..).unwrap_or_default());
    if let Some(field) = row.first_chunk_mut::<8>() {
        *field = checksum.to_le_bytes();
    }
}

/// What a row that is intact says.
pub(crate) struct RunRow<'r> {
    pub(crate) log: LogId,
    /// The number that it stands under: that of its first entry, if it is no chunk.
    pub(crate) number: u64,
    /// How many entries the run has; 0 for a chunk.
    pub(crate) count: u64,
    /// How many chunks follow, under the next numbers.
    pub(crate) more: u64,
    encoding: u8,
    /// The length and checksum of all that is stored, if chunks follow.
    all: Option<(usize, u64)>,
    stored: &'r [u8],
}

impl<'r> RunRow<'r> {
    /// Verifies and reads a row, without knowing where it belongs.
    pub(crate) fn parse(row: &'r [u8]) -> Result<Self, String> {
        let (checksum, body) = row.split_first_chunk::<8>().ok_or("its row is cut short")?;
        if xxh3_64(body) != u64::from_le_bytes(*checksum) && !seeded(Bug::DropChecksum) {
            return Err("its checksum does not match".to_owned());
        }
        Self::read(body)
    }

    /// Reads a row that [`parse`](Self::parse) has verified before.
    pub(crate) fn parse_again(row: &'r [u8]) -> Result<Self, String> {
        Self::read(row.get(8..).unwrap_or_default())
    }

    fn read(body: &'r [u8]) -> Result<Self, String> {
        let mut fields = Reader::new(body);
        let magic: [u8; 4] = fields.array()?;
        let (kind, encoding) = (fields.u8()?, fields.u8()?);
        let more = u64::from(u16::from_le_bytes(fields.array()?));
        let (session, segment, number) = (fields.uuid()?, fields.uuid()?, fields.u64()?);
        let count = u64::from(fields.u32()?);
        let len = fields.u64()?;
        let kind = LogKind::from_tag(kind).filter(|_| magic == MAGIC);
        let kind = kind.ok_or("its row is not that of a run")?;
        if encoding > CHUNK && ![PLAIN | SHARES, ZSTD | SHARES].contains(&encoding) {
            return Err(format!("its encoding {encoding} is not known"));
        }
        let is_chunk = encoding == CHUNK;
        let counts = if is_chunk {
            count == 0 && more == 0
        } else {
            more < count
        };
        if !counts {
            return Err(format!("{count} entries cannot have {more} more rows"));
        }
        let all = if more > 0 {
            let len = usize::try_from(fields.u32()?).map_err(|err| err.to_string())?;
            Some((len, fields.u64()?))
        } else {
            None
        };
        let stored = fields.rest();
        if (stored.len() + if all.is_some() { CHUNKS_BYTES } else { 0 }) as u64 != len {
            return Err("its row is cut short".to_owned());
        }
        Ok(Self {
            log: LogId {
                session,
                segment,
                kind,
            },
            number,
            count,
            more,
            encoding,
            all,
            stored,
        })
    }

    /// Verifies that the row belongs where it was found.
    pub(crate) fn must_be(&self, log: &LogId, number: u64) -> Outcome<()> {
        if self.log == *log && self.number == number {
            return Ok(());
        }
        let message = format!("its row is that of {}, entry {}", self.log, self.number);
        Err(damaged(log, number, message))
    }

    /// Whether it holds a part of the run that an earlier row begins.
    pub(crate) fn is_chunk(&self) -> bool {
        self.encoding == CHUNK
    }

    /// The numbers of the run's entries.
    pub(crate) fn range(&self) -> Range<u64> {
        self.number..self.number.saturating_add(self.count)
    }

    /// The numbers that its chunks stand under.
    pub(crate) fn chunks(&self) -> Range<u64> {
        let first = self.number.saturating_add(1);
        first..first.saturating_add(self.more)
    }

    /// The bytes of the entries with separators, and not compressed.
    pub(crate) fn unpacked_bytes(&self) -> usize {
        let stored = self.all.map_or(self.stored.len(), |(len, _)| len);
        match (self.encoding, self.stored.first_chunk()) {
            // The number that is first is that of all bytes, with the values that are elsewhere.
            (ZSTD | SHARES.., Some(len)) => {
                usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX)
            }
            _ => stored,
        }
    }

    /// The bytes of the entries, separators not counted.
    pub(crate) fn entry_bytes(&self) -> u64 {
        (self.unpacked_bytes() as u64).saturating_sub(self.count.saturating_sub(1))
    }

    /// Whether values of its entries may be stored elsewhere.
    pub(crate) fn shares(&self) -> bool {
        self.encoding & SHARES != 0
    }

    /// The values of its entries that are stored elsewhere, in their order.
    pub(crate) fn refs<'p>(
        &self,
        chunks: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<Vec<ValueRef>, String> {
        if !self.shares() {
            return Ok(Vec::new());
        }
        let stored = self.all_stored(chunks)?;
        Ok(decode_refs(&stored)?.1)
    }

    /// Its entries; `chunks` are the rows behind this one that hold the rest of it, in their order.
    pub(crate) fn unpack<'p>(
        &self,
        chunks: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<Skeleton, String> {
        self.unpack_front(chunks, self.count)
    }

    /// The same, or only a front part of it that has at least so many entries.
    pub(crate) fn unpack_front<'p>(
        &self,
        chunks: impl IntoIterator<Item = &'p [u8]>,
        count: u64,
    ) -> Result<Skeleton, String> {
        let stored = self.all_stored(chunks)?;
        let (refs, stored) = if self.shares() {
            let (_, refs, rest) = decode_refs(&stored)?;
            (refs, rest)
        } else {
            (Vec::new(), &stored[..])
        };
        let entries = if self.encoding & !SHARES == ZSTD {
            self.unpacked(stored, count)?
        } else {
            self.whole(stored.to_vec())?
        };
        Skeleton::new(self.number, entries, refs)
    }

    fn unpacked(&self, stored: &[u8], count: u64) -> Result<Entries, String> {
        let (len, frame) = frame_of(stored)?;
        if count >= self.count {
            return self.whole(compress::decompress(frame, len)?);
        }
        let mut ended = 0;
        let mut bytes = compress::decompress_until(frame, len, |part| {
            ended += memchr::memchr_iter(b'\n', part).count() as u64;
            ended >= count
        })?;
        if bytes.len() == len {
            return self.whole(bytes);
        }
        // The last entry is cut off somewhere.
        bytes.truncate(memchr::memrchr(b'\n', &bytes).unwrap_or_default());
        bytes.shrink_to_fit();
        let entries = Entries::from_lines(bytes);
        if !(count..self.count).contains(&entries.len()) {
            return Err(format!("it ends before its entry {count}"));
        }
        Ok(entries)
    }

    fn whole(&self, bytes: Vec<u8>) -> Result<Entries, String> {
        let entries = Entries::from_lines(bytes);
        if entries.len() != self.count {
            let (found, count) = (entries.len(), self.count);
            return Err(format!("it holds {found} entries where {count} are named"));
        }
        Ok(entries)
    }

    /// What is stored in this row and its chunks.
    fn all_stored<'p>(
        &self,
        chunks: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<Cow<'r, [u8]>, String> {
        match self.all {
            None if self.is_chunk() => {
                Err("it is a chunk of a run that does not begin there".to_owned())
            }
            None => Ok(Cow::Borrowed(self.stored)),
            Some(all) => self.joined(all, chunks).map(Cow::Owned),
        }
    }

    fn joined<'p>(
        &self,
        (len, checksum): (usize, u64),
        chunks: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<Vec<u8>, String> {
        let mut stored = Vec::with_capacity(len.min(MAX_UNPACKED_BYTES));
        stored.extend_from_slice(self.stored);
        let mut numbers = self.chunks();
        for chunk in chunks {
            let number = numbers.next().ok_or("it has more chunks than it names")?;
            let chunk = RunRow::parse(chunk).map_err(|message| {
                format!("its chunk under number {number} is damaged: {message}")
            })?;
            if chunk.log != self.log || chunk.number != number || !chunk.is_chunk() {
                return Err(format!("another row stands under number {number}"));
            }
            stored.extend_from_slice(chunk.stored);
        }
        if let Some(number) = numbers.next() {
            return Err(format!("its chunk under number {number} is missing"));
        }
        if stored.len() != len || xxh3_64(&stored) != checksum {
            return Err("its chunks do not belong together".to_owned());
        }
        Ok(stored)
    }
}

/// The zstd frame of a run, and how many bytes it unpacks to.
fn frame_of(stored: &[u8]) -> Result<(usize, &[u8]), String> {
    let mut fields = Reader::new(stored);
    let len = usize::try_from(fields.u32()?).map_err(|err| err.to_string())?;
    if len > MAX_UNPACKED_BYTES {
        return Err(format!("it names {len} bytes, more than a run has"));
    }
    Ok((len, fields.rest()))
}

/// The fault of a run that is not what it must be.
pub(crate) fn damaged(log: &LogId, first: u64, message: String) -> Fault {
    Fault::damaged(format!("{log}, run that begins at entry {first}"), message)
}

#[cfg(test)]
mod tests;
