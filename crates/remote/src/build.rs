//! Sessions of another writer as an archive, in a temporary folder, made of parts: those that are here already are
//! taken from here, all others are read by range and verified.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use sessiondb::{
    Archive, Durability, Log, RawJson, SessionId, Snapshot, StoreError, new_segment_id,
};
use tempfile::TempDir;

use crate::block;
use crate::cache::Item;
use crate::error::RemoteError;
use crate::hash::Sum;
use crate::marks::TRASH;
use crate::names;
use crate::pack::LogKey;
use crate::plan::{lines, log_of};
use crate::record::{Part, SegmentRecord, SessionRecord};
use crate::remote::Remote;

/// The most bytes of lines that are in memory at once, unless one part has more.
const WINDOW_BYTES: u64 = 16 << 20;
/// So many packs are read at once.
const AT_ONCE: usize = 8;

/// Sessions that stand in an archive of their own. It goes with this.
pub(crate) struct Built {
    pub(crate) archive: Archive,
    /// The bytes that were read of packs.
    pub(crate) received_bytes: u64,
    _dir: TempDir,
}

/// `here` may have some of the entries.
pub(crate) async fn build(
    remote: &Remote,
    here: &Snapshot,
    sessions: &[(SessionId, SessionRecord)],
) -> Result<Built, RemoteError> {
    let dir = tempfile::tempdir()?;
    let archive = Archive::options()
        .create(true)
        .durability(Durability::Written)
        .word_filters(false)
        .open(dir.path().join("pulled.sessiondb"))?;
    let mut built = Built {
        archive,
        received_bytes: 0,
        _dir: dir,
    };
    for (session, record) in sessions {
        for segment in record.parents_first() {
            built.begin(*session, segment)?;
            built.log(remote, here, *session, segment, false).await?;
            built.log(remote, here, *session, segment, true).await?;
            built.date(*session, segment)?;
        }
        built.finish(*session, record)?;
    }
    Ok(built)
}

impl Built {
    /// Makes the log of a segment, unless its first entry does.
    fn begin(&self, session: SessionId, segment: &SegmentRecord) -> Result<(), StoreError> {
        let log = self
            .archive
            .log(session, segment.id)
            .with_timestamp(segment.created_ms);
        if !segment.exists {
            return Ok(());
        }
        if self.fork(&log, session, segment)? {
            return Ok(());
        }
        match &segment.parent {
            Some(parent) => {
                let of = self.archive.log(session, parent.segment);
                let of = of.with_timestamp(segment.created_ms);
                of.branch(parent.len, segment.id).map(drop)
            }
            None if segment.entries == 0 => log.replace(Vec::<RawJson>::new()),
            None => Ok(()),
        }
    }

    /// Makes a segment as the fork that it is, if a fork at that turn is the same. Returns whether it is.
    fn fork(
        &self,
        log: &Log,
        session: SessionId,
        segment: &SegmentRecord,
    ) -> Result<bool, StoreError> {
        let Some(origin) = segment.origin.as_ref().filter(|origin| origin.fork) else {
            return Ok(false);
        };
        let of = self
            .archive
            .log(session, origin.segment)
            .with_timestamp(segment.created_ms);
        if !of.exists()? {
            return Ok(false);
        }
        let mut batch = self.archive.batch();
        batch.fork_at(&of, origin.turn, segment.id);
        if batch.commit().is_err() {
            return Ok(false);
        }
        let made = SegmentRecord::of(&self.archive, session, segment.id)?;
        let is_same = made.is_some_and(|made| made.parent == segment.parent);
        if !is_same {
            log.delete()?;
        }
        Ok(is_same)
    }

    async fn log(
        &mut self,
        remote: &Remote,
        here: &Snapshot,
        session: SessionId,
        segment: &SegmentRecord,
        traces: bool,
    ) -> Result<(), RemoteError> {
        let key = LogKey {
            session,
            segment: segment.id,
            traces,
        };
        let mut parts = if traces {
            &*segment.trace_parts
        } else {
            &*segment.parts
        };
        let mut writer = LogWriter::new(&self.archive, key, segment);
        while !parts.is_empty() {
            let (window, rest) = parts.split_at(window_len(parts));
            parts = rest;
            let mut found = self.window(remote, here, key, window).await?;
            for part in window {
                let lines = found.remove(&part.first).unwrap_or_default();
                writer.write(part.first, &lines)?;
            }
        }
        Ok(())
    }

    /// The lines of some parts, by their first entries.
    async fn window(
        &mut self,
        remote: &Remote,
        here: &Snapshot,
        key: LogKey,
        parts: &[Part],
    ) -> Result<BTreeMap<u64, Vec<u8>>, RemoteError> {
        let log = log_of(here, key);
        let len = log.len()?;
        let (mut found, mut missing) = (BTreeMap::new(), HashMap::<Sum, Vec<&Part>>::new());
        for part in parts {
            let mine = if part.end <= len {
                lines(&log, part.first..part.end, part.bytes)?
            } else {
                None
            };
            match mine.filter(|lines| Sum::of(lines) == part.sum) {
                Some(lines) => {
                    found.insert(part.first, lines);
                }
                None => missing.entry(part.pack).or_default().push(part),
            }
        }
        let reads = missing
            .into_iter()
            .map(|(pack, parts)| read(remote, pack, parts));
        let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
        while let Some((bytes, lines)) = reads.try_next().await? {
            self.received_bytes += bytes;
            found.extend(lines);
        }
        Ok(found)
    }

