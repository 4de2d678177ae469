//! What can be said of sessions as the files of their agents.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use sessiondb::portable::Relocation;

use super::consent::ConsentArgs;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// DIR/{session}/{segment}.jsonl
    Segments,
    /// DIR/{agent}, and below it the path and the form that the agent itself would have chosen
    Native,
    /// DIR/{date}-{title}-{segment}.md, a document for people
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct RebaseEntriesArgs {
    /// Turn the paths that --relocate names into the new ones inside entries too, where a string is
    /// such a path or has one in it; for agents' own files. The archive stays as it is
    #[arg(long)]
    pub(crate) rebase_entries: bool,
}

/// Write a session where its agent looks for it on this machine, and print the command that resumes it
///
/// The logs of its subagents, and what else belongs to it, come along. A file that is there already
/// is left alone if it is equal, and replaced if it is a beginning; if one differs, nothing is
/// written, unless --force is given. The agent's own environment variable says where its folder is,
/// else it is in the home folder.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The session
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) session: String,
    /// The segment to go on with; the one of the session itself that was used last if none is given
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) segment: Option<String>,
    /// The home folder in which the agent's is; its environment variable does not count then
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Turn the path OLD into NEW, as in /home/ann=/home/bob: the session is resumed in the folder
    /// that is NEW here
    #[arg(long = "rebase", alias = "relocate", value_name = "OLD=NEW")]
    pub(crate) moves: Vec<Relocation>,
    #[command(flatten)]
    pub(crate) inside: RebaseEntriesArgs,
    /// Write nothing, and only print the command
    #[arg(long)]
    pub(crate) print: bool,
    /// Replace files that differ
    #[arg(long)]
    pub(crate) force: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// List the source logs of which every byte is in the archive, and with --yes delete them
///
/// Each file is read and compared now with what the archive would write. On a terminal you are asked
/// before they are deleted; elsewhere nothing is without --yes; and never a file that has changed since it was imported, that a process has open, or of which
/// something is in the archive only as it was mended or erased.
#[derive(Debug, Args)]
pub(crate) struct FreeArgs {
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    /// Say of each file that stays why
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print all files, those that stay among them, as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
