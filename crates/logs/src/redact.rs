//! Redacts a session wherever something of it is kept: entries and traces of all segments, what is known of its
//! logs, metadata, names, notes; and makes its summary anew.

use sessiondb::archive::{Redaction, Redactor};
use sessiondb::{Archive, Log, RawJson, SegmentInfo, SessionId, Snapshot, StoreError};

use crate::notes::{self, key_of_log};
use crate::refresh::refresh;

/// About how many bytes of entries are rewritten in one change.
const CHANGE_BYTES: usize = 16 << 20;
/// So often a log is looked through again because somebody else has changed it meanwhile.
const MAX_ROUNDS: u32 = 10;

/// What was redacted.
///
/// ```
/// assert_eq!(sessiondb_logs::RedactReport::default().entries, 0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RedactReport {
    /// How many entries and traces were rewritten.
    pub entries: u64,
    /// How many others: metadata, notes, names.
    pub records: u64,
}

/// Rewrites what the redactor finds in a session, in all its segments, and makes its summary anew, so that
/// nothing is left in a title. [`Log::redact`] says what stays until the archive is compacted.
///
/// ```
/// use sessiondb::archive::Redactor;
/// use sessiondb::{Archive, RawJson, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append_many(["a", "hunter2", "b"])?;
/// let redactor = Redactor::new(|entry| {
///     entry.contains("hunter2").then(|| RawJson::new("\"[redacted]\"").ok()).flatten()
/// });
/// let report = sessiondb_logs::redact(&archive, log.session_id(), &redactor)?;
/// assert_eq!((report.entries, log.len()?), (1, 3));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of a read and of a write.
pub fn redact(
    archive: &Archive,
    session: SessionId,
    redactor: &Redactor,
) -> Result<RedactReport, StoreError> {
    let mut report = RedactReport::default();
    let segments = |archive: &Archive| archive.segments(session)?.collect::<Result<Vec<_>, _>>();
    for segment in segments(archive)? {
        let id = segment.id;
        for log in [archive.log(session, id), archive.trace(session, id)] {
            for _ in 0..MAX_ROUNDS {
                let (asked, done) = one_log(archive, &log, redactor)?;
                report.entries += done;
                if asked == done {
                    break;
                }
            }
        }
        header(archive, &segment, redactor)?;
    }
    report.records = archive.redact_records(&[session], redactor)?;
    if report != RedactReport::default() {
        for segment in segments(archive)? {
            refresh(archive, session, segment.id)?;
        }
    }
    Ok(report)
}

/// Returns how many entries were to be rewritten, and how many were.
fn one_log(archive: &Archive, log: &Log, redactor: &Redactor) -> Result<(u64, u64), StoreError> {
    let (mut asked, mut done) = (0, 0);
    let (mut changes, mut bytes) = (Vec::new(), 0);
    let now = archive.snapshot()?;
    let mut entries = own_entries(&now, log)?;
    loop {
        let entry = entries.next().transpose()?;
        if let Some(entry) = &entry
            && let Some(redacted) = redactor.redact(entry.as_str())
        {
            bytes += redacted.as_str().len();
            changes.push(Redaction::new(entry.index(), entry.as_str(), redacted));
        }
        if entry.is_none() || bytes >= CHANGE_BYTES {
            asked += changes.len() as u64;
            done += log.redact(std::mem::take(&mut changes))?;
            bytes = 0;
        }
        if entry.is_none() {
            return Ok((asked, done));
        }
    }
}

/// The entries of a log that it does not share with the one that it branched off: those are that one's.
///
/// # Errors
///
/// Those of a read.
fn own_entries(now: &Snapshot, log: &Log) -> Result<sessiondb::archive::RawEntries, StoreError> {
    let (session, segment) = (log.session_id(), log.segment_id());
    if log.is_trace() {
        return now.trace(session, segment).read(..);
    }
    let parent = now.segment(session, segment)?.and_then(|info| info.parent);
    let start = parent.map_or(0, |parent| parent.len);
    now.log(session, segment).read(start..)
}

/// Remembers of what a log says as a whole what it was, by which the next import of its file knows it.
fn header(archive: &Archive, segment: &SegmentInfo, redactor: &Redactor) -> Result<(), StoreError> {
    let now = archive.snapshot()?;
    let note = notes::read_log(&now, segment.session, segment.id)?;
    let Some(mut note) = note else {
        return Ok(());
    };
    let header = note.header.take();
    let redacted = header
        .as_ref()
        .and_then(|header| redactor.redact(header.get()));
    let (Some(header), Some(redacted)) = (header, redacted) else {
        return Ok(());
    };
    let value = serde_json::value::RawValue::from_string(RawJson::as_str(&redacted).to_owned())?;
    note.header = Some(value);
    let mut batch = archive.batch();
    batch.mark_redacted(
        segment.session,
        redacted.as_str().as_bytes(),
        header.get().as_bytes(),
    );
    batch.write_note(&key_of_log(segment.session, segment.id), &note)?;
    batch.commit()
}
