//! Export: writes sessions as the files of their agents.

use std::path::Path;

use sessiondb::jsonl::{self, ExportOutcome, Permissions};
use sessiondb::portable::Relocation;
use sessiondb::{Archive, SessionId, StoreError};

use super::plan::{Planned, Planner};
use super::put::{Put, Stop};
use super::rebase::Rebase;
use super::report::{ExportReport, Exported};
use crate::import::Listener;

/// Writes each session as the file that its agent would have written, below a folder for each agent:
/// `{folder}/claude/-home-ann-src/{session}.jsonl`.
///
/// - A log that came in as lines goes out byte for byte; [`Likeness`](super::Likeness) says of each file
///   whether that is so. One that came in as a JSON document goes out as equal JSON.
/// - Subagents, and what lay beside a session, go where the agent has them. A log that diverged has a
///   file beside, with the segment's id in its name.
/// - Where the agent's own path is not known, the file has the name that it came in with. Sessions of
///   no known agent go where [`jsonl::Export`] puts them.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_logs::{Export, Import};
///
/// # let folder = tempfile::tempdir()?;
/// let log = folder.path().join("a-copy.jsonl");
/// let line = concat!(
///     r#"{"type":"user","isSidechain":false,"cwd":"/src/shop","#,
///     r#""sessionId":"0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f","#,
///     r#""message":{"role":"user","content":"Hello"}}"#,
/// );
/// std::fs::write(&log, line)?;
/// let archive = Archive::in_memory()?;
/// Import::new(&archive).run(&[log], None)?;
/// let out = folder.path().join("out");
/// let report = Export::new(&archive).run(&out, None)?;
/// assert_eq!(report.failed(), 0);
/// let file = out.join("claude/-src-shop/0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f.jsonl");
/// assert_eq!(std::fs::read_to_string(file)?, line);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Export<'a> {
    archive: &'a Archive,
    sessions: Vec<SessionId>,
    trashed: bool,
    force: bool,
    mode: Option<u32>,
    rebase: Rebase,
}