    /// Gives a segment the time of its last change, where nothing that was written has.
    fn date(&self, session: SessionId, segment: &SegmentRecord) -> Result<(), StoreError> {
        let info = self.archive.segment(session, segment.id)?;
        if info.is_none_or(|info| info.updated_ms >= segment.updated_ms) {
            return Ok(());
        }
        let log = if segment.exists {
            self.archive.log(session, segment.id)
        } else {
            self.archive.trace(session, segment.id)
        };
        let log = log.with_timestamp(segment.updated_ms);
        let len = log.len()?;
        log.append(&())?;
        log.truncate(len)
    }

    /// The times of a session where they are not those of its segments, its metadata and its notes.
    fn finish(&self, session: SessionId, record: &SessionRecord) -> Result<(), RemoteError> {
        let info = self.archive.session(session)?;
        let times = info.map(|info| (info.created_ms, info.updated_ms));
        if times.is_some_and(|times| times != (record.created_ms, record.updated_ms)) {
            let log = self.archive.log(session, new_segment_id());
            log.clone().with_timestamp(record.created_ms).append(&())?;
            log.clone().with_timestamp(record.updated_ms).append(&())?;
            log.delete()?;
        }
        if let Some(metadata) = &record.metadata {
            self.archive
                .set_metadata(session, &serde_json::from_str(metadata.get())?)?;
        }
        for (of, note) in &record.notes {
            if of == TRASH {
                self.archive.write_note(TRASH, &true)?;
            }
            self.archive
                .write_note(&format!("session/{session}/{of}"), note)?;
        }
        Ok(())
    }
}

/// How many of the parts are read together.
fn window_len(parts: &[Part]) -> usize {
    let mut bytes = 0;
    let fits = parts.iter().take_while(|part| {
        bytes += part.bytes;
        bytes <= WINDOW_BYTES
    });
    fits.count().max(1)
}

/// Reads parts of one pack. Returns the bytes that were read, and the lines by their first entries.
async fn read(
    remote: &Remote,
    pack: Sum,
    mut parts: Vec<&Part>,
) -> Result<(u64, Vec<(u64, Vec<u8>)>), RemoteError> {
    let mut found = Vec::with_capacity(parts.len());
    if let Some(kept) = remote.kept() {
        parts.retain(|part| {
            let verify = |block: &Bytes| block::unpack(remote, part, block).ok();
            let lines = kept.get(Item::Block(pack, part.at), verify);
            let is_missing = lines.is_none();
            found.extend(lines.map(|lines| (part.first, lines)));
            is_missing
        });
    }
    if parts.is_empty() {
        return Ok((0, found));
    }
    let ranges: Vec<Range<u64>> = parts
        .iter()
        .map(|part| part.at..part.at + part.len)
        .collect();
    let blocks = remote.get_ranges(&names::pack(&pack), &ranges).await?;
    for (part, block) in parts.into_iter().zip(&blocks) {
        found.push((part.first, block::unpack(remote, part, block)?));
        if let Some(kept) = remote.kept() {
            kept.put(Item::Block(pack, part.at), block);
        }
    }
    let bytes = blocks.iter().map(|block| block.len() as u64).sum();
    Ok((bytes, found))
}

/// Writes the lines of a log with the times of its first and its last change.
struct LogWriter {
    first: Log,
    rest: Log,
    /// Whether nothing of the segment was written, so that the first entry says when it was made.
    is_first: bool,
}

impl LogWriter {
    fn new(archive: &Archive, key: LogKey, segment: &SegmentRecord) -> Self {
        let log = if key.traces {
            archive.trace(key.session, key.segment)
        } else {
            archive.log(key.session, key.segment)
        };
        Self {
            first: log.clone().with_timestamp(segment.created_ms),
            rest: log.with_timestamp(segment.updated_ms),
            is_first: if key.traces {
                !segment.exists
            } else {
                segment.parent.is_none()
            },
        }
    }

    fn write(&mut self, mut first: u64, lines: &[u8]) -> Result<(), RemoteError> {
        let mut lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        if self.is_first {
            self.is_first = false;
            let end = lines
                .iter()
                .position(|byte| *byte == b'\n')
                .unwrap_or(lines.len());
            let (line, rest) = lines.split_at(end);
            self.first.append_at(first, [RawJson::from_bytes(line)?])?;
            let Some(rest) = rest.strip_prefix(b"\n") else {
                return Ok(());
            };
            (first, lines) = (first + 1, rest);
        }
        let entries = lines.split(|byte| *byte == b'\n').map(RawJson::from_bytes);
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        self.rest.append_at(first, entries)?;
        Ok(())
    }
}
