//! What is redacted, by `redact` and on the way in and out.

use clap::Args;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use sessiondb_redact::kinds;

use super::consent::ConsentArgs;

fn kind_names() -> PossibleValuesParser {
    PossibleValuesParser::new(kinds().map(|kind| kind.name))
}

/// List the keys, tokens and passwords in sessions, and with --yes take just those parts out
///
/// What was found is never printed: its kind, its place and its length are. On a terminal you are asked before anything
/// is rewritten; elsewhere nothing is without --yes. Each part becomes [redacted:KIND], in every segment and branch that
/// shares the entry, in traces, titles, metadata and names; number and order of entries stay. A mark stays, a hash of the entry as
/// it was, by which neither import nor merge brings it back. The last bytes go from the file with `sessiondb compact`.
#[derive(Debug, Args)]
pub(crate) struct RedactArgs {
    /// The sessions; all of them if none is given
    #[arg(value_name = "SESSION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) sessions: Vec<String>,
    /// Only this kind; may be given several times
    #[arg(long = "kind", value_name = "KIND", value_parser = kind_names(), hide_possible_values = true)]
    pub(crate) kinds: Vec<String>,
    /// All kinds but this; may be given several times
    #[arg(long, value_name = "KIND", value_parser = kind_names(), hide_possible_values = true)]
    pub(crate) without: Vec<String>,
    /// E-mail addresses too
    #[arg(long)]
    pub(crate) emails: bool,
    /// The names of users in paths too, as in /home/ann
    #[arg(long = "paths")]
    pub(crate) home_paths: bool,
    /// What the expression matches too, or its first group; may be given several times
    #[arg(long = "pattern", value_name = "NAME=REGEX")]
    pub(crate) patterns: Vec<String>,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    /// Print what was found, and then what was done, as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is redacted of what passes.
#[derive(Debug, Args)]
pub(crate) struct RedactFilterArgs {
    /// Take keys, tokens and passwords out of what passes, as `sessiondb redact` does
    #[arg(long)]
    pub(crate) redact: bool,
    /// With --redact, e-mail addresses too
    #[arg(long, requires = "redact")]
    pub(crate) emails: bool,
    /// With --redact, the names of users in paths too
    #[arg(long = "paths", requires = "redact")]
    pub(crate) home_paths: bool,
    /// With --redact, what the expression matches too, or its first group
    #[arg(long = "pattern", value_name = "NAME=REGEX", requires = "redact")]
    pub(crate) patterns: Vec<String>,
}
