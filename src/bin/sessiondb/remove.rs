//! `truncate` and `rm`: taking entries, segments and sessions away.

use std::io::{self, IsTerminal, Write};

use sessiondb::{Archive, Match, StoreError};

use crate::args::{RmArgs, TruncateArgs};
use crate::context::{Access, Context};
use crate::exit::{Code, Failure};
use crate::find;
use crate::render;

pub(crate) fn truncate(context: &Context, args: &TruncateArgs) -> Result<(), Failure> {
    let archive = context.open(&args.archive, Access::Write)?;
    let (session, segment) = find::segment(&archive, &args.id)?;
    archive.log(session, segment).truncate(args.len)?;
    archive.close()?;
    context.say(format_args!(
        "segment {segment} of session {session} now has {}",
        render::count(args.len, "entry")
    ));
    Ok(())
}

pub(crate) fn rm(context: &Context, args: &RmArgs) -> Result<(), Failure> {
    let archive = context.open(&args.archive, Access::Write)?;
    let found = find::for_removal(&archive, &args.id)?;
    let what = describe(&archive, &found)?;
    if !args.yes {
        confirm(&what)?;
    }
    // Another process may have removed it since.
    match found {
        Match::Session(session) => {
            if !archive.delete_session(session)? {
                return Err(StoreError::SessionNotFound(session).into());
            }
        }
        Match::Segment { session, segment } => {
            if !archive.delete_segment(session, segment)? {
                return Err(StoreError::NotFound(segment).into());
            }
        }
    }
    archive.close()?;
    context.say(format_args!("removed {what}"));
    Ok(())
}

fn describe(archive: &Archive, found: &Match) -> Result<String, Failure> {
    let (name, entries, traces) = match *found {
        Match::Session(session) => {
            let info = archive
                .session(session)?
                .ok_or(StoreError::SessionNotFound(session))?;
            let segments = render::count(info.segments, "segment");
            (
                format!("session {session}: {segments}"),
                info.entries,
                info.traces,
            )
        }
        Match::Segment { session, segment } => {
            let info = archive
                .segment(session, segment)?
                .ok_or(StoreError::NotFound(segment))?;
            let name = format!("segment {segment} of session {session}:");
            (name, info.entries, info.traces)
        }
    };
    let (entries, traces) = (
        render::count(entries, "entry"),
        render::count(traces, "trace"),
    );
    Ok(match *found {
        Match::Session(_) => format!("{name}, {entries}, {traces}"),
        Match::Segment { .. } => format!("{name} {entries}, {traces}"),
    })
}

fn confirm(what: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::new(
            Code::Usage,
            format_args!(
                "this would remove {what}; give --yes, since there is no terminal to ask on"
            ),
        ));
    }
    let mut answer = String::new();
    let mut stderr = io::stderr().lock();
    write!(stderr, "Remove {what}? [y/N] ")?;
    stderr.flush()?;
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Declined),
    }
}
