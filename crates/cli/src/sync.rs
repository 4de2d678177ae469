//! `sync`: the sessions of all agents on this machine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use sessiondb::{Archive, StoreError};
use sessiondb_logs::{AgentReport, Sync, SyncReport, places};

use crate::args::SyncArgs;
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::import::tell_warnings;
use crate::progress::{self, Unit};
use crate::{data_folder, output, redact, render, trash};

/// How long a watch waits at a time.
const A_WHILE: Duration = Duration::from_secs(3600);

pub(crate) fn run(context: &Context, args: &SyncArgs) -> Result<(), Failure> {
    let looked_at = looked_at(args);
    if context.archive().symlink_metadata().is_err() {
        if !args.watch && !looked_at.iter().any(|place| place.exists()) {
            // No archive is made for nothing.
            let printed = print(context, args, &SyncReport::default());
            tell_nobody(context, args, &looked_at);
            return printed;
        }
        data_folder::make_folder_of(context.archive()).map_err(StoreError::Io)?;
    }
    let archive = context.open(Access::Create)?;
    if args.watch {
        return watch(context, args, &archive);
    }
    let bar = progress::bar(context, Unit::Bytes);
    let report = sync(&archive, args)?.run(Some(&mut progress::show_files(&bar)));
    bar.finish_and_clear();
    let report = report?;
    if report.agents.is_empty() {
        tell_nobody(context, args, &looked_at);
    }
    let printed = print(context, args, &report);
    tell_notes(context, &report);
    let new = report.new_entries();
    let done = format!("{} imported", render::count(new, "new entry"));
    archive
        .close()
        .map_err(|error| Failure::from(error).after(&done))?;
    exit::done(printed, done, conclude(&report))
}

fn sync<'a>(archive: &'a Archive, args: &SyncArgs) -> Result<Sync<'a>, Failure> {
    let mut sync = Sync::new(archive).again(args.again);
    if let Some(redactor) = redact::filter(&args.redaction)? {
        sync = sync.redact(redactor);
    }
    if let Some(home) = &args.home {
        sync = sync.home(home);
    }
    if !args.agents.is_empty() {
        sync = sync.agents(args.agents.iter().map(String::as_str));
    }
    Ok(sync)
}

/// Where the agents that are asked for may keep their sessions.
fn looked_at(args: &SyncArgs) -> Vec<PathBuf> {
    let is_asked_for =
        |name: &str| args.agents.is_empty() || args.agents.iter().any(|it| it == name);
    let places = places(args.home.as_deref()).into_iter();
    let asked = places.filter(|(agent, _)| is_asked_for(agent));
    asked.map(|(_, place)| place).collect()
}

/// Goes on until the process is interrupted, or nobody reads its output any more.
fn watch(context: &Context, args: &SyncArgs, archive: &Archive) -> Result<(), Failure> {
    let mut watch = sync(archive, args)?.watch();
    let mut is_first = true;
    loop {
        let report = match watch.next(A_WHILE) {
            Ok(Some(report)) => report,
            Ok(None) => continue,
            Err(error @ StoreError::Busy { .. }) => {
                context.say(format_args!("{error}; trying again"));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        print(context, args, &report)?;
        tell_notes(context, &report);
        if let Err(Failure::Failed { message, .. }) = conclude(&report) {
            context.say(message);
        }
        if std::mem::take(&mut is_first) {
            context.say("watching; Ctrl-C ends it");
        }
    }
}

fn print(context: &Context, args: &SyncArgs, report: &SyncReport) -> Result<(), Failure> {
    if args.json {
        return render::write_json(&Told::new(context, report));
    }
    if context.is_quiet() {
        return Ok(());
    }
    let mut out = output::stdout();
    for agent in &report.agents {
        writeln!(out, "{:9} {}", agent.agent, line(agent))?;
    }
    Ok(out.flush()?)
}

/// The report as JSON, with its sums.
#[derive(Serialize)]
struct Told<'a> {
    archive: &'a Path,
    new_entries: u64,
    failed: usize,
    failures: Vec<&'a str>,
    #[serde(flatten)]
    report: &'a SyncReport,
}

impl<'a> Told<'a> {
    fn new(context: &'a Context, report: &'a SyncReport) -> Self {
        Self {
            archive: context.archive(),
            new_entries: report.new_entries(),
            failed: report.failed(),
            failures: causes(report).collect(),
            report,
        }
    }
}

/// What was done with the sessions of one agent.
fn line(agent: &AgentReport) -> String {
    let mut parts = Vec::new();
    if agent.new_sessions > 0 {
        parts.push(render::count(agent.new_sessions as u64, "new session"));
    }
    if agent.new_entries > 0 {
        parts.push(render::count(agent.new_entries, "new entry"));
    }
    if parts.is_empty() {
        parts.push("nothing new".to_owned());
    }
    let counts = [
        (agent.unchanged, "unchanged"),
        (agent.passed_over, "passed over"),
        (agent.failed, "failed"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    parts.extend(counts.map(|(count, what)| format!("{count} {what}")));
    if agent.left_out > 0 {
        let entries = render::count(agent.left_out, "entry");
        parts.push(format!("{entries} left out as removed before"));
    }
    if agent.in_trash > 0 {
        let sessions = render::count(agent.in_trash as u64, "session");
        parts.push(format!("{sessions} in the trash"));
    }
    let files = render::count(agent.files as u64, "file");
    format!("{files}: {}", parts.join(", "))
}

fn tell_notes(context: &Context, report: &SyncReport) {
    for agent in &report.agents {
        tell_warnings(context, &agent.report);
    }
    let in_trash = report.agents.iter().map(|agent| agent.in_trash).sum();
    trash::say_kept(context, in_trash);
}

fn tell_nobody(context: &Context, args: &SyncArgs, looked_at: &[PathBuf]) {
    let places = looked_at.iter().map(|place| place.display().to_string());
    let agents = if args.agents.is_empty() {
        "no agent that is known keeps".to_owned()
    } else {
        format!("none of {} keeps", args.agents.join(", "))
    };
    context.say(format_args!(
        "{agents} sessions here; looked for:{}",
        render::indented(places)
    ));
}

fn causes(report: &SyncReport) -> impl Iterator<Item = &str> {
    let agents = report.agents.iter();
    agents.flat_map(|agent| agent.report.causes())
}

fn conclude(report: &SyncReport) -> Result<(), Failure> {
    let failed = report.failed();
    if failed == 0 {
        return Ok(());
    }
    let files: usize = report.agents.iter().map(|agent| agent.files).sum();
    Err(Failure::new(
        Code::InPart,
        format_args!(
            "{failed} of {} failed, {} imported from the others:{}",
            render::count(files as u64, "file"),
            render::count(report.new_entries(), "new entry"),
            render::indented(causes(report))
        ),
    ))
}
