//! `export --layout native`: sessions written as the files of their agents.

use std::io::Write;
use std::path::Path;

use sessiondb::jsonl::{ExportOutcome, SessionFile, SessionFileOutcome};
use sessiondb_logs::{Export, ExportReport, Exported, Likeness};

use crate::args::ExportArgs;
use crate::context::Context;
use crate::exit::{self, Code, Failure};
use crate::output::Out;
use crate::progress::{self, Unit};
use crate::redact::Source;
use crate::{output, render, trash};

/// How many files of one kind a note names.
const NAMED: usize = 5;

pub(crate) fn run(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    let source = Source::open(context, &args.redaction, &args.sessions)?;
    let archive = source.archive();
    let sessions = trash::named(context, archive, &args.sessions)?;
    let mut export = Export::new(archive)
        .sessions(sessions)
        .trashed(args.trash)
        .force(args.force)
        .relocate(args.relocation.to_relocation())
        .rebase_entries(args.inside.rebase_entries);
    if let Some(mode) = args.mode {
        export = export.mode(mode);
    }
    let bar = progress::bar(context, Unit::Bytes);
    let report = export.run(&args.dir, Some(&mut progress::show_files(&bar)));
    bar.finish_and_clear();
    let report = report?;
    let printed = if args.json {
        render::write_json(&report)
    } else {
        write_files(context, &report)
    };
    tell_notes(context, &report);
    trash::say_left_out(context, report.in_trash);
    let done = format!("{} written", render::count(report.written() as u64, "file"));
    exit::done(printed, done, conclude(context, &report))
}

fn write_files(context: &Context, report: &ExportReport) -> Result<(), Failure> {
    if context.is_quiet() {
        return Ok(());
    }
    let mut out = output::stdout();
    for file in &report.files {
        write_file(&mut out, &file.path, &file.outcome)?;
    }
    write_session_files(&mut out, &report.session_files)?;
    Ok(out.flush()?)
}

/// One line about a file that an export has written or not.
pub(crate) fn write_file(
    out: &mut Out,
    path: &Path,
    outcome: &ExportOutcome,
) -> Result<(), Failure> {
    let (word, entries) = match outcome {
        ExportOutcome::Written { entries, .. } => ("written", entries.to_string()),
        ExportOutcome::Unchanged { entries } => ("unchanged", entries.to_string()),
        ExportOutcome::Failed(_) => ("failed", String::new()),
    };
    Ok(writeln!(out, "{word:9}  {entries:>7}  {}", path.display())?)
}

pub(crate) fn write_session_files(out: &mut Out, files: &[SessionFile]) -> Result<(), Failure> {
    for file in files {
        let word = match &file.outcome {
            SessionFileOutcome::Changed => "written",
            SessionFileOutcome::Unchanged => "unchanged",
            SessionFileOutcome::Failed(_) => "failed",
        };
        writeln!(out, "{word:9}  {:>7}  {}", "", file.path.display())?;
    }
    Ok(())
}

/// Says which files are not what came in, and which have another name.
fn tell_notes(context: &Context, report: &ExportReport) {
    let tell = |what: &str, is: &dyn Fn(&Exported) -> bool| {
        let files: Vec<_> = report.files.iter().filter(|file| is(file)).collect();
        if files.is_empty() {
            return;
        }
        let named = files.iter().take(NAMED);
        let named = named.map(|file| file.path.display().to_string());
        let more = files.len().saturating_sub(NAMED);
        let more = (more > 0).then(|| format!("and {more} more"));
        let files = render::count(files.len() as u64, "file");
        context.say(format_args!(
            "note: {files} {what}:{}",
            render::indented(named.chain(more))
        ));
    };
    tell(
        "not byte for byte what came in, of which something was mended or left out",
        &|file| file.likeness == Likeness::Mended && file.failure().is_none(),
    );
    tell(
        "of sessions from which something was redacted, so not byte for byte what came in",
        &|file| file.likeness == Likeness::Redacted && file.failure().is_none(),
    );
    tell(
        "with the session's id in the name, as another session has the same path",
        &|file| file.is_renamed,
    );
}

fn conclude(context: &Context, report: &ExportReport) -> Result<(), Failure> {
    let files = report.files.len() + report.session_files.len() + report.unreadable.len();
    let files = render::count(files as u64, "file");
    match report.failed() {
        0 => {
            context.say(format_args!("{files}, {} written", report.written()));
            Ok(())
        }
        number => Err(Failure::new(
            Code::InPart,
            format_args!(
                "{number} of {files} failed:{}",
                render::indented(report.causes())
            ),
        )),
    }
}
