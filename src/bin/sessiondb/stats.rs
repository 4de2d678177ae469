//! `stats`: what an archive holds, and its size.

use std::io::Write;

use crate::args::StatsArgs;
use crate::context::{Access, Context};
use crate::exit::Failure;
use crate::render;

pub(crate) fn run(context: &Context, args: &StatsArgs) -> Result<(), Failure> {
    let stats = context.open(&args.archive, Access::Read)?.stats()?;
    if args.json {
        return render::write_json(&stats);
    }
    let mut out = render::stdout();
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
    ] {
        writeln!(out, "{name:14}  {value}")?;
    }
    Ok(out.flush()?)
}

fn of_size(count: u64, bytes: u64) -> String {
    format!("{count} ({})", render::size(bytes))
}
