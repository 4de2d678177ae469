//! Appending in two steps, between which the SDK folds its summary: what is new, and the change itself.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::value::RawValue;
use sessiondb::archive::LogSnapshot;
use sessiondb::{Entry, Log, RawJson, SegmentId, Snapshot};

use super::key::ClaudeKey;
use super::known::Known;
use super::{ClaudeStore, entries_of};
use crate::error::{SdkError, unless_conflict};
use crate::followed::{Content, Followed, locked};
use crate::json;
use crate::kept::{Kept, Summary};
use crate::named::{Named, Seen};

/// Entries that are about to be appended: made by [`ClaudeStore::begin`], done by [`ClaudeStore::commit`]. Dropped,
/// it does nothing. While it lives, the archive does not use space again that others free.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_sdk::{ClaudeKey, ClaudeStore};
///
/// let store = ClaudeStore::new(&Archive::in_memory()?);
/// let key = ClaudeKey::main("-src-shop", "s1");
/// let append = store.begin(&key, &[r#"{"type":"x","uuid":"a"}"#, r#"{"type":"x","uuid":"a"}"#])?;
/// assert_eq!((append.new_entries(), append.data()), (&[0][..], None));
/// assert!(store.commit(append, Some(r#"{"folded":1}"#))?);
/// let append = store.begin(&key, &[r#"{"type":"x","uuid":"b"}"#])?;
/// assert_eq!(append.data(), Some(r#"{"folded":1}"#));
/// # Ok::<(), sessiondb_sdk::SdkError>(())
/// ```
pub struct ClaudeAppend {
    named: Named,
    log: Log,
    /// The log before the append.
    before: LogSnapshot,
    len: u64,
    identity: Seen,
    note: Seen,
    kept: Kept,
    /// Where the log would lie, for one that is new.
    path: String,
    /// Which of the entries that were given are new.
    new: Vec<usize>,
    entries: Vec<RawJson>,
    ids: HashSet<u128>,
    known: Arc<Mutex<Followed<Known>>>,
}

impl ClaudeAppend {
    /// Which of the entries that were given are new, counted from 0. The others are in the log already, or stand
    /// twice among those that were given.
    pub fn new_entries(&self) -> &[usize] {
        &self.new
    }

    /// What the SDK's fold made of the entries before these, a JSON object; `None` if nothing is known. The fold
    /// goes on from there with what [`unfolded`](Self::unfolded) gives and then the new entries.
    pub fn data(&self) -> Option<&str> {
        let summary = self.kept.summary.as_ref();
        summary.map(|summary| summary.data.get())
    }

    /// The entries before these of which [`data`](Self::data) does not know. Mostly none: only where something
    /// else than this store has changed the log, or where no data was given to [`ClaudeStore::commit`].
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn unfolded(&self) -> Result<Vec<Entry>, SdkError> {
        if self.kept.summary.is_some() || !self.is_main() {
            return Ok(Vec::new());
        }
        Ok(entries_of(&self.before)?)
    }

    /// Whether it is the main log, of which alone a summary is kept.
    pub fn is_main(&self) -> bool {
        self.log.segment_id() == self.named.session
    }
}

impl fmt::Debug for ClaudeAppend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaudeAppend")
            .field("path", &self.path)
            .field("len", &self.len)
            .field("new", &self.new)
            .finish_non_exhaustive()
    }
}

impl ClaudeStore {
    /// Looks at a log and at entries that are to be appended to it, each the text of one JSON object on one line.
    /// An entry whose `uuid` the log has already is passed over.
    ///
    /// # Errors
    ///
    /// [`SdkError::Invalid`] for a key or an entry that cannot be, and those of a read.
    pub fn begin(&self, key: &ClaudeKey<'_>, entries: &[&str]) -> Result<ClaudeAppend, SdkError> {
        let given = entries.iter().enumerate();
        let given = given.map(|(position, entry)| json::entry(position, entry));
        let given = given.collect::<Result<Vec<_>, _>>()?;
        let (named, segment) = key.place()?;
        let known = self.known.of((named.session, segment));
        // Held until the log is read, so that what others of this process know is not of a later moment.
        let mut held = locked(&known);
        let now = self.archive.snapshot()?;
        let mut append = self.seen(&now, key, named, segment, Arc::clone(&known))?;
        if append.len > 0 && given.iter().any(|(_, id)| id.is_some()) {
            held.catch_up(&now, (append.named.session, segment), append.kept.born)?;
        }
        let is_there = |id: u128| append.len > 0 && held.content().ids.contains(&id);
        let mut ids = HashSet::new();
        for (position, (entry, id)) in given.into_iter().enumerate() {
            if id.is_some_and(|id| is_there(id) || ids.contains(&id)) {
                continue;
            }
            ids.extend(id);
            append.new.push(position);
            append.entries.push(entry);
        }
        append.ids = ids;
        let bytes = held.content().bytes();
        drop(held);
        self.known
            .keep_within((append.named.session, segment), bytes);
        Ok(append)
    }

