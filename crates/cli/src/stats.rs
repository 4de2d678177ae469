//! `stats`: what an archive holds, and its size; or what its sessions used.

mod by;

use std::io::Write;

use sessiondb::archive::ArchiveStats;

use crate::args::StatsArgs;
use crate::context::{Access, Context};
use crate::exit::Failure;
use crate::{output, render};

pub(crate) fn run(context: &Context, args: &StatsArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    if !args.by.is_empty() {
        return by::run(&archive.snapshot()?, args);
    }
    let stats = archive.stats()?;
    if args.json {
        return render::write_json(&stats);
    }
    let mut out = output::stdout();
    for (name, value) in [
        ("path", stats.path.display().to_string()),
        ("archive id", stats.archive_id.to_string()),
        ("format version", stats.format_version.to_string()),
        ("file size", render::size(stats.file_bytes)),
        ("sessions", stats.sessions.to_string()),
        ("segments", stats.segments.to_string()),
        ("entries", of_size(stats.entries, stats.entry_bytes)),
        ("traces", of_size(stats.traces, stats.trace_bytes)),
        ("names", stats.names.to_string()),
        (
            "in the trash",
            in_trash(stats.trashed_sessions, stats.trashed_bytes),
        ),
        ("packed", packed(&stats)),
    ] {
        writeln!(out, "{name:14}  {value}")?;
    }
    Ok(out.flush()?)
}

/// How many bytes of entries and traces the file holds per byte of its own.
fn packed(stats: &ArchiveStats) -> String {
    let bytes = stats.entry_bytes + stats.trace_bytes;
    #[expect(
        clippy::cast_precision_loss,
        reason = "one digit after the point is shown, far fewer than a float holds"
    )]
    let times = bytes as f64 / stats.file_bytes.max(1) as f64;
    format!("{times:.1} bytes of entries and traces per byte of the file")
}

/// How many of the sessions are in the trash, and what they have.
pub(crate) fn in_trash(sessions: u64, bytes: u64) -> String {
    let sessions = render::count(sessions, "session");
    format!("{sessions} ({})", render::size(bytes))
}

/// Writes what sessions of a remote used, those first that were active last.
#[cfg(feature = "remote")]
pub(crate) fn write_by<'l>(
    sessions: impl Iterator<Item = Result<crate::sessions::Listed<'l>, Failure>>,
    args: &StatsArgs,
) -> Result<(), Failure> {
    by::write(sessions, args)
}

pub(crate) fn of_size(count: u64, bytes: u64) -> String {
    format!("{count} ({})", render::size(bytes))
}
