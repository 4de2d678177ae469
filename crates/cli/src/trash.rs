//! `trash`, `restore`, `hide` and `unhide`: which sessions lists leave out, and the trash emptied.

use std::io::Write;

use serde::Serialize;
use sessiondb::retention::{self, Plan};
use sessiondb::{Archive, SessionId, SessionInfo, Snapshot, StoreError};

use crate::args::{EmptyArgs, FilterArgs, SessionsArgs, TrashArgs, TrashCommand};
use crate::confirm::{self, Question};
use crate::context::{Access, Context};
use crate::exit::{self, Failure};
use crate::render::{self, Column, Table};
use crate::sessions::{Filter, Listed, Short, ShortIds, to_signed, with_home};
use crate::table::Fit;
use crate::{backup, find, output, prune, when};

/// How sessions are listed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) full: bool,
    pub(crate) json: bool,
    /// How many at most.
    pub(crate) limit: usize,
}

pub(crate) fn run(context: &Context, args: &TrashArgs) -> Result<(), Failure> {
    if let Some(TrashCommand::Empty(args)) = &args.command {
        return empty(context, args);
    }
    let archive = context.open(Access::Read)?;
    let form = Form {
        full: args.full,
        json: args.json,
        limit: usize::MAX,
    };
    let all = Filter::new(&FilterArgs::default()).in_trash();
    list(context, &archive.snapshot()?, &all, form)
}

/// Lists the sessions in the trash that the filter takes, that which was put there last first.
pub(crate) fn list(
    context: &Context,
    now: &Snapshot,
    filter: &Filter,
    form: Form,
) -> Result<(), Failure> {
    let mut taken = Vec::new();
    let short = ShortIds::new(now);
    let short = |id| short.of(id);
    for info in now.trash()? {
        let session = Listed::of(now, info.id)?;
        if taken.len() < form.limit && filter.takes(now, &session)? {
            taken.push(session);
        }
    }
    write(context, taken, form, &short)
}

/// Writes sessions that are in the trash.
pub(crate) fn write(
    context: &Context,
    taken: Vec<Listed<'_>>,
    form: Form,
    short: Short<'_>,
) -> Result<(), Failure> {
    if form.json {
        return render::write_json_lines(taken.into_iter().map(Ok));
    }
    if taken.is_empty() {
        context.say("nothing of that is in the trash");
        return Ok(());
    }
    write_table(&taken, form.full, short)?;
    let bytes = taken.iter().map(|session| bytes(&session.info)).sum();
    context.say(format_args!(
        "{} in the trash with {} as JSONL; `sessiondb restore SESSION` takes one out, `sessiondb trash empty` \
         removes what has been there for 30 days",
        render::count(taken.len() as u64, "session"),
        render::size(bytes)
    ));
    Ok(())
}

