//! `ls`: the sessions of an archive, or the segments of a session.

use std::io::Write;

use sessiondb::{Archive, SegmentInfo, SessionId, Snapshot};

use crate::args::{FilterArgs, LsArgs};
use crate::context::{Access, Context};
use crate::exit::Failure;
use crate::render::{self, Column, Table};
use crate::sessions::{
    Filter, Listed, Short, chosen, sessions, short_segment, short_session, to_signed, with_home,
};
use crate::table::Fit;
use crate::trash::{self, Form};
use crate::{find, output, when};

pub(crate) fn run(context: &Context, args: &LsArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    if let Some(id) = &args.session {
        return segments(&archive, find::session(&archive, id)?, args);
    }
    let now = archive.snapshot()?;
    let filter = Filter::new(&args.filter);
    let limit = args.limit.map_or(usize::MAX, to_usize);
    if args.trash {
        let form = form_of(args);
        return trash::list(context, &now, &filter.in_trash(), form);
    }
    let chosen = chosen(&now, &filter)?.take(limit);
    let short = |id| short_session(&now, id);
    write_chosen(context, chosen, args, &short)
}

/// Writes sessions as they were asked for.
pub(crate) fn write_chosen(
    context: &Context,
    sessions: impl Iterator<Item = Result<Listed, Failure>>,
    args: &LsArgs,
    short: Short<'_>,
) -> Result<(), Failure> {
    if args.json {
        return render::write_json_lines(sessions);
    }
    if write_table(sessions, args.full, short)? == 0 {
        context.say("no session fits; `sessiondb ls --all` lists all that there are");
    }
    Ok(())
}

/// How the trash is listed.
pub(crate) fn form_of(args: &LsArgs) -> Form {
    Form {
        full: args.full,
        json: args.json,
        limit: args.limit.map_or(usize::MAX, to_usize),
    }
}

pub(crate) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// All sessions that are not in the trash, as `import --list` has them in its report.
pub(crate) fn listed(archive: &Archive) -> Result<Vec<Listed>, Failure> {
    let is_in_use = |session: &Result<Listed, Failure>| {
        let session = session.as_ref();
        session.map_or(true, |session| session.info.trashed_ms.is_none())
    };
    sessions(&archive.snapshot()?)?.filter(is_in_use).collect()
}

/// The sessions as a table, those that were active last first.
pub(crate) fn write_sessions(archive: &Archive) -> Result<(), Failure> {
    let now = archive.snapshot()?;
    let filter = Filter::new(&FilterArgs::default());
    let short = |id| short_session(&now, id);
    write_table(chosen(&now, &filter)?, false, &short)?;
    Ok(())
}

/// Returns how many there are.
fn write_table(
    sessions: impl Iterator<Item = Result<Listed, Failure>>,
    full: bool,
    short: Short<'_>,
) -> Result<usize, Failure> {
    let fit = |least, leaves| Fit { least, leaves };
    let mut table = Table::new([
        Column::Id("SESSION"),
        Column::Left("USED"),
        Column::Text("AGENT", fit(8, 1)),
        Column::Text("TITLE", fit(24, 0)),
        Column::Path("FOLDER", fit(11, 2)),
        Column::Text("MODEL", fit(12, 4)),
        Column::Number("TURNS", 3),
        Column::Number("ENTRIES", 5),
        Column::Right("SIZE"),
    ]);
    for session in sessions {
        let session = session?;
        let (id, used) = if full {
            let used = when::date_and_time(session.activity_ms());
            (session.info.id.to_string(), used)
        } else {
            let id = short(session.info.id)?;
            (id, when::ago(session.activity_ms()))
        };
        table.push([
            id,
            used,
            or_dash(session.text("agent")),
            titled(&session),
            with_home(session.text("cwd")),
            session.models().join(", "),
            session.number("turns").to_string(),
            session.info.entries.to_string(),
            render::size(session.info.entry_bytes),
        ]);
    }
    write(&table)?;
    Ok(table.len())
}

/// The title, and whether the session is hidden.
fn titled(session: &Listed) -> String {
    let title = session.title();
    if session.info.hidden {
        return format!("(hidden) {title}");
    }
    title
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-" } else { text }.to_owned()
}

fn segments(archive: &Archive, session: SessionId, args: &LsArgs) -> Result<(), Failure> {
    let now = archive.snapshot()?;
    let limit = args.limit.map_or(usize::MAX, to_usize);
    let segments = now.segments(session).take(limit);
    if args.json {
        return render::write_json_lines(segments.map(|segment| segment.map_err(Failure::from)));
    }
    let mut table = Table::new([
        Column::Id("SEGMENT"),
        Column::Left("USED"),
        Column::Right("ENTRIES"),
        Column::Right("SIZE"),
        Column::Right("TRACES"),
        Column::Text(
            "ORIGIN",
            Fit {
                least: 20,
                leaves: 0,
            },
        ),
    ]);
    for info in segments {
        let info = info?;
        let updated = to_signed(info.updated_ms);
        let (id, used) = if args.full {
            (info.id.to_string(), when::date_and_time(updated))
        } else {
            let id = short_segment(&now, session, info.id)?;
            (id, when::ago(updated))
        };
        table.push([
            id,
            used,
            if info.exists {
                info.entries.to_string()
            } else {
                "-".to_owned()
            },
            render::size(info.entry_bytes),
            info.traces.to_string(),
            origin(&now, &info, args.full)?,
        ]);
    }
    write(&table)
}

/// Where a segment came from, and what it shares with which one.
fn origin(now: &Snapshot, info: &SegmentInfo, full: bool) -> Result<String, Failure> {
    use sessiondb::archive::OriginKind::{Compaction, Fork};
    let id = |segment| {
        if full {
            return Ok(format!("{segment}"));
        }
        short_segment(now, info.session, segment)
    };
    let mut parts = Vec::new();
    if let Some(origin) = &info.origin {
        let word = match origin.kind {
            Fork => "fork",
            Compaction => "compaction",
        };
        let of = id(origin.segment)?;
        parts.push(format!("{word} of {of} at turn {}", origin.at_turn));
    }
    if let Some(parent) = &info.parent {
        let of = id(parent.segment)?;
        parts.push(format!("branch of {of} at entry {}", parent.len));
    }
    if let Some(subagent) = sessiondb_logs::subagent_of(now, info.session, info.id)? {
        parts.push(format!("subagent {subagent}"));
    }
    Ok(parts.join(", "))
}

fn write<const N: usize>(table: &Table<N>) -> Result<(), Failure> {
    let mut out = output::stdout();
    table.write(&mut out)?;
    Ok(out.flush()?)
}
