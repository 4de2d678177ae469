//! The lines of parts: those that are here already are taken from here, by their hash; all others are read by range, several packs
//! at once, and verified.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use sessiondb::Snapshot;

use crate::block;
use crate::cache::Item;
use crate::error::RemoteError;
use crate::hash::Sum;
use crate::names;
use crate::pack::LogKey;
use crate::plan::{lines, log_of};
use crate::record::Part;
use crate::remote::Remote;

/// So many packs are read at once.
const AT_ONCE: usize = 8;

/// A part, and the log that it is of.
pub(crate) type Wanted<'p> = (LogKey, &'p Part);

/// Lines that were read and not taken yet.
pub(crate) struct Filled<'r> {
    remote: &'r Remote,
    /// An archive that may have some of the entries.
    here: &'r Snapshot,
    found: HashMap<(LogKey, u64), Vec<u8>>,
    /// The bytes that were read of packs.
    pub(crate) received_bytes: u64,
}

impl<'r> Filled<'r> {
    pub(crate) fn new(remote: &'r Remote, here: &'r Snapshot) -> Self {
        Self {
            remote,
            here,
            found: HashMap::new(),
            received_bytes: 0,
        }
    }

    /// Reads some parts.
    pub(crate) async fn read(&mut self, wanted: &[Wanted<'_>]) -> Result<(), RemoteError> {
        let mut missing = HashMap::<Sum, Vec<Wanted<'_>>>::new();
        for of_log in wanted.chunk_by(|one, next| one.0 == next.0) {
            let Some((key, _)) = of_log.first() else {
                continue;
            };
            let log = log_of(self.here, *key);
            let len = log.len()?;
            for (key, part) in of_log {
                let mine = if part.end <= len {
                    lines(&log, part.first..part.end, part.bytes)?
                } else {
                    None
                };
                match mine.filter(|lines| Sum::of(lines) == part.sum) {
                    Some(lines) => {
                        self.found.insert((*key, part.first), lines);
                    }
                    None => missing.entry(part.pack).or_default().push((*key, part)),
                }
            }
        }
        let reads = missing
            .into_iter()
            .map(|(pack, parts)| read(self.remote, pack, parts));
        let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
        while let Some((bytes, lines)) = reads.try_next().await? {
            self.received_bytes += bytes;
            self.found.extend(lines);
        }
        Ok(())
    }

    /// The lines of a part that was read, once.
    pub(crate) fn take(&mut self, key: LogKey, part: &Part) -> Option<Vec<u8>> {
        self.found.remove(&(key, part.first))
    }
}

/// Lines, by their log and the number of their first entry.
type Lines = Vec<((LogKey, u64), Vec<u8>)>;

/// Reads parts of one pack. Returns the bytes that were read, and the lines.
async fn read(
    remote: &Remote,
    pack: Sum,
    mut parts: Vec<Wanted<'_>>,
) -> Result<(u64, Lines), RemoteError> {
    let mut found = Vec::with_capacity(parts.len());
    if let Some(kept) = remote.kept() {
        parts.retain(|(key, part)| {
            let verify = |block: &Bytes| block::unpack(remote, part, block).ok();
            let lines = kept.get(Item::Block(pack.shorter(), part.at), verify);
            let is_missing = lines.is_none();
            found.extend(lines.map(|lines| ((*key, part.first), lines)));
            is_missing
        });
    }
    if parts.is_empty() {
        return Ok((0, found));
    }
    let ranges: Vec<Range<u64>> = parts
        .iter()
        .map(|(_, part)| part.at..part.at + part.len)
        .collect();
    let blocks = remote.get_ranges(&names::pack(&pack), &ranges).await?;
    for ((key, part), block) in parts.into_iter().zip(&blocks) {
        found.push(((key, part.first), block::unpack(remote, part, block)?));
        if let Some(kept) = remote.kept() {
            kept.put(Item::Block(pack.shorter(), part.at), block);
        }
    }
    let bytes = blocks.iter().map(|block| block.len() as u64).sum();
    Ok((bytes, found))
}
