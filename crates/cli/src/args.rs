//! What can be said on the command line.

mod completions;
mod consent;
mod doctor;
mod examples;
mod html;
mod logs;
mod native;
mod read;
mod redact;
mod relocate;
#[cfg(feature = "remote")]
mod remote;
mod search;
mod trash;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, OsStringValueParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use sessiondb::{SegmentId, SessionId};

pub(crate) use self::completions::{CompletionsArgs, ManArgs, Shell};
pub(crate) use self::consent::ConsentArgs;
pub(crate) use self::doctor::DoctorArgs;
pub(crate) use self::examples::with_examples;
pub(crate) use self::html::HtmlArgs;
pub(crate) use self::logs::{BadLines, Diverged, ExportArgs, ImportArgs, LastLine, SyncArgs};
pub(crate) use self::native::{FreeArgs, Layout, ResumeArgs};
pub(crate) use self::read::{By, FilterArgs, FollowArgs, GraphArgs, LsArgs, ShowArgs, StatsArgs};
pub(crate) use self::redact::{RedactArgs, RedactFilterArgs};
pub(crate) use self::relocate::RelocateArgs;
#[cfg(feature = "remote")]
pub(crate) use self::remote::{PullArgs, PushArgs, RemoteArgs, RemoteCommand};
pub(crate) use self::search::SearchArgs;
pub(crate) use self::trash::{
    BackupFirstArgs, EmptyArgs, HideArgs, RestoreArgs, SessionsArgs, TrashArgs, TrashCommand,
    UnhideArgs,
};
use crate::values::{EntryNumbers, age, seconds, size, whole};

const AFTER_HELP: &str = "\
Every command works on the archive that --archive or SESSIONDB_ARCHIVE names, else on the one that
`sessiondb sync` keeps where programs keep their data. ls, show, search, stats and export
also read a remote as it is: `sessiondb -a s3://bucket/team ls`.
Ids are UUIDs; a unique beginning is enough. SESSION/SEGMENT names a segment exactly.
Data goes to standard output, talk to standard error. NO_COLOR=1 turns colours off.

Exit codes:
  0  done
  1  another error
  2  wrong usage, or an id that is not unique
  3  archive, session, segment or file to import not found
  5  the archive is damaged, or not all of it could be recovered
  6  not an archive, or one of an unknown format version
  7  busy: another process kept the archive for longer than --lock-timeout
  8  done in part, or not at all: files or lines failed, or sessions contradict each other
  9  done, but the result could not be printed; the error says what was done
";

const GLOBAL: &str = "Options of all commands";

