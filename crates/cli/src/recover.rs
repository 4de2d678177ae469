//! `recover`: what can be read out of a damaged archive, written into a new one.

use std::io::Write;

use sessiondb::doctor::{RecoverBasis, RecoverReport, RecoveredLog};

use crate::args::RecoverArgs;
use crate::context::Context;
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::{output, render};

pub(crate) fn run(context: &Context, args: &RecoverArgs) -> Result<(), Failure> {
    let bar = progress::bar(context, Unit::Bytes);
    let report = sessiondb::doctor::recover(
        context.archive(),
        &args.new,
        Some(&mut progress::show(&bar)),
    );
    bar.finish_and_clear();
    let report = report?;
    let printed = if args.json {
        render::write_json(&report)
    } else {
        write_report(&report)
    };
    let done = format!("{} is written", args.new.display());
    exit::done(printed, done, conclude(context, args, &report))
}

fn conclude(context: &Context, args: &RecoverArgs, report: &RecoverReport) -> Result<(), Failure> {
    for note in &report.notes {
        context.say(format_args!("note: {note}"));
    }
    if let Some(warning) = warning(report.basis) {
        context.say(format_args!("warning: {warning}"));
    }
    let recovered = render::contents(
        report.sessions,
        report.segments,
        report.entries,
        report.traces,
    );
    if report.complete {
        context.say(format_args!("recovered everything: {recovered}"));
        return Ok(());
    }
    Err(Failure::new(
        Code::Damaged,
        format_args!(
            "{}: damaged: not everything could be recovered; {} has {recovered}, and {} known to \
             be missing",
            context.archive().display(),
            args.new.display(),
            match report.missing_entries {
                1 => "1 entry is".to_owned(),
                missing => format!("{missing} entries are"),
            },
        ),
    ))
}

fn warning(basis: RecoverBasis) -> Option<&'static str> {
    match basis {
        RecoverBasis::Newest => None,
        RecoverBasis::Older => Some(
            "the last state could not be read, and this is an earlier one: what was written since \
             is missing, and what was removed since is there again",
        ),
        RecoverBasis::Journal => Some(
            "the tables could not be read, and this is what the journal holds: what was written \
             after that is missing, and what was removed after that is there again",
        ),
        _ => Some(
            "no state of the archive could be made out, and these are the entries that were found \
             in the file: entries that had been removed may be among them",
        ),
    }
}

fn write_report(report: &RecoverReport) -> Result<(), Failure> {
    let mut out = output::stdout();
    for problem in &report.problems {
        writeln!(out, "{problem}")?;
    }
    for log in report.logs.iter().filter(|log| is_incomplete(log)) {
        let total = match log.total {
            Some(total) => total.to_string(),
            None => "an unknown number".to_owned(),
        };
        writeln!(
            out,
            "session {}, segment {}: {} of {total} {} recovered",
            log.session,
            log.segment,
            log.recovered,
            if log.traces { "traces" } else { "entries" },
        )?;
        for piece in &log.parts {
            let from = match piece.from {
                Some(from) => format!("from entry {from} on"),
                None => "from a place that is not known on".to_owned(),
            };
            let entries = render::count(piece.entries, "entry");
            writeln!(out, "  {entries} {from}: in segment {}", piece.segment)?;
        }
    }
    Ok(out.flush()?)
}

fn is_incomplete(log: &RecoveredLog) -> bool {
    !log.missing.is_empty() || !log.parts.is_empty()
}
