//! Resume: a session where its agent looks for it, and the command that goes on with it.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sessiondb::jsonl::ExportOutcome;
use sessiondb::portable::Relocation;
use sessiondb::{Archive, SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_agents::Agent;

use super::export::{exported, permissions};
use super::plan::{Planned, Planner, Resumption};
use super::put::{Put, Stop};
use super::rebase::Rebase;
use super::report::{Exported, as_text};
use super::segments::Log;

/// Writes a session where its agent looks for it on this machine.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_logs::{Import, Resume};
///
/// # let folder = tempfile::tempdir()?;
/// let log = folder.path().join("a-copy.jsonl");
/// std::fs::write(&log, concat!(
///     r#"{"type":"user","isSidechain":false,"cwd":"/src/shop","#,
///     r#""sessionId":"0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f","#,
///     r#""message":{"role":"user","content":"Hello"}}"#,
/// ))?;
/// let archive = Archive::in_memory()?;
/// let session = Import::new(&archive).run(&[log], None)?.files[0].report.session;
/// let resumed = Resume::new(&archive).home(folder.path()).run(session, None)?;
/// let file = folder.path().join(
///     ".claude/projects/-src-shop/0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f.jsonl",
/// );
/// assert!(file.is_file());
/// assert_eq!(resumed.path, file);
/// assert_eq!(resumed.cwd.as_deref(), Some("/src/shop"));
/// assert_eq!(
///     resumed.command.unwrap().join(" "),
///     "claude --resume 0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Resume<'a> {
    archive: &'a Archive,
    home: Option<PathBuf>,
    force: bool,
    rebase: Rebase,
}

impl<'a> Resume<'a> {
    /// For sessions of `archive`, in the folders of this person's agents.
    pub fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            home: None,
            force: false,
            rebase: Rebase::default(),
        }
    }

    /// Says which folder is taken for the person's home folder. No environment variable counts then.
    #[must_use]
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// Says whether to replace files that hold something else. The default is `false`.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Says which folders have another path here: the session is resumed in the folder that it has now.
    #[must_use]
    pub fn relocate(mut self, relocation: Relocation) -> Self {
        self.rebase.relocation = relocation;
        self
    }

    /// Says whether paths inside entries are rewritten too, as by
    /// [`Export::rebase_entries`](super::Export::rebase_entries). The default is `false`.
    #[must_use]
    pub fn rebase_entries(mut self, rebase_entries: bool) -> Self {
        self.rebase.in_entries = rebase_entries;
        self
    }

    /// Finds out where the session would be written, and how it is resumed. Nothing is written.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run) that come before it writes.
    pub fn find(
        &self,
        session: SessionId,
        segment: Option<SegmentId>,
    ) -> Result<Resumed, ResumeError> {
        let now = self.archive.snapshot()?;
        Ok(self.plan(&now, session, segment)?.resumed)
    }

    /// Writes the segment, or that of the session itself which was used last, with the logs of subagents
    /// and what belongs to the session.
    ///
    /// If one of the files holds something else that is no beginning of what is stored, nothing is written:
    /// the outcomes in the report say which. The session's own file is written last.
    ///
    /// # Errors
    ///
    /// [`ResumeError::NoAgent`] and [`ResumeError::NoPlace`]; [`ResumeError::Archive`] with those of the
    /// archive.
    pub fn run(
        &self,
        session: SessionId,
        segment: Option<SegmentId>,
    ) -> Result<Resumed, ResumeError> {
        let now = self.archive.snapshot()?;
        let Ready {
            mut resumed,
            planned,
            folder,
        } = self.plan(&now, session, segment)?;
        let put = Put {
            rebase: &self.rebase,
            force: self.force,
            permissions: permissions(self.archive, None),
        };
        let (mut compared, mut refused) = (Vec::new(), Vec::new());
        for planned in planned {
            let path = folder.join(&planned.path);
            match put.compare(&now, planned.place, &planned.content, &path) {
                Ok(there) => compared.push((planned, path, there)),
                Err(Stop::File(message)) => {
                    let failed = ExportOutcome::Failed(message);
                    refused.push(exported(&planned, &path, failed));
                }
                Err(Stop::Archive(error)) => return Err(error.into()),
            }
        }
        if !refused.is_empty() {
            resumed.files = refused;
            return Ok(resumed);
        }
        // An agent that sees the session finds what belongs to it.
        for (planned, path, there) in compared.into_iter().rev() {
            let written = put.write(&now, planned.place, &planned.content, (&path, there));
            let outcome = match written {
                Ok(outcome) => outcome,
                Err(Stop::File(message)) => ExportOutcome::Failed(message),
                Err(Stop::Archive(error)) => return Err(error.into()),
            };
            let failed = matches!(outcome, ExportOutcome::Failed(_));
            resumed.files.push(exported(&planned, &path, outcome));
            if failed {
                break;
            }
        }
        Ok(resumed)
    }

    fn plan(
        &self,
        now: &Snapshot,
        session: SessionId,
        segment: Option<SegmentId>,
    ) -> Result<Ready, ResumeError> {
        if now.session(session)?.is_none() {
            return Err(StoreError::SessionNotFound(session).into());
        }
        let planned = Planner::new(&self.rebase).resumption(now, session, segment)?;
        let Resumption {
            files: planned,
            main: log,
        } = planned.ok_or(ResumeError::NoAgent { session })?;
        let agent = log.agent;
        let no_place = |why: &str| ResumeError::NoPlace {
            session,
            agent: agent.name(),
            why: why.to_owned(),
        };
        let first = planned.first().filter(|_| has_place(&log, &self.rebase));
        let first = first.ok_or_else(|| {
            no_place("it does not say enough of itself, such as its folder, to tell its file")
        })?;
        let folder = place_of(agent, self.home.as_deref());
        let folder =
            folder.ok_or_else(|| no_place("there is no home folder; `--home` names one"))?;
        let cwd = log.summary.cwd.as_deref();
        let moved = cwd.and_then(|cwd| self.rebase.relocation.path(cwd));
        let resumed = Resumed {
            session,
            segment: first.place.segment,
            agent: agent.name(),
            path: folder.join(&first.path),
            cwd: moved.or_else(|| cwd.map(ToOwned::to_owned)),
            needs_cwd: agent.resumes_in_folder(),
            command: agent.resume_command(&log.summary),
            files: Vec::new(),
        };
        Ok(Ready {
            resumed,
            planned,
            folder,
        })
    }
}

