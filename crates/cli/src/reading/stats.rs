//! `stats` on a remote: of what its states say.

use std::io::Write;

use serde::Serialize;
use sessiondb_remote::Listing;

use super::rows::Rows;
use super::source::Reading;
use crate::args::StatsArgs;
use crate::exit::Failure;
use crate::sessions::Filter;
use crate::{output, render, stats};

/// What all archives of a remote have together.
#[derive(Debug, Default, Serialize)]
struct Totals {
    remote: String,
    writers: u64,
    sessions: u64,
    segments: u64,
    entries: u64,
    entry_bytes: u64,
    traces: u64,
    trace_bytes: u64,
    names: u64,
    trashed_sessions: u64,
    trashed_bytes: u64,
}

pub(super) fn run(reading: &Reading, args: &StatsArgs) -> Result<(), Failure> {
    if !args.by.is_empty() {
        let filter = Filter::all_between(args.since, args.until);
        let write = |listing: &Listing| {
            let rows = Rows::read(reading, listing)?;
            Ok(stats::write_by(rows.chosen(&filter).map(Ok), args)?)
        };
        return reading.with_list(write).map(|_| ());
    }
    let totals = Totals::of(reading.remote.name(), &reading.list()?);
    if args.json {
        return render::write_json(&totals);
    }
    let mut out = output::stdout();
    let trashed = stats::in_trash(totals.trashed_sessions, totals.trashed_bytes);
    for (name, value) in [
        ("remote", totals.remote),
        ("archives", totals.writers.to_string()),
        ("sessions", totals.sessions.to_string()),
        ("segments", totals.segments.to_string()),
        (
            "entries",
            stats::of_size(totals.entries, totals.entry_bytes),
        ),
        ("traces", stats::of_size(totals.traces, totals.trace_bytes)),
        ("names", totals.names.to_string()),
        ("in the trash", trashed),
    ] {
        writeln!(out, "{name:14}  {value}")?;
    }
    Ok(out.flush()?)
}

impl Totals {
    fn of(remote: &str, listing: &Listing) -> Self {
        let mut totals = Self {
            remote: remote.to_owned(),
            writers: listing.writers(),
            names: listing.names(),
            ..Self::default()
        };
        for session in listing.sessions() {
            let info = session.info();
            totals.sessions += 1;
            totals.segments += info.segments;
            totals.entries += info.entries;
            totals.entry_bytes += info.entry_bytes;
            totals.traces += info.traces;
            totals.trace_bytes += info.trace_bytes;
            if info.trashed_ms.is_some() {
                totals.trashed_sessions += 1;
                totals.trashed_bytes += info.entry_bytes + info.trace_bytes;
            }
        }
        totals
    }
}
