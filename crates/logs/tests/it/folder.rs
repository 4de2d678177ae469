//! Folders for tests, and what comes of an import.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sessiondb::{Archive, SessionId};
use sessiondb_logs::{Import, ImportReport};

/// A folder with files in it, which goes with the value.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

/// Imports what lies at a path; nothing of it may fail.
pub(crate) fn import(archive: &Archive, path: &Path) -> ImportReport {
    let report = Import::new(archive).run(&[path.to_owned()], None).unwrap();
    let causes: Vec<_> = report.causes().collect();
    assert_eq!(causes, [""; 0]);
    report
}

pub(crate) fn summary(archive: &Archive, session: SessionId) -> Map<String, Value> {
    let key = format!("session/{session}/summary");
    archive.read_note(&key).unwrap().unwrap()
}

pub(crate) fn sessions(archive: &Archive) -> Vec<SessionId> {
    let sessions = archive.sessions().unwrap();
    let mut ids: Vec<_> = sessions.map(|session| session.unwrap().id).collect();
    ids.sort();
    ids
}

pub(crate) fn entries(archive: &Archive, session: SessionId, segment: SessionId) -> Vec<String> {
    let log = archive.log(session, segment);
    let entries = log.read(..).unwrap();
    entries
        .map(|entry| entry.unwrap().as_str().to_owned())
        .collect()
}

/// A folder of the shared data, if it is there.
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

pub(crate) const CLAUDE: &str = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f";

/// The lines of a session of Claude Code with that many turns.
pub(crate) fn claude(turns: usize) -> String {
    let mut text = String::new();
    for turn in 0..turns {
        let (minute, id) = (turn % 60, format!("m{turn}"));
        text.push_str(&format!(
            concat!(
                r#"{{"type":"user","uuid":"u{turn}","sessionId":"{CLAUDE}","cwd":"/src/shop","version":"2.1.59","#,
                r#""gitBranch":"main","timestamp":"2026-02-03T10:{minute:02}:00.000Z","isSidechain":false,"#,
                r#""message":{{"role":"user","content":"Question {turn}"}}}}"#,
                "\n",
                r#"{{"type":"assistant","uuid":"a{turn}","sessionId":"{CLAUDE}","timestamp":"2026-02-03T10:{minute:02}:30.000Z","#,
                r#""isSidechain":false,"message":{{"id":"{id}","role":"assistant","model":"some-model","#,
                r#""usage":{{"input_tokens":10,"output_tokens":3}},"content":[{{"type":"text","text":"Answer {turn}"}}]}}}}"#,
                "\n",
            ),
            turn = turn,
            minute = minute,
            id = id,
            CLAUDE = CLAUDE,
        ));
    }
    text
}
