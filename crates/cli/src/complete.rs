//! Completions: the scripts for shells, and the ids that they are told.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

use clap::{Command, CommandFactory};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use sessiondb::{Archive, SessionInfo, Snapshot, StoreError};

use crate::args::{Cli, CompletionsArgs, Shell, with_examples};
use crate::exit::{Code, Failure};
use crate::{data_folder, output, render};

/// The variable by which a script asks. Its value is the name of the shell.
const VARIABLE: &str = "SESSIONDB_COMPLETE";
const BIN: &str = "sessiondb";
/// How many ids are offered at most.
const MOST: usize = 200;
const TITLE_CHARS: usize = 60;

/// The arguments that are ids, by the names that they have in the program.
const IDS: [&str; 4] = ["id", "session", "sessions", "segment"];

/// Answers a script that asks, and ends the process then.
pub(crate) fn answer() {
    CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .bin(BIN)
        .complete();
}

/// The command as a script is told of it.
fn command() -> Command {
    let names = |command: &Command| -> Vec<String> {
        let names = command
            .get_subcommands()
            .map(|one| one.get_name().to_owned());
        names.collect()
    };
    let mut command = with_examples(Cli::command());
    for name in names(&command) {
        command = command.mut_subcommand(&name, |subcommand| {
            // A whole id that need not be there yet.
            if name == "append" {
                return subcommand;
            }
            subcommand.mut_args(|argument| {
                if !IDS.contains(&argument.get_id().as_str()) {
                    return argument;
                }
                argument.add(ArgValueCompleter::new(match &*name {
                    "restore" => |current: &OsStr| ids(current, is_in_trash),
                    "unhide" => |current: &OsStr| ids(current, is_hidden),
                    _ => |current: &OsStr| ids(current, is_in_use),
                }))
            })
        });
    }
    command
}

/// Prints the script for a shell.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
        Shell::Elvish => "elvish",
    };
    let shells = Shells::builtins();
    let shell = shells.completer(name);
    let shell = shell.ok_or_else(|| {
        Failure::new(
            Code::Other,
            format_args!("{name}: no script is known for this shell"),
        )
    })?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, BIN, BIN, BIN, &mut script)?;
    let mut out = output::stdout();
    std::io::Write::write_all(&mut out, &script)?;
    Ok(std::io::Write::flush(&mut out)?)
}

/// The ids that begin so, the latest first, with their titles. Of an archive that cannot be read there are none:
/// a line that is being typed is no place for an error.
fn ids(current: &OsStr, is_offered: fn(&SessionInfo) -> bool) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else {
        return Vec::new();
    };
    let archive = archive().and_then(|path| {
        Archive::options()
            .create(false)
            .read_only(true)
            .open(path)
            .ok()
    });
    let found = archive.map(|archive| candidates(&archive, current, is_offered));
    found.and_then(Result::ok).unwrap_or_default()
}

fn is_in_use(session: &SessionInfo) -> bool {
    session.trashed_ms.is_none()
}

fn is_in_trash(session: &SessionInfo) -> bool {
    session.trashed_ms.is_some()
}

fn is_hidden(session: &SessionInfo) -> bool {
    session.hidden
}

/// The archive that the line names, as far as it is typed, or else that of every command.
fn archive() -> Option<PathBuf> {
    let mut named = None;
    // Behind `--` stands the line.
    let mut words = env::args_os().skip_while(|word| word != "--").skip(1);
    while let Some(word) = words.next() {
        if word == "-a" || word == "--archive" {
            named = words.next();
        } else if let Some(text) = word.to_str() {
            let path = text
                .strip_prefix("--archive=")
                .or_else(|| text.strip_prefix("-a"));
            named = path
                .filter(|path| !path.is_empty())
                .map(Into::into)
                .or(named);
        }
    }
    let named = named.or_else(|| env::var_os("SESSIONDB_ARCHIVE"));
    let named = named.filter(|path| !path.is_empty()).map(PathBuf::from);
    // The shell has not put the home folder in the place of `~` yet.
    let named = named.map(|path| match path.strip_prefix("~") {
        Ok(below) => env::home_dir().map_or(path.clone(), |home| home.join(below)),
        Err(_) => path,
    });
    named.or_else(data_folder::archive)
}

fn candidates(
    archive: &Archive,
    current: &str,
    is_offered: fn(&SessionInfo) -> bool,
) -> Result<Vec<CompletionCandidate>, StoreError> {
    let now = archive.snapshot()?;
    if let Some((session, segment)) = current.split_once('/') {
        return segments(&now, session, segment);
    }
    let mut found = Vec::new();
    for info in now.sessions_by_last_use()? {
        let info = info?;
        let id = info.id.to_string();
        if !id.starts_with(current) || !is_offered(&info) {
            continue;
        }
        // What is stored is enough, and fast.
        let summary = sessiondb_logs::summary(&now, &info, 0)?;
        let fields = summary.fields.unwrap_or_default();
        let title = fields.get("title").and_then(serde_json::Value::as_str);
        let title = render::clip(title.unwrap_or_default(), TITLE_CHARS);
        let title = output::harmless(&title).into_owned();
        let help = (!title.is_empty()).then(|| title.into());
        found.push(CompletionCandidate::new(id).help(help));
        if found.len() == MOST {
            break;
        }
    }
    Ok(found)
}

/// The segments of a session, as SESSION/SEGMENT.
fn segments(
    now: &Snapshot,
    session: &str,
    segment: &str,
) -> Result<Vec<CompletionCandidate>, StoreError> {
    let Ok(id) = sessiondb::SessionId::try_parse(session) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for info in now.segments(id) {
        let info = info?;
        let name = info.id.to_string();
        if name.starts_with(segment) {
            let entries = render::count(info.entries, "entry");
            found.push(
                CompletionCandidate::new(format!("{session}/{name}")).help(Some(entries.into())),
            );
        }
    }
    Ok(found)
}
