//! `check`: everything in an archive read and verified.

use std::io::Write;

use sessiondb::doctor::CheckReport;

use crate::args::CheckArgs;
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::{output, render};

pub(crate) fn run(context: &Context, args: &CheckArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    let bar = progress::bar(context, Unit::Rows);
    let report = archive.check(Some(&mut progress::show(&bar)));
    bar.finish_and_clear();
    let report = report?;
    let printed = if args.json {
        render::write_json(&report)
    } else {
        write_problems(&report)
    };
    exit::found(printed, conclude(context, &report))
}

fn conclude(context: &Context, report: &CheckReport) -> Result<(), Failure> {
    for note in &report.notes {
        context.say(format_args!("note: {note}"));
    }
    let checked = render::contents(
        report.sessions,
        report.segments,
        report.entries,
        report.traces,
    );
    if report.is_clean() {
        context.say(format_args!("no problem in {checked}"));
        return Ok(());
    }
    Err(Failure::new(
        Code::Damaged,
        format_args!(
            "{}: damaged: {} found in {checked}; `sessiondb recover` writes what can be read \
             into a new archive",
            context.archive().display(),
            render::count(report.problems_found, "problem"),
        ),
    ))
}

fn write_problems(report: &CheckReport) -> Result<(), Failure> {
    let mut out = output::stdout();
    for problem in &report.problems {
        writeln!(out, "{problem}")?;
    }
    let more = report.problems_found - report.problems.len() as u64;
    if more > 0 {
        writeln!(out, "and {more} more")?;
    }
    Ok(out.flush()?)
}
