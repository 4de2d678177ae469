//! The logs of agents in and out.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;

use crate::archive::Archive;
use crate::copies::{Listener, relocation};
use crate::handle::call;
use crate::id::Id;
use crate::json;

#[pymethods]
impl Archive {
    /// Imports the files that are named, and of folders all logs below them. What is in the archive already is left alone.
    #[pyo3(signature = (paths, *, again=false, branch_diverged=true, relocate=None, progress=None))]
    fn import_logs<'py>(
        &self,
        py: Python<'py>,
        paths: Vec<PathBuf>,
        again: bool,
        branch_diverged: bool,
        relocate: Option<Vec<(String, String)>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let relocation = relocation(relocate)?;
        let report = call(py, || {
            let archive = self.handle.get()?;
            let mut listener = Listener::new(progress);
            let import = sessiondb_logs::Import::new(&archive)
                .again(again)
                .branch_diverged(branch_diverged)
                .relocate(relocation);
            let mut tell = |done: u64, total: u64, _: &Path| listener.tell(done, total);
            let report = import.run(&paths, Some(&mut tell))?;
            listener.end()?;
            Ok(report)
        })?;
        json::report(py, &report)
    }

    /// Imports what the agents on this machine keep.
    #[pyo3(signature = (*, home=None, agents=None, again=false, progress=None))]
    fn sync_agents<'py>(
        &self,
        py: Python<'py>,
        home: Option<PathBuf>,
        agents: Option<Vec<String>>,
        again: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let report = call(py, || {
            let archive = self.handle.get()?;
            let mut listener = Listener::new(progress);
            let mut sync = sessiondb_logs::Sync::new(&archive).again(again);
            if let Some(home) = home {
                sync = sync.home(home);
            }
            if let Some(agents) = &agents {
                sync = sync.agents(agents.iter().map(String::as_str));
            }
            let mut tell = |done: u64, total: u64, _: &Path| listener.tell(done, total);
            let report = sync.run(Some(&mut tell))?;
            listener.end()?;
            Ok(report)
        })?;
        json::report(py, &report)
    }

    /// Writes each session as the file that its agent would have written, below `folder`.
    #[pyo3(signature = (folder, *, session_ids=None, trashed=false, force=false, mode=None, relocate=None,
        rebase_entries=false, progress=None))]
    #[expect(clippy::too_many_arguments, reason = "Python names each of them")]
    fn export_logs<'py>(
        &self,
        py: Python<'py>,
        folder: PathBuf,
        session_ids: Option<Vec<Id>>,
        trashed: bool,
        force: bool,
        mode: Option<u32>,
        relocate: Option<Vec<(String, String)>>,
        rebase_entries: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let relocation = relocation(relocate)?;
        let sessions = session_ids
            .unwrap_or_default()
            .into_iter()
            .map(|id| id.0)
            .collect();
        let report = call(py, || {
            let archive = self.handle.get()?;
            let mut listener = Listener::new(progress);
            let mut export = sessiondb_logs::Export::new(&archive)
                .sessions(sessions)
                .trashed(trashed)
                .force(force)
                .relocate(relocation)
                .rebase_entries(rebase_entries);
            if let Some(mode) = mode {
                export = export.mode(mode);
            }
            let mut tell = |done: u64, total: u64, _: &Path| listener.tell(done, total);
            let report = export.run(&folder, Some(&mut tell))?;
            listener.end()?;
            Ok(report)
        })?;
        json::report(py, &report)
    }

    /// Brings the stored summaries of all sessions up to date. Returns how many were not.
    fn keep_up(&self, py: Python<'_>) -> PyResult<u64> {
        self.handle.call(py, sessiondb_logs::keep_up)
    }
}
