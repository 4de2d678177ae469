//! `SessionStore` of the Claude Agent SDK: where sessions are read from, listed and taken away.

mod append;
mod key;
mod known;

use std::sync::Arc;

use sessiondb::archive::LogSnapshot;
use sessiondb::{Archive, Entry, Snapshot, StoreError};

pub use self::append::ClaudeAppend;
pub use self::key::ClaudeKey;
use self::known::Known;
use crate::error::{SdkError, unless_conflict};
use crate::followed::FollowedLogs;
use crate::ids::Protocol;
use crate::json::is_tombstone;
use crate::kept::Kept;
use crate::named::{Named, parsed, sessions_of};

/// The transcripts of a Claude Agent SDK in an archive, by the contract of its `SessionStore`.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_sdk::{ClaudeKey, ClaudeStore};
///
/// let store = ClaudeStore::new(&Archive::in_memory()?);
/// let key = ClaudeKey::main("-src-shop", "s1");
/// let entries = [r#"{"type":"user","uuid":"a"}"#, r#"{"type":"tag","tag":"x"}"#];
/// store.append(&key, &entries, |_| Ok(None))?;
/// store.append(&key, &entries, |_| Ok(None))?; // the first one is there already
/// let loaded = store.load(&key)?.expect("it was written");
/// assert_eq!(loaded.iter().map(|entry| entry.as_str()).collect::<Vec<_>>(), [entries[0], entries[1], entries[1]]);
/// assert_eq!(store.list_sessions("-src-shop")?[0].session_id, "s1");
/// assert!(store.delete(&key)?);
/// assert!(store.load(&key)?.is_none());
/// # Ok::<(), sessiondb_sdk::SdkError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClaudeStore {
    archive: Archive,
    known: Arc<FollowedLogs<Known>>,
}

/// A session, as listed.
///
/// ```
/// # let session = sessiondb_sdk::ClaudeSession { session_id: "s1".into(), mtime_ms: 7 };
/// assert_eq!(session.session_id, "s1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaudeSession {
    /// Its id, as the SDK gave it.
    pub session_id: String,
    /// When its main log was last written to, in milliseconds since the Unix epoch.
    pub mtime_ms: u64,
}

/// What the SDK's own fold made of a session, as listed.
///
/// ```
/// # let summary = sessiondb_sdk::ClaudeSummary { session_id: "s1".into(), mtime_ms: 7, data: "{}".into() };
/// assert_eq!(summary.data, "{}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaudeSummary {
    /// The session's id, as the SDK gave it.
    pub session_id: String,
    /// When its main log was last written to, in milliseconds since the Unix epoch: the time of [`ClaudeSession`].
    pub mtime_ms: u64,
    /// What the fold gave, a JSON object, as it was given.
    pub data: String,
}

impl ClaudeStore {
    /// The store of an archive. Stores of one archive share what is in it; clones share what they have read
    /// of its logs as well.
    pub fn new(archive: &Archive) -> Self {
        Self {
            archive: archive.clone(),
            known: Arc::default(),
        }
    }

    /// The archive.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// All entries of a log in their order, without what was erased in the archive; `None` if none was ever
    /// written, or it was deleted.
    ///
    /// # Errors
    ///
    /// [`SdkError::Invalid`] for a key that cannot be, and those of a read.
    pub fn load(&self, key: &ClaudeKey<'_>) -> Result<Option<Vec<Entry>>, SdkError> {
        let (named, segment) = key.place()?;
        let now = self.archive.snapshot()?;
        if named.seen(&now)?.is_none() {
            return Ok(None);
        }
        Kept::seen(&now, &named, segment, key.subpath)?;
        let log = now.log(named.session, segment);
        if !log.exists()? {
            return Ok(None);
        }
        Ok(Some(entries_of(&log)?))
    }

