//! The checkpoints of LangGraph, for the Python half that has its serializer.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyTuple};
use sessiondb_sdk::{
    LangGraphChannel, LangGraphCheckpoint, LangGraphList, LangGraphPut, LangGraphWrite, Typed,
};

use crate::archive::Archive;
use crate::handle::call;
use crate::store::Store;

/// The checkpoints of all threads in an archive.
#[pyclass(frozen, module = "sessiondb._native")]
pub(crate) struct LangGraphStore(Store<sessiondb_sdk::LangGraphStore>);

/// A value as the serializer gave it: what it calls it, and its bytes.
#[derive(FromPyObject)]
struct Given(String, PyBackedBytes);

impl From<Given> for Typed {
    fn from(given: Given) -> Self {
        Self {
            kind: given.0,
            bytes: given.1.to_vec(),
        }
    }
}

/// A channel, its version as JSON, and the value if it has one.
#[derive(FromPyObject)]
struct Channel(String, String, Option<Given>);

/// Task, path, number, channel and value.
#[derive(FromPyObject)]
struct Write(String, String, i64, String, Given);

type Value<'py> = (String, Bound<'py, PyBytes>);

fn value(py: Python<'_>, typed: Typed) -> Value<'_> {
    (typed.kind, PyBytes::new(py, &typed.bytes))
}

/// Thread, namespace, id, parent, the checkpoint, metadata as JSON, the values of its channels, the pending writes.
fn checkpoint(py: Python<'_>, found: LangGraphCheckpoint) -> PyResult<Bound<'_, PyTuple>> {
    let values = found.values.into_iter();
    let values: Vec<_> = values
        .map(|(channel, typed)| (channel, value(py, typed)))
        .collect();
    let writes = found.writes.into_iter();
    let writes: Vec<_> = writes
        .map(|write| (write.task_id, write.channel, value(py, write.value)))
        .collect();
    (
        found.thread_id,
        found.checkpoint_ns,
        found.checkpoint_id,
        found.parent_id,
        value(py, found.checkpoint),
        found.metadata,
        values,
        writes,
    )
        .into_pyobject(py)
}

#[pymethods]
impl LangGraphStore {
    #[new]
    fn new(py: Python<'_>, archive: &Bound<'_, Archive>) -> PyResult<Self> {
        Store::new(py, archive, sessiondb_sdk::LangGraphStore::new).map(Self)
    }

    /// Lets go of the archive.
    fn close(&self, py: Python<'_>) {
        self.0.close(py);
    }

    /// Puts a checkpoint, with the values of the channels that have a new version.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are what a checkpoint is made of"
    )]
    fn put(
        &self,
        py: Python<'_>,
        thread_id: &str,
        checkpoint_ns: &str,
        checkpoint_id: &str,
        parent_id: Option<&str>,
        checkpoint: Given,
        metadata: &str,
        versions: &str,
        values: Vec<Channel>,
    ) -> PyResult<()> {
        call(py, || {
            let values =
                values
                    .into_iter()
                    .map(|Channel(channel, version, value)| LangGraphChannel {
                        channel,
                        version,
                        value: value.map(Typed::from),
                    });
            let values: Vec<_> = values.collect();
            let put = LangGraphPut {
                thread_id,
                checkpoint_ns,
                checkpoint_id,
                parent_id,
                checkpoint: &checkpoint.into(),
                metadata,
                versions,
                values: &values,
            };
            Ok(self.0.get()?.put(&put)?)
        })
    }

    /// Puts what tasks have written.
    fn put_writes(
        &self,
        py: Python<'_>,
        thread_id: &str,
        checkpoint_ns: &str,
        checkpoint_id: &str,
        writes: Vec<Write>,
    ) -> PyResult<()> {
        call(py, || {
            let writes =
                writes
                    .into_iter()
                    .map(
                        |Write(task_id, task_path, idx, channel, value)| LangGraphWrite {
                            task_id,
                            task_path,
                            idx,
                            channel,
                            value: value.into(),
                        },
                    );
            let writes: Vec<_> = writes.collect();
            Ok(self
                .0
                .get()?
                .put_writes(thread_id, checkpoint_ns, checkpoint_id, &writes)?)
        })
    }

    /// A checkpoint by its id, or the newest; `None` if it is not there.
    #[pyo3(signature = (thread_id, checkpoint_ns, checkpoint_id=None))]
    fn get_checkpoint<'py>(
        &self,
        py: Python<'py>,
        thread_id: &str,
        checkpoint_ns: &str,
        checkpoint_id: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let found = call(py, || {
            Ok(self.0.get()?.get(thread_id, checkpoint_ns, checkpoint_id)?)
        })?;
        found.map(|found| checkpoint(py, found)).transpose()
    }

    /// The checkpoints of which all that is given is so, the newest first.
    #[pyo3(signature = (thread_id, checkpoint_ns, checkpoint_id, before, filter, limit))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are what LangGraph asks for"
    )]
    fn list<'py>(
        &self,
        py: Python<'py>,
        thread_id: Option<&str>,
        checkpoint_ns: Option<&str>,
        checkpoint_id: Option<&str>,
        before: Option<&str>,
        filter: Option<&str>,
        limit: Option<usize>,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let list = LangGraphList {
            thread_id,
            checkpoint_ns,
            checkpoint_id,
            before,
            filter,
            limit,
        };
        let found = call(py, || Ok(self.0.get()?.list(&list)?))?;
        found
            .into_iter()
            .map(|found| checkpoint(py, found))
            .collect()
    }

    /// Removes a thread. Returns whether it was there.
    fn delete_thread(&self, py: Python<'_>, thread_id: &str) -> PyResult<bool> {
        call(py, || Ok(self.0.get()?.delete_thread(thread_id)?))
    }

    /// Copies all of a thread to another one.
    fn copy_thread(&self, py: Python<'_>, source: &str, target: &str) -> PyResult<()> {
        call(py, || Ok(self.0.get()?.copy_thread(source, target)?))
    }

    /// Leaves of each thread and namespace the newest checkpoint.
    fn prune(&self, py: Python<'_>, thread_ids: Vec<String>) -> PyResult<()> {
        call(py, || {
            let ids: Vec<&str> = thread_ids.iter().map(String::as_str).collect();
            Ok(self.0.get()?.prune(&ids)?)
        })
    }

    /// Removes the checkpoints of these runs.
    fn delete_for_runs(&self, py: Python<'_>, run_ids: Vec<String>) -> PyResult<()> {
        call(py, || {
            let ids: Vec<&str> = run_ids.iter().map(String::as_str).collect();
            Ok(self.0.get()?.delete_for_runs(&ids)?)
        })
    }
}
