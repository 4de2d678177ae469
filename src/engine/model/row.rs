//! Rows with a checksum over table, key and content, and the fixed layouts of heads and session
//! rows. Pure, no I/O.

use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::model::log_id::{LogKind, OriginRecord};
use crate::engine::model::table::Table;
use crate::ids::SegmentId;

/// Puts the checksum in front of a row's content.
pub(crate) fn seal(table: Table, key: &[u8], content: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(8 + content.len());
    row.extend_from_slice(&checksum(table, key, content).to_le_bytes());
    row.extend_from_slice(content);
    row
}

/// The content of a row, if its checksum matches.
pub(crate) fn unseal<'r>(table: Table, key: &[u8], row: &'r [u8]) -> Result<&'r [u8], String> {
    let (stored, content) = row.split_first_chunk::<8>().ok_or("its row is cut short")?;
    let matches = u64::from_le_bytes(*stored) == checksum(table, key, content);
    if matches || seeded(Bug::DropChecksum) {
        Ok(content)
    } else {
        Err("its checksum does not match".to_owned())
    }
}

fn checksum(table: Table, key: &[u8], content: &[u8]) -> u64 {
    let seed = xxh3_64_with_seed(key, table as u64);
    xxh3_64_with_seed(content, seed)
}

/// The checksum of bytes that stand by themselves, such as the superblock.
pub(crate) fn plain_checksum(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// How much one log holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogSize {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// Of which segment a log shares the first entries, and how many, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParentLink {
    pub(crate) segment: SegmentId,
    pub(crate) len: u64,
}

/// What an archive knows of a segment without reading its entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Whether the segment has a log; without one it has traces alone.
    pub(crate) exists: bool,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    /// All entries, and the bytes of those that it does not share with its parent.
    pub(crate) log: LogSize,
    pub(crate) traces: LogSize,
    pub(crate) origin: Option<OriginRecord>,
    pub(crate) parent: Option<ParentLink>,
    /// How many segments have this one as their parent.
    pub(crate) branches: u64,
}

impl Head {
    /// The index of the first entry that it does not share with its parent.
    pub(crate) fn own_start(&self) -> u64 {
        self.parent.map_or(0, |parent| parent.len)
    }

    /// The same for one of its logs: traces are never shared.
    pub(crate) fn own_start_of(&self, kind: LogKind) -> u64 {
        match kind {
            LogKind::Entries => self.own_start(),
            LogKind::Traces => 0,
        }
    }

    /// What one of its logs holds.
    pub(crate) fn size_mut(&mut self, kind: LogKind) -> &mut LogSize {
        match kind {
            LogKind::Entries => &mut self.log,
            LogKind::Traces => &mut self.traces,
        }
    }

    /// The content of a head that neither has a parent nor is one, and of one that does.
    pub(crate) const BYTES: usize = 74;
    pub(crate) const LINKED_BYTES: usize = 106;

    pub(crate) fn is_gone(&self) -> bool {
        !self.exists && self.traces.entries == 0
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LINKED_BYTES);
        let origin = self.origin.unwrap_or(OriginRecord {
            kind: 0,
            segment: Uuid::nil(),
            at_turn: 0,
        });
        out.push(u8::from(self.exists));
        out.push(origin.kind);
        put_u64s(&mut out, &[self.created_ms, self.updated_ms]);
        for size in [self.log, self.traces] {
            put_u64s(&mut out, &[size.entries, size.bytes]);
        }
        out.extend_from_slice(origin.segment.as_bytes());
        put_u64s(&mut out, &[origin.at_turn]);
        if self.parent.is_some() || self.branches > 0 {
            let parent = self.parent.unwrap_or(ParentLink {
                segment: Uuid::nil(),
                len: 0,
            });
            out.extend_from_slice(parent.segment.as_bytes());
            put_u64s(&mut out, &[parent.len, self.branches]);
        }
        out
    }

    pub(crate) fn decode(content: &[u8]) -> Result<Self, String> {
        let mut fields = Reader::new(content);
        let exists = fields.u8()? != 0;
        let kind = fields.u8()?;
        let (created_ms, updated_ms) = (fields.u64()?, fields.u64()?);
        let (log, traces) = (fields.log_size()?, fields.log_size()?);
        let origin = OriginRecord {
            kind,
            segment: fields.uuid()?,
            at_turn: fields.u64()?,
        };
        let origin = (kind != 0).then_some(origin);
        let (mut parent, mut branches) = (None, 0);
        if !fields.is_empty() {
            let (segment, len) = (fields.uuid()?, fields.u64()?);
            parent = (len > 0).then_some(ParentLink { segment, len });
            branches = fields.u64()?;
        }
        Ok(Self {
            exists,
            created_ms,
            updated_ms,
            log,
            traces,
            origin,
            parent,
            branches,
        })
    }
}

