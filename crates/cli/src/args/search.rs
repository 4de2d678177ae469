//! What can be said of a search.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use sessiondb_search::{Kind, Role};

use super::FilterArgs;
use crate::values::whole;

/// Find a text in what was said, thought and done, the newest first
///
/// PATTERN is a text, line breaks and quotes included, as a person reads it; capital and small letters are the same unless
/// it has a capital one. Searched are prompts, answers, thoughts, and what tools were given and gave back; with --raw the
/// stored JSON. Whole words are found without reading the rest: with --word, or in a text of several words. Exit code 3
/// if nothing is found.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line by itself"
)]
pub(crate) struct SearchArgs {
    /// What to look for
    #[arg(value_parser = NonEmptyStringValueParser::new(), allow_hyphen_values = true)]
    pub(crate) pattern: String,
    /// Only in these sessions or segments
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["agent", "cwd", "model", "title", "branch"])]
    pub(crate) ids: Vec<String>,
    /// PATTERN is a regular expression, as ripgrep has them
    #[arg(long, short = 'e')]
    pub(crate) regex: bool,
    /// Only whole words: no letter, digit or _ beside the match
    #[arg(long, short = 'w')]
    pub(crate) word: bool,
    /// Capital and small letters are the same
    #[arg(long, short = 'i', conflicts_with = "case_sensitive")]
    pub(crate) ignore_case: bool,
    /// Capital and small letters differ
    #[arg(long, short = 's')]
    pub(crate) case_sensitive: bool,
    /// Search the stored JSON of every entry
    #[arg(long)]
    pub(crate) raw: bool,
    /// Only what these say: user, assistant, tool, system
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    pub(crate) role: Vec<Role>,
    /// Only these kinds of things
    #[arg(
        long,
        value_name = "KIND",
        value_delimiter = ',',
        help = "Only these: prompt, answer, thinking, tool_call, tool_result, compaction, notice, raw"
    )]
    pub(crate) kind: Vec<Kind>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Lines around each match
    #[arg(long, short = 'C', value_name = "N", default_value = "0", value_parser = whole, allow_negative_numbers = true)]
    pub(crate) context: u64,
    /// At most N hits; a hit is one prompt, answer, call or result
    #[arg(long, short = 'n', value_name = "N", value_parser = whole, allow_negative_numbers = true)]
    pub(crate) limit: Option<u64>,
    /// Print only how many hits each session has
    #[arg(long, conflicts_with_all = ["limit", "context"])]
    pub(crate) count: bool,
    /// Whole ids
    #[arg(long)]
    pub(crate) full: bool,
    /// Print one JSON object a line for each hit
    #[arg(long)]
    pub(crate) json: bool,
    /// Do not call a pager
    #[arg(long)]
    pub(crate) no_pager: bool,
}
