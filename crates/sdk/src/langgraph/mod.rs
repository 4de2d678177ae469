//! `BaseCheckpointSaver` of LangGraph: checkpoints of threads, and the writes that are pending on them.

mod msgpack;
mod read;
mod removal;
mod thread;
mod value;
mod write;

use std::sync::{Arc, Mutex, MutexGuard};

use sessiondb::{Archive, Batch, SegmentId};

pub use self::read::LangGraphList;
use self::thread::Thread;
pub use self::value::Typed;
use crate::error::SdkError;
use crate::followed::{Content, Followed, FollowedLogs, LogKey, locked};
use crate::ids::{Protocol, segment_id};
use crate::kept::Kept;
use crate::named::{Named, Seen};

/// The checkpoints of LangGraph in an archive, by the contract of its `BaseCheckpointSaver`. Values are given and
/// got as the graph's serializer makes them.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_sdk::{LangGraphChannel, LangGraphPut, LangGraphStore, Typed};
///
/// let store = LangGraphStore::new(&Archive::in_memory()?);
/// let json = |text: &str| Typed { kind: "json".into(), bytes: text.into() };
/// store.put(&LangGraphPut {
///     thread_id: "t1",
///     checkpoint_ns: "",
///     checkpoint_id: "1",
///     parent_id: None,
///     checkpoint: &json(r#"{"v":4,"id":"1"}"#),
///     metadata: r#"{"source":"input","step":-1}"#,
///     versions: r#"{"messages":"1"}"#,
///     values: &[LangGraphChannel {
///         channel: "messages".into(),
///         version: r#""1""#.into(),
///         value: Some(json(r#"["Hello"]"#)),
///     }],
/// })?;
/// let latest = store.get("t1", "", None)?.expect("it was just put");
/// assert_eq!(latest.values, [("messages".to_owned(), json(r#"["Hello"]"#))]);
/// assert!(store.delete_thread("t1")?);
/// # Ok::<(), sessiondb_sdk::SdkError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LangGraphStore {
    archive: Archive,
    threads: Arc<FollowedLogs<Thread>>,
}

/// A checkpoint that is to be put.
///
/// See [`LangGraphStore`] for an example.
#[derive(Debug, Clone, Copy)]
pub struct LangGraphPut<'a> {
    /// The thread.
    pub thread_id: &'a str,
    /// The namespace; empty for the root.
    pub checkpoint_ns: &'a str,
    /// The id of the checkpoint. One that is there is replaced.
    pub checkpoint_id: &'a str,
    /// The checkpoint that it came from.
    pub parent_id: Option<&'a str>,
    /// The checkpoint without its `channel_values`.
    pub checkpoint: &'a Typed,
    /// Its metadata, a JSON object on one line.
    pub metadata: &'a str,
    /// Its `channel_versions`, a JSON object on one line.
    pub versions: &'a str,
    /// The channels that have a new version.
    pub values: &'a [LangGraphChannel],
}

/// A channel at a new version.
///
/// See [`LangGraphStore`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LangGraphChannel {
    /// Its name.
    pub channel: String,
    /// The version, as JSON: as it stands in the checkpoint's versions.
    pub version: String,
    /// The value; `None` if the channel has none.
    pub value: Option<Typed>,
}

/// A write that is pending on a checkpoint.
///
/// ```
/// use sessiondb_sdk::{LangGraphWrite, Typed};
///
/// let write = LangGraphWrite {
///     task_id: "task".into(),
///     task_path: String::new(),
///     idx: 0,
///     channel: "messages".into(),
///     value: Typed { kind: "null".into(), bytes: Vec::new() },
/// };
/// assert_eq!(write.idx, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LangGraphWrite {
    /// The task that made it.
    pub task_id: String,
    /// The path of that task.
    pub task_path: String,
    /// Its number among the writes of the task; below 0 for special channels.
    pub idx: i64,
    /// The channel.
    pub channel: String,
    /// The value.
    pub value: Typed,
}

