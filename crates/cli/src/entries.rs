//! `show --entries`: the entries of a segment, one line each, raw, or as JSON.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use sessiondb::archive::{LogSnapshot, Match, RawEntries};
use sessiondb::{Archive, Entry, Log, SegmentId, SessionId, StoreError};

use crate::args::ShowArgs;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::output::Out;
use crate::summary::Summary;
use crate::{find, output, pager, render, sessions, trash};

const FAINT: Style = Style::new().dimmed();
const KIND: Style = AnsiColor::Cyan.on_default();

pub(crate) fn run(context: &Context, archive: &Archive, args: &ShowArgs) -> Result<(), Failure> {
    let log = choose_log(context, archive, args)?;
    trash::note(context, archive, &[log.session_id()])?;
    let entries = choose_entries(context, archive, &log, args)?;
    if args.raw {
        return write_each(entries, |out, entry| {
            out.write_all(entry)?;
            out.write_all(b"\n")
        });
    }
    if args.json {
        return write_each(entries, |out, entry| {
            write!(out, "{{\"index\":{},\"entry\":", entry.index())?;
            out.write_all(entry)?;
            out.write_all(b"}\n")
        });
    }
    pager::with(!args.no_pager, |out| write_lines(out, entries))
}

fn choose_log(context: &Context, archive: &Archive, args: &ShowArgs) -> Result<Log, Failure> {
    let found = match &args.id {
        Some(id) => find::any(archive, id)?,
        None => Match::Session(sessions::newest(&archive.snapshot()?)?.info.id),
    };
    let (session, segment) = match found {
        Match::Segment { session, segment } => (session, segment),
        Match::Session(session) => (session, main_segment(context, archive, args, session)?),
    };
    Ok(if args.trace {
        archive.trace(session, segment)
    } else {
        archive.log(session, segment)
    })
}

/// The segment that a reader means; of traces the one that was used last.
fn main_segment(
    context: &Context,
    archive: &Archive,
    args: &ShowArgs,
    session: SessionId,
) -> Result<SegmentId, Failure> {
    let now = archive.snapshot()?;
    let mut segments = now.segments(session).collect::<Result<Vec<_>, _>>()?;
    segments.retain(|info| {
        if args.trace {
            info.traces > 0
        } else {
            info.exists
        }
    });
    let newest = segments
        .iter()
        .max_by_key(|info| (info.updated_ms, info.id))
        .ok_or_else(|| nothing_there(session, args.trace))?;
    let main = if args.trace {
        None
    } else {
        sessiondb_logs::main_segment(&now, session)?
    };
    let chosen = main.map_or(newest.id, |main| main.id);
    if segments.len() > 1 {
        context.say(format_args!(
            "session {session} has {}; this is {chosen} (`sessiondb ls {session}` lists them)",
            render::count(segments.len() as u64, "segment"),
        ));
    }
    Ok(chosen)
}

fn nothing_there(session: SessionId, trace: bool) -> Failure {
    let (missing, hint) = if trace {
        ("traces", "leave out --trace to see its entries")
    } else {
        ("entries", "give --trace to see its traces")
    };
    Failure::new(
        Code::NotFound,
        format_args!("session {session} has no {missing}; {hint}"),
    )
}

fn choose_entries(
    context: &Context,
    archive: &Archive,
    log: &Log,
    args: &ShowArgs,
) -> Result<RawEntries, Failure> {
    // All of one state: others may write, or remove it.
    let log = log.snapshot()?;
    if !log.exists()? && !log.is_trace() {
        let segment = log.segment_id();
        if !has_traces(archive, &log) {
            return Err(StoreError::NotFound(segment).into());
        }
        return Err(Failure::new(
            Code::NotFound,
            format_args!("segment {segment} has traces alone; give --trace to see them"),
        ));
    }
    let len = log.len()?;
    if let Some(last) = args.last {
        return Ok(log.last(last)?);
    }
    let to = args.to.unwrap_or(len).min(len);
    let from = args.from.unwrap_or(0).min(to);
    if from == to && len > 0 {
        let has = render::count(len, if args.trace { "trace" } else { "entry" });
        context.say(format_args!(
            "nothing to show: segment {} has {has}, numbered from 0",
            log.segment_id()
        ));
    }
    Ok(log.read(from..to)?)
}

fn has_traces(archive: &Archive, log: &LogSnapshot) -> bool {
    matches!(archive.segment(log.session_id(), log.segment_id()), Ok(Some(info)) if info.traces > 0)
}

fn write_each(
    entries: RawEntries,
    write: impl Fn(&mut dyn Write, &Entry) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = output::stdout();
    for entry in entries {
        write(&mut out, &entry?)?;
    }
    Ok(out.flush()?)
}

fn write_lines(out: &mut Out, entries: RawEntries) -> Result<(), Failure> {
    for entry in entries {
        let entry = entry?;
        let Summary { time, kind, text } = Summary::of(&entry);
        let kind = out.shown(&kind).into_owned();
        out.painted(FAINT, format_args!("{:>6}  {time:19}", entry.index()))?;
        write!(out, "  ")?;
        out.painted(KIND, format_args!("{kind:26}"))?;
        writeln!(out, " {text}")?;
    }
    Ok(())
}