fn write_table(sessions: &[Listed<'_>], full: bool, short: Short<'_>) -> Result<(), Failure> {
    let fit = |least, leaves| Fit { least, leaves };
    let mut table = Table::new([
        Column::Id("SESSION"),
        Column::Left("TRASHED"),
        Column::Left("USED"),
        Column::Text("AGENT", fit(8, 1)),
        Column::Text("TITLE", fit(24, 0)),
        Column::Path("FOLDER", fit(11, 2)),
        Column::Number("ENTRIES", 5),
        Column::Right("SIZE"),
    ]);
    for session in sessions {
        let time = if full { when::date_and_time } else { when::ago };
        let id = if full {
            session.info.id.to_string()
        } else {
            short(session.info.id)?
        };
        table.push([
            id,
            time(to_signed(session.info.trashed_ms.unwrap_or_default())),
            time(session.activity_ms()),
            session.text("agent").into_owned(),
            session.title(),
            with_home(&session.text("cwd")),
            session.info.entries.to_string(),
            render::size(bytes(&session.info)),
        ]);
    }
    let mut out = output::stdout();
    table.write(&mut out)?;
    Ok(out.flush()?)
}

/// What the session has, which its removal frees.
fn bytes(session: &SessionInfo) -> u64 {
    session.entry_bytes.saturating_add(session.trace_bytes)
}

fn empty(context: &Context, args: &EmptyArgs) -> Result<(), Failure> {
    let archive = context.open_to_ask(args.consent)?;
    let older_than = (!args.all).then_some(args.older_than);
    let plan = retention::plan_trash(&archive, older_than, sessiondb::now_ms())?;
    if !args.json && !plan.sessions.is_empty() {
        let now = archive.snapshot()?;
        let listed = plan.sessions.iter().map(|info| Listed::of(&now, info.id));
        let listed = listed.collect::<Result<Vec<_>, _>>()?;
        let nothing_done = |failure: Failure| failure.after("nothing was removed");
        let short = ShortIds::new(&now);
        let short = |id| short.of(id);
        exit::found(write_table(&listed, true, &short), Ok(())).map_err(nothing_done)?;
    }
    let question = Question {
        verb: "remove for good",
        what: &prune::sum(&plan),
        consent: args.consent,
        is_read: !args.json && !plan.sessions.is_empty(),
    };
    let (mut pruned, mut written) = (None, None);
    if confirm::goes_on(context, question)? {
        let archive = context.open_to_do(args.consent, archive)?;
        if !plan.sessions.is_empty() {
            written = backup::first(context, &archive, &args.backup)?;
        }
        pruned = Some(prune::apply(context, archive, &plan, true)?);
    }
    let printed = if args.json {
        render::write_json(&prune::Told {
            plan: &plan,
            pruned: pruned.as_ref(),
            backup: written,
        })
    } else {
        Ok(())
    };
    let Some(pruned) = pruned else {
        context.say(not_emptied(&plan));
        return exit::found(printed, Ok(()));
    };
    prune::say_spared(context, &pruned);
    let done = prune::removed(&pruned, true);
    context.say(&done);
    exit::done(printed, done, Ok(()))
}

/// What would be removed, if anything.
fn not_emptied(plan: &Plan) -> String {
    let kept = render::count(plan.kept_sessions, "session");
    if plan.sessions.is_empty() {
        return format!("nothing to remove; the trash has {kept}");
    }
    format!(
        "this would remove {} and leave {kept} in the trash; --yes does it",
        prune::sum(plan)
    )
}

/// What became of a session, as JSON.
#[derive(Serialize)]
struct Done {
    session: SessionId,
    /// Whether it is in the trash.
    trashed: bool,
    hidden: bool,
    /// Whether it was elsewhere before.
    changed: bool,
}

type Mark = fn(&Archive, SessionId) -> Result<bool, StoreError>;

pub(crate) fn restore(context: &Context, args: &SessionsArgs) -> Result<(), Failure> {
    let words = ["restored", "is in no trash"];
    mark(
        context,
        args,
        find::in_trash,
        Archive::restore_session,
        words,
    )
}

pub(crate) fn hide(context: &Context, args: &SessionsArgs) -> Result<(), Failure> {
    let words = ["hidden", "is hidden already"];
    mark(context, args, find::session, Archive::hide_session, words)
}

pub(crate) fn unhide(context: &Context, args: &SessionsArgs) -> Result<(), Failure> {
    let words = ["listed again", "is not hidden"];
    mark(context, args, find::session, Archive::unhide_session, words)
}

/// Finds all the sessions first, so that nothing is done where one is not there.
fn mark(
    context: &Context,
    args: &SessionsArgs,
    find: fn(&Archive, &str) -> Result<SessionId, Failure>,
    mark: Mark,
    [done, not_needed]: [&str; 2],
) -> Result<(), Failure> {
    let archive = context.open(Access::Write)?;
    let sessions = args.sessions.iter().map(|id| find(&archive, id));
    let sessions = sessions.collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    for session in sessions {
        let changed = mark(&archive, session)?;
        if changed {
            context.say(format_args!("{done}: session {session}"));
        } else {
            context.say(format_args!("session {session} {not_needed}"));
        }
        let info = archive.session(session)?;
        lines.push(Done {
            session,
            trashed: info.as_ref().is_some_and(|info| info.trashed_ms.is_some()),
            hidden: info.is_some_and(|info| info.hidden),
            changed,
        });
    }
    let what = format!(
        "{done}: {}",
        render::count(
            lines.iter().filter(|line| line.changed).count() as u64,
            "session"
        )
    );
    archive
        .close()
        .map_err(|error| Failure::from(error).after(&what))?;
    let printed = if args.json {
        render::write_json_lines(lines.into_iter().map(Ok))
    } else {
        Ok(())
    };
    exit::done(printed, what, Ok(()))
}

/// Finds sessions that were named, and says of those in the trash that they are there.
pub(crate) fn named(
    context: &Context,
    archive: &Archive,
    ids: &[String],
) -> Result<Vec<SessionId>, Failure> {
    let sessions: Vec<_> = find::sessions(archive, ids)?;
    note(context, archive, &sessions)?;
    Ok(sessions)
}

/// Says of those of these sessions that are in the trash that they are there.
pub(crate) fn note(
    context: &Context,
    archive: &Archive,
    sessions: &[SessionId],
) -> Result<(), Failure> {
    let now = archive.snapshot()?;
    for session in sessions {
        if let Some(info) = now.session(*session)? {
            note_of(context, &info);
        }
    }
    Ok(())
}

pub(crate) fn note_of(context: &Context, session: &SessionInfo) {
    if session.trashed_ms.is_some() {
        let id = session.id;
        context.say(format_args!(
            "note: session {id} is in the trash; `sessiondb restore {id}` takes it out"
        ));
    }
}

/// Says how many sessions an export has left out.
pub(crate) fn say_left_out(context: &Context, sessions: usize) {
    if sessions > 0 {
        context.say(format_args!(
            "note: {} left out, in the trash; --trash takes them along",
            render::count(sessions as u64, "session")
        ));
    }
}

/// Says how many sessions stay in the trash, whatever came in.
pub(crate) fn say_kept(context: &Context, sessions: usize) {
    match sessions {
        0 => {}
        1 => context.say("1 session is in the trash and stays there; `--again` restores it"),
        _ => context.say(format_args!(
            "{sessions} sessions are in the trash and stay there; `--again` restores them"
        )),
    }
}
