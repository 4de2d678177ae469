//! After a session was merged: what was redacted, erased or put into the trash there is so here as well.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;
use sessiondb::archive::{LogSnapshot, Redaction, Redactions};
use sessiondb::{Archive, Log, RawJson, SessionId, Snapshot, StoreError};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::RemoteError;
use crate::marks::TRASH;
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
    let theirs = logs(there, session)?;
    let redacted = Redacted::find(there, record, &theirs)?;
    let erased = erased_logs(there, &theirs)?;
    if !redacted.was.is_empty() || !erased.is_empty() {
        let here = archive.snapshot()?;
        for key in logs(&here, session)? {
            let log = log(archive, key);
            followed.redacted += redacted.apply(&log, &log_of(&here, key))?;
        }
        let here = archive.snapshot()?;
        let redactions = [here.redactions(session)?, there.redactions(session)?];
        for key in logs(&here, session)? {
            for (other, _) in erased
                .iter()
                .filter(|(other, _)| other.traces == key.traces)
            {
                let (mine, theirs) = (log_of(&here, key), log_of(there, *other));
                followed.erased += erase(&log(archive, key), &mine, &theirs, &redactions)?;
            }
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

/// What was redacted there.
struct Redacted {
    /// The hashes of entries as they were, and as they are.
    was: HashMap<u64, u64>,
    /// Entries as they are, by their hash.
    now: HashMap<u64, RawJson>,
}

impl Redacted {
    fn find(
        there: &Snapshot,
        record: &SessionRecord,
        logs: &[LogKey],
    ) -> Result<Self, RemoteError> {
        let (mut was, mut now) = (HashMap::new(), HashMap::new());
        let hash = |hex: &str| u64::from_str_radix(hex, 16).ok();
        for (_, json) in record
            .notes
            .iter()
            .filter(|(key, _)| key.starts_with("redacted/"))
        {
            let shard: BTreeMap<String, BTreeSet<String>> = serde_json::from_str(json.get())?;
            for (redacted, all) in &shard {
                if let Some(redacted) = hash(redacted) {
                    was.extend(
                        all.iter()
                            .filter_map(|was| hash(was))
                            .map(|was| (was, redacted)),
                    );
                }
            }
        }
        if !was.is_empty() {
            let wanted: BTreeSet<u64> = was.values().copied().collect();
            for key in logs {
                for entry in log_of(there, *key).read(..)? {
                    let entry = entry?;
                    let hash = xxh3_64(entry.as_str().as_bytes());
                    if wanted.contains(&hash) {
                        now.insert(hash, RawJson::new(entry.as_str())?);
                    }
                }
            }
        }
        Ok(Self { was, now })
    }

    /// Redacts what a log has of it. One whose text is no longer there is erased.
    fn apply(&self, log: &Log, here: &LogSnapshot) -> Result<u64, StoreError> {
        let (mut redactions, mut gone) = (Vec::new(), Vec::new());
        if self.was.is_empty() {
            return Ok(0);
        }
        for entry in here.read(..)? {
            let entry = entry?;
            let Some(now) = self.was.get(&xxh3_64(entry.as_str().as_bytes())) else {
                continue;
            };
            match self.now.get(now) {
                Some(text) => {
                    redactions.push(Redaction::new(entry.index(), entry.as_str(), text.clone()));
                }
                None => gone.push(entry.index()),
            }
        }
        for index in &gone {
            log.erase(*index..=*index)?;
        }
        Ok(gone.len() as u64 + log.redact(redactions)?)
    }
}

/// The logs there in which something was erased, and where the first such entry is.
fn erased_logs(there: &Snapshot, logs: &[LogKey]) -> Result<Vec<(LogKey, u64)>, StoreError> {
    let mut found = Vec::new();
    for key in logs {
        for entry in log_of(there, *key).read(..)? {
            let entry = entry?;
            if is_erased(entry.as_str()) {
                found.push((*key, entry.index()));
                break;
            }
        }
    }
    Ok(found)
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

/// Erases in a log what is erased in the other, as far as the two are the same.
fn erase(
    log: &Log,
    mine: &LogSnapshot,
    theirs: &LogSnapshot,
    redactions: &[Redactions; 2],
) -> Result<u64, StoreError> {
    let mut indexes = Vec::new();
    for (mine, theirs) in mine.read(..)?.zip(theirs.read(..)?) {
        let (mine, theirs) = (mine?, theirs?);
        let (one, other) = (mine.as_str(), theirs.as_str());
        let is_redacted = |redactions: &Redactions| {
            redactions.is_of(one.as_bytes(), other.as_bytes())
                || redactions.is_of(other.as_bytes(), one.as_bytes())
        };
        if one == other || is_erased(one) || redactions.iter().any(is_redacted) {
            continue;
        }
        if !is_erased(other) {
            break;
        }
        indexes.push(mine.index());
    }
    for near in indexes.chunk_by(|one, next| one + 1 == *next) {
        if let (Some(first), Some(last)) = (near.first(), near.last()) {
            log.erase(*first..=*last)?;
        }
    }
    Ok(indexes.len() as u64)
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
