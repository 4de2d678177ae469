//! `prune`: sessions that are too old or too many, listed and, if asked, put into the trash or removed.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use sessiondb::retention::{self, Limits, Plan, Pruned};
use sessiondb::{Archive, Progress};

use crate::args::PruneArgs;
use crate::confirm::{self, Question};
use crate::context::Context;
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::render::{self, Column, Table};
use crate::{backup, output};

pub(crate) fn run(context: &Context, args: &PruneArgs) -> Result<(), Failure> {
    let archive = context.open_to_ask(args.consent)?;
    if args.backup.backup.is_some() && !args.now {
        return Err(Failure::new(
            Code::Usage,
            "--backup goes with --now: what is put into the trash is not taken away",
        ));
    }
    let plan = retention::plan(&archive, &limits(args), sessiondb::now_ms())?;
    if !args.json {
        let nothing_done = |failure: Failure| failure.after("nothing was removed");
        exit::found(write_plan(&plan), Ok(())).map_err(nothing_done)?;
    }
    let mut backup = None;
    let pruned = if goes_on(context, args, &plan)? {
        let archive = context.open_to_do(args.consent, archive)?;
        if !plan.sessions.is_empty() {
            backup = backup::first(context, &archive, &args.backup)?;
        }
        Some(apply(context, archive, &plan, args.now)?)
    } else {
        None
    };
    let printed = if args.json {
        let pruned = pruned.as_ref();
        render::write_json(&Told {
            plan: &plan,
            pruned,
            backup,
        })
    } else {
        Ok(())
    };
    conclude(context, args, &plan, pruned.as_ref());
    match &pruned {
        Some(pruned) => exit::done(printed, removed(pruned, args.now), Ok(())),
        None => exit::found(printed, Ok(())),
    }
}

fn goes_on(context: &Context, args: &PruneArgs, plan: &Plan) -> Result<bool, Failure> {
    let listed = Question {
        verb: if args.now { "remove" } else { TRASH },
        what: &sum(plan),
        consent: args.consent,
        is_read: !args.json && !plan.sessions.is_empty(),
    };
    confirm::goes_on(context, listed)
}

/// What is done with sessions that are not removed for good.
const TRASH: &str = "put into the trash";

pub(crate) fn apply(
    context: &Context,
    archive: Archive,
    plan: &Plan,
    for_good: bool,
) -> Result<Pruned, Failure> {
    let bar = progress::bar(context, Unit::Sessions);
    let mut show = progress::show(&bar);
    let mut done = 0;
    let mut tell = |progress: Progress<'_>| {
        show(progress);
        done = progress.done;
    };
    let applied = if for_good {
        plan.apply(&archive, Some(&mut tell))
    } else {
        plan.trash(&archive, Some(&mut tell))
    };
    bar.finish_and_clear();
    let pruned = applied.map_err(|error| {
        let listed = plan.sessions.len();
        Failure::from(error).after(format_args!(
            "of the {listed} listed, the first {done} were taken away, but for those that were changed meanwhile"
        ))
    })?;
    archive.close()?;
    Ok(pruned)
}

/// What would go: sessions, their entries, and their bytes.
pub(crate) fn sum(plan: &Plan) -> String {
    let entries = plan.sessions.iter().map(|session| session.entries).sum();
    format!(
        "{} with {} and {} as JSONL",
        render::count(plan.sessions.len() as u64, "session"),
        render::count(entries, "entry"),
        render::size(plan.bytes)
    )
}

/// The plan as JSON, and with `--yes` what was done.
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    #[serde(flatten)]
    pub(crate) plan: &'a Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pruned: Option<&'a Pruned>,
    /// The backup that was written before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<PathBuf>,
}

fn limits(args: &PruneArgs) -> Limits {
    let mut limits = Limits::new().named(args.named);
    if let Some(age) = args.older_than {
        limits = limits.older_than(age);
    }
    if let Some(sessions) = args.keep_last {
        limits = limits.keep_last(sessions);
    }
    if let Some(bytes) = args.max_size {
        limits = limits.max_bytes(bytes);
    }
    limits
}

fn write_plan(plan: &Plan) -> Result<(), Failure> {
    if plan.sessions.is_empty() {
        return Ok(());
    }
    let mut table = Table::new([
        Column::Left("SESSION"),
        Column::Left("ACTIVE (UTC)"),
        Column::Right("ENTRIES"),
        Column::Right("SIZE"),
    ]);
    for session in &plan.sessions {
        let active_ms = plan.last_activity_ms.get(&session.id);
        table.push([
            session.id.to_string(),
            render::time(*active_ms.unwrap_or(&session.updated_ms)),
            session.entries.to_string(),
            render::size(session.entry_bytes),
        ]);
    }
    let mut out = output::stdout();
    table.write(&mut out)?;
    Ok(out.flush()?)
}

fn conclude(context: &Context, args: &PruneArgs, plan: &Plan, pruned: Option<&Pruned>) {
    if plan.kept_named > 0 {
        context.say(format_args!(
            "note: names keep {}; --named takes what they point to as well",
            render::count(plan.kept_named, "session")
        ));
    }
    if let Some(max_size) = args.max_size.filter(|max_size| plan.kept_bytes > *max_size) {
        context.say(format_args!(
            "note: what stays has {}, which is more than {}",
            render::size(plan.kept_bytes),
            render::size(max_size)
        ));
    }
    let kept = format!(
        "{} with {} as JSONL",
        render::count(plan.kept_sessions, "session"),
        render::size(plan.kept_bytes)
    );
    match pruned {
        None if plan.sessions.is_empty() => {
            context.say(format_args!("nothing to remove of {kept}"));
        }
        None => context.say(format_args!(
            "this would {} {} and leave {kept}; --yes does it",
            if args.now { "remove" } else { TRASH },
            sum(plan)
        )),
        Some(pruned) => {
            say_spared(context, pruned);
            context.say(removed(pruned, args.now));
        }
    }
}

pub(crate) fn say_spared(context: &Context, pruned: &Pruned) {
    for session in &pruned.spared {
        let why = "it was changed, named or removed meanwhile";
        context.say(format_args!(
            "note: session {session} was left alone: {why}"
        ));
    }
}

pub(crate) fn removed(pruned: &Pruned, for_good: bool) -> String {
    let what = format!(
        "{} with {} as JSONL",
        render::count(pruned.removed.len() as u64, "session"),
        render::size(pruned.bytes)
    );
    if for_good {
        format!("removed {what}; `sessiondb compact` makes the file smaller")
    } else {
        format!("in the trash now: {what}; `sessiondb restore` takes sessions out")
    }
}
