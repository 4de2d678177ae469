//! A folder with an archive that the command is run on, and what a command that has ended left.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sessiondb::{SegmentId, SessionId, new_segment_id, new_session_id};
use tempfile::TempDir;

/// A folder for one test, with an archive in it that commands are run on.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// With the sample sessions imported.
    pub(crate) fn with_samples() -> Self {
        let place = Self::new();
        place
            .run("import", &[samples().to_str().expect("a UTF-8 path")])
            .code(0);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.path("test.sessiondb")
    }

    /// Runs `sessiondb -a {archive} {command} {args}`.
    pub(crate) fn run(&self, command: &str, args: &[&str]) -> Run {
        self.run_with(command, args, b"")
    }

    pub(crate) fn run_with(&self, command: &str, args: &[&str], stdin: &[u8]) -> Run {
        feed(self.command(command, args), stdin)
    }

    pub(crate) fn command(&self, command: &str, args: &[&str]) -> Command {
        let mut sessiondb = sessiondb();
        if !args.contains(&"--lock-timeout") {
            // Long enough for the slowest machine: only the test of it waits in vain.
            sessiondb.args(["--lock-timeout", "60"]);
        }
        sessiondb
            .arg("-a")
            .arg(self.archive())
            .arg(command)
            .args(args);
        sessiondb
    }

    /// Appends lines to a segment.
    pub(crate) fn append(&self, (session, segment): (SessionId, SegmentId), lines: &str) -> Run {
        self.run_with("append", &ids(session, segment), lines.as_bytes())
    }

    pub(crate) fn raw(&self, segment: SegmentId) -> String {
        self.run("show", &["--raw", &segment.to_string()])
            .code(0)
            .stdout
    }
}

/// What a finished command left: checked step by step.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn out(self, part: &str) -> Self {
        assert!(
            self.stdout.contains(part),
            "stdout lacks {part:?}: {self:#?}"
        );
        self
    }

    #[track_caller]
    pub(crate) fn err(self, part: &str) -> Self {
        assert!(
            self.stderr.contains(part),
            "stderr lacks {part:?}: {self:#?}"
        );
        self
    }

    /// What stands on the lines, as an array.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Value {
        let lines = self.stdout.lines().map(serde_json::from_str);
        let lines: Result<_, _> = lines.collect();
        Value::Array(lines.unwrap_or_else(|error| panic!("{error}: {self:#?}")))
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8 output");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

pub(crate) fn sessiondb() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessiondb"));
    for variable in [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "SESSIONDB_ARCHIVE",
    ] {
        command.env_remove(variable);
    }
    // No archive but those that a test names.
    for variable in ["HOME", "XDG_DATA_HOME", "LOCALAPPDATA"] {
        command.env(variable, std::env::temp_dir().join("nobody"));
    }
    command
}

pub(crate) fn feed(mut command: Command, stdin: &[u8]) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    // A command that does not read all of it is judged by its exit code.
    let _ = pipe.write_all(stdin);
    drop(pipe);
    child.wait_with_output().expect("the command ends").into()
}

pub(crate) fn ids(session: SessionId, segment: SegmentId) -> Vec<&'static str> {
    let own = |id: uuid::Uuid| -> &'static str { id.to_string().leak() };
    vec!["--session", own(session), "--segment", own(segment)]
}

pub(crate) fn new_ids() -> (SessionId, SegmentId) {
    (new_session_id(), new_segment_id())
}

pub(crate) fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/sessions")
}

/// All files below a folder with their bytes, sorted.
pub(crate) fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(folder: &Path, top: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, top, files);
            } else {
                let name = path.strip_prefix(top).expect("below the top").to_owned();
                files.push((name, fs::read(&path).expect("a file")));
            }
        }
    }
    let mut files = Vec::new();
    walk(folder, folder, &mut files);
    files.sort();
    files
}
