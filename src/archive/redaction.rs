//! What is redacted: entries that are rewritten in place, and what is kept beside them.

use std::fmt;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::batch::Batch;
use super::collected::Collected;
use super::handle::Archive;
use super::log::Log;
use super::redaction_marks::{Pair, is_mark, mark_ops, pair};
use super::snapshot::Snapshot;
use crate::engine::{Entries, Layers, Op, is_forgotten};
use crate::error::StoreError;
use crate::ids::SessionId;
use crate::raw_json::RawJson;

/// Changes that are so near to each other are made as one, with the entries between them as they are: the more
/// changes there are of one log, the more each of them costs.
const MAX_GAP: u64 = 64;

/// Says what an entry is without what is to go; `None` if nothing is. It is asked by several threads.
///
/// ```
/// use sessiondb::RawJson;
/// use sessiondb::archive::Redactor;
///
/// let redactor = Redactor::new(|entry| {
///     let redacted = entry.replace("hunter2", "[redacted]");
///     (redacted != entry).then(|| RawJson::new(redacted).ok()).flatten()
/// });
/// assert_eq!(redactor.redact(r#""hunter2""#).unwrap().as_str(), r#""[redacted]""#);
/// assert!(redactor.redact("1").is_none());
/// ```
#[derive(Clone)]
pub struct Redactor(Arc<Redact>);

type Redact = dyn Fn(&str) -> Option<RawJson> + Send + Sync;

impl Redactor {
    /// One that asks `redact`.
    pub fn new(redact: impl Fn(&str) -> Option<RawJson> + Send + Sync + 'static) -> Self {
        Self(Arc::new(redact))
    }

    /// The entry without what is to go; `None` if it stays as it is.
    pub fn redact(&self, entry: &str) -> Option<RawJson> {
        (self.0)(entry)
    }

    /// The same of bytes; those that are no text stay as they are.
    pub(crate) fn redact_bytes(&self, entry: &[u8]) -> Option<RawJson> {
        std::str::from_utf8(entry)
            .ok()
            .and_then(|entry| self.redact(entry))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

/// An entry that is to be rewritten, for [`Log::redact`].
///
/// ```
/// use sessiondb::RawJson;
/// use sessiondb::archive::Redaction;
///
/// let redaction = Redaction::new(3, r#""hunter2""#, RawJson::new(r#""[redacted]""#)?);
/// assert_eq!(redaction.index(), 3);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    index: u64,
    was: u64,
    entry: RawJson,
}

impl Redaction {
    /// The entry with that number, which is `was` now, becomes `entry`.
    pub fn new(index: u64, was: &str, entry: RawJson) -> Self {
        Self {
            index,
            was: xxh3_64(was.as_bytes()),
            entry,
        }
    }

