//! The arguments of `push`, `pull` and `remote`.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use sessiondb::SessionId;

use crate::values::age;

/// Put what is new in the archive into a folder or a bucket that several machines share
///
/// Others may write to the archive meanwhile. A push that was interrupted goes on with the next one, and others see
/// what was there before until it is done.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Where to, as in `file:///mnt/shared` or `s3://bucket/team`
    #[arg(value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) url: String,
    /// Print the report as one JSON object
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
    /// These sessions alone, whole UUIDs
    #[arg(value_name = "SESSION")]
    pub(crate) sessions: Vec<SessionId>,
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
