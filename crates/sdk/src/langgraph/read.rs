//! Checkpoints that are got and listed.

use serde_json::{Map, Value};
use sessiondb::Snapshot;

use super::thread::{Checkpoint, InChannel, Thread, Write};
use super::{LangGraphCheckpoint, LangGraphStore, LangGraphWrite, Space};
use crate::error::SdkError;
use crate::ids::Protocol;
use crate::kept::Kept;
use crate::named::{Named, Seen, parsed, sessions_of};

/// Which checkpoints are listed: those of which all that is given is so.
///
/// ```
/// use sessiondb_sdk::LangGraphList;
///
/// let newest = LangGraphList { thread_id: Some("t1"), limit: Some(1), ..LangGraphList::default() };
/// assert_eq!(newest.filter, None);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct LangGraphList<'a> {
    /// Of this thread; else of all.
    pub thread_id: Option<&'a str>,
    /// Of this namespace; else of all.
    pub checkpoint_ns: Option<&'a str>,
    /// That of this id.
    pub checkpoint_id: Option<&'a str>,
    /// Those with lower ids than this one.
    pub before: Option<&'a str>,
    /// A JSON object: each of its values stands in the metadata under the same key.
    pub filter: Option<&'a str>,
    /// The first so many.
    pub limit: Option<usize>,
}

/// A checkpoint that is listed, before it is read.
struct Found {
    id: String,
    named: Named,
    ns: String,
}

impl LangGraphStore {
    /// A checkpoint: that of an id, or the one with the highest; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// Those of a read, and [`SdkError::Unreadable`] if it rests on an entry that was erased.
    pub fn get(
        &self,
        thread_id: &str,
        checkpoint_ns: &str,
        checkpoint_id: Option<&str>,
    ) -> Result<Option<LangGraphCheckpoint>, SdkError> {
        let space = self.space(thread_id, checkpoint_ns);
        self.got(&space, checkpoint_id)
    }

    fn got(
        &self,
        space: &Space<'_>,
        checkpoint_id: Option<&str>,
    ) -> Result<Option<LangGraphCheckpoint>, SdkError> {
        let (held, _) = space.current(self)?;
        let thread = held.content();
        let found = match checkpoint_id {
            Some(id) => thread.checkpoints.get_key_value(id),
            None => thread.checkpoints.last_key_value(),
        };
        found
            .map(|(id, checkpoint)| whole(space, thread, id, checkpoint))
            .transpose()
    }

    /// Checkpoints with all that belongs to them, the highest id first.
    ///
    /// # Errors
    ///
    /// [`SdkError::Invalid`] if the filter is no JSON object, and those of [`get`](Self::get).
    pub fn list(&self, list: &LangGraphList<'_>) -> Result<Vec<LangGraphCheckpoint>, SdkError> {
        let filter: Option<Map<String, Value>> = list
            .filter
            .map(serde_json::from_str)
            .transpose()
            .map_err(|err| {
                SdkError::invalid(
                    "the filter of a list",
                    format!("{err}; give one JSON object"),
                )
            })?;
        let now = self.archive.snapshot()?;
        let threads = match list.thread_id {
            Some(thread) => vec![Named::new(Protocol::LangGraph, "", thread)],
            None => sessions_of(&now, Protocol::LangGraph, "")?,
        };
        let mut found = Vec::new();
        for named in threads {
            for ns in spaces_of(&now, &named)? {
                if list.checkpoint_ns.is_some_and(|wanted| wanted != ns) {
                    continue;
                }
                let space = Space::new(self, named.clone(), &ns);
                let (held, _) = space.current(self)?;
                let checkpoints = held.content().checkpoints.iter().rev();
                let matching = checkpoints
                    .filter(|(id, _)| list.checkpoint_id.is_none_or(|wanted| wanted == *id))
                    .filter(|(id, _)| list.before.is_none_or(|before| ***id < *before))
                    .filter(|(_, checkpoint)| {
                        filter
                            .as_ref()
                            .is_none_or(|filter| matches(checkpoint, filter))
                    });
                for (id, _) in matching.take(list.limit.unwrap_or(usize::MAX)) {
                    let (id, named, ns) = (id.clone(), named.clone(), ns.clone());
                    found.push(Found { id, named, ns });
                }
            }
        }
        found.sort_by(|one, other| other.id.cmp(&one.id));
        found.truncate(list.limit.unwrap_or(usize::MAX));
        let mut listed = Vec::with_capacity(found.len());
        for Found { id, named, ns } in found {
            // One that is deleted meanwhile is not listed.
            listed.extend(self.got(&Space::new(self, named, &ns), Some(&id))?);
        }
        Ok(listed)
    }