/// A checkpoint with all that belongs to it.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_sdk::LangGraphStore;
///
/// let store = LangGraphStore::new(&Archive::in_memory()?);
/// assert!(store.get("t1", "", None)?.is_none());
/// # Ok::<(), sessiondb_sdk::SdkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LangGraphCheckpoint {
    /// The thread.
    pub thread_id: String,
    /// The namespace.
    pub checkpoint_ns: String,
    /// Its id.
    pub checkpoint_id: String,
    /// The checkpoint that it came from.
    pub parent_id: Option<String>,
    /// As it was put, without its `channel_values`.
    pub checkpoint: Typed,
    /// Its metadata, a JSON object.
    pub metadata: String,
    /// The channels of its versions that have a value.
    pub values: Vec<(String, Typed)>,
    /// What is pending on it, ordered by path, task and number.
    pub writes: Vec<LangGraphWrite>,
}

impl LangGraphStore {
    /// The store of an archive. Clones share what they have read of its threads.
    pub fn new(archive: &Archive) -> Self {
        Self {
            archive: archive.clone(),
            threads: Arc::default(),
        }
    }

    /// The archive.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    fn space<'a>(&self, thread_id: &str, checkpoint_ns: &'a str) -> Space<'a> {
        let named = Named::new(Protocol::LangGraph, "", thread_id);
        Space::new(self, named, checkpoint_ns)
    }
}

/// A namespace of a thread: where it lies, and what was read of it.
struct Space<'a> {
    named: Named,
    segment: SegmentId,
    ns: &'a str,
    followed: Arc<Mutex<Followed<Thread>>>,
}

/// A namespace at one moment.
struct Current {
    len: u64,
    identity: Seen,
    note: Seen,
    kept: Kept,
}

impl<'a> Space<'a> {
    fn new(store: &LangGraphStore, named: Named, ns: &'a str) -> Self {
        let segment = match ns {
            "" => named.session,
            ns => segment_id(named.session, ns),
        };
        Self {
            followed: store.threads.of((named.session, segment)),
            named,
            segment,
            ns,
        }
    }

    fn key(&self) -> LogKey {
        (self.named.session, self.segment)
    }

    /// The namespace as it is now, held until it is let go of.
    fn current(
        &self,
        store: &LangGraphStore,
    ) -> Result<(MutexGuard<'_, Followed<Thread>>, Current), SdkError> {
        let mut held = locked(&self.followed);
        let now = store.archive.snapshot()?;
        let identity = self.named.seen(&now)?;
        let name = (!self.ns.is_empty()).then_some(self.ns);
        let (note, kept) = Kept::seen(&now, &self.named, self.segment, name)?;
        let kept = kept.unwrap_or_else(|| Kept::new(name));
        let len = held.catch_up(&now, self.key(), kept.born)?;
        store
            .threads
            .keep_within(self.key(), held.content().bytes());
        let current = Current {
            len,
            identity,
            note,
            kept,
        };
        Ok((held, current))
    }

    /// A batch that rests on what there is, and makes the namespace where it is not there.
    fn begun(&self, store: &LangGraphStore, current: &Current) -> Result<Batch, SdkError> {
        let mut batch = store.archive.batch();
        self.named.claim(&mut batch, &current.identity)?;
        let key = self.named.segment_key(self.segment);
        batch.expect_note(&key, current.note.as_deref())?;
        if current.note.is_none() {
            batch.write_note(&key, &current.kept)?;
        }
        if current.note.is_none() || current.len == 0 {
            let thread = &self.named.identity.id;
            let (path, subagent) = match self.ns {
                "" => (format!("{thread}.jsonl"), None),
                ns => (format!("{thread}/{ns}.jsonl"), Some(ns.to_owned())),
            };
            self.named
                .describe(&mut batch, self.segment, path, subagent)?;
        }
        Ok(batch)
    }
}
