//! `backup` and `extract`: a new archive with all of another, or with some of its sessions.

use std::path::Path;

use sessiondb::portable::CopyReport;

use crate::args::{BackupArgs, ExtractArgs};
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
    let sessions = args.sessions.iter().map(|id| find::session(&archive, id));
    let sessions = sessions.collect::<Result<Vec<_>, _>>()?;
    let bar = progress::bar(context, Unit::Bytes);
    let report = archive.extract(&args.out, &sessions, Some(&mut progress::show(&bar)));
    bar.finish_and_clear();
    conclude(context, &args.out, args.json, &report?)
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
