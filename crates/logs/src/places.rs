//! Where agents keep their sessions on a machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sessiondb_agents::Agent;

/// The folders of editors, below the one for what programs keep, that hold what their extensions keep.
const EDITORS: [&str; 5] = ["Code", "Code - Insiders", "Cursor", "VSCodium", "Windsurf"];
/// Cline and Roo Code, by the names of the extensions.
const EXTENSIONS: [&str; 2] = ["saoudrizwan.claude-dev", "rooveterinaryinc.roo-cline"];

/// A machine's home folder and environment, or somebody else's home folder alone.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    home: PathBuf,
    is_own: bool,
}

impl Machine {
    /// This one; `None` where there is no home folder.
    pub(crate) fn own() -> Option<Self> {
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty())?;
        Some(Self { home, is_own: true })
    }

    /// One of which only the home folder is known.
    pub(crate) fn of_home(home: PathBuf) -> Self {
        let is_own = false;
        Self { home, is_own }
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        let value = std::env::var_os(name).filter(|_| self.is_own)?;
        (!value.is_empty()).then_some(value)
    }

    /// The path below the home folder, of which `/` separates the parts.
    fn below_home(&self, path: &str) -> PathBuf {
        joined(&self.home, path)
    }

    /// Folders in which programs keep what is theirs, on this system.
    fn data_folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.below_home(".local/share")];
        if cfg!(target_os = "macos") {
            folders.push(self.below_home("Library/Application Support"));
        }
        if cfg!(windows) {
            folders.push(self.folder_of("LOCALAPPDATA", "AppData/Local"));
            folders.push(self.folder_of("APPDATA", "AppData/Roaming"));
        }
        folders
    }

    fn folder_of(&self, variable: &str, otherwise: &str) -> PathBuf {
        let folder = self.variable(variable).map(PathBuf::from);
        folder.unwrap_or_else(|| self.below_home(otherwise))
    }

    /// Where the agent's sessions may be: folders, and databases; none need be there, and one that is kept by any
    /// program has none.
    pub(crate) fn places(&self, agent: &dyn Agent) -> Vec<PathBuf> {
        let Some(home) = agent.home() else {
            return Vec::new();
        };
        let named = home.variable.and_then(|name| self.variable(name));
        let own = named.map_or_else(|| self.below_home(home.folder), PathBuf::from);
        let mut places = vec![joined(&own, home.below)];
        match agent.name() {
            "claude" => places.push(self.below_home(".config/claude/projects")),
            "codex" => places.push(own.join("archived_sessions")),
            "copilot" => places.push(own.join("history-session-state")),
            "qwen" => places.push(own.join("tmp")),
            "opencode" => {
                for data in std::iter::once(own).chain(self.data_folders()) {
                    let folder = data.join("opencode");
                    places.push(folder.join("storage"));
                    places.extend(databases(&folder));
                }
            }
            "goose" => {
                places.extend(
                    self.data_folders()
                        .iter()
                        .map(|data| data.join("goose/sessions")),
                );
                places.push(self.below_home(".config/goose/sessions"));
                if let Some(root) = self.variable("GOOSE_PATH_ROOT") {
                    places.push(joined(Path::new(&root), "data/sessions"));
                }
                if cfg!(windows) {
                    let roaming = self.folder_of("APPDATA", "AppData/Roaming");
                    places.push(joined(&roaming, "Block/goose/data/sessions"));
                }
            }
            "cline" => places.extend(self.editors()),
            _ => {}
        }
        let mut seen = std::collections::HashSet::new();
        places.retain(|place| seen.insert(place.clone()));
        places
    }

    /// Where editors keep the tasks of Cline and Roo Code.
    fn editors(&self) -> Vec<PathBuf> {
        let settings = if cfg!(target_os = "macos") {
            self.below_home("Library/Application Support")
        } else if cfg!(windows) {
            self.folder_of("APPDATA", "AppData/Roaming")
        } else {
            self.below_home(".config")
        };
        let mut users: Vec<PathBuf> = EDITORS
            .iter()
            .map(|editor| joined(&settings.join(editor), "User"))
            .collect();
        users.push(self.below_home(".vscode-server/data/User"));
        let tasks = users.iter().flat_map(|user| {
            let storage = user.join("globalStorage");
            EXTENSIONS.map(|extension| joined(&storage.join(extension), "tasks"))
        });
        tasks.collect()
    }
}

/// opencode's databases: the usual one, and those of other channels that are there.
fn databases(folder: &Path) -> Vec<PathBuf> {
    let usual = folder.join("opencode.db");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_database = path.extension().is_some_and(|end| end == "db");
            is_database && stem.is_some_and(|stem| stem.starts_with("opencode-"))
        })
        .collect();
    paths.sort();
    paths.insert(0, usual);
    paths
}

fn joined(folder: &Path, below: &str) -> PathBuf {
    let mut path = folder.to_owned();
    path.extend(below.split('/').filter(|part| !part.is_empty()));
    path
}