/// The sums over a session's heads, so that listing sessions reads no heads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    /// Heads, those with traces alone included. A session ends with its last head; one that begins
    /// with metadata has none yet.
    pub(crate) heads: u64,
    /// Segments that have a log.
    pub(crate) segments: u64,
    pub(crate) entries: u64,
    pub(crate) entry_bytes: u64,
    pub(crate) traces: u64,
    pub(crate) trace_bytes: u64,
}

impl SessionRow {
    /// That of a session without segments.
    pub(crate) fn begun(at_ms: u64) -> Self {
        Self {
            created_ms: at_ms,
            updated_ms: at_ms,
            ..Self::default()
        }
    }

    /// Takes a head out of the sums.
    pub(crate) fn remove(&mut self, head: &Head) {
        self.heads = self.heads.saturating_sub(1);
        self.segments = self.segments.saturating_sub(u64::from(head.exists));
        self.entries = self.entries.saturating_sub(head.log.entries);
        self.entry_bytes = self.entry_bytes.saturating_sub(head.log.bytes);
        self.traces = self.traces.saturating_sub(head.traces.entries);
        self.trace_bytes = self.trace_bytes.saturating_sub(head.traces.bytes);
    }

    /// Adds a head to the sums.
    pub(crate) fn add(&mut self, head: &Head) {
        if self.heads == 0 && self.created_ms == 0 {
            self.created_ms = head.created_ms;
        }
        self.created_ms = self.created_ms.min(head.created_ms);
        self.updated_ms = self.updated_ms.max(head.updated_ms);
        self.heads += 1;
        self.segments += u64::from(head.exists);
        self.entries += head.log.entries;
        self.entry_bytes += head.log.bytes;
        self.traces += head.traces.entries;
        self.trace_bytes += head.traces.bytes;
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put_u64s(
            &mut out,
            &[
                self.created_ms,
                self.updated_ms,
                self.heads,
                self.segments,
                self.entries,
                self.entry_bytes,
                self.traces,
                self.trace_bytes,
            ],
        );
        out
    }

    pub(crate) fn decode(content: &[u8]) -> Result<Self, String> {
        let mut fields = Reader::new(content);
        Ok(Self {
            created_ms: fields.u64()?,
            updated_ms: fields.u64()?,
            heads: fields.u64()?,
            segments: fields.u64()?,
            entries: fields.u64()?,
            entry_bytes: fields.u64()?,
            traces: fields.u64()?,
            trace_bytes: fields.u64()?,
        })
    }
}

fn put_u64s(out: &mut Vec<u8>, values: &[u64]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Takes little-endian fields off the front of a row.
pub(crate) struct Reader<'r> {
    rest: &'r [u8],
}

impl<'r> Reader<'r> {
    pub(crate) fn new(bytes: &'r [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (field, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or("its row is cut short")?;
        self.rest = rest;
        Ok(*field)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, String> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, String> {
        self.array().map(Uuid::from_bytes)
    }

    /// That many bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'r [u8], String> {
        let (field, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or("its row is cut short")?;
        self.rest = rest;
        Ok(field)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn log_size(&mut self) -> Result<LogSize, String> {
        Ok(LogSize {
            entries: self.u64()?,
            bytes: self.u64()?,
        })
    }

    pub(crate) fn rest(self) -> &'r [u8] {
        self.rest
    }
}
