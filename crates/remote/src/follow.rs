//! After a session was merged: what was redacted, erased or put into the trash there is so here as well.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Deserialize;
use sessiondb::archive::{LogSnapshot, Redaction};
use sessiondb::{Archive, Log, RawJson, SessionId, Snapshot, StoreError};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::RemoteError;
use crate::marks::{REDACTED, TRASH};
use crate::own::key_of_seen;
use crate::pack::LogKey;
use crate::plan::log_of;
use crate::record::{Json, SessionRecord};

/// What was taken away here since it was there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Followed {
    pub(crate) redacted: u64,
    pub(crate) erased: u64,
    pub(crate) trashed: u64,
}

/// `there` is the session as it is there, in an archive.
pub(crate) fn follow(
    archive: &Archive,
    there: &Snapshot,
    session: SessionId,
    record: &SessionRecord,
) -> Result<Followed, RemoteError> {
    let mut followed = Followed::default();
    if archive.session(session)?.is_none() {
        return Ok(followed);
    }
    let redacted = Redacted::find(there, record, &logs(there, session)?)?;
    if !redacted.was.is_empty() {
        let here = archive.snapshot()?;
        for key in logs(&here, session)? {
            redacted.apply(&log(archive, key), &log_of(&here, key), &mut followed)?;
        }
    }
    if let Some(json) = record.notes.get(TRASH) {
        followed.trashed += u64::from(trash(archive, session, json)?);
    }
    Ok(followed)
}

fn logs(snapshot: &Snapshot, session: SessionId) -> Result<Vec<LogKey>, StoreError> {
    let mut logs = Vec::new();
    for segment in snapshot.segments(session) {
        let segment = segment?;
        for (traces, is_there) in [(false, segment.exists), (true, segment.traces > 0)] {
            if is_there {
                logs.push(LogKey {
                    session,
                    segment: segment.id,
                    traces,
                });
            }
        }
    }
    Ok(logs)
}

fn log(archive: &Archive, key: LogKey) -> Log {
    if key.traces {
        archive.trace(key.session, key.segment)
    } else {
        archive.log(key.session, key.segment)
    }
}

/// What was redacted or erased there.
struct Redacted {
    /// The hashes of entries as they were, and as they are.
    was: HashMap<u64, BTreeSet<u64>>,
    /// Entries as they are, by their hash.
    now: HashMap<u64, RawJson>,
    /// Where entries were erased, and in what: of traces, or not.
    erased: HashSet<(bool, u64)>,
}

impl Redacted {
    fn find(
        there: &Snapshot,
        record: &SessionRecord,
        logs: &[LogKey],
    ) -> Result<Self, RemoteError> {
        let mut found = Self {
            was: marks(record)?,
            now: HashMap::new(),
            erased: HashSet::new(),
        };
        if found.was.is_empty() {
            return Ok(found);
        }
        let wanted: HashSet<u64> = found.was.values().flatten().copied().collect();
        for key in logs {
            for entry in log_of(there, *key).read(..)? {
                let entry = entry?;
                let hash = xxh3_64(entry.as_str().as_bytes());
                if wanted.contains(&hash) {
                    if is_erased(entry.as_str()) {
                        found.erased.insert((key.traces, entry.index()));
                    }
                    found.now.insert(hash, RawJson::new(entry.as_str())?);
                }
            }
        }
        Ok(found)
    }

    /// Redacts and erases what a log has of it. One whose new text is no longer there is erased. An entry that was erased
    /// there is erased here at the same place alone: others may say the same.
    fn apply(
        &self,
        log: &Log,
        here: &LogSnapshot,
        followed: &mut Followed,
    ) -> Result<(), StoreError> {
        let (mut redactions, mut erased) = (Vec::new(), Vec::new());
        for entry in here.read(..)? {
            let entry = entry?;
            let Some(all) = self.was.get(&xxh3_64(entry.as_str().as_bytes())) else {
                continue;
            };
            for now in all {
                match self.now.get(now) {
                    Some(text) if !is_erased(text.as_str()) => {
                        let (index, text) = (entry.index(), text.clone());
                        redactions.push(Redaction::new(index, entry.as_str(), text));
                    }
                    Some(_) if !self.erased.contains(&(log.is_trace(), entry.index())) => {}
                    _ => erased.push(entry.index()),
                }
            }
        }
        erased.dedup();
        followed.redacted += log.redact(redactions)?;
        for near in erased.chunk_by(|one, next| one + 1 == *next) {
            if let (Some(first), Some(last)) = (near.first(), near.last()) {
                followed.erased += log.erase(*first..=*last)?;
            }
        }
        Ok(())
    }
}

/// What a session was redacted of: the hashes of entries as they were, with those of what they became.
fn marks(record: &SessionRecord) -> Result<HashMap<u64, BTreeSet<u64>>, RemoteError> {
    let hash = |hex: &String| u64::from_str_radix(hex, 16).ok();
    let mut marks = HashMap::<u64, BTreeSet<u64>>::new();
    let notes = record.notes.iter();
    for (_, json) in notes.filter(|(key, _)| key.starts_with(REDACTED)) {
        let shard: BTreeMap<String, BTreeSet<String>> = serde_json::from_str(json.get())?;
        for (now, was) in &shard {
            for was in was.iter().filter_map(hash) {
                marks.entry(was).or_default().extend(hash(now));
            }
        }
    }
    Ok(marks)
}

/// Whether it is what stands in the place of an entry that was erased: a kind, and perhaps a time.
fn is_erased(entry: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Erased {
        kind: String,
        #[serde(default, rename = "ts")]
        _ts: Option<serde::de::IgnoredAny>,
    }
    entry.starts_with(r#"{"kind":"erased""#)
        && serde_json::from_str::<Erased>(entry).is_ok_and(|erased| erased.kind == "erased")
}

/// Puts a session into the trash as it is there, once. Returns whether it was not.
fn trash(archive: &Archive, session: SessionId, json: &Json) -> Result<bool, RemoteError> {
    #[derive(Deserialize)]
    struct Marks {
        #[serde(default)]
        trashed_ms: Option<u64>,
    }
    let seen = key_of_seen(&format!("{session}/{TRASH}"), json.get());
    let snapshot = archive.snapshot()?;
    let marks: Marks = serde_json::from_str(json.get())?;
    let here = snapshot.session(session)?;
    let Some(here) = here.filter(|_| marks.trashed_ms.is_some()) else {
        return Ok(false);
    };
    if snapshot.read_note::<bool>(&seen)?.is_some() {
        return Ok(false);
    }
    let is_new = here.trashed_ms.is_none();
    let mut batch = archive.batch();
    batch.write_note(&seen, &true)?;
    if is_new && !here.hidden {
        batch.write_note(TRASH, &true)?;
        batch.write_note(&format!("session/{session}/{TRASH}"), json)?;
    }
    batch.commit()?;
    if is_new && here.hidden {
        archive.trash_session(session)?;
    }
    Ok(is_new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_entry_is_told_from_others() {
        assert!(is_erased(r#"{"kind":"erased"}"#));
        assert!(is_erased(r#"{"kind":"erased","ts":7}"#));
        assert!(!is_erased(r#"{"kind":"erased","text":"no"}"#));
        assert!(!is_erased(r#"{"kind":"erased by hand"}"#));
        assert!(!is_erased("1"));
    }
}
