//! Writes the pieces of a plan that are new into packs, and puts these, several at a time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use serde_json::value::to_raw_value;
use sessiondb::Snapshot;

use crate::block::BLOCK_BYTES;
use crate::cores;
use crate::error::RemoteError;
use crate::names;
use crate::pack::{Block, LogKey, Pack, PackWriter};
use crate::plan::{Piece, Plan, log_of};
use crate::record::{self, Part, Parts, Records};
use crate::remote::Remote;

/// So many bytes of lines are compressed together, on all cores.
const TOGETHER_BYTES: usize = 8 << 20;
/// So many packs are on their way at once.
const AT_ONCE: usize = 4;
/// Smaller packs are put without asking whether they are there.
const ASKED_BYTES: usize = 1 << 20;
/// What is older may be about to be deleted.
const FRESH: Duration = Duration::from_secs(12 * 60 * 60);

/// What is told of bytes as they are done: those, and all.
pub(crate) type Tell<'t> = &'t mut (dyn FnMut(u64, u64) + Send);

/// Entries that are to be a block.
struct Pending {
    log: LogKey,
    first: u64,
    end: u64,
    lines: Vec<u8>,
}

/// Packs that are written.
pub(crate) struct PackSink<'r> {
    remote: &'r Remote,
    pending: Vec<Pending>,
    pending_bytes: usize,
    writer: PackWriter,
    under_way: FuturesUnordered<BoxFuture<'r, Result<u64, RemoteError>>>,
    parts: BTreeMap<(LogKey, u64), Part>,
    /// The records of packs, by their keys: how many bytes their blocks have, and where their filters are.
    records: Records,
    pub(crate) packs: u64,
    /// The bytes of packs that were put.
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

impl<'r> PackSink<'r> {
    pub(crate) fn new(remote: &'r Remote) -> Self {
        Self {
            remote,
            pending: Vec::new(),
            pending_bytes: 0,
            writer: PackWriter::new(),
            under_way: FuturesUnordered::new(),
            parts: BTreeMap::new(),
            records: Records::new(),
            packs: 0,
            bytes: 0,
            entries: 0,
        }
    }

    /// Writes all that is new of a plan.
    pub(crate) async fn write(
        &mut self,
        snapshot: &Snapshot,
        plan: &Plan,
        tell: Tell<'_>,
    ) -> Result<(), RemoteError> {
        let logs = || plan.sessions.iter().flat_map(|session| &session.logs);
        let total = logs().flat_map(|log| &log.pieces).map(|piece| match piece {
            Piece::New(range) => range.end - range.start,
            Piece::Kept(_) => 0,
        });
        let total = total.sum();
        for log in logs() {
            for piece in &log.pieces {
                if let Piece::New(range) = piece {
                    self.range(snapshot, log.key, range.clone(), &mut |done| {
                        tell(done, total);
                    })
                    .await?;
                }
            }
        }
        self.blocks().await?;
        if total > 0 {
            tell(self.entries, total);
        }
        self.pack().await?;
        while let Some(done) = self.under_way.next().await {
            self.bytes += done?;
        }
        Ok(())
    }

    async fn range(
        &mut self,
        snapshot: &Snapshot,
        key: LogKey,
        range: Range<u64>,
        tell: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), RemoteError> {
        let (mut first, mut lines) = (range.start, Vec::new());
        let end = range.end;
        for entry in log_of(snapshot, key).read(range)? {
            let entry = entry?;
            lines.extend_from_slice(entry.as_str().as_bytes());
            lines.push(b'\n');
            self.entries += 1;
            let next = entry.index() + 1;
            if lines.len() as u64 >= BLOCK_BYTES || next == end {
                self.pending_bytes += lines.len();
                self.pending.push(Pending {
                    log: key,
                    first,
                    end: next,
                    lines,
                });
                (first, lines) = (next, Vec::new());
                if self.pending_bytes >= TOGETHER_BYTES {
                    self.blocks().await?;
                    tell(self.entries);
                }
            }
        }
        Ok(())
    }

    /// Makes blocks of what was read, and packs of these.
    async fn blocks(&mut self) -> Result<(), RemoteError> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let block = |one: &Pending| Block::new(one.log, &one.lines);
        let blocks = cores::each(&pending, block)?;
        for (one, block) in pending.iter().zip(blocks) {
            self.writer.add(one.log, (one.first, one.end), &block?)?;
            if self.writer.is_full() {
                self.pack().await?;
            }
        }
        Ok(())
    }

    /// Puts the pack that was being filled, once few others are on their way.
    async fn pack(&mut self) -> Result<(), RemoteError> {
        if self.writer.is_empty() {
            return Ok(());
        }
        let pack = std::mem::replace(&mut self.writer, PackWriter::new()).finish()?;
        for block in &pack.blocks {
            self.parts
                .insert((block.log, block.first), block.part(pack.sum));
        }
        let len: u64 = pack.blocks.iter().map(|block| block.len).sum();
        self.records
            .insert(record::pack_key(&pack.sum), to_raw_value(&len)?);
        self.records
            .insert(record::filters_key(&pack.sum), to_raw_value(&pack.filters)?);
        self.packs += 1;
        while self.under_way.len() >= AT_ONCE {
            if let Some(done) = self.under_way.next().await {
                self.bytes += done?;
            }
        }
        self.under_way.push(put(self.remote, pack).boxed());
        Ok(())
    }

    /// The parts of a log, now that all of it is put.
    pub(crate) fn parts(&self, key: LogKey, pieces: Vec<Piece>) -> Parts {
        let mut parts = Parts::new();
        for piece in pieces {
            match piece {
                Piece::Kept(part) => parts.push(part),
                Piece::New(range) => {
                    let written = self.parts.range((key, range.start)..(key, range.end));
                    parts.extend(written.map(|(_, part)| part.clone()));
                }
            }
        }
        parts
    }

    /// The records of the packs that were written.
    pub(crate) fn records(&self) -> &Records {
        &self.records
    }
}

/// Puts a pack unless it is there since a moment ago. Returns how many bytes were sent.
async fn put(remote: &Remote, pack: Pack) -> Result<u64, RemoteError> {
    let key = names::pack(&pack.sum);
    let len = pack.bytes.len();
    if len >= ASKED_BYTES {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let modified = remote.modified_ms(&key).await?;
        let modified = modified
            .and_then(|ms| u64::try_from(ms).ok())
            .map(Duration::from_millis);
        if modified.is_some_and(|modified| now.abs_diff(modified) < FRESH) {
            return Ok(0);
        }
    }
    remote.put(&key, pack.bytes).await?;
    Ok(len as u64)
}
