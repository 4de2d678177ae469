//! A pack: blocks in one object, with a footer by which it can be verified and read by itself.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sessiondb::archive::WordFilter;
use sessiondb::{SegmentId, SessionId};

use crate::block;
use crate::hash::Sum;
use crate::record::Part;

const MAGIC: &[u8; 8] = b"sdbpack1";
/// A pack that has so many bytes is full.
const FULL_BYTES: usize = 8 << 20;
/// The most bytes that a footer unpacks to.
const MAX_FOOTER_BYTES: usize = 64 << 20;

/// Which log a block is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LogKey {
    pub(crate) session: SessionId,
    pub(crate) segment: SegmentId,
    pub(crate) traces: bool,
}

/// A block as the footer tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placed {
    #[serde(flatten)]
    pub(crate) log: LogKey,
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) at: u64,
    pub(crate) len: u64,
    pub(crate) bytes: u64,
    pub(crate) sum: Sum,
}

impl Placed {
    pub(crate) fn part(&self, pack: Sum) -> Part {
        Part {
            pack,
            at: self.at,
            len: self.len,
            first: self.first,
            end: self.end,
            bytes: self.bytes,
            sum: self.sum,
        }
    }
}

/// A pack that is being filled.
pub(crate) struct PackWriter {
    bytes: Vec<u8>,
    blocks: Vec<Placed>,
    filters: Vec<u8>,
}

/// A pack that is whole.
pub(crate) struct Pack {
    pub(crate) sum: Sum,
    pub(crate) bytes: Bytes,
    pub(crate) blocks: Vec<Placed>,
    pub(crate) filters: FiltersPlace,
}

/// Where in a pack the filters of its blocks are, and the hash of all of them: the record of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FiltersPlace {
    pub(crate) at: u64,
    pub(crate) len: u64,
    pub(crate) sum: Sum,
}

impl PackWriter {
    pub(crate) fn new() -> Self {
        Self {
            bytes: MAGIC.to_vec(),
            blocks: Vec::new(),
            filters: Vec::new(),
        }
    }

    /// Adds entries from number `first` on.
    pub(crate) fn add(
        &mut self,
        log: LogKey,
        (first, end): (u64, u64),
        block: &Block,
    ) -> std::io::Result<()> {
        if let Some(filter) = &block.filter {
            let len = u32::try_from(filter.as_bytes().len()).map_err(std::io::Error::other)?;
            let at = self.bytes.len() as u64;
            self.filters.extend_from_slice(&at.to_le_bytes());
            self.filters.extend_from_slice(&len.to_le_bytes());
            self.filters.extend_from_slice(filter.as_bytes());
        }
        self.blocks.push(Placed {
            log,
            first,
            end,
            at: self.bytes.len() as u64,
            len: block.bytes.len() as u64,
            bytes: block.lines_bytes,
            sum: block.sum,
        });
        self.bytes.extend_from_slice(&block.bytes);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL_BYTES
    }

    pub(crate) fn finish(mut self) -> std::io::Result<Pack> {
        let filters = FiltersPlace {
            at: self.bytes.len() as u64,
            len: self.filters.len() as u64,
            sum: Sum::of(&self.filters),
        };
        self.bytes.extend_from_slice(&self.filters);
        let footer = block::pack(&serde_json::to_vec(&self.blocks)?)?;
        let len = u32::try_from(footer.len()).map_err(std::io::Error::other)?;
        self.bytes.extend_from_slice(&footer);
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(MAGIC);
        Ok(Pack {
            sum: Sum::of(&self.bytes),
            bytes: self.bytes.into(),
            blocks: self.blocks,
            filters,
        })
    }
}

/// The lines of entries as a pack has them.
pub(crate) struct Block {
    bytes: Vec<u8>,
    lines_bytes: u64,
    sum: Sum,
    /// Of traces there is none.
    filter: Option<WordFilter>,
}

impl Block {
    pub(crate) fn new(log: LogKey, lines: &[u8]) -> std::io::Result<Self> {
        Ok(Self {
            bytes: block::pack(lines)?,
            lines_bytes: lines.len() as u64,
            sum: Sum::of(lines),
            filter: (!log.traces).then(|| WordFilter::of(lines)),
        })
    }
}

