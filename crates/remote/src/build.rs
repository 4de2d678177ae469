//! Sessions of another writer as an archive, in a temporary folder, made of parts.

use sessiondb::{
    Archive, Durability, Log, RawJson, SessionId, Snapshot, StoreError, new_segment_id,
};
use tempfile::TempDir;

use crate::error::RemoteError;
use crate::fill::{Filled, Wanted};
use crate::marks::TRASH;
use crate::pack::LogKey;
use crate::record::{Part, SegmentRecord, SessionRecord};
use crate::remote::Remote;

/// The most bytes of lines of a large session that are in memory at once, unless one part has more.
const WINDOW_BYTES: u64 = 16 << 20;
/// Sessions of so many bytes of lines are read, and brought in, together.
pub(crate) const TOGETHER_BYTES: u64 = 16 << 20;

/// Sessions of no more bytes of lines need no file.
const IN_MEMORY_BYTES: u64 = 1 << 20;

/// Sessions that stand in an archive of their own. It goes with this.
pub(crate) struct Built {
    pub(crate) archive: Archive,
    /// The bytes that were read of packs.
    pub(crate) received_bytes: u64,
    _dir: Option<TempDir>,
}

/// `here` may have some of the entries.
pub(crate) async fn build(
    remote: &Remote,
    here: &Snapshot,
    sessions: &[(SessionId, SessionRecord)],
) -> Result<Built, RemoteError> {
    let (archive, dir) = new_archive(sessions)?;
    let mut built = Built {
        archive,
        received_bytes: 0,
        _dir: dir,
    };
    let mut filled = Filled::new(remote, here);
    filled.read(&together(sessions)).await?;
    for (session, record) in sessions {
        for segment in record.parents_first() {
            built.begin(*session, segment)?;
            for traces in [false, true] {
                built.log(&mut filled, *session, segment, traces).await?;
            }
            built.date(*session, segment)?;
        }
        built.finish(*session, record)?;
    }
    built.received_bytes = filled.received_bytes;
    Ok(built)
}

/// In memory where that is little: a file takes longer to make, and to close, than a few turns to write.
fn new_archive(
    sessions: &[(SessionId, SessionRecord)],
) -> Result<(Archive, Option<TempDir>), RemoteError> {
    if bytes_of(sessions) <= IN_MEMORY_BYTES {
        return Ok((Archive::in_memory()?, None));
    }
    let dir = tempfile::tempdir()?;
    let archive = Archive::options()
        .create(true)
        .durability(Durability::Written)
        .word_filters(false)
        .open(dir.path().join("pulled.sessiondb"))?;
    Ok((archive, Some(dir)))
}

fn bytes_of(sessions: &[(SessionId, SessionRecord)]) -> u64 {
    let parts = sessions.iter().flat_map(|(_, record)| record.all_parts());
    parts.map(|part| part.bytes).sum()
}

/// All parts of sessions that are small enough to be read together, so that each pack is asked for once; none of others.
fn together(sessions: &[(SessionId, SessionRecord)]) -> Vec<Wanted<'_>> {
    if bytes_of(sessions) > TOGETHER_BYTES {
        return Vec::new();
    }
    let segments = sessions.iter().flat_map(|(session, record)| {
        let segments = record.segments.iter();
        segments.map(|segment| (*session, segment))
    });
    let logs = segments.flat_map(|(session, segment)| {
        [false, true].map(|traces| log_parts(session, segment, traces))
    });
    logs.flat_map(|(key, parts)| parts.iter().map(move |part| (key, part)))
        .collect()
}

fn log_parts(session: SessionId, segment: &SegmentRecord, traces: bool) -> (LogKey, &[Part]) {
    let key = LogKey {
        session,
        segment: segment.id,
        traces,
    };
    let parts = if traces {
        &segment.trace_parts
    } else {
        &segment.parts
    };
    (key, parts)
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
        &self,
        filled: &mut Filled<'_>,
        session: SessionId,
        segment: &SegmentRecord,
        traces: bool,
    ) -> Result<(), RemoteError> {
        let (key, mut parts) = log_parts(session, segment, traces);
        let mut writer = LogWriter::new(&self.archive, key, segment);
        while !parts.is_empty() {
            let (window, rest) = parts.split_at(window_len(parts));
            parts = rest;
            let mut read = Vec::with_capacity(window.len());
            for part in window {
                read.extend(filled.take(key, part));
            }
            if read.len() < window.len() {
                let wanted: Vec<_> = window.iter().map(|part| (key, part)).collect();
                filled.read(&wanted).await?;
                read = window
                    .iter()
                    .filter_map(|part| filled.take(key, part))
                    .collect();
            }
            for (part, lines) in window.iter().zip(read) {
                writer.write(part.first, &lines)?;
            }
        }
        Ok(())
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
