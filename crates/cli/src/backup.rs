//! `backup` and `extract`: a new archive with all of another, or with some of its sessions; and the backup before
//! something is taken away.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sessiondb::Archive;
use sessiondb::portable::CopyReport;

use crate::args::{BackupArgs, BackupFirstArgs, ExtractArgs};
use crate::context::{Access, Context};
use crate::exit::{self, Failure};
use crate::progress::{self, Unit};
use crate::{find, render};

pub(crate) fn backup(context: &Context, args: &BackupArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    let bar = progress::bar(context, Unit::Bytes);
    let report = archive.backup(&args.out, Some(&mut progress::show(&bar)));
    bar.finish_and_clear();
    conclude(context, &args.out, args.json, &report?)
}

pub(crate) fn extract(context: &Context, args: &ExtractArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    let sessions: Vec<_> = find::sessions(&archive, &args.sessions)?;
    let bar = progress::bar(context, Unit::Bytes);
    let report = archive.extract(&args.out, &sessions, Some(&mut progress::show(&bar)));
    bar.finish_and_clear();
    conclude(context, &args.out, args.json, &report?)
}

/// Writes the backup that is asked for before something is taken away, and says where it is. If it cannot be
/// written, nothing is to be done.
pub(crate) fn first(
    context: &Context,
    archive: &Archive,
    args: &BackupFirstArgs,
) -> Result<Option<PathBuf>, Failure> {
    let Some(asked) = &args.backup else {
        return Ok(None);
    };
    let out = match asked {
        Some(out) => out.clone(),
        None => beside(context.archive(), Utc::now()),
    };
    let bar = progress::bar(context, Unit::Bytes);
    let report = archive.backup(&out, Some(&mut progress::show(&bar)));
    bar.finish_and_clear();
    let report = report.map_err(|error| {
        Failure::from(error).after("no backup was written, so nothing was done")
    })?;
    context.say(format_args!(
        "backup: {}, {}",
        out.display(),
        render::size(report.file_bytes)
    ));
    Ok(Some(out))
}

/// Where a backup goes that has no name: beside the archive, with the time in its name.
fn beside(archive: &Path, at: DateTime<Utc>) -> PathBuf {
    let mut name = archive.file_stem().unwrap_or_default().to_owned();
    name.push(at.format("-%Y%m%dT%H%M%SZ").to_string());
    if let Some(extension) = archive.extension() {
        name.push(".");
        name.push(extension);
    }
    archive.with_file_name(name)
}

fn conclude(context: &Context, out: &Path, json: bool, report: &CopyReport) -> Result<(), Failure> {
    let printed = if json {
        render::write_json(report)
    } else {
        Ok(())
    };
    let done = format!(
        "{}: {}, {}, {}, {}, {}; {} as JSONL, {} in the file",
        out.display(),
        render::count(report.sessions, "session"),
        render::count(report.segments, "segment"),
        render::count(report.entries, "entry"),
        render::count(report.traces, "trace"),
        render::count(report.names, "name"),
        render::size(report.entry_bytes + report.entries + report.trace_bytes + report.traces),
        render::size(report.file_bytes),
    );
    context.say(&done);
    exit::done(printed, done, Ok(()))
}