struct Ready {
    resumed: Resumed,
    planned: Vec<Planned>,
    folder: PathBuf,
}

/// Whether the agent itself would know where the session's file belongs.
fn has_place(log: &Log, rebase: &Rebase) -> bool {
    super::plan::native_path(log, None, rebase).is_some()
}

/// The folder in which the agent keeps its sessions: by its environment variable, else in the person's
/// home folder; below `home` if that is given.
fn place_of(agent: &dyn Agent, home: Option<&Path>) -> Option<PathBuf> {
    let own = agent.home()?;
    let named = own.variable.filter(|_| home.is_none());
    let named = named.and_then(env::var_os).map(PathBuf::from);
    let folder = match named.filter(|named| !named.as_os_str().is_empty()) {
        Some(named) => named,
        None => home
            .map(Path::to_owned)
            .or_else(env::home_dir)?
            .join(own.folder),
    };
    Some(folder.join(own.below))
}

/// A session that was written where its agent looks for it, or would be.
///
/// [`Resume`] has an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Resumed {
    /// The session.
    pub session: SessionId,
    /// The segment that is resumed.
    pub segment: SegmentId,
    /// The agent.
    pub agent: &'static str,
    /// Its file.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// The folder that the session belongs to, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Whether the agent finds the session only in that folder.
    pub needs_cwd: bool,
    /// The command that resumes it, its words one by one; `None` if the agent has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// What became of each file; of those that are in the way, if there are any. Empty if nothing was
    /// to be written.
    pub files: Vec<Exported>,
}

impl Resumed {
    /// Why files were not written.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter_map(Exported::failure)
    }
}

/// Why a session cannot be resumed.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_logs::{Resume, ResumeError};
///
/// let archive = Archive::in_memory()?;
/// let session = new_session_id();
/// archive.log(session, new_segment_id()).append("one")?;
/// let refused = Resume::new(&archive).find(session, None);
/// assert!(matches!(refused, Err(ResumeError::NoAgent { .. })));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ResumeError {
    /// The archive could not be read, or has no such session.
    Archive(StoreError),
    /// No agent is known that wrote it.
    NoAgent {
        /// The session.
        session: SessionId,
    },
    /// It is not known where the agent would look for it.
    NoPlace {
        /// The session.
        session: SessionId,
        /// The agent.
        agent: &'static str,
        /// What is missing.
        why: String,
    },
}

impl fmt::Display for ResumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(error) => error.fmt(f),
            Self::NoAgent { session } => {
                write!(f, "session {session}: no agent is known that wrote it")
            }
            Self::NoPlace {
                session,
                agent,
                why,
            } => write!(
                f,
                "session {session}: it is not known where {agent} looks for it: {why}"
            ),
        }
    }
}

impl std::error::Error for ResumeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Archive(error) => Some(error),
            _ => None,
        }
    }
}

impl From<StoreError> for ResumeError {
    fn from(error: StoreError) -> Self {
        Self::Archive(error)
    }
}
