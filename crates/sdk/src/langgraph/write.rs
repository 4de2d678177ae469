//! Checkpoints and pending writes that are put.

use serde_json::value::RawValue;
use sessiondb::RawJson;

use super::thread::{Thread, Versions};
use super::{LangGraphPut, LangGraphStore, LangGraphWrite, Space};
use crate::error::{SdkError, unless_conflict};

impl LangGraphStore {
    /// Puts a checkpoint, with the values of the channels that have a new version. One of the same id is replaced;
    /// what is pending on it stays.
    ///
    /// # Errors
    ///
    /// [`SdkError::Invalid`] for metadata or versions that are no JSON object on one line, and those of a write.
    pub fn put(&self, put: &LangGraphPut<'_>) -> Result<(), SdkError> {
        let metadata = object("the metadata of a checkpoint", put.metadata)?;
        let versions = versions(put.versions)?;
        for given in put.values {
            let subject = || format!("the version of channel {:?}", given.channel);
            one_line::<Box<RawValue>>(&given.version)
                .map_err(|reason| SdkError::invalid(subject(), reason))?;
        }
        self.append(&self.space(put.thread_id, put.checkpoint_ns), |thread| {
            thread
                .checkpoint_entry(put, metadata.clone(), versions.clone())
                .map(Some)
        })
    }

    /// Puts what a task has written, pending on a checkpoint that need not be there. Of a task and number the first
    /// write stays; of numbers below 0, which are special channels, the last one.
    ///
    /// # Errors
    ///
    /// Those of a write.
    pub fn put_writes(
        &self,
        thread_id: &str,
        checkpoint_ns: &str,
        checkpoint_id: &str,
        writes: &[LangGraphWrite],
    ) -> Result<(), SdkError> {
        // An entry has the writes of one task; mostly it is one.
        for writes in writes.chunk_by(|one, next| {
            (&one.task_id, &one.task_path) == (&next.task_id, &next.task_path)
        }) {
            let Some(first) = writes.first() else {
                continue;
            };
            let space = self.space(thread_id, checkpoint_ns);
            self.append(&space, |thread| {
                let task = &first.task_id;
                let new = writes
                    .iter()
                    .filter(|write| thread.takes(checkpoint_id, task, write.idx));
                let new: Vec<&LangGraphWrite> = new.collect();
                if new.is_empty() {
                    return Ok(None);
                }
                Thread::writes_entry(checkpoint_id, task, &first.task_path, &new).map(Some)
            })?;
        }
        Ok(())
    }

    /// Appends the entry that `entry` makes of what there is, if it makes one.
    fn append(
        &self,
        space: &Space<'_>,
        entry: impl Fn(&Thread) -> Result<Option<String>, serde_json::Error>,
    ) -> Result<(), SdkError> {
        loop {
            // Held to the end, so that threads of this process wait and do not refuse each other.
            let (mut held, current) = space.current(self)?;
            let made = entry(held.content())
                .map_err(|err| SdkError::invalid("a value", err.to_string()))?;
            let Some(json) = made else {
                return Ok(());
            };
            let raw = RawJson::new(json.as_str())
                .map_err(|err| SdkError::invalid("a value", err.to_string()))?;
            let mut batch = space.begun(self, &current)?;
            let log = self.archive.log(space.named.session, space.segment);
            batch.append_at(&log, current.len, [&raw])?;
            if unless_conflict(batch.commit())? {
                let sizes = (1, json.len() as u64);
                held.appended(
                    current.kept.born,
                    current.len,
                    sizes,
                    json.as_bytes(),
                    |thread| {
                        thread.take_json(&json);
                    },
                );
                return Ok(());
            }
        }
    }
}

fn one_line<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    if json.contains('\n') {
        return Err("it has a line break; give JSON on one line".to_owned());
    }
    serde_json::from_str(json).map_err(|err| err.to_string())
}

fn object(subject: &str, json: &str) -> Result<Box<RawValue>, SdkError> {
    let invalid = |reason: String| SdkError::invalid(subject, reason);
    let raw: &RawValue = one_line(json).map_err(invalid)?;
    if !raw.get().starts_with('{') {
        return Err(invalid("it is no JSON object; give one".to_owned()));
    }
    Ok(raw.to_owned())
}

fn versions(json: &str) -> Result<Versions, SdkError> {
    let subject = "the channel versions of a checkpoint";
    one_line(json).map_err(|reason| SdkError::invalid(subject, reason))
}
