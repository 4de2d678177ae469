//! The arguments of `html`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::FilterArgs;
use super::redact::RedactFilterArgs;
use crate::values::whole;

/// Write sessions as one HTML page that needs no network
///
/// The page lists the sessions, with filters and a search of all transcripts, and shows each with its
/// forks, its tools folded and what it used. Whatever a log says is text in it: nothing runs, nothing is
/// loaded, no link leads anywhere. Only its owner may read the file. It appears when it is whole.
#[derive(Debug, Args)]
pub(crate) struct HtmlArgs {
    /// The page to be made
    pub(crate) out: PathBuf,
    /// The sessions; if none is given all that are neither in the trash nor hidden
    #[arg(value_name = "SESSION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) sessions: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Only the N sessions that were active last
    #[arg(long, short = 'n', value_name = "N", value_parser = whole, allow_negative_numbers = true)]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) redaction: RedactFilterArgs,
    /// Replace OUT if it is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Print what was written as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
