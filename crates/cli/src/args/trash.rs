//! What can be said of the trash, of hidden sessions, and of the backup before something is taken away.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::ConsentArgs;
use crate::values::age;

/// The backup before something is taken away.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BackupFirstArgs {
    /// Before anything is taken away, write a backup: into FILE, which must not be there, or beside the archive
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[expect(
        clippy::option_option,
        reason = "without a value, with one, or not at all"
    )]
    pub(crate) backup: Option<Option<PathBuf>>,
}

/// List the sessions in the trash, or remove those that have been there for long
///
/// Nothing leaves the trash by itself: `sessiondb restore` takes a session out of it, and `sessiondb trash empty`
/// removes for good.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct TrashArgs {
    #[command(subcommand)]
    pub(crate) command: Option<TrashCommand>,
    /// Whole ids, and dates with times
    #[arg(long)]
    pub(crate) full: bool,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrashCommand {
    Empty(EmptyArgs),
}

/// List the sessions that have been in the trash for long, and with --yes remove them for good
///
/// On a terminal you are asked before they are removed; elsewhere nothing is without --yes. A session that was
/// written to since it was put there counts from then. A mark stays of what is removed, without any content, by
/// which neither import nor merge brings it back.
#[derive(Debug, Args)]
pub(crate) struct EmptyArgs {
    /// Sessions that have been there for longer: 90m, 12h, 30d, 2w
    #[arg(long, value_name = "AGE", value_parser = age, default_value = "30d")]
    pub(crate) older_than: Duration,
    /// All of them
    #[arg(long, conflicts_with = "older_than")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) backup: BackupFirstArgs,
    /// Print the plan, and what was removed, as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Take sessions out of the trash
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) of: SessionsArgs,
}

/// Hide sessions: `ls`, `search`, `html` and what takes the last session leave them out
///
/// With --all they are listed and searched. Whoever names a hidden session finds it.
#[derive(Debug, Args)]
pub(crate) struct HideArgs {
    #[command(flatten)]
    pub(crate) of: SessionsArgs,
}

/// List sessions again that were hidden
#[derive(Debug, Args)]
pub(crate) struct UnhideArgs {
    #[command(flatten)]
    pub(crate) of: SessionsArgs,
}

/// Some sessions, and how to tell what was done.
#[derive(Debug, Args)]
pub(crate) struct SessionsArgs {
    /// The sessions
    #[arg(required = true, value_name = "SESSION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) sessions: Vec<String>,
    /// Print one JSON object a line for each session
    #[arg(long)]
    pub(crate) json: bool,
}
