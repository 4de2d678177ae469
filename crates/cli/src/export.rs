//! `export`: sessions written as folders of JSONL files.

use std::io::Write;

use sessiondb::jsonl::{Export, ExportOutcome, ExportReport, SessionFile};

use crate::args::{ExportArgs, Layout};
use crate::context::Context;
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::redact::Source;
use crate::{markdown_export, native, output, render, trash};

pub(crate) fn run(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    match args.layout {
        Layout::Native => native::run(context, args),
        Layout::Segments | Layout::Markdown if args.inside.rebase_entries => Err(Failure::new(
            Code::Usage,
            "--rebase-entries rewrites the files of agents; give --layout native as well",
        )),
        Layout::Segments => segments(context, args),
        Layout::Markdown => markdown_export::run(context, args),
    }
}

fn segments(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    let source = Source::open(context, &args.redaction, &args.sessions)?;
    let archive = source.archive();
    let sessions = trash::named(context, archive, &args.sessions)?;
    let mut export = Export::new(archive)
        .sessions(sessions)
        .trashed(args.trash)
        .force(args.force)
        .relocate(args.relocation.to_relocation());
    if let Some(mode) = args.mode {
        export = export.mode(mode);
    }
    let bar = progress::bar(context, Unit::Bytes);
    let report = export.run(&args.dir, Some(&mut progress::show(&bar)));
    bar.finish_and_clear();
    let report = report?;
    let printed = if args.json {
        render::write_json(&report)
    } else {
        write_files(context, &report)
    };
    let done = format!("{} written", render::count(report.written() as u64, "file"));
    exit::done(printed, done, conclude(context, &report))
}

fn write_files(context: &Context, report: &ExportReport) -> Result<(), Failure> {
    if context.is_quiet() {
        return Ok(());
    }
    let mut out = output::stdout();
    for file in &report.files {
        native::write_file(&mut out, &file.path, &file.outcome)?;
    }
    native::write_session_files(&mut out, &report.session_files)?;
    Ok(out.flush()?)
}

fn conclude(context: &Context, report: &ExportReport) -> Result<(), Failure> {
    let failed = report.files.iter().filter_map(|file| match &file.outcome {
        ExportOutcome::Failed(message) => Some(message.as_str()),
        _ => None,
    });
    let failed = failed.chain(report.session_files.iter().filter_map(SessionFile::failure));
    let failed = failed.chain(report.unreadable.iter().map(String::as_str));
    let files = report.files.len() + report.session_files.len() + report.unreadable.len();
    let files = files as u64;
    let files = render::count(files, "file");
    match report.failed() {
        0 => {
            context.say(format_args!("{files}, {} written", report.written()));
            trash::say_left_out(context, report.in_trash);
            Ok(())
        }
        number => Err(Failure::new(
            Code::InPart,
            format_args!("{number} of {files} failed:{}", render::indented(failed)),
        )),
    }
}
