//! What was forgotten: marks as the archive has them, as records, and brought into another archive, where what
//! they are of is taken away. Each is brought in once, so that what is allowed again stays.

use sessiondb::archive::{CutOff, Forgotten, ForgottenHash};
use sessiondb::{Archive, SegmentId, SessionId, Snapshot, StoreError};

use crate::error::RemoteError;
use crate::own::key_of_seen;
use crate::record::{self, Json, MARK, Records};

/// Where an archive keeps the marks of what was forgotten.
const FORGOTTEN: &str = "sessiondb/forgotten/";
/// What follows the id of a session in the key of the note that it is in the trash, or hidden.
pub(crate) const TRASH: &str = "sessiondb/trash";
/// How the notes on a session begin that say what was redacted of it.
pub(crate) const REDACTED: &str = "redacted/";
/// So often a mark is tried again since another writer was there meanwhile.
const ATTEMPTS: u32 = 100;

/// The marks of an archive as records.
pub(crate) fn records(snapshot: &Snapshot) -> Result<Records, StoreError> {
    let mut records = Records::new();
    for key in snapshot.notes(FORGOTTEN)? {
        let mark: Option<Json> = snapshot.read_note(&key)?;
        if let (Some(of), Some(mark)) = (key.strip_prefix(FORGOTTEN), mark) {
            records.insert(format!("{MARK}{of}"), mark);
        }
    }
    Ok(records)
}

/// Notes that marks which this archive has put are not to come back to it.
pub(crate) fn note_own(archive: &Archive, records: &Records) -> Result<(), RemoteError> {
    let snapshot = archive.snapshot()?;
    let mut batch = archive.batch();
    let mut note = |key: String| -> Result<(), StoreError> {
        if snapshot.read_note::<bool>(&key)?.is_none() {
            batch.write_note(&key, &true)?;
        }
        Ok(())
    };
    for (of, json) in record::with_prefix(records, MARK) {
        note(key_of_seen(of, json.get()))?;
    }
    for session in record::sessions(records) {
        let (session, record) = session?;
        if let Some(json) = record.notes.get(TRASH) {
            note(key_of_seen(&format!("{session}/{TRASH}"), json.get()))?;
        }
    }
    Ok(batch.commit()?)
}

/// Brings the marks of another archive into this one, and takes away what they are of. Returns how many were
/// new.
pub(crate) fn apply(archive: &Archive, theirs: &Records) -> Result<u64, RemoteError> {
    let mut applied = 0;
    for (of, json) in record::with_prefix(theirs, MARK) {
        let seen = key_of_seen(of, json.get());
        let is_seen = archive.snapshot()?.read_note::<bool>(&seen)?.is_some();
        let Some(target) = target(of).filter(|_| !is_seen) else {
            continue;
        };
        let mark: Forgotten = serde_json::from_str(json.get())?;
        applied += u64::from(apply_one(archive, target, of, &mark, &seen)?);
    }
    Ok(applied)
}

pub(crate) type Target = (SessionId, Option<SegmentId>);

/// What a mark is of.
pub(crate) fn target(of: &str) -> Option<Target> {
    match of.split_once('/') {
        Some((session, segment)) => Some((session.parse().ok()?, Some(segment.parse().ok()?))),
        None => Some((of.parse().ok()?, None)),
    }
}

/// Returns whether the mark was not here before.
fn apply_one(
    archive: &Archive,
    (session, segment): Target,
    of: &str,
    theirs: &Forgotten,
    seen: &str,
) -> Result<bool, RemoteError> {
    for _ in 0..ATTEMPTS {
        let mut batch = archive.batch();
        batch.write_note(seen, &true)?;
        let snapshot = archive.snapshot()?;
        let key = format!("{FORGOTTEN}{of}");
        let mine: Option<Forgotten> = snapshot.read_note(&key)?;
        let is_new = match segment {
            None => {
                let is_new = mine.is_none();
                if is_new {
                    batch.delete_session(session).write_note(&key, theirs)?;
                }
                is_new
            }
            Some(segment) if theirs.is_whole() => {
                let is_new = mine.is_none_or(|mine| !mine.is_whole());
                if is_new {
                    batch
                        .delete_segment(session, segment)
                        .write_note(&key, theirs)?;
                }
                is_new
            }
            Some(_) if mine.as_ref().is_some_and(Forgotten::is_whole) => false,
            Some(segment) => {
                let (both, new) = union(mine, theirs);
                if !new.is_empty() {
                    let log = snapshot.log(session, segment);
                    if let Some(cut) = cut(&log, &new)? {
                        let len = log.len()?;
                        let log = archive.log(session, segment);
                        batch.expect_len(&log, len).truncate(&log, cut);
                    }
                    batch.write_note(&key, &both)?;
                }
                !new.is_empty()
            }
        };
        match batch.commit() {
            Ok(()) => return Ok(is_new),
            // Another writer has been there since it was read.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let path = archive.path().to_owned();
    Err(StoreError::Busy {
        path,
        holder: None,
        waited: std::time::Duration::ZERO,
    }
    .into())
}

/// The ends that were cut off here or there, and those of them that are new here.
fn union(mine: Option<Forgotten>, theirs: &Forgotten) -> (Forgotten, Vec<CutOff>) {
    let Some(mut both) = mine else {
        return (theirs.clone(), theirs.cuts.clone());
    };
    let is_new = |cut: &&CutOff| !both.cuts.contains(cut);
    let new: Vec<_> = theirs.cuts.iter().filter(is_new).cloned().collect();
    both.cuts.extend(new.iter().cloned());
    both.entries = both.entries.max(theirs.entries);
    (both, new)
}

/// Where a log is to be cut off, if it goes on with what was cut off there.
fn cut(log: &sessiondb::archive::LogSnapshot, cuts: &[CutOff]) -> Result<Option<u64>, StoreError> {
    if !log.exists()? {
        return Ok(None);
    }
    let (len, mut end) = (log.len()?, None);
    for cut in cuts {
        let here = end.unwrap_or(len);
        if cut.from < here && is_of(log, here, cut)? {
            end = Some(cut.from);
        }
    }
    Ok(end)
}

/// Whether a log of so many entries has what was cut off, or the beginning of that.
fn is_of(
    log: &sessiondb::archive::LogSnapshot,
    len: u64,
    cut: &CutOff,
) -> Result<bool, StoreError> {
    let is_whole = cut.to <= len;
    let mut hash = ForgottenHash::default();
    let mut first = None;
    for entry in log.read(cut.from..cut.to.min(len))? {
        let entry = entry?;
        if cut.erased.contains(&entry.index()) {
            continue;
        }
        hash.entry(entry.as_str().as_bytes());
        first.get_or_insert_with(|| hash.finish());
        if !is_whole {
            break;
        }
    }
    if is_whole {
        return Ok(hash.finish() == cut.hash);
    }
    Ok(first.is_none_or(|first| first == cut.first))
}