    /// The number of the entry.
    pub fn index(&self) -> u64 {
        self.index
    }
}

impl Log {
    /// Rewrites entries in every segment that shares them, and returns how many. Numbers and times stay. One that
    /// is no longer what it was is left as it is: look again, until nothing is to be rewritten.
    ///
    /// What goes is out of the journal when this returns. The database keeps it in pages that are free by now
    /// until the archive is compacted. A mark stays in the session, a hash of each entry as it was, by which no import
    /// and no merge brings it back.
    ///
    /// ```
    /// use sessiondb::archive::Redaction;
    /// use sessiondb::{Archive, RawJson, new_segment_id, new_session_id};
    ///
    /// let log = Archive::in_memory()?.log(new_session_id(), new_segment_id());
    /// log.append_many(["a", "hunter2"])?;
    /// let branch = log.branch(2, new_segment_id())?;
    /// let redaction = Redaction::new(1, r#""hunter2""#, RawJson::new(r#""[redacted]""#)?);
    /// assert_eq!(log.redact([redaction.clone()])?, 1);
    /// assert_eq!(branch.last(1)?.next().unwrap()?.as_str(), r#""[redacted]""#);
    /// assert_eq!(log.redact([redaction])?, 0);
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`], and those of a write.
    pub fn redact(&self, changes: impl IntoIterator<Item = Redaction>) -> Result<u64, StoreError> {
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_by_key(|change| change.index);
        changes.dedup_by_key(|change| change.index);
        if changes.is_empty() {
            return Ok(0);
        }
        self.archive.commit_without_journal(|now| {
            let (mut ops, mut pairs) = (Vec::new(), Vec::new());
            for near in changes.chunk_by(|one, next| next.index - one.index <= MAX_GAP) {
                let before = pairs.len();
                let (first, entries) = self.rewritten(now, near, &mut pairs)?;
                if pairs.len() > before {
                    let (log, at_ms) = (self.id, self.at_ms());
                    ops.push(Op::Erase {
                        log,
                        first,
                        entries,
                        at_ms,
                    });
                }
            }
            let count = pairs.len() as u64;
            let known = now.redactions(self.id.session)?;
            ops.extend(mark_ops(now, self.id.session, &known.carried(&pairs))?);
            Ok((ops, count))
        })
    }

    /// The entries from the first of these changes to the last, changed where they are what they were.
    fn rewritten(
        &self,
        now: &Snapshot,
        changes: &[Redaction],
        pairs: &mut Vec<Pair>,
    ) -> Result<(u64, Entries), StoreError> {
        let first = changes.first().map_or(0, |change| change.index);
        let end = changes
            .last()
            .map_or(0, |change| change.index.saturating_add(1));
        let mut changes = changes.iter().peekable();
        let mut all = Collected::new(self.id);
        for entry in now.reader(self.id).read(first..end)? {
            let entry = entry?;
            let change = changes.next_if(|change| change.index == entry.index());
            match change.filter(|change| xxh3_64(&entry) == change.was) {
                Some(change) => {
                    pairs.push((change.was, xxh3_64(change.entry.as_str().as_bytes())));
                    all.push(&change.entry)?;
                }
                None => all.push(&entry)?,
            }
        }
        Ok((first, all.entries))
    }
}

impl Archive {
    /// Rewrites what is kept of these sessions beside their entries: their metadata, notes on them, and the records of
    /// names that point to them. Without sessions, that of all, with all other notes and names. Returns how many were
    /// rewritten. As with [`Log::redact`], what goes is out of the journal when this returns.
    ///
    /// ```
    /// use sessiondb::archive::Redactor;
    /// use sessiondb::{Archive, RawJson};
    ///
    /// let archive = Archive::in_memory()?;
    /// archive.write_note("app/login", "hunter2")?;
    /// let redactor = Redactor::new(|json| {
    ///     json.contains("hunter2").then(|| RawJson::new("\"[redacted]\"").ok()).flatten()
    /// });
    /// assert_eq!(archive.redact_records(&[], &redactor)?, 1);
    /// assert_eq!(archive.read_note::<String>("app/login")?.as_deref(), Some("[redacted]"));
    /// # Ok::<(), sessiondb::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of a read and of a write.
    pub fn redact_records(
        &self,
        sessions: &[SessionId],
        redactor: &Redactor,
    ) -> Result<u64, StoreError> {
        let found = self.snapshot()?;
        if redacted_records(&found, sessions, redactor)?.is_empty() {
            return Ok(0);
        }
        drop(found);
        self.commit_without_journal(|now| {
            let ops = redacted_records(now, sessions, redactor)?;
            let count = ops.len() as u64;
            Ok((ops, count))
        })
    }
}

fn redacted_records(
    now: &Snapshot,
    sessions: &[SessionId],
    redactor: &Redactor,
) -> Result<Vec<Op>, StoreError> {
    let mut ops = Vec::new();
    let (mut of_sessions, mut names) = (sessions.to_vec(), Vec::new());
    if sessions.is_empty() {
        for info in now.sessions() {
            of_sessions.push(info?.id);
        }
        names = now.view().read(Layers::names)?;
    } else {
        for session in sessions {
            names.extend(now.stored_notes(*session)?);
        }
        let records = now.name_records()?.into_iter();
        let of_these =
            records.filter(|record| record.session().is_some_and(|id| sessions.contains(&id)));
        names.extend(of_these.map(|record| record.name));
    }
    for session in of_sessions {
        let json = now.view().read(|layers| layers.metadata(session))?;
        if let Some(json) = json.and_then(|json| redactor.redact_bytes(&json)) {
            let json = json.as_str().as_bytes().to_vec();
            let at_ms = 0;
            ops.push(Op::SetMetadata {
                session,
                json,
                at_ms,
            });
        }
    }
    let is_of_records = |name: &String| !is_mark(name) && !is_forgotten(name);
    for name in names.into_iter().filter(is_of_records) {
        let json = now.view().read(|layers| layers.name(&name))?;
        if let Some(json) = json.and_then(|json| redactor.redact_bytes(&json)) {
            let json = json.as_str().as_bytes().to_vec();
            ops.push(Op::SetName { name, json });
        }
    }
    Ok(ops)
}

impl Batch {
    /// Adds: remember that something stands in the place of something else since that was redacted, for those who keep more
    /// than entries of a session. [`Redactions::is_of`](super::Redactions::is_of) then knows the two.
    pub fn mark_redacted(&mut self, session: SessionId, redacted: &[u8], was: &[u8]) -> &mut Self {
        self.mark_pairs(session, &[pair(was, redacted)])
    }

    pub(crate) fn mark_pairs(&mut self, session: SessionId, pairs: &[Pair]) -> &mut Self {
        let (pairs, marked) = (pairs.to_vec(), self.marked());
        self.decided_notes(move |now| marked.ops(now, session, &pairs))
    }
}