impl<'a> Export<'a> {
    /// An export of all of `archive` that replaces no file with other content.
    pub fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            sessions: Vec::new(),
            trashed: false,
            force: false,
            mode: None,
            rebase: Rebase::default(),
        }
    }

    /// Says which sessions to export. The default, an empty list, stands for all that are not in the
    /// trash.
    #[must_use]
    pub fn sessions(mut self, sessions: Vec<SessionId>) -> Self {
        self.sessions = sessions;
        self
    }

    /// Says whether sessions in the [trash](Archive::trash_session) are exported too where none are named. The
    /// default is `false`.
    #[must_use]
    pub fn trashed(mut self, trashed: bool) -> Self {
        self.trashed = trashed;
        self
    }

    /// Says whether to replace files that hold something else. The default is `false`: such a
    /// file fails.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Says which permission bits new files get, such as `0o644`. By default they are as private as the
    /// archive.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Says which folders have another path where the export goes: a file lies where its agent looks
    /// for the session of that folder. What is in it stays as it is.
    #[must_use]
    pub fn relocate(mut self, relocation: Relocation) -> Self {
        self.rebase.relocation = relocation;
        self
    }

    /// Says whether paths inside entries are rewritten too, as [`relocate`](Self::relocate) says: those
    /// that are a string, or stand in the middle of one, where [`Relocation::places_in`] finds them. The
    /// default is `false`. All else of an entry stays as it was written, and the archive as it is.
    #[must_use]
    pub fn rebase_entries(mut self, rebase_entries: bool) -> Self {
        self.rebase.in_entries = rebase_entries;
        self
    }

    /// Writes the files into `folder`, which is created if need be.
    ///
    /// A file that holds the same already is left alone, and one that holds the beginning of it is
    /// replaced; JSON documents are compared as JSON. Each file is written under a temporary name beside
    /// it, synced and renamed, so that it is never there in part. A file that cannot be written does not
    /// stop the others.
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionNotFound`] if a session that was asked for does not exist,
    /// [`StoreError::Io`] if `folder` cannot be created. Those of the archive, except what concerns
    /// one log alone, such as [`StoreError::Damaged`].
    pub fn run(
        &self,
        folder: &Path,
        mut listener: Option<Listener<'_>>,
    ) -> Result<ExportReport, StoreError> {
        let (sessions, in_trash) = self.ids()?;
        let put = Put {
            rebase: &self.rebase,
            force: self.force,
            permissions: permissions(self.archive, self.mode),
        };
        put.permissions.create_folder(folder)?;
        let total: u64 = sessions.iter().map(|(_, len_bytes)| len_bytes).sum();
        let (mut done, mut report, mut others) = (0, ExportReport::default(), Vec::new());
        report.in_trash = in_trash;
        let mut planner = Planner::new(&self.rebase);
        for (session, len_bytes) in sessions {
            // One for each, so that none is kept for long.
            let now = self.archive.snapshot()?;
            match planner.session(&now, session) {
                Ok(plan) => {
                    if !plan.is_native {
                        others.push(session);
                    }
                    for planned in plan.files {
                        let path = planned.below(folder);
                        let outcome = one(&put, &now, &planned, &path)?;
                        report.files.push(exported(&planned, &path, outcome));
                    }
                }
                Err(error) => report.unreadable.push(in_part(error, session)?),
            }
            done += len_bytes;
            if let (Some(listener), Some(last)) = (&mut listener, report.files.last()) {
                listener(done, total, &last.path);
            }
        }
        self.session_files(folder, others, &mut report)?;
        Ok(report)
    }

    /// The sessions to export with their lengths, the oldest first: so which of two has the plain name
    /// stays what it is as others come.
    /// With it, how many are left out since they are in the trash.
    fn ids(&self) -> Result<(Vec<(SessionId, u64)>, usize), StoreError> {
        let now = self.archive.snapshot()?;
        if self.sessions.is_empty() {
            let mut all = now.sessions().collect::<Result<Vec<_>, _>>()?;
            let count = all.len();
            all.retain(|info| self.trashed || info.trashed_ms.is_none());
            let in_trash = count - all.len();
            let all = all.iter().rev().map(|info| (info.id, info.entry_bytes));
            return Ok((all.collect(), in_trash));
        }
        let mut ids = Vec::new();
        for &session in &self.sessions {
            let info = now.session(session)?;
            let info = info.ok_or(StoreError::SessionNotFound(session))?;
            ids.push((session, info.entry_bytes));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok((ids, 0))
    }

    /// What sessions of no known agent have beside their logs.
    fn session_files(
        &self,
        folder: &Path,
        sessions: Vec<SessionId>,
        report: &mut ExportReport,
    ) -> Result<(), StoreError> {
        if sessions.is_empty() {
            return Ok(());
        }
        let mut export = jsonl::Export::new(self.archive)
            .sessions(sessions)
            .logs(false)
            .force(self.force)
            .relocate(self.rebase.relocation.clone());
        if let Some(mode) = self.mode {
            export = export.mode(mode);
        }
        let beside = export.run(folder, None)?;
        report.session_files = beside.session_files;
        report.unreadable.extend(beside.unreadable);
        Ok(())
    }
}

pub(crate) fn permissions(archive: &Archive, mode: Option<u32>) -> Permissions {
    match mode {
        Some(mode) => Permissions::exactly(mode),
        None => Permissions::of(archive.path()),
    }
}

fn one(
    put: &Put<'_>,
    now: &sessiondb::Snapshot,
    planned: &Planned,
    path: &Path,
) -> Result<ExportOutcome, StoreError> {
    let compared = put.compare(now, planned.place, &planned.content, path);
    let written = compared
        .and_then(|compared| put.write(now, planned.place, &planned.content, (path, compared)));
    match written {
        Ok(outcome) => Ok(outcome),
        Err(Stop::File(message)) => Ok(ExportOutcome::Failed(message)),
        Err(Stop::Archive(error)) => Err(error),
    }
}

pub(crate) fn exported(planned: &Planned, path: &Path, outcome: ExportOutcome) -> Exported {
    Exported {
        path: path.to_owned(),
        agent: planned.agent,
        session: planned.place.session,
        segment: planned.place.segment,
        trace: planned.is_trace(),
        likeness: planned.likeness,
        is_renamed: planned.is_renamed,
        outcome,
    }
}

fn in_part(error: StoreError, session: SessionId) -> Result<String, StoreError> {
    match error {
        StoreError::Corrupt { .. } | StoreError::Damaged { .. } => {
            Ok(format!("session {session}: not written: {error}"))
        }
        error => Err(error),
    }
}
