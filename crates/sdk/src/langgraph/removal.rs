//! Threads that are deleted, copied and pruned.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value};
use sessiondb::RawJson;

use super::read::{spaces_of, whole, writes_of};
use super::thread::Thread;
use super::{Current, LangGraphChannel, LangGraphPut, LangGraphStore, LangGraphWrite, Space};
use crate::error::{SdkError, unless_conflict};
use crate::ids::Protocol;
use crate::kept::Kept;
use crate::named::{Named, sessions_of};

/// What the metadata of a checkpoint has of channels that are kept by what was added to them.
const DELTAS: &str = "counters_since_delta_snapshot";

impl LangGraphStore {
    /// Deletes a thread with all its namespaces. Returns whether there was one. It is not put into the trash.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn delete_thread(&self, thread_id: &str) -> Result<bool, SdkError> {
        let named = Named::new(Protocol::LangGraph, "", thread_id);
        loop {
            let now = self.archive.snapshot()?;
            let seen = named.seen(&now)?;
            if seen.is_none() || now.session(named.session)?.is_none() {
                return Ok(false);
            }
            let mut batch = self.archive.batch();
            batch.expect_note(&named.key(), seen.as_deref())?;
            batch.delete_session(named.session);
            if unless_conflict(batch.commit())? {
                return Ok(true);
            }
        }
    }

    /// Copies all checkpoints and writes of a thread to another one, each namespace in one step. What the other
    /// one has stays; a checkpoint of the same id is replaced.
    ///
    /// # Errors
    ///
    /// Those of a read and of a write.
    pub fn copy_thread(&self, source: &str, target: &str) -> Result<(), SdkError> {
        if source == target {
            return Ok(());
        }
        let now = self.archive.snapshot()?;
        let from = Named::new(Protocol::LangGraph, "", source);
        for ns in spaces_of(&now, &from)? {
            let segment = self.space(source, &ns).segment;
            let entries = now.log(from.session, segment).read(..)?;
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            if entries.is_empty() {
                continue;
            }
            let space = self.space(target, &ns);
            loop {
                let (held, current) = space.current(self)?;
                let mut batch = space.begun(self, &current)?;
                let log = self.archive.log(space.named.session, space.segment);
                batch.append_at(&log, current.len, &entries)?;
                let is_done = unless_conflict(batch.commit())?;
                drop(held);
                if is_done {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Takes all checkpoints of these threads away but the latest of each namespace, with what is pending on it. Of a
    /// channel that is kept by what was added to it, the checkpoints stay that its value is made of.
    ///
    /// # Errors
    ///
    /// Those of a read and of a write.
    pub fn prune(&self, thread_ids: &[&str]) -> Result<(), SdkError> {
        for thread in thread_ids {
            let now = self.archive.snapshot()?;
            let named = Named::new(Protocol::LangGraph, "", thread);
            for ns in spaces_of(&now, &named)? {
                let space = Space::new(self, named.clone(), &ns);
                self.keep_only(&space, |thread| {
                    let latest = thread.checkpoints.keys().next_back();
                    latest.map_or_else(BTreeSet::new, |latest| needed(thread, latest))
                })?;
            }
        }
        Ok(())
    }

    /// Deletes the checkpoints of these runs, by the `run_id` in their metadata, with what is pending on them; in all
    /// threads, of which each entry is read.
    ///
    /// # Errors
    ///
    /// Those of a read and of a write.
    pub fn delete_for_runs(&self, run_ids: &[&str]) -> Result<(), SdkError> {
        if run_ids.is_empty() {
            return Ok(());
        }
        let now = self.archive.snapshot()?;
        for named in sessions_of(&now, Protocol::LangGraph, "")? {
            for ns in spaces_of(&now, &named)? {
                let space = Space::new(self, named.clone(), &ns);
                self.keep_only(&space, |thread| {
                    let checkpoints = thread.checkpoints.iter();
                    let kept = checkpoints.filter(|(_, checkpoint)| {
                        let run = field(&checkpoint.metadata, "run_id");
                        !run.is_some_and(|run| {
                            run.as_str().is_some_and(|run| run_ids.contains(&run))
                        })
                    });
                    kept.map(|(id, _)| id.clone()).collect()
                })?;
            }
        }
        Ok(())
    }

    /// Takes all checkpoints of a namespace away but some. What is pending on a checkpoint that was never there
    /// stays.
    fn keep_only(
        &self,
        space: &Space<'_>,
        kept: impl Fn(&Thread) -> BTreeSet<String>,
    ) -> Result<(), SdkError> {
        loop {
            let (held, current) = space.current(self)?;
            let thread = held.content();
            let kept = kept(thread);
            if kept.len() == thread.checkpoints.len() {
                return Ok(());
            }
            let entries = rewritten(space, thread, &kept)?;
            if self.replace(space, &current, &entries)? {
                return Ok(());
            }
        }
    }

    /// Makes a namespace hold just these entries.
    fn replace(
        &self,
        space: &Space<'_>,
        current: &Current,
        entries: &[RawJson],
    ) -> Result<bool, SdkError> {
        let mut batch = space.begun(self, current)?;
        let log = self.archive.log(space.named.session, space.segment);
        batch.expect_len(&log, current.len);
        if entries.is_empty() {
            space.named.forget(&mut batch, space.segment);
            batch.delete_segment(space.named.session, space.segment);
        } else {
            let name = (!space.ns.is_empty()).then_some(space.ns);
            batch.replace(&log, entries)?;
            batch.write_note(&space.named.segment_key(space.segment), &Kept::new(name))?;
        }
        unless_conflict(batch.commit())
    }
}

fn field(metadata: &str, name: &str) -> Option<Value> {
    serde_json::from_str::<Map<String, Value>>(metadata)
        .ok()?
        .remove(name)
}

/// A checkpoint, and those before it that the values of its channels are made of.
fn needed(thread: &Thread, latest: &str) -> BTreeSet<String> {
    let mut needed = BTreeSet::from([latest.to_owned()]);
    let Some(checkpoint) = thread.checkpoints.get(latest) else {
        return needed;
    };
    let Some(Value::Object(deltas)) = field(&checkpoint.metadata, DELTAS) else {
        return needed;
    };
    let mut open: HashSet<&String> = deltas.keys().collect();
    let mut next = Some(checkpoint);
    while let Some(checkpoint) = next {
        let has_value = |channel: &str| {
            let version = checkpoint.versions.get(channel);
            version.is_some_and(|version| thread.has_value(channel, version))
        };
        open.retain(|channel| !has_value(channel));
        let parent = checkpoint.parent.as_ref().filter(|_| !open.is_empty());
        next = parent.and_then(|parent| thread.checkpoints.get(parent));
        // A chain that leads into itself ends here.
        next = next.filter(|_| parent.is_some_and(|parent| needed.insert(parent.clone())));
    }
    needed
}

/// The entries of the checkpoints that stay, as if they alone had been put.
fn rewritten(
    space: &Space<'_>,
    thread: &Thread,
    kept: &BTreeSet<String>,
) -> Result<Vec<RawJson>, SdkError> {
    let invalid = |err: serde_json::Error| SdkError::invalid("a checkpoint", err.to_string());
    let mut order: Vec<_> = thread
        .checkpoints
        .iter()
        .filter(|(id, _)| kept.contains(*id))
        .collect();
    order.sort_by_key(|(_, checkpoint)| checkpoint.order);
    let mut anew = Thread::default();
    let mut entries = Vec::new();
    let mut add = |anew: &mut Thread, json: String| {
        anew.take_json(&json);
        entries.push(RawJson::new(json)?);
        Ok(())
    };
    for (id, checkpoint) in order {
        let whole = whole(space, thread, id, checkpoint)?;
        let values = whole.values.into_iter().filter_map(|(channel, value)| {
            let version = checkpoint.versions.get(&channel)?;
            let is_new = !anew.has_value(&channel, version);
            is_new.then(|| LangGraphChannel {
                channel,
                version: version.get().to_owned(),
                value: Some(value),
            })
        });
        let put = LangGraphPut {
            thread_id: &whole.thread_id,
            checkpoint_ns: space.ns,
            checkpoint_id: id,
            parent_id: checkpoint.parent.as_deref(),
            checkpoint: &whole.checkpoint,
            metadata: &checkpoint.metadata,
            versions: "",
            values: &values.collect::<Vec<_>>(),
        };
        let metadata = serde_json::from_str(&checkpoint.metadata).map_err(invalid)?;
        let json = anew.checkpoint_entry(&put, metadata, checkpoint.versions.clone());
        add(&mut anew, json.map_err(invalid)?).map_err(invalid)?;
    }
    for id in thread.writes.keys() {
        if thread.checkpoints.contains_key(id) && !kept.contains(id) {
            continue;
        }
        let writes = writes_of(thread, id).unwrap_or_default();
        for writes in writes.chunk_by(|one, next| {
            (&one.task_path, &one.task_id) == (&next.task_path, &next.task_id)
        }) {
            let all: Vec<&LangGraphWrite> = writes.iter().collect();
            if let Some(first) = all.first() {
                let json = Thread::writes_entry(id, &first.task_id, &first.task_path, &all);
                add(&mut anew, json.map_err(invalid)?).map_err(invalid)?;
            }
        }
    }
    Ok(entries)
}
