//! What can be said of reading: which sessions, what of them, and as what.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args, ValueEnum};

use crate::values::{EntryNumbers, whole};
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
    /// Subagents' sessions, hidden ones, and those without an entry, too
    #[arg(long)]
    pub(crate) all: bool,
}

impl FilterArgs {
    /// Whether sessions are asked for by what a list shows of them, but for its times.
    pub(crate) fn is_of_summaries(&self) -> bool {
        let texts = [&self.agent, &self.model, &self.title, &self.branch];
        self.cwd.is_some() || texts.iter().any(|text| text.is_some())
    }

    /// Whether it leaves out anything that a list of all does not.
    #[cfg(feature = "remote")]
    pub(crate) fn is_given(&self) -> bool {
        let period = self.period.since.is_some() || self.period.until.is_some();
        period || self.is_of_summaries()
    }
}

/// List the sessions of an archive, those active last first, or the segments of one session
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// List the segments of this session
    #[arg(value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["agent", "cwd", "model", "title", "branch", "since", "until"])]
    pub(crate) session: Option<String>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// List the sessions in the trash instead
    #[arg(long, conflicts_with = "session")]
    pub(crate) trash: bool,
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

/// Show a session as a transcript, or the entries of a segment
///
/// Without ID it is the session that was active last, and of a session the segment that a reader means:
/// the conversation itself, as it was used last. A turn begins with a prompt. Turns are numbered from 1,
/// entries from 0.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("form").args(["raw", "json", "markdown"]))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line by itself"
)]
pub(crate) struct ShowArgs {
    /// A session or a segment
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: Option<String>,
    /// Only these turns: N for one, A..B without turn B, A.. to the end
    #[arg(long, value_name = "A..B", conflicts_with_all = ["last", "from", "to", "entries", "raw", "trace"])]
    pub(crate) turns: Option<EntryNumbers>,
    /// Only the last N turns, or entries with --entries or --raw; 1 if N is not given
    #[arg(long, value_name = "N", value_parser = whole, allow_negative_numbers = true, num_args = 0..=1, default_missing_value = "1", conflicts_with_all = ["from", "to"])]
    pub(crate) last: Option<u64>,
    /// Show what the tools were given and gave back as a whole
    #[arg(long)]
    pub(crate) tools: bool,
    /// Show what is hidden: other branches of the conversation, what the agent added, usage
    #[arg(long)]
    pub(crate) all: bool,
    /// Print the entries, one line each; with --json {"index": N, "entry": ...}
    #[arg(long)]
    pub(crate) entries: bool,
    /// Begin with entry N (shows entries)
    #[arg(long, value_name = "N", value_parser = whole, allow_negative_numbers = true)]
    pub(crate) from: Option<u64>,
    /// End before entry N (shows entries)
    #[arg(long, value_name = "N", value_parser = whole, allow_negative_numbers = true)]
    pub(crate) to: Option<u64>,
    /// Show the trace log beside the segment (its entries)
    #[arg(long)]
    pub(crate) trace: bool,
    /// Print the stored bytes, one entry a line
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print one JSON object a line for each thing that was said or done
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a Markdown document
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Do not call a pager
    #[arg(long)]
    pub(crate) no_pager: bool,
}

impl ShowArgs {
    /// Whether entries are asked for, and not a transcript.
    pub(crate) fn of_entries(&self) -> bool {
        self.entries || self.raw || self.trace || self.from.is_some() || self.to.is_some()
    }
}

/// Show what comes in as it comes in, whichever process writes it
///
/// Without ID it is the session that was active last. When the session goes on in another segment, this
/// goes on there and says so. Ctrl-C ends it, with exit code 0.
#[derive(Debug, Args)]
pub(crate) struct FollowArgs {
    /// A session or a segment
    #[arg(value_parser = NonEmptyStringValueParser::new(), conflicts_with = "all")]
    pub(crate) id: Option<String>,
    /// Show the last N turns first
    #[arg(long, value_name = "N", value_parser = whole, allow_negative_numbers = true, default_value = "1")]
    pub(crate) last: u64,
    /// Follow all sessions in use, those that begin later too, with a label before each line
    #[arg(long)]
    pub(crate) all: bool,
    /// Show what the tools were given and gave back as a whole
    #[arg(long)]
    pub(crate) tools: bool,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Draw where a session forked, branched, called subagents and was compacted
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// The session; the one that was active last if none is given
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) session: Option<String>,
    /// Whole ids, and dates with times
    #[arg(long)]
    pub(crate) full: bool,
    /// Print one JSON object a line for each node
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print what an archive holds, and its size, or what its sessions used
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("form").args(["json", "csv", "bars"]))]
pub(crate) struct StatsArgs {
    /// What the sessions used, by this; several are printed one after the other
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) by: Vec<By>,
    /// Sessions active since then (with --by): an age (3d, 12h), a day or a time
    #[arg(long, value_name = "TIME", value_parser = when::typed, requires = "by")]
    pub(crate) since: Option<Typed>,
    /// Sessions last active until then (with --by), the day included
    #[arg(long, value_name = "TIME", value_parser = when::typed, requires = "by")]
    pub(crate) until: Option<Typed>,
    /// Draw bars of the tokens, or of the bytes where no log has tokens
    #[arg(long, requires = "by")]
    pub(crate) bars: bool,
    /// Print CSV
    #[arg(long, requires = "by")]
    pub(crate) csv: bool,
    /// Print a JSON object; with --by one a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// By what sessions are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// The agent
    Agent,
    /// The models that answered; a session with several counts once, under all of their names
    Model,
    /// The day on which the session was active last
    Day,
    /// The folder
    Cwd,
}
