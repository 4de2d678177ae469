//! `truncate`, `erase` and `rm`: taking entries, segments and sessions away.

use std::path::PathBuf;

use serde::Serialize;
use sessiondb::archive::Match;
use sessiondb::{Archive, SegmentId, SessionId, StoreError};

use crate::args::{EraseArgs, RmArgs, TruncateArgs};
use crate::confirm::confirm;
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::{backup, find, render};

/// What was done, as JSON. What a command does not do it does not name.
#[derive(Default, Serialize)]
struct Done {
    session: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<SegmentId>,
    /// The entries that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    len: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Removed>,
    /// What went into the trash.
    #[serde(skip_serializing_if = "Option::is_none")]
    trashed: Option<Removed>,
    /// The backup that was written before.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<PathBuf>,
}

/// What went with a session or a segment.
#[derive(Serialize)]
struct Removed {
    segments: u64,
    entries: u64,
    traces: u64,
    /// The bytes of both, as they were given; what a branch shares with its parent does not count.
    bytes: u64,
}

impl Done {
    fn conclude(&self, context: &Context, json: bool, what: &str) -> Result<(), Failure> {
        context.say(what);
        let printed = if json {
            render::write_json(self)
        } else {
            Ok(())
        };
        exit::done(printed, what, Ok(()))
    }
}

pub(crate) fn truncate(context: &Context, args: &TruncateArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Write)?;
    let (session, segment) = find::segment(&archive, &args.id)?;
    let log = archive.log(session, segment);
    let goes = log.len()?.saturating_sub(args.len);
    if goes > 0 {
        let (count, from) = (render::count(goes, "entry"), args.len);
        confirm(
            args.yes,
            "cut off",
            &format!("{count} from number {from} on of segment {segment} of session {session}"),
        )?;
    }
    let backup = backup::first(context, &archive, &args.backup)?;
    archive.forget_from(&log, args.len)?;
    // Nothing of what was cut off may stay in a title.
    sessiondb_logs::refresh(&archive, session, segment)?;
    let what = format!(
        "segment {segment} of session {session} now has {}",
        render::count(args.len, "entry")
    );
    close(archive, &what)?;
    let done = Done {
        session,
        segment: Some(segment),
        len: Some(args.len),
        backup,
        ..Done::default()
    };
    done.conclude(context, args.json, &what)
}

pub(crate) fn erase(context: &Context, args: &EraseArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Write)?;
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
    let count = render::count(to - from, noun);
    confirm(
        args.yes,
        "erase",
        &format!("{count} from number {from} on of segment {segment} of session {session}"),
    )?;
    let backup = backup::first(context, &archive, &args.backup)?;
    let erased = log.erase(from..to)?;
    drop(log);
    // Nothing of what was erased may stay in a title.
    sessiondb_logs::refresh(&archive, session, segment)?;
    let what = format!(
        "erased {} of segment {segment} of session {session}; `sessiondb compact` removes the \
         last bytes of what was erased from the file",
        render::count(erased, noun)
    );
    close(archive, &what)?;
    let done = Done {
        session,
        segment: Some(segment),
        erased: Some(erased),
        backup,
        ..Done::default()
    };
    done.conclude(context, args.json, &what)
}

pub(crate) fn rm(context: &Context, args: &RmArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Write)?;
    let found = find::for_removal(&archive, &args.id)?;
    let (what, removed) = describe(&archive, &found)?;
    if !args.now {
        return put_into_trash(context, args, archive, &found, (what, removed));
    }
    confirm(args.yes, "remove", &format!("for good {what}"))?;
    let backup = backup::first(context, &archive, &args.backup)?;
    // Another process may have removed it since.
    let (session, segment) = match found {
        Match::Session(session) => {
            if !archive.forget_session(session)? {
                return Err(StoreError::SessionNotFound(session).into());
            }
            (session, None)
        }
        Match::Segment { session, segment } => {
            if !archive.forget_segment(session, segment)? {
                return Err(StoreError::NotFound(segment).into());
            }
            sessiondb_logs::refresh(&archive, session, segment)?;
            (session, Some(segment))
        }
    };
    let what = format!("removed {what}; `sessiondb compact` makes the file smaller");
    close(archive, &what)?;
    let done = Done {
        session,
        segment,
        removed: Some(removed),
        backup,
        ..Done::default()
    };
    done.conclude(context, args.json, &what)
}

fn put_into_trash(
    context: &Context,
    args: &RmArgs,
    archive: Archive,
    found: &Match,
    (what, trashed): (String, Removed),
) -> Result<(), Failure> {
    let session = match *found {
        Match::Session(session) => session,
        Match::Segment { segment, .. } => {
            return Err(Failure::new(
                Code::Usage,
                format_args!(
                    "{segment} is a segment, and there is no trash for single segments; give --now to remove \
                     it for good, or the id of its session"
                ),
            ));
        }
    };
    if args.backup.backup.is_some() {
        return Err(Failure::new(
            Code::Usage,
            "--backup goes with --now: what is put into the trash is not taken away",
        ));
    }
    let what = if archive.trash_session(session)? {
        format!(
            "in the trash now: {what}; `sessiondb restore {session}` takes it out, `sessiondb trash empty` \
             removes what has been there for 30 days"
        )
    } else {
        format!("session {session} is in the trash already; with --now it is removed for good")
    };
    close(archive, &what)?;
    let done = Done {
        session,
        trashed: Some(trashed),
        ..Done::default()
    };
    done.conclude(context, args.json, &what)
}

fn close(archive: Archive, done: &str) -> Result<(), Failure> {
    archive
        .close()
        .map(drop)
        .map_err(|error| Failure::from(error).after(done))
}

fn describe(archive: &Archive, found: &Match) -> Result<(String, Removed), Failure> {
    match *found {
        Match::Session(session) => describe_session(archive, session),
        Match::Segment { session, segment } => describe_segment(archive, session, segment),
    }
}

fn describe_session(archive: &Archive, session: SessionId) -> Result<(String, Removed), Failure> {
    let info = archive.session(session)?;
    let info = info.ok_or(StoreError::SessionNotFound(session))?;
    let text = format!(
        "session {session}: {}, {}, {}, {} as JSONL",
        render::count(info.segments, "segment"),
        render::count(info.entries, "entry"),
        render::count(info.traces, "trace"),
        render::size(info.entry_bytes + info.trace_bytes),
    );
    let removed = Removed {
        segments: info.segments,
        entries: info.entries,
        traces: info.traces,
        bytes: info.entry_bytes + info.trace_bytes,
    };
    Ok((text, removed))
}

fn describe_segment(
    archive: &Archive,
    session: SessionId,
    segment: SegmentId,
) -> Result<(String, Removed), Failure> {
    let info = archive.segment(session, segment)?;
    let info = info.ok_or(StoreError::NotFound(segment))?;
    let text = format!(
        "segment {segment} of session {session}: {}, {}, {} as JSONL{}",
        render::count(info.entries, "entry"),
        render::count(info.traces, "trace"),
        render::size(info.entry_bytes + info.trace_bytes),
        shared(info.branches),
    );
    let removed = Removed {
        segments: 1,
        entries: info.entries,
        traces: info.traces,
        bytes: info.entry_bytes + info.trace_bytes,
    };
    Ok((text, removed))
}

/// What is said of a segment whose entries others share.
fn shared(branches: u64) -> String {
    match branches {
        0 => String::new(),
        1 => "; 1 segment shares entries with it and keeps them".to_owned(),
        several => format!("; {several} segments share entries with it and keep them"),
    }
}
