//! What can be said of reading: which sessions, what of them, and as what.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::values::whole;
use crate::when::{self, Typed};

#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct PeriodArgs {
    /// Active since then: an age (3d, 12h), a day (2026-11-01, today) or a time ("2026-11-01 15:04")
    #[arg(long, value_name = "TIME", value_parser = when::typed)]
    pub(crate) since: Option<Typed>,
    /// Last active until then, the day included
    #[arg(long, value_name = "TIME", value_parser = when::typed)]
    pub(crate) until: Option<Typed>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct FilterArgs {
    /// Sessions of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Sessions in this folder or below it
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,
    /// Sessions in which a model answered whose name has TEXT in it
    #[arg(long, value_name = "TEXT")]
    pub(crate) model: Option<String>,
    /// Sessions whose title, or first prompt without one, has TEXT in it
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// Sessions on this branch in git
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    #[command(flatten)]
    pub(crate) period: PeriodArgs,
    /// Subagents' sessions, and those without an entry, too
    #[arg(long)]
    pub(crate) all: bool,
}

/// List the sessions of an archive, those active last first, or the segments of one session
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sessiondb ls
  sessiondb ls --cwd . --since 7d
  sessiondb ls --agent claude --title invoice --limit 20
  sessiondb ls --json | jq -r .title")]
pub(crate) struct LsArgs {
    /// List the segments of this session
    #[arg(value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["agent", "cwd", "model", "title", "branch", "since", "until"])]
    pub(crate) session: Option<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// At most N
    #[arg(long, short = 'n', value_name = "N", value_parser = whole, allow_negative_numbers = true)]
    pub(crate) limit: Option<u64>,
    /// Whole ids, and dates with times
    #[arg(long)]
    pub(crate) full: bool,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
