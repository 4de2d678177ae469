//! `Session` of the OpenAI Agents SDK: the items of one conversation.

use sessiondb::archive::LogSnapshot;
use sessiondb::{Archive, Batch, Entry, RawJson, Snapshot, StoreError};

use crate::error::{SdkError, unless_conflict};
use crate::ids::Protocol;
use crate::json;
use crate::kept::Kept;
use crate::named::{Named, Seen};

/// The items of one conversation of the OpenAI Agents SDK, by the contract of its `Session`. Making one reads and
/// writes nothing.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_sdk::OpenAiSession;
///
/// let session = OpenAiSession::new(&Archive::in_memory()?, "conversation-7");
/// session.add(&[r#"{"role":"user","content":"Hello"}"#, r#"{"role":"assistant","content":"Hi"}"#])?;
/// assert_eq!(session.items(Some(1))?[0].as_str(), r#"{"role":"assistant","content":"Hi"}"#);
/// assert_eq!(session.pop()?.expect("there are two").as_str(), r#"{"role":"assistant","content":"Hi"}"#);
/// assert_eq!(session.items(None)?.len(), 1);
/// assert!(session.clear()?);
/// # Ok::<(), sessiondb_sdk::SdkError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenAiSession {
    archive: Archive,
    named: Named,
}

/// What a change of the items rests on.
struct Before {
    log: LogSnapshot,
    len: u64,
    identity: Seen,
    note: Seen,
    kept: Option<Kept>,
}

impl OpenAiSession {
    /// The conversation of that id. Any text is one.
    pub fn new(archive: &Archive, session_id: &str) -> Self {
        Self {
            archive: archive.clone(),
            named: Named::new(Protocol::OpenAi, "", session_id),
        }
    }

    /// Its id, as the SDK gave it.
    pub fn session_id(&self) -> &str {
        &self.named.identity.id
    }

    /// The archive.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The last `limit` items in their order, or all. What was erased in the archive is left out and does not count.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn items(&self, limit: Option<u64>) -> Result<Vec<Entry>, SdkError> {
        let now = self.archive.snapshot()?;
        if self.named.seen(&now)?.is_none() {
            return Ok(Vec::new());
        }
        let log = now.log(self.named.session, self.named.session);
        let Some(limit) = limit else {
            let entries = log
                .read(..)?
                .filter(|entry| entry.as_ref().map_or(true, is_item));
            return Ok(entries.collect::<Result<_, _>>()?);
        };
        let mut last = Vec::new();
        for entry in log.read(..)?.rev() {
            if last.len() as u64 == limit {
                break;
            }
            let entry = entry?;
            if is_item(&entry) {
                last.push(entry);
            }
        }
        last.reverse();
        Ok(last)
    }

    /// Appends items, each the text of one JSON object on one line; all or none. Of none nothing is written.
    ///
    /// # Errors
    ///
    /// [`SdkError::Invalid`] for what is no JSON object, and those of a write.
    pub fn add(&self, items: &[&str]) -> Result<(), SdkError> {
        let items = checked(items)?;
        if items.is_empty() {
            return Ok(());
        }
        loop {
            let before = self.before()?;
            let mut batch = self.begun(&before)?;
            // Whatever others have added since.
            batch.append_many(&self.log(), &items)?;
            if unless_conflict(batch.commit())? {
                return Ok(());
            }
        }
    }

    /// Takes the last item away and returns it; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Those of a read and of a write.
    pub fn pop(&self) -> Result<Option<Entry>, SdkError> {
        loop {
            let before = self.before()?;
            let mut entries = before.log.read(..)?;
            let last = entries.rfind(|entry| entry.as_ref().map_or(true, is_item));
            let Some(last) = last.transpose()? else {
                return Ok(None);
            };
            let mut batch = self.begun(&before)?;
            self.cut(&mut batch, &before, last.index())?;
            if unless_conflict(batch.commit())? {
                return Ok(Some(last));
            }
        }
    }

    /// Takes all items away. Returns whether there was such a conversation.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn clear(&self) -> Result<bool, SdkError> {
        loop {
            let now = self.archive.snapshot()?;
            let seen = self.named.seen(&now)?;
            if seen.is_none() || now.session(self.named.session)?.is_none() {
                return Ok(false);
            }
            let mut batch = self.archive.batch();
            batch.expect_note(&self.named.key(), seen.as_deref())?;
            batch.delete_session(self.named.session);
            if unless_conflict(batch.commit())? {
                return Ok(true);
            }
        }
    }

    /// Puts `new` in the place of the last items, if these are still `expected`, as they were read; for what
    /// compacts a conversation. Returns whether they were; if not, or if `expected` is empty, nothing was written.
    ///
    /// # Errors
    ///
    /// [`SdkError::Invalid`] for what is no JSON object, and those of a read and of a write.
    pub fn replace_suffix(&self, expected: &[&str], new: &[&str]) -> Result<bool, SdkError> {
        let new = checked(new)?;
        if expected.is_empty() {
            return Ok(false);
        }
        loop {
            let before = self.before()?;
            let Some(start) = before.len.checked_sub(expected.len() as u64) else {
                return Ok(false);
            };
            for (entry, expected) in before.log.read(start..)?.zip(expected) {
                if entry?.as_str() != *expected {
                    return Ok(false);
                }
            }
            let mut batch = self.begun(&before)?;
            self.cut(&mut batch, &before, start)?;
            batch.append_many(&self.log(), &new)?;
            if unless_conflict(batch.commit())? {
                return Ok(true);
            }
        }
    }

    fn log(&self) -> sessiondb::Log {
        self.archive.log(self.named.session, self.named.session)
    }

    fn before(&self) -> Result<Before, SdkError> {
        let now: Snapshot = self.archive.snapshot()?;
        let identity = self.named.seen(&now)?;
        let (note, kept) = Kept::seen(&now, &self.named, self.named.session, None)?;
        let log = now.log(self.named.session, self.named.session);
        Ok(Before {
            len: log.len()?,
            log,
            identity,
            note,
            kept,
        })
    }

    /// A batch that rests on what was seen, and makes the session where it is not there.
    fn begun(&self, before: &Before) -> Result<Batch, SdkError> {
        let mut batch = self.archive.batch();
        self.named.claim(&mut batch, &before.identity)?;
        let session = self.named.session;
        let key = self.named.segment_key(session);
        batch.expect_note(&key, before.note.as_deref())?;
        if before.kept.is_none() {
            batch.write_note(&key, &Kept::new(None))?;
        }
        if before.kept.is_none() || before.len == 0 {
            let path = format!("{}.jsonl", self.session_id());
            self.named.describe(&mut batch, session, path, None)?;
        }
        Ok(batch)
    }

    /// Adds: cut off the items from that number on, so that whoever rests on them notices.
    fn cut(&self, batch: &mut Batch, before: &Before, len: u64) -> Result<(), StoreError> {
        let log = self.log();
        batch.expect_len(&log, before.len).truncate(&log, len);
        let key = self.named.segment_key(self.named.session);
        batch.write_note(&key, &Kept::new(None)).map(drop)
    }
}

fn checked(items: &[&str]) -> Result<Vec<RawJson>, SdkError> {
    let items = items.iter().enumerate();
    let checked = items.map(|(position, item)| Ok(json::entry(position, item)?.0));
    checked.collect()
}

/// Whether an entry is an item, and not what stands in the place of one that was erased.
fn is_item(entry: &Entry) -> bool {
    !json::is_tombstone(entry.as_str())
}
