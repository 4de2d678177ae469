//! Sync: the folders of all agents on this machine into an archive.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sessiondb::archive::Redactor;
use sessiondb::jsonl::Outcome;
use sessiondb::{Archive, StoreError};
use sessiondb_agents::{Agent, agents};

use crate::import::{Import, Listener};
use crate::places::Machine;
use crate::report::ImportReport;
use crate::tree::{self, Item};
use crate::watch::Watch;

/// Brings the sessions of all agents on this machine into an archive: finds their folders, and
/// [imports](Import) what is new.
///
/// Where it looks: for each agent the folder that [`Agent::home`] says, by its environment variable
/// or below the home folder, and the older and other places that the crate's README lists. A folder
/// that is not there is no error.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_logs::Sync;
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let sessions = home.join(".codex/sessions/2026/03/02");
/// std::fs::create_dir_all(&sessions)?;
/// std::fs::write(
///     sessions.join("rollout-2026-03-02T10-00-00-0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f.jsonl"),
///     "{\"timestamp\":\"2026-03-02T10:00:00Z\",\"type\":\"event_msg\",\
///      \"payload\":{\"type\":\"user_message\",\"message\":\"Hello\"}}\n",
/// )?;
/// let archive = Archive::in_memory()?;
/// let report = Sync::new(&archive).home(home).run(None)?;
/// let codex = report.agents.iter().find(|agent| agent.agent == "codex").unwrap();
/// assert_eq!((codex.new_sessions, codex.new_entries), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sync<'a> {
    import: Import<'a>,
    machine: Option<Machine>,
    agents: Vec<&'static dyn Agent>,
}

/// What a sync did, agent by agent. [`Sync`] has an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[non_exhaustive]
pub struct SyncReport {
    /// One report an agent that keeps sessions here.
    pub agents: Vec<AgentReport>,
}

/// What a sync did with the sessions of one agent. [`Sync`] has an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AgentReport {
    /// The agent's name.
    pub agent: &'static str,
    /// Where its sessions are.
    pub places: Vec<PathBuf>,
    /// How many logs there are; a session in a database counts as one.
    pub files: usize,
    /// How many sessions came in that were not in the archive before.
    pub new_sessions: usize,
    /// How many entries came in.
    pub new_entries: u64,
    /// How many logs had nothing new.
    pub unchanged: usize,
    /// How many files are no logs.
    pub passed_over: usize,
    /// How many files failed.
    pub failed: usize,
    /// How many entries were left out since they had been taken away from the archive for good.
    pub left_out: u64,
    /// How many sessions are in the trash, and stay there with what came in.
    pub in_trash: usize,
    /// The same file by file.
    #[serde(skip)]
    pub report: ImportReport,
}

impl SyncReport {
    /// How many entries came in.
    pub fn new_entries(&self) -> u64 {
        self.agents.iter().map(|agent| agent.new_entries).sum()
    }

    /// How many files failed.
    pub fn failed(&self) -> usize {
        self.agents.iter().map(|agent| agent.failed).sum()
    }
}

impl AgentReport {
    pub(crate) fn new(agent: &'static str, places: Vec<PathBuf>, report: ImportReport) -> Self {
        let files = || report.files.iter();
        let is_same = |outcome: &Outcome| matches!(outcome, Outcome::Unchanged { .. });
        let outcomes = files().map(|file| &file.report.outcome);
        Self {
            agent,
            places,
            files: report.files.len() + report.session_files.len(),
            new_sessions: files().filter(|file| file.is_new_session).count(),
            new_entries: report.new_entries(),
            unchanged: outcomes.filter(|outcome| is_same(outcome)).count(),
            passed_over: report.passed_over.len(),
            failed: report.failed(),
            in_trash: report.in_trash(),
            left_out: files().map(|file| file.report.forgotten).sum(),
            report,
        }
    }
}

impl<'a> Sync<'a> {
    /// A sync of all agents on this machine into `archive`.
    pub fn new(archive: &'a Archive) -> Self {
        Self {
            import: Import::new(archive),
            machine: Machine::own(),
            agents: with_home(),
        }
    }