/// Every session of an LLM agent in one crash-safe file.
#[derive(Debug, Parser)]
#[command(name = "sessiondb", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Globals {
    /// The archive
    // An empty one reaches `Context`, since the option may follow an empty variable. A value of the
    // environment is not shown: help reaches a terminal as it is.
    #[arg(short, long, global = true, help_heading = GLOBAL, value_name = "FILE", env = "SESSIONDB_ARCHIVE", hide_env_values = true, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) archive: Option<PathBuf>,
    /// How long to wait for another process that holds the archive
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) lock_timeout: Duration,
    /// Keep other processes out: a writer keeps out all, readers keep out writers. For file
    /// systems that have no byte-range locks
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) exclusive: bool,
    /// What a write that is done survives: power loss, or the death of this process
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t = Durability::Synced)]
    pub(crate) durability: Durability,
    /// Print nothing but errors, and the data that was asked for
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Durability {
    /// Power loss
    Synced,
    /// The death of this process
    Written,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Sync(SyncArgs),
    Import(ImportArgs),
    Export(ExportArgs),
    Html(HtmlArgs),
    Resume(ResumeArgs),
    Free(FreeArgs),
    Ls(LsArgs),
    Show(ShowArgs),
    Search(SearchArgs),
    Follow(FollowArgs),
    Graph(GraphArgs),
    Append(AppendArgs),
    Branch(BranchArgs),
    Truncate(TruncateArgs),
    Erase(EraseArgs),
    Redact(RedactArgs),
    Rm(RmArgs),
    Trash(TrashArgs),
    Restore(RestoreArgs),
    Hide(HideArgs),
    Unhide(UnhideArgs),
    Stats(StatsArgs),
    Check(CheckArgs),
    Recover(RecoverArgs),
    Backup(BackupArgs),
    Extract(ExtractArgs),
    Merge(MergeArgs),
    #[cfg(feature = "remote")]
    Push(PushArgs),
    #[cfg(feature = "remote")]
    Pull(PullArgs),
    #[cfg(feature = "remote")]
    Remote(RemoteArgs),
    Prune(PruneArgs),
    Compact(CompactArgs),
    Doctor(DoctorArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Append JSON lines from standard input to a segment, and print its new length
///
/// Archive, session and segment are created if need be. All lines are appended as one: if one of
/// them is bad, none is.
#[derive(Debug, Args)]
pub(crate) struct AppendArgs {
    /// The session, a whole UUID
    #[arg(long, value_name = "ID")]
    pub(crate) session: SessionId,
    /// The segment, a whole UUID
    #[arg(long, value_name = "ID")]
    pub(crate) segment: SegmentId,
    /// Append to the trace log beside the segment
    #[arg(long)]
    pub(crate) trace: bool,
    /// Append only if there are N entries now
    #[arg(long, value_name = "N", value_parser = whole, allow_negative_numbers = true)]
    pub(crate) expect_len: Option<u64>,
    /// Append each line as it arrives, and print the new length once the line is durable
    #[arg(long)]
    pub(crate) ack: bool,
}

/// Make a segment that shares the first AT entries of another one, and print its id
///
/// Nothing is copied, and each of the two goes on by itself: what is truncated or removed in the
/// one stays in the other.
#[derive(Debug, Args)]
pub(crate) struct BranchArgs {
    /// The segment, or a session that has only one
    #[arg(value_name = "SEGMENT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// How many entries to share; all that there are if it is not given
    #[arg(value_parser = whole, allow_negative_numbers = true)]
    pub(crate) at: Option<u64>,
    /// Print what is known of the new segment as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Cut a segment off after LEN entries
///
/// Branches that share what is cut off keep it. A mark stays, without any content, by which neither
/// import nor merge brings it back.
#[derive(Debug, Args)]
pub(crate) struct TruncateArgs {
    /// The segment, or a session that has only one
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// The number of entries to keep
    #[arg(value_parser = whole, allow_negative_numbers = true)]
    pub(crate) len: u64,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) backup: BackupFirstArgs,
    /// Print what was done as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Erase what entries say, wherever they are shared
///
/// Each keeps its number and its time, as {"kind":"erased"}. The last bytes of what was erased go
/// from the file with `sessiondb compact`.
#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The segment, or a session that has only one
    #[arg(value_name = "SEGMENT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// The entries, numbered from 0: N for one, FROM..TO without entry TO, FROM.. to the end
    pub(crate) entries: EntryNumbers,
    /// Erase in the trace log beside the segment
    #[arg(long)]
    pub(crate) trace: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) backup: BackupFirstArgs,
    /// Print what was done as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Put a session into the trash, or with --now remove a session or a segment for good
///
/// A session in the trash is listed by `sessiondb trash` alone, and stays there whatever is imported or merged
/// into it; `sessiondb restore` takes it out. There is no trash for single segments. With --now the traces go as
/// well, segments that share entries with one that is removed keep them, and a mark stays, without any
/// content, by which neither import nor merge brings it back.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The session; with --now also a segment
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// Remove it for good
    #[arg(long)]
    pub(crate) now: bool,
    /// Do not ask (with --now; putting a session into the trash asks nothing)
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) backup: BackupFirstArgs,
    /// Print what was done as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Read everything in an archive and verify it
///
/// Problems are printed one a line, with session, segment and entries; if there are any, the exit
/// code is 5. Other processes may write meanwhile.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Print the report as one JSON object; entries as {"from": N, "to": N}, "to" not included
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write what can be read out of a damaged archive into a new one
///
/// The archive is only read, and nobody may write to it meanwhile; NEW must not be there. Entries keep
/// session, segment and number. Those behind a missing one go into a new segment of their session,
/// which is listed. If anything is missing it is listed, and the exit code is 5; NEW is written all
/// the same. Nothing that was removed comes back, unless a warning says that it may.
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// The archive to be made
    pub(crate) new: PathBuf,
    /// Print the report as one JSON object; entries as {"from": N, "to": N}, "to" not included
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write a copy of an archive, as it is at this moment
///
/// Other processes may write meanwhile. OUT must not be there, and appears when it is whole;
/// `sessiondb compact` makes it smaller.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The archive to be made
    pub(crate) out: PathBuf,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write some sessions into a small archive of their own
///
/// The names that point to them come along. OUT must not be there, and appears when it is whole;
/// `sessiondb merge` brings its sessions into another archive.
#[derive(Debug, Args)]
pub(crate) struct ExtractArgs {
    /// The archive to be made
    pub(crate) out: PathBuf,
    /// The sessions
    #[arg(required = true, value_name = "SESSION", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) sessions: Vec<String>,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Add to an archive what other archives hold beyond it
///
/// The archive is created if need be. Sessions that are missing are added, and a segment that is
/// the beginning of the other's is extended. Of a segment that differs, what the other archive has
/// goes into a branch of the same session. What was removed or cut off here is left out, and what is in
/// the trash here stays there. Merging again changes nothing. Metadata and names that are here already stay as they are.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The archives to take from; they are only read
    #[arg(required = true, value_name = "OTHER")]
    pub(crate) others: Vec<PathBuf>,
    /// What to do with a session in which a segment differs
    #[arg(long, value_enum, default_value_t = OnConflict::Branch)]
    pub(crate) on_conflict: OnConflict,
    /// Bring back what was removed or cut off here, or is in the trash
    #[arg(long)]
    pub(crate) again: bool,
    /// Write nothing, and tell what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) relocation: RelocateArgs,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OnConflict {
    /// Put what the other archive has into a branch
    Branch,
    /// Leave the session as it is, with exit code 8
    Skip,
}

/// List the sessions that are too old or too many, and with --yes put them into the trash
///
/// With --now they are removed for good. On a terminal you are asked before anything is done; elsewhere nothing is without --yes. With several limits a session goes if one of them says so;
/// but beside another limit --keep-last only protects: the newest N stay in any case. Sessions
/// that a name points to stay, unless --named is given. Age is counted from the last activity as the
/// entries say it, where that is known, or else from the last update. A mark stays of what is removed for good,
/// without any content, by which neither import nor merge brings it back.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("limits").required(true).multiple(true))]
pub(crate) struct PruneArgs {
    /// Sessions whose last activity is longer ago: 90m, 12h, 30d, 2w
    #[arg(long, value_name = "AGE", value_parser = age, group = "limits")]
    pub(crate) older_than: Option<Duration>,
    /// All but the N that were active last; beside another limit, these N stay
    #[arg(long, value_name = "N", value_parser = whole, allow_negative_numbers = true, group = "limits")]
    pub(crate) keep_last: Option<u64>,
    /// The oldest, until the others have at most SIZE as JSONL: 500M, 2G, or a number of bytes
    #[arg(long, value_name = "SIZE", value_parser = size, group = "limits")]
    pub(crate) max_size: Option<u64>,
    /// Sessions that a name points to as well
    #[arg(long)]
    pub(crate) named: bool,
    /// Remove them for good
    #[arg(long)]
    pub(crate) now: bool,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) backup: BackupFirstArgs,
    /// Print the plan, and what was removed, as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Give the space of what was removed back, and leave no byte of it in the file
///
/// If nobody else has the archive open, a fresh copy takes its place in one step, for which the
/// disk needs room. Otherwise the file is put in order as it is, which gives less back; what was
/// removed cannot be erased while others read an earlier state, and that is then said. A compaction cannot be
/// undone: what was removed, cut off or erased before is then in a backup or nowhere. What is in the trash stays.
#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    #[command(flatten)]
    pub(crate) backup: BackupFirstArgs,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