/// What the footer of a whole pack says; `None` if it is none.
pub(crate) fn footer(pack: &[u8]) -> Option<Vec<Placed>> {
    let rest = pack.strip_prefix(MAGIC)?.strip_suffix(MAGIC)?;
    let (rest, len) = rest.split_last_chunk::<4>()?;
    let len = u32::from_le_bytes(*len) as usize;
    let footer = rest.get(rest.len().checked_sub(len)?..)?;
    let json = zstd::bulk::decompress(footer, MAX_FOOTER_BYTES).ok()?;
    serde_json::from_slice(&json).ok()
}

/// The filters of a pack, by where their blocks are; `None` if these bytes are none.
pub(crate) fn filters(mut bytes: &[u8]) -> Option<Vec<(u64, WordFilter)>> {
    let mut filters = Vec::new();
    while !bytes.is_empty() {
        let (at, rest) = bytes.split_first_chunk::<8>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let (filter, rest) = rest.split_at_checked(len)?;
        filters.push((u64::from_le_bytes(*at), WordFilter::from_bytes(filter)?));
        bytes = rest;
    }
    Some(filters)
}

#[cfg(test)]
mod tests {
    use sessiondb::archive::Words;

    use super::*;

    fn log() -> LogKey {
        LogKey {
            session: SessionId::from_u128(1),
            segment: SegmentId::from_u128(2),
            traces: false,
        }
    }

    fn add(writer: &mut PackWriter, log: LogKey, range: (u64, u64), lines: &[u8]) {
        let block = Block::new(log, lines).unwrap();
        writer.add(log, range, &block).unwrap();
    }

    #[test]
    fn the_footer_tells_what_was_written() {
        let mut writer = PackWriter::new();
        assert!(writer.is_empty());
        add(&mut writer, log(), (0, 2), b"1\n2\n");
        add(&mut writer, log(), (2, 3), b"3\n");
        let pack = writer.finish().unwrap();
        let blocks = footer(&pack.bytes).unwrap();
        assert_eq!(blocks, pack.blocks);
        assert_eq!((blocks[1].first, blocks[1].end, blocks[1].bytes), (2, 3, 2));
        let place = |of: u64| usize::try_from(of).unwrap();
        let block = &pack.bytes[place(blocks[1].at)..][..place(blocks[1].len)];
        assert_eq!(zstd::bulk::decompress(block, 2).unwrap(), b"3\n");
    }

    #[test]
    fn each_block_of_entries_has_a_filter() {
        let mut writer = PackWriter::new();
        add(&mut writer, log(), (0, 1), b"\"common\"\n");
        let traces = LogKey {
            traces: true,
            ..log()
        };
        add(&mut writer, traces, (0, 1), b"\"traced\"\n");
        add(&mut writer, log(), (1, 2), b"\"rare\"\n");
        let pack = writer.finish().unwrap();
        let place = |of: u64| usize::try_from(of).unwrap();
        let bytes = &pack.bytes[place(pack.filters.at)..][..place(pack.filters.len)];
        assert_eq!(Sum::of(bytes), pack.filters.sum);
        let filters = filters(bytes).unwrap();
        let with = |word: &str| {
            let words = Words::of(word);
            let with = filters.iter().filter(|(_, filter)| filter.may_have(&words));
            with.map(|(at, _)| *at).collect::<Vec<_>>()
        };
        assert_eq!(with("common"), [pack.blocks[0].at]);
        assert_eq!(with("rare"), [pack.blocks[2].at]);
        assert_eq!(filters.len(), 2);
        assert!(super::filters(&bytes[1..]).is_none());
    }

    #[test]
    fn what_is_cut_short_has_no_footer() {
        let mut writer = PackWriter::new();
        add(&mut writer, log(), (0, 1), b"1\n");
        let pack = writer.finish().unwrap();
        for len in 0..pack.bytes.len() {
            assert!(footer(&pack.bytes[..len]).is_none(), "{len} bytes");
        }
    }

    #[test]
    fn the_same_blocks_make_the_same_pack() {
        let write = || {
            let mut writer = PackWriter::new();
            add(&mut writer, log(), (0, 1), b"1\n");
            writer.finish().unwrap().sum
        };
        assert_eq!(write(), write());
    }
}