    /// Looks below another home folder, such as that on a disk of another machine. Environment
    /// variables then say nothing.
    #[must_use]
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.machine = Some(Machine::of_home(home.into()));
        self
    }

    /// Looks for these agents alone, by their [names](Agent::name). Other names mean nothing.
    #[must_use]
    pub fn agents<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        self.agents.retain(|agent| names.contains(&agent.name()));
        self
    }

    /// Says whether what was taken away from the archive for good comes in again. The default is
    /// `false`.
    #[must_use]
    pub fn again(mut self, again: bool) -> Self {
        self.import = self.import.again(again);
        self
    }

    /// Says what becomes of entries before they come in, as [`Import::redact`] does.
    #[must_use]
    pub fn redact(mut self, redactor: Redactor) -> Self {
        self.import = self.import.redact(redactor);
        self
    }

    /// Imports what is new. All is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// Those of the archive: what is done stays, and running it again goes on from there.
    pub fn run(&self, mut listener: Option<Listener<'_>>) -> Result<SyncReport, StoreError> {
        let mut report = SyncReport::default();
        for agent in &self.agents {
            let places = there(self.places_of(*agent));
            if places.is_empty() {
                continue;
            }
            let mut tell = |done, total, path: &Path| {
                if let Some(listener) = &mut listener {
                    listener(done, total, path);
                }
            };
            let done = self.import.run(&places, Some(&mut tell))?;
            let done = without_empty_folders(done);
            report
                .agents
                .push(AgentReport::new(agent.name(), places, done));
        }
        Ok(report)
    }

    /// Goes on with what is new, call by call.
    pub fn watch(&self) -> Watch<'a> {
        Watch::new(self.clone())
    }

    pub(crate) fn all_agents(&self) -> &[&'static dyn Agent] {
        &self.agents
    }

    pub(crate) fn places_of(&self, agent: &dyn Agent) -> Vec<PathBuf> {
        let machine = self.machine.as_ref();
        machine.map_or_else(Vec::new, |machine| machine.places(agent))
    }

    /// Imports what was found of an agent.
    pub(crate) fn items(&self, items: &[Item]) -> Result<ImportReport, StoreError> {
        self.import.items(items, None)
    }
}

/// Where the sessions of each agent may be, with the agent's name: on this machine, or below another
/// home folder. The places are folders and databases; none need be there.
///
/// ```
/// use std::path::Path;
///
/// use sessiondb_logs::places;
///
/// let home = Path::new("/mnt/home/ann");
/// assert!(places(Some(home)).contains(&("claude", home.join(".claude/projects"))));
/// ```
pub fn places(home: Option<&Path>) -> Vec<(&'static str, PathBuf)> {
    let machine = home.map_or_else(Machine::own, |home| Some(Machine::of_home(home.to_owned())));
    let Some(machine) = machine else {
        return Vec::new();
    };
    let of = |agent: &&'static dyn Agent| {
        let name = agent.name();
        let places = machine.places(*agent).into_iter();
        places.map(move |place| (name, place))
    };
    agents().iter().flat_map(of).collect()
}

/// The agents that have a folder of their own on a machine.
fn with_home() -> Vec<&'static dyn Agent> {
    let agents = agents().iter().copied();
    agents.filter(|agent| agent.home().is_some()).collect()
}

/// Finds what there is of an agent, but for what lies beside logs.
pub(crate) fn items_in(places: &[PathBuf]) -> Vec<Item> {
    tree::find(places).1
}

/// The places that are there.
pub(crate) fn there(places: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut places = places;
    places.retain(|place| place.exists());
    places
}

/// A folder in which an agent has kept nothing yet is no failure here.
fn without_empty_folders(mut report: ImportReport) -> ImportReport {
    report
        .unreadable
        .retain(|one| one.kind != std::io::ErrorKind::NotFound || !one.path.is_dir());
    report
}
