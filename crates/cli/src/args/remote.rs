//! The arguments of `push`, `pull` and `remote`.

use std::time::Duration;

use super::read::FilterArgs;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use crate::values::{age, seconds, size};

/// Put what is new in the archive into a folder or a bucket that several machines share
///
/// Others may write to the archive meanwhile. A push that was interrupted goes on with the next one, and others see
/// what was there before until it is done.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Where to, as in `file:///mnt/shared` or `s3://bucket/team`
    #[arg(value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) url: String,
    /// Go on as the archive grows, until Ctrl-C, which pushes the rest
    #[arg(long)]
    pub(crate) watch: bool,
    /// How many seconds what is new waits at most
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, requires = "watch")]
    pub(crate) every: Duration,
    /// How many bytes of entries wait at most: 200K, 5M
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = size, requires = "watch")]
    pub(crate) bytes: u64,
    /// Print the report as one JSON object, one a line of each push of a watch
    #[arg(long)]
    pub(crate) json: bool,
}

/// Merge what others have pushed into the archive, which is made if need be
///
/// As with `merge`, logs grow, what contradicts comes into a branch, and nothing is lost. What was removed, erased,
/// redacted or put into the trash elsewhere is so here, too.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Where from, as in `file:///mnt/shared` or `s3://bucket/team`
    #[arg(value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) url: String,
    /// These sessions alone
    #[arg(value_name = "SESSION", conflicts_with_all = ["agent", "cwd", "model", "title", "branch", "since", "until"])]
    pub(crate) sessions: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Look after a folder or a bucket that archives are pushed to
#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    #[command(subcommand)]
    pub(crate) command: RemoteCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RemoteCommand {
    /// Read and verify all that is there
    Check {
        /// Where, as in `file:///mnt/shared`
        #[arg(value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
        url: String,
        /// Print the report as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Delete what nobody needs any more
    Gc {
        /// Where, as in `file:///mnt/shared`
        #[arg(value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
        url: String,
        /// How long it stays all the same: 12h, 30d. Less than a day is for when nobody pushes or pulls
        #[arg(long, value_name = "AGE", default_value = "7d", value_parser = age)]
        grace: Duration,
        /// Delete nothing, and tell what would be
        #[arg(long)]
        dry_run: bool,
        /// Print the report as one JSON object
        #[arg(long)]
        json: bool,
    },
}
