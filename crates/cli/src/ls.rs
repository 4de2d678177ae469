//! `ls`: the sessions of an archive, or the segments of a session.

use std::io::Write;

use sessiondb::{Archive, SegmentInfo, SessionId, Snapshot};

use crate::args::{FilterArgs, LsArgs};
use crate::context::{Access, Context};
use crate::exit::Failure;
use crate::render::{self, Column, Table};
use crate::sessions::{
    Filter, Listed, Short, ShortIds, chosen, sessions, short_segment, to_signed, with_home,
};
use crate::table::{Fit, Rows};
use crate::trash::{self, Form};
use crate::when::{self, Now};
use crate::{cores, find, output};

/// So many sessions are made into lines at once.
const GROUP: usize = 4096;
/// Fewer of them are made into lines sooner by one thread.
const WORTH_A_THREAD: usize = 64;

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
    let short = ShortIds::new(&now);
    let short = |id| short.of(id);
    write_chosen(context, chosen, args, &short)
}

/// Writes sessions as they were asked for.
pub(crate) fn write_chosen<'l>(
    context: &Context,
    sessions: impl Iterator<Item = Result<Listed<'l>, Failure>>,
    args: &LsArgs,
    short: Short<'_>,
) -> Result<(), Failure> {
    if args.json {
        return write_json(sessions);
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
pub(crate) fn listed(archive: &Archive) -> Result<Vec<Listed<'static>>, Failure> {
    let is_in_use = |session: &Result<Listed<'_>, Failure>| {
        let session = session.as_ref();
        session.map_or(true, |session| session.info.trashed_ms.is_none())
    };
    sessions(&archive.snapshot()?)?.filter(is_in_use).collect()
}

/// The sessions as a table, those that were active last first.
pub(crate) fn write_sessions(archive: &Archive) -> Result<(), Failure> {
    let now = archive.snapshot()?;
    let filter = Filter::new(&FilterArgs::default());
    let short = ShortIds::new(&now);
    let short = |id| short.of(id);
    write_table(chosen(&now, &filter)?, false, &short)?;
    Ok(())
}

/// Takes what is made of some sessions at a time on all cores; of those before one that cannot be read, too.
fn in_groups<'l, R: Send>(
    mut sessions: impl Iterator<Item = Result<Listed<'l>, Failure>>,
    make: impl Fn(&[Listed<'l>]) -> Result<R, Failure> + Sync,
    mut take: impl FnMut(R) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut failed = None;
    while failed.is_none() {
        let read = sessions.by_ref().take(GROUP);
        let read = read.map_while(|session| session.map_err(|failure| failed = Some(failure)).ok());
        let group: Vec<_> = read.collect();
        if group.is_empty() {
            break;
        }
        for made in cores::pieces(&group, WORTH_A_THREAD, &make) {
            take(made?)?;
        }
    }
    failed.map_or(Ok(()), Err)
}

fn write_json<'l>(
    sessions: impl Iterator<Item = Result<Listed<'l>, Failure>>,
) -> Result<(), Failure> {
    let mut out = output::stdout();
    let lines = |sessions: &[Listed<'l>]| {
        let mut lines = Vec::new();
        for session in sessions {
            serde_json::to_writer(&mut lines, session)?;
            lines.push(b'\n');
        }
        Ok(lines)
    };
    in_groups(sessions, lines, |lines| Ok(out.write_all(&lines)?))?;
    Ok(out.flush()?)
}

/// Returns how many there are.
fn write_table<'l>(
    sessions: impl Iterator<Item = Result<Listed<'l>, Failure>>,
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
    let now = Now::here();
    let rows = |sessions: &[Listed<'l>]| rows(sessions, full, short, now);
    in_groups(sessions, rows, |rows| {
        table.append(rows);
        Ok(())
    })?;
    let len = table.len();
    write(table)?;
    Ok(len)
}

fn rows(
    sessions: &[Listed<'_>],
    full: bool,
    short: Short<'_>,
    now: Now,
) -> Result<Rows<9>, Failure> {
    let mut rows = Rows::default();
    for session in sessions {
        let (id, used) = if full {
            let used = when::date_and_time(session.activity_ms());
            (session.info.id.to_string(), used)
        } else {
            (short(session.info.id)?, now.ago(session.activity_ms()))
        };
        rows.push([
            &*id,
            &*used,
            or_dash(&session.text("agent")),
            &*titled(session),
            &*with_home(&session.text("cwd")),
            &*session.models().join(", "),
            &*session.number("turns").to_string(),
            &*session.info.entries.to_string(),
            &*render::size(session.info.entry_bytes),
        ]);
    }
    Ok(rows)
}

/// The title, and whether the session is hidden.
fn titled(session: &Listed<'_>) -> String {
    let title = session.title();
    if session.info.hidden {
        return format!("(hidden) {title}");
    }
    title
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
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
    write(table)
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

fn write<const N: usize>(table: Table<N>) -> Result<(), Failure> {
    let mut out = output::stdout();
    table.write(&mut out)?;
    Ok(out.flush()?)
}
