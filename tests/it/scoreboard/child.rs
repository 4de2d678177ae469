//! Child processes of the scoreboard: this test binary once more, told by an environment variable
//! what to do, and spoken to in lines of JSON over its pipes.

use std::io::{BufRead, BufReader, Stdin, Stdout, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[cfg(unix)]
use super::{forks, paths};
use super::{kills, limits, together};

/// Says what a child is to do; a process that runs the tests does not have it.
const TASK: &str = "SCOREBOARD_CHILD";
/// Begins each line that a child says, since the test harness says some of its own.
const MARK: char = '@';

/// What a child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Task {
    /// Write to the archive until it is killed.
    Write,
    /// Do one call after the other, as told.
    Serve(together::Service),
    /// Open an archive and close it again, many times.
    Cycle(limits::Cycles),
    /// Fork while it has an archive open.
    #[cfg(unix)]
    Fork(forks::Family),
    /// Write to an archive whose file is removed, moved, replaced or written over meanwhile.
    #[cfg(unix)]
    Path(paths::Life),
    /// Open the archive, read once, and stay; with a snapshot in hand, or without.
    Stay { path: PathBuf, snapshot: bool },
}

/// A child as its parent has it; killed at the latest when this is dropped.
pub(super) struct Child {
    process: std::process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub(super) fn start(task: &Task) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(program)
            .args(["--exact", "scoreboard::child::obey", "--nocapture"])
            .env(
                TASK,
                serde_json::to_string(task).expect("a task turns into JSON"),
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
    /// The same parent, for another thread.
    #[cfg(unix)]
    pub(super) fn for_another_thread() -> Self {
        Self {
            input: std::io::stdin(),
            output: std::io::stdout(),
        }
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

/// What a child does; without a task, nothing.
#[test]
fn obey() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    // Behind what the harness may have begun to say.
    println!();
    let parent = Parent {
        input: std::io::stdin(),
        output: std::io::stdout(),
    };
    match serde_json::from_str(&task).expect("a task") {
        Task::Write => kills::write(&parent),
        Task::Serve(service) => together::serve(&service, &parent),
        Task::Cycle(cycles) => limits::cycle(&cycles, &parent),
        #[cfg(unix)]
        Task::Fork(family) => forks::live(&family, &parent),
        #[cfg(unix)]
        Task::Path(life) => paths::live(&life, &parent),
        Task::Stay { path, snapshot } => limits::stay(&path, snapshot, &parent),
    }
    std::process::exit(0);
}
