//! Child processes of the scoreboard: this test binary once more, told by an environment variable
//! what to do, and spoken to in lines of JSON over its pipes.

use std::io::{BufRead, BufReader, Stdin, Stdout, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Says what a child is to do; a process that runs the tests does not have it.
const TASK: &str = "SCOREBOARD_CHILD";
/// The test that looks which of its functions a child is to run.
const OBEY: &str = "scoreboard::children::obey";
/// Begins each line that a child says, since the test harness says some of its own.
const MARK: char = '@';

/// What a child is to do, by name. Which function that is, `children` knows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Task {
    /// Write to the archive until it is killed.
    Write,
    /// Do one call after the other, as told.
    Serve,
    /// Open an archive and close it again, many times.
    Cycle,
    /// Fork while it has an archive open.
    #[cfg(unix)]
    Fork,
    /// Write to an archive whose file is removed, moved, replaced or written over meanwhile.
    #[cfg(unix)]
    Path,
    /// Open the archive, read once, and stay; with a snapshot in hand, or without.
    Stay,
}

/// The task of this process, and what it needs to know for it; `None` in a process that runs the
/// tests.
pub(super) fn own_task() -> Option<(Task, serde_json::Value)> {
    let told = std::env::var(TASK).ok()?;
    Some(serde_json::from_str(&told).expect("a task"))
}

/// A child as its parent has it; killed at the latest when this is dropped.
pub(super) struct Child {
    process: std::process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// Starts a child, told its task and what it needs to know for it.
    pub(super) fn start(task: Task, details: &impl Serialize) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(program)
            .args(["--exact", OBEY, "--nocapture"])
            .env(
                TASK,
                serde_json::to_string(&(task, details)).expect("a task turns into JSON"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        Self {
            input: process.stdin.take().expect("a pipe"),
            output: BufReader::new(process.stdout.take().expect("a pipe")),
            process,
        }
    }

    /// Tells the child something. One that has ended does not hear it, which shows when it is
    /// listened to.
    pub(super) fn tell(&mut self, words: &impl Serialize) {
        let mut line = serde_json::to_string(words).expect("it turns into JSON");
        line.push('\n');
        let _ = self.input.write_all(line.as_bytes());
    }

    /// The next that the child says; `None` once it has ended. A line that a kill cut off was not
    /// said.
    pub(super) fn hear<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line);
            if read.is_err() || !line.ends_with('\n') {
                return None;
            }
            if let Some(said) = line.strip_prefix(MARK) {
                return Some(serde_json::from_str(said).expect("a child says what was agreed"));
            }
        }
    }

    /// Kills it without notice, and returns once it is gone.
    pub(super) fn kill(&mut self) {
        // One that has ended by itself is gone as well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The parent as its child has it.
pub(super) struct Parent {
    input: Stdin,
    output: Stdout,
}

impl Parent {
    pub(super) fn new() -> Self {
        Self {
            input: std::io::stdin(),
            output: std::io::stdout(),
        }
    }

    /// The same parent, for another thread.
    #[cfg(unix)]
    pub(super) fn for_another_thread() -> Self {
        Self::new()
    }

    /// Says something, in one write, so that a kill cuts it off or does not.
    pub(super) fn tell(&self, words: &impl Serialize) {
        let said = serde_json::to_string(words).expect("it turns into JSON");
        let mut out = self.output.lock();
        let told = out.write_all(format!("{MARK}{said}\n").as_bytes());
        // Nobody is there any more who wants to know.
        told.and_then(|()| out.flush())
            .unwrap_or_else(|_| std::process::exit(0));
    }

    /// The next that the parent says; without a parent the child ends.
    pub(super) fn hear<T: DeserializeOwned>(&self) -> T {
        let mut line = String::new();
        match self.input.read_line(&mut line) {
            Ok(read) if read > 0 => serde_json::from_str(&line).expect("what was agreed"),
            _ => std::process::exit(0),
        }
    }
}