    /// The threads that have checkpoints or writes, in the order of their ids in the archive.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn threads(&self) -> Result<Vec<String>, SdkError> {
        let now = self.archive.snapshot()?;
        let mut threads = Vec::new();
        for named in sessions_of(&now, Protocol::LangGraph, "")? {
            if now.session(named.session)?.is_some() {
                threads.push(named.identity.id);
            }
        }
        Ok(threads)
    }
}

/// The namespaces of a thread that have a log.
pub(super) fn spaces_of(now: &Snapshot, named: &Named) -> Result<Vec<String>, SdkError> {
    let mut spaces = Vec::new();
    if named.seen(now)?.is_none() {
        return Ok(spaces);
    }
    for segment in now.segments(named.session) {
        let segment = segment?;
        let key = named.segment_key(segment.id);
        let note: Seen = now.read_note(&key)?;
        // A branch that a merge made has none.
        if let Some(note) = note.filter(|_| segment.exists) {
            spaces.push(parsed::<Kept>(&key, &note)?.name.unwrap_or_default());
        }
    }
    Ok(spaces)
}

/// Whether all of the filter stands in the metadata.
fn matches(checkpoint: &Checkpoint, filter: &Map<String, Value>) -> bool {
    let Ok(metadata) = serde_json::from_str::<Map<String, Value>>(&checkpoint.metadata) else {
        return filter.is_empty();
    };
    let known = |key: &String| metadata.get(key).unwrap_or(&Value::Null);
    filter
        .iter()
        .all(|(key, wanted)| is_equal(known(key), wanted))
}

/// Whether two values are the same; 1 and 1.0 are.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.is_f64() != other.is_f64() && one.as_f64() == other.as_f64()
        }
        _ => one == other,
    }
}

/// A checkpoint with all that belongs to it.
pub(super) fn whole(
    space: &Space<'_>,
    thread: &Thread,
    id: &str,
    checkpoint: &Checkpoint,
) -> Result<LangGraphCheckpoint, SdkError> {
    let lost = || SdkError::Unreadable {
        key: format!(
            "thread {:?}, namespace {:?}, checkpoint {id:?}",
            space.named.identity.id, space.ns
        ),
        reason: "it rests on an entry that was erased".to_owned(),
    };
    let mut values = Vec::new();
    for (channel, version) in &checkpoint.versions {
        match thread.channel_value(channel, version) {
            InChannel::None => {}
            InChannel::Lost => return Err(lost()),
            InChannel::Value(value) => values.push((channel.clone(), value)),
        }
    }
    Ok(LangGraphCheckpoint {
        thread_id: space.named.identity.id.clone(),
        checkpoint_ns: space.ns.to_owned(),
        checkpoint_id: id.to_owned(),
        parent_id: checkpoint.parent.clone(),
        checkpoint: checkpoint.typed().ok_or_else(lost)?,
        metadata: checkpoint.metadata.to_string(),
        values,
        writes: writes_of(thread, id).ok_or_else(lost)?,
    })
}

/// What is pending on a checkpoint; `None` if it rests on what was erased.
pub(super) fn writes_of(thread: &Thread, id: &str) -> Option<Vec<LangGraphWrite>> {
    let writes = thread.writes.get(id).into_iter().flatten();
    let write = |(place, write): (&(String, String, i64), &Write)| {
        let (task_path, task_id, idx) = place.clone();
        Some(LangGraphWrite {
            task_id,
            task_path,
            idx,
            channel: write.channel().to_owned(),
            value: write.typed()?,
        })
    };
    writes.map(write).collect()
}