    /// What there is before the append.
    fn seen(
        &self,
        now: &Snapshot,
        key: &ClaudeKey<'_>,
        named: Named,
        segment: SegmentId,
        known: Arc<Mutex<Followed<Known>>>,
    ) -> Result<ClaudeAppend, SdkError> {
        let identity = named.seen(now)?;
        let (note, kept) = Kept::seen(now, &named, segment, key.subpath)?;
        let before = now.log(named.session, segment);
        let len = before.len()?;
        let mut kept = kept.unwrap_or_else(|| Kept::new(key.subpath));
        // Of a log that something else has changed nothing is known.
        kept.summary = kept.summary.filter(|summary| summary.entries == len);
        Ok(ClaudeAppend {
            log: self.archive.log(named.session, segment),
            named,
            before,
            len,
            identity,
            note,
            kept,
            path: key.path(),
            new: Vec::new(),
            entries: Vec::new(),
            ids: HashSet::new(),
            known,
        })
    }

    /// Appends what is new and keeps what the SDK's fold made of all entries with them, both or neither. Without
    /// new entries nothing is written. `data` is a JSON object; without it the session has no summary until the
    /// next one. That of a subpath is not kept.
    ///
    /// Returns false if somebody else has written meanwhile: then nothing was written, and [`begin`](Self::begin)
    /// tells anew what is new.
    ///
    /// # Errors
    ///
    /// [`SdkError::Invalid`] if the data is no JSON object, and those of a write.
    #[expect(clippy::needless_pass_by_value, reason = "it is good for one commit")]
    pub fn commit(&self, append: ClaudeAppend, data: Option<&str>) -> Result<bool, SdkError> {
        let data = data.map(summary_data).transpose()?;
        let Some(last) = append.entries.last() else {
            return Ok(true);
        };
        let last = last.as_str().as_bytes();
        let count = append.entries.len() as u64;
        let lengths = append
            .entries
            .iter()
            .map(|entry| entry.as_str().len() as u64);
        let bytes = lengths.sum();
        let (named, segment) = (&append.named, append.log.segment_id());
        let mut kept = append.kept.clone();
        let summary = data.filter(|_| append.is_main());
        kept.summary = summary.map(|data| Summary {
            entries: append.len + count,
            data,
        });
        let mut batch = self.archive.batch();
        named.claim(&mut batch, &append.identity)?;
        let key = named.segment_key(segment);
        batch.expect_note(&key, append.note.as_deref())?;
        batch.append_at(&append.log, append.len, &append.entries)?;
        if append.note.is_none() || append.is_main() {
            batch.write_note(&key, &kept)?;
        }
        // Also where somebody has taken the log away and left the note.
        if append.note.is_none() || append.len == 0 {
            let is_main = append.is_main();
            let subagent = || {
                named
                    .subagent_at(&append.path)
                    .or_else(|| kept.name.clone())
            };
            let subagent = (!is_main).then(subagent).flatten();
            named.describe(&mut batch, segment, append.path.clone(), subagent)?;
        }
        if !unless_conflict(batch.commit())? {
            return Ok(false);
        }
        let mut known = locked(&append.known);
        known.appended(kept.born, append.len, (count, bytes), last, |known| {
            known.ids.extend(&append.ids);
        });
        let memory = known.content().bytes();
        drop(known);
        self.known.keep_within((named.session, segment), memory);
        Ok(true)
    }

    /// Appends entries, and calls `fold` for the summary: with what there is before them, until nobody else writes
    /// in between. Returns how many were new. For a subpath, and where nothing is new, `fold` is not called.
    ///
    /// # Errors
    ///
    /// Those of `fold`, [`begin`](Self::begin) and [`commit`](Self::commit).
    pub fn append(
        &self,
        key: &ClaudeKey<'_>,
        entries: &[&str],
        mut fold: impl FnMut(&ClaudeAppend) -> Result<Option<String>, SdkError>,
    ) -> Result<usize, SdkError> {
        loop {
            let append = self.begin(key, entries)?;
            let count = append.new.len();
            if count == 0 {
                return Ok(0);
            }
            let data = if append.is_main() {
                fold(&append)?
            } else {
                None
            };
            if self.commit(append, data.as_deref())? {
                return Ok(count);
            }
        }
    }
}

/// The data of a summary, which is a JSON object.
fn summary_data(data: &str) -> Result<Box<RawValue>, SdkError> {
    let invalid = |reason: String| SdkError::invalid("the data of a summary", reason);
    let raw: &RawValue = serde_json::from_str(data)
        .map_err(|err| invalid(format!("{err}; give one JSON object, or none")))?;
    if !raw.get().starts_with('{') {
        return Err(invalid(
            "it is no JSON object; give one, or none".to_owned(),
        ));
    }
    Ok(raw.to_owned())
}