    /// The sessions of a project that have a main log, in the order of their ids in the archive. Those in the
    /// trash and hidden ones are left out.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn list_sessions(&self, project_key: &str) -> Result<Vec<ClaudeSession>, SdkError> {
        let now = self.archive.snapshot()?;
        let mut listed = Vec::new();
        for named in sessions_of(&now, Protocol::Claude, project_key)? {
            if let Some((mtime_ms, _)) = shown(&now, &named)? {
                let session_id = named.identity.id;
                listed.push(ClaudeSession {
                    session_id,
                    mtime_ms,
                });
            }
        }
        Ok(listed)
    }

    /// What the SDK's fold made of each of the sessions that [`list_sessions`](Self::list_sessions) gives. Left
    /// out is what is not of all entries of the main log, since something else has written to it: the SDK then
    /// folds them by itself.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn list_summaries(&self, project_key: &str) -> Result<Vec<ClaudeSummary>, SdkError> {
        let now = self.archive.snapshot()?;
        let mut listed = Vec::new();
        for named in sessions_of(&now, Protocol::Claude, project_key)? {
            let Some((mtime_ms, entries)) = shown(&now, &named)? else {
                continue;
            };
            let (_, kept) = Kept::seen(&now, &named, named.session, None)?;
            let summary = kept.and_then(|kept| kept.summary);
            if let Some(summary) = summary.filter(|summary| summary.entries == entries) {
                listed.push(ClaudeSummary {
                    session_id: named.identity.id,
                    mtime_ms,
                    data: summary.data.get().to_owned(),
                });
            }
        }
        Ok(listed)
    }

    /// The subpaths of a session that have a log, sorted.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn list_subkeys(
        &self,
        project_key: &str,
        session_id: &str,
    ) -> Result<Vec<String>, SdkError> {
        let named = Named::new(Protocol::Claude, project_key, session_id);
        let now = self.archive.snapshot()?;
        if named.seen(&now)?.is_none() {
            return Ok(Vec::new());
        }
        let mut subpaths = Vec::new();
        for segment in now.segments(named.session) {
            let segment = segment?;
            if !segment.exists || segment.id == named.session {
                continue;
            }
            let key = named.segment_key(segment.id);
            // A branch that a merge made has none.
            if let Some(note) = now.read_note::<Box<serde_json::value::RawValue>>(&key)? {
                subpaths.extend(parsed::<Kept>(&key, &note)?.name);
            }
        }
        subpaths.sort_unstable();
        Ok(subpaths)
    }

    /// Deletes a log: that of a subpath alone; with the main log the whole session and all its subpaths. Returns
    /// whether there was anything. It is not put into the trash.
    ///
    /// # Errors
    ///
    /// [`SdkError::Invalid`] for a key that cannot be, and those of a write.
    pub fn delete(&self, key: &ClaudeKey<'_>) -> Result<bool, SdkError> {
        let (named, segment) = key.place()?;
        loop {
            let now = self.archive.snapshot()?;
            let seen = named.seen(&now)?;
            if seen.is_none() {
                return Ok(false);
            }
            let mut batch = self.archive.batch();
            batch.expect_note(&named.key(), seen.as_deref())?;
            let is_there = if key.subpath.is_none() {
                batch.delete_session(named.session);
                now.session(named.session)?.is_some()
            } else {
                Kept::seen(&now, &named, segment, key.subpath)?;
                // Notes first: with its last log a session is gone, and its notes are.
                named.forget(&mut batch, segment);
                batch.delete_segment(named.session, segment);
                now.log(named.session, segment).exists()?
            };
            if !is_there || unless_conflict(batch.commit())? {
                return Ok(is_there);
            }
        }
    }
}

/// The entries of a log but those that were erased.
fn entries_of(log: &LogSnapshot) -> Result<Vec<Entry>, StoreError> {
    let is_left = |entry: &Result<Entry, StoreError>| match entry {
        Ok(entry) => !is_tombstone(entry.as_str()),
        Err(_) => true,
    };
    log.read(..)?.filter(is_left).collect()
}

/// When the main log was last written to, and how many entries it has; `None` if there is none to be shown.
fn shown(now: &Snapshot, named: &Named) -> Result<Option<(u64, u64)>, SdkError> {
    let info = now.session(named.session)?;
    if info.is_none_or(|info| info.hidden || info.trashed_ms.is_some()) {
        return Ok(None);
    }
    let main = now.segment(named.session, named.session)?;
    let main = main.filter(|main| main.exists);
    Ok(main.map(|main| (main.updated_ms, main.entries)))
}
