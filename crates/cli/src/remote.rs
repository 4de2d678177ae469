//! `push`, `pull` and `remote`: archives that share a folder or a bucket.

mod once;
mod watch;

use std::io::Write;

use sessiondb_remote::{CheckReport, GcOptions, PullOptions, PullReport, Remote, RemoteError};

use self::once::{push_once, told_push};
use crate::args::{PullArgs, PushArgs, RemoteCommand};
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::requests::wait;
use crate::{output, reading, render};

pub(crate) fn push(context: &Context, args: &PushArgs) -> Result<(), Failure> {
    let remote = Remote::open(&args.url)?;
    let archive = context.open(Access::Write)?;
    if args.watch {
        watch::push(context, args, &archive, &remote)?;
        return Ok(archive.close().map(drop)?);
    }
    let report = push_once(context, &archive, &remote)?;
    let printed = printed(args.json, &report);
    let done = told_push(&remote, &report);
    context.say(&done);
    archive
        .close()
        .map_err(|error| Failure::from(error).after(&done))?;
    exit::done(printed, done, Ok(()))
}

pub(crate) fn pull(context: &Context, args: &PullArgs) -> Result<(), Failure> {
    let remote = Remote::open(&args.url)?;
    let options = match reading::wanted(context, &args.url, &args.sessions, &args.filter)? {
        None => PullOptions::new(),
        Some(sessions) => PullOptions::new().sessions(sessions),
    };
    let archive = context.open(Access::Create)?;
    let bar = progress::bar(context, Unit::Sessions);
    let mut tell = progress::show_counts(&bar);
    let pulled = wait(sessiondb_remote::pull(
        &archive,
        &remote,
        &options,
        Some(&mut tell),
    ));
    bar.finish_and_clear();
    let report = pulled?;
    let printed = printed(args.json, &report);
    for note in &report.notes {
        context.say(format_args!("note: {note}"));
    }
    let done = told_pull(&remote, &report);
    context.say(&done);
    archive
        .close()
        .map_err(|error| Failure::from(error).after(&done))?;
    exit::done(printed, done, Ok(()))
}

pub(crate) fn run(command: &RemoteCommand) -> Result<(), Failure> {
    match command {
        RemoteCommand::Check { url, json } => check(url, *json),
        RemoteCommand::Gc {
            url,
            grace,
            dry_run,
            json,
        } => {
            let options = GcOptions::new().grace(*grace).dry_run(*dry_run);
            gc(url, &options, *dry_run, *json)
        }
    }
}

fn check(url: &str, json: bool) -> Result<(), Failure> {
    let remote = Remote::open(url)?;
    let report = wait(sessiondb_remote::check(&remote, None))?;
    let printed = if json {
        render::write_json(&report)
    } else {
        write(&told_check(&remote, &report))
    };
    let outcome = match report.problems.len() {
        0 => Ok(()),
        _ => Err(Failure::new(Code::Damaged, report.problems.join("\n  "))),
    };
    exit::found(printed, outcome)
}

fn gc(url: &str, options: &GcOptions, dry_run: bool, json: bool) -> Result<(), Failure> {
    let remote = Remote::open(url)?;
    let report = wait(sessiondb_remote::gc(&remote, options))?;
    let done = format!(
        "{}: {}, {} and {} {}; {}",
        remote.name(),
        render::count(report.manifests, "manifest"),
        render::count(report.bases, "base"),
        render::count(report.packs, "pack"),
        if dry_run {
            "would be deleted"
        } else {
            "deleted"
        },
        render::size(report.bytes),
    );
    let printed = if json {
        render::write_json(&report)
    } else {
        write(&done)
    };
    exit::done(printed, done, Ok(()))
}

fn printed(json: bool, report: &impl serde::Serialize) -> Result<(), Failure> {
    if json {
        render::write_json(report)
    } else {
        Ok(())
    }
}

fn write(line: &str) -> Result<(), Failure> {
    let mut out = output::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn told_pull(remote: &Remote, report: &PullReport) -> String {
    let mut told = format!(
        "{}: {} pulled from {}; {} received",
        remote.name(),
        render::count(report.new_entries, "new entry"),
        render::count(report.writers, "archive"),
        render::size(report.received_bytes),
    );
    for (number, what) in [
        (report.forgotten, "forgotten"),
        (report.erased, "erased"),
        (report.redacted, "redacted"),
        (report.trashed, "put into the trash"),
    ] {
        if number > 0 {
            let number = render::thousands(number);
            told = format!("{told}; {number} {what} as there");
        }
    }
    told
}

fn told_check(remote: &Remote, report: &CheckReport) -> String {
    format!(
        "{}: {}, {}, {}, {} in {}, {} that nobody names; {}",
        remote.name(),
        render::count(report.writers, "archive"),
        render::count(report.manifests, "manifest"),
        render::count(report.sessions, "session"),
        render::size(report.bytes),
        render::count(report.packs, "pack"),
        render::thousands(report.unused_packs),
        if report.problems.is_empty() {
            "all is well"
        } else {
            "not all is well"
        },
    )
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let code = match error {
            RemoteError::Archive(error) => return error.into(),
            RemoteError::Url { .. } => Code::Usage,
            RemoteError::Missing { .. } => Code::NotFound,
            RemoteError::Damaged { .. } => Code::Damaged,
            _ => Code::Other,
        };
        Self::new(code, error)
    }
}
