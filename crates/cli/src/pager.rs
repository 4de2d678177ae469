//! The user's pager for what is longer than a terminal.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::{Child, Command, Stdio};

use crate::exit::Failure;
use crate::output::{self, Out};

/// What is called where the user names no pager: it ends at once if all fits on the screen.
const USUAL: &str = "less -FRX";

/// Writes to the user's pager, if standard output is a terminal and there is one; else to standard
/// output.
pub(crate) fn with(
    is_wanted: bool,
    write: impl FnOnce(&mut Out) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let child = if is_wanted && io::stdout().is_terminal() {
        started()
    } else {
        None
    };
    let Some(mut child) = child else {
        let mut out = output::stdout();
        write(&mut out)?;
        return Ok(out.flush()?);
    };
    // It is the pager that Ctrl-C is for.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, std::sync::Arc::default());
    let written = match child.stdin.take() {
        Some(pipe) => {
            let mut out = output::to_pager(pipe);
            write(&mut out).and_then(|()| Ok(out.flush()?))
        }
        None => Ok(()),
    };
    // It ends when the user says so.
    let _ = child.wait();
    written
}

fn started() -> Option<Child> {
    let named = ["SESSIONDB_PAGER", "PAGER"]
        .into_iter()
        .find_map(std::env::var_os);
    let pager = named.unwrap_or_else(|| OsString::from(USUAL));
    let text = pager.to_string_lossy();
    let text = text.trim();
    if text.is_empty() || text == "cat" {
        return None;
    }
    let mut command = shell(text)?;
    if std::env::var_os("LESSCHARSET").is_none() {
        command.env("LESSCHARSET", "utf-8");
    }
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    command.stdin(Stdio::piped()).spawn().ok()
}

/// The command; `None` if there is no such program, which a shell would say only after it has started.
#[cfg(unix)]
fn shell(text: &str) -> Option<Command> {
    let program = text.split_whitespace().next()?;
    let is_there = program.contains(['/', '=', '$', '\'', '"']) || is_on_path(program);
    is_there.then(|| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", text]);
        command
    })
}

#[cfg(unix)]
fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(not(unix))]
fn shell(text: &str) -> Option<Command> {
    let mut words = text.split_whitespace();
    let mut command = Command::new(words.next()?);
    command.args(words);
    Some(command)
}
