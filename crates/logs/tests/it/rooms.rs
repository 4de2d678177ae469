use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sessiondb::Archive;
use sessiondb_logs::{Export, ExportReport, Import, ImportReport};
use tempfile::TempDir;

/// The id of the session that the logs of [`claude`] are of.
pub(crate) const SESSION: &str = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";

/// A folder with logs, and an archive.
pub(crate) struct Room {
    pub(crate) folder: TempDir,
    pub(crate) archive: Archive,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            archive: Archive::in_memory().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that was last written long ago.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(24 * 3600);
        file.set_modified(long_ago).unwrap();
        path
    }

    pub(crate) fn import(&self, path: &Path) -> ImportReport {
        let report = Import::new(&self.archive).run(&[path.to_owned()], None);
        let report = report.unwrap();
        assert_eq!(report.failed(), 0, "{report:?}");
        report
    }

    pub(crate) fn export(&self) -> ExportReport {
        let report = Export::new(&self.archive).run(&self.path("out"), None);
        let report = report.unwrap();
        assert_eq!(report.failed(), 0, "{report:?}");
        report
    }

    /// What an export has written, by the paths below its folder.
    pub(crate) fn out(&self) -> Vec<(String, Vec<u8>)> {
        files_below(&self.path("out"))
    }
}

/// All files below a folder, sorted, with `/` between the parts of their paths.
pub(crate) fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(folder).unwrap();
            let below = below.to_string_lossy().replace('\\', "/");
            files.push((below, fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// A line of a log of Claude Code, of the session [`SESSION`] in the folder `/src/shop`.
pub(crate) fn claude(text: &str) -> String {
    claude_in(SESSION, "/src/shop", text)
}

pub(crate) fn claude_in(session: &str, cwd: &str, text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!(
        r#"{{"type":"user","isSidechain":false,"uuid":"u","sessionId":"{session}","cwd":"{cwd}","message":{{"role":"user","content":{text}}}}}"#
    )
}

/// A path beside the repository, if it is there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}
