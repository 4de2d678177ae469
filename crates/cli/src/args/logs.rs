//! The arguments of the commands by which logs come in and go out.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, ValueEnum};
use sessiondb_agents::agents;

use super::native::{Layout, RebaseEntriesArgs};
use super::redact::RedactFilterArgs;
use super::relocate::RelocateArgs;
use crate::values::mode;

/// Bring the sessions of all agents on this machine into the archive
///
/// Finds the folders and databases in which agents keep their sessions, imports what is new, and says
/// what it did in a line an agent. The archive is created if anything is there. Where none is named it
/// is sessiondb/sessions.sessiondb in the folder for the data of programs.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// Only this agent; may be given several times
    #[arg(long = "agent", value_name = "NAME", value_parser = PossibleValuesParser::new(agents().iter().filter(|agent| agent.home().is_some()).map(|agent| agent.name())))]
    pub(crate) agents: Vec<String>,
    /// Look below this home folder, and at no environment variables
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Go on until interrupted: bring in what is written within a second
    #[arg(long)]
    pub(crate) watch: bool,
    /// Bring back what was removed, cut off or redacted before, or is in the trash
    #[arg(long)]
    pub(crate) again: bool,
    #[command(flatten)]
    pub(crate) redaction: RedactFilterArgs,
    /// Print the report as one JSON object; with --watch one for each time something came in
    #[arg(long)]
    pub(crate) json: bool,
}

/// Import JSONL files, or folders of them, into an archive
///
/// The archive is created if something comes in. Importing a file again adds what it has grown by. A
/// file that differs from what is stored becomes a branch of the same session, which shares what the
/// two have in common. What fails stops nothing else, and what a folder holds besides logs is named.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files, or folders that are searched for *.jsonl and *.ndjson
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// What to do with a line that is not one JSON value
    #[arg(long, value_enum, default_value_t = BadLines::Mend)]
    pub(crate) bad_lines: BadLines,
    /// What to do with a last line without line end that is whole
    #[arg(long, value_enum, default_value_t = LastLine::ByLayout)]
    pub(crate) last_line: LastLine,
    /// What becomes of a file that differs from what is stored
    #[arg(long, value_enum, default_value_t = Diverged::Branch)]
    pub(crate) on_conflict: Diverged,
    /// Bring back what was removed, cut off or redacted before, or is in the trash
    #[arg(long)]
    pub(crate) again: bool,
    #[command(flatten)]
    pub(crate) redaction: RedactFilterArgs,
    #[command(flatten)]
    pub(crate) relocation: RelocateArgs,
    /// List the sessions of the archive afterwards
    #[arg(long)]
    pub(crate) list: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LastLine {
    /// Leave it out where its writer would cut it off: in {session}/{segment}.jsonl and workers' folders
    ByLayout,
    /// Take it
    Take,
    /// Leave it out, with a warning
    Drop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Diverged {
    /// It goes on as a branch of the segment that it diverged from
    Branch,
    /// The file fails, and nothing of it is imported
    Fail,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum BadLines {
    /// Take several values on one line apart, and drop the NUL bytes that a crash left; say so
    Mend,
    /// The file fails, and nothing of it is imported
    Fail,
    /// Leave the line out, with a warning
    Skip,
    /// Take several values on one line apart
    Split,
    /// Drop the NUL bytes that a crash left, keep what is whole beside them, and say where they were
    DropNuls,
    /// Store the text under a marker, so that export gives it back
    Keep,
}

/// Write sessions as DIR/{session}/{segment}.jsonl, or as their agents would have written them
///
/// A file that is there already is left alone if it is equal, and replaced if it is a beginning
/// of what is stored; one that differs fails, unless --force is given. Metadata and names of a
/// session that has any go into DIR/{session}/session.json, from which import takes them. With
/// --layout native each session goes where its agent has it, below DIR/{agent}.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The folder; it is created if need be
    pub(crate) dir: PathBuf,
    /// The sessions; if none is given all that are not in the trash
    #[arg(value_name = "SESSION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) sessions: Vec<String>,
    /// Those in the trash as well, where no session is given
    #[arg(long, conflicts_with = "sessions")]
    pub(crate) trash: bool,
    /// Which files sessions become
    #[arg(long, value_enum, default_value_t = Layout::Segments)]
    pub(crate) layout: Layout,
    /// Replace files that differ
    #[arg(long)]
    pub(crate) force: bool,
    /// The permission bits of new files, as in 0644; without it they are as private as the archive
    #[arg(long, value_name = "BITS", value_parser = mode)]
    pub(crate) mode: Option<u32>,
    #[command(flatten)]
    pub(crate) relocation: RelocateArgs,
    #[command(flatten)]
    pub(crate) inside: RebaseEntriesArgs,
    #[command(flatten)]
    pub(crate) redaction: RedactFilterArgs,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
