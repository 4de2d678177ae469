//! `truncate`, `erase` and `rm`: taking entries, segments and sessions away.

use std::io::{self, IsTerminal, Write};

use sessiondb::{Archive, Match, SegmentId, SessionId, StoreError};

use crate::args::{EraseArgs, RmArgs, TruncateArgs};
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

pub(crate) fn erase(context: &Context, args: &EraseArgs) -> Result<(), Failure> {
    let archive = context.open(&args.archive, Access::Write)?;
    let (session, segment) = find::segment(&archive, &args.id)?;
    let (log, noun) = if args.trace {
        (archive.trace(session, segment), "trace")
    } else {
        (archive.log(session, segment), "entry")
    };
    let from = args.entries.from;
    let to = match args.entries.to {
        Some(to) => to,
        None => log.len()?.max(from),
    };
    if !args.yes {
        let count = render::count(to - from, noun);
        confirm(
            "erase",
            &format!("{count} from number {from} on of segment {segment} of session {session}"),
        )?;
    }
    let erased = log.erase(from..to)?;
    drop(log);
    archive.close()?;
    context.say(format_args!(
        "erased {} of segment {segment} of session {session}; `sessiondb compact` removes the \
         last bytes of what was erased from the file",
        render::count(erased, noun)
    ));
    Ok(())
}

pub(crate) fn rm(context: &Context, args: &RmArgs) -> Result<(), Failure> {
    let archive = context.open(&args.archive, Access::Write)?;
    let found = find::for_removal(&archive, &args.id)?;
    let what = describe(&archive, &found)?;
    if !args.yes {
        confirm("remove", &what)?;
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
    match *found {
        Match::Session(session) => describe_session(archive, session),
        Match::Segment { session, segment } => describe_segment(archive, session, segment),
    }
}

fn describe_session(archive: &Archive, session: SessionId) -> Result<String, Failure> {
    let info = archive.session(session)?;
    let info = info.ok_or(StoreError::SessionNotFound(session))?;
    Ok(format!(
        "session {session}: {}, {}, {}",
        render::count(info.segments, "segment"),
        render::count(info.entries, "entry"),
        render::count(info.traces, "trace"),
    ))
}

fn describe_segment(
    archive: &Archive,
    session: SessionId,
    segment: SegmentId,
) -> Result<String, Failure> {
    let info = archive.segment(session, segment)?;
    let info = info.ok_or(StoreError::NotFound(segment))?;
    Ok(format!(
        "segment {segment} of session {session}: {}, {}{}",
        render::count(info.entries, "entry"),
        render::count(info.traces, "trace"),
        shared(info.branches),
    ))
}

/// What is said of a segment whose entries others share.
fn shared(branches: u64) -> String {
    match branches {
        0 => String::new(),
        1 => "; 1 segment shares entries with it and keeps them".to_owned(),
        several => format!("; {several} segments share entries with it and keep them"),
    }
}

fn confirm(verb: &str, what: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::new(
            Code::Usage,
            format_args!(
                "this would {verb} {what}; give --yes, since there is no terminal to ask on"
            ),
        ));
    }
    let mut answer = String::new();
    let mut stderr = io::stderr().lock();
    write!(stderr, "About to {verb} {what}. Go on? [y/N] ")?;
    stderr.flush()?;
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Declined),
    }
}
