//! `free`: source logs that the archive holds as a whole, listed and, if asked, deleted.

use std::io::Write;

use sessiondb_logs::{Free, FreeOutcome, FreeReport};

use crate::args::FreeArgs;
use crate::confirm::{self, Question};
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::{output, render};

pub(crate) fn run(context: &Context, args: &FreeArgs) -> Result<(), Failure> {
    if args.consent.yes {
        return free(context, args);
    }
    let archive = context.open(Access::Read)?;
    let bar = progress::bar(context, Unit::Bytes);
    let report = Free::new(&archive).find(Some(&mut progress::show_files(&bar)));
    bar.finish_and_clear();
    let report = report?;
    drop(archive);
    let printed = if args.json {
        render::write_json(&report)
    } else {
        write_files(args, &report)
    };
    exit::found(printed, conclude(context, args, false, &report))?;
    let safe = report
        .files
        .iter()
        .filter(|file| file.outcome == FreeOutcome::Safe);
    let safe = safe.count() as u64;
    let listed = Question {
        verb: "delete",
        what: &format!(
            "{} with {}",
            render::count(safe, "file"),
            bytes(report.bytes)
        ),
        consent: args.consent,
        is_read: !args.json && safe > 0,
    };
    if confirm::goes_on(context, listed)? {
        // Each file is read and compared once more: it may have changed while the question stood.
        return free(context, args);
    }
    Ok(())
}

fn free(context: &Context, args: &FreeArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Write)?;
    let bar = progress::bar(context, Unit::Bytes);
    let report = Free::new(&archive).run(Some(&mut progress::show_files(&bar)));
    bar.finish_and_clear();
    let report = report?;
    let printed = if args.json {
        render::write_json(&report)
    } else {
        write_files(args, &report)
    };
    let outcome = conclude(context, args, true, &report);
    exit::done(printed, freed(args, true, &report), outcome)
}

fn write_files(args: &FreeArgs, report: &FreeReport) -> Result<(), Failure> {
    let mut out = output::stdout();
    for file in &report.files {
        let path = file.path.display();
        let size = render::size(file.len_bytes);
        match &file.outcome {
            FreeOutcome::Safe => writeln!(out, "safe   {size:>10}  {path}")?,
            FreeOutcome::Freed => writeln!(out, "freed  {size:>10}  {path}")?,
            FreeOutcome::Kept(why) if args.verbose => {
                writeln!(out, "kept   {size:>10}  {path}: {why}")?;
            }
            FreeOutcome::Kept(_) | FreeOutcome::Failed(_) => {}
        }
    }
    Ok(out.flush()?)
}

fn conclude(
    context: &Context,
    args: &FreeArgs,
    is_done: bool,
    report: &FreeReport,
) -> Result<(), Failure> {
    let causes: Vec<&str> = report.causes().collect();
    if !causes.is_empty() {
        let files = render::count(report.files.len() as u64, "file");
        return Err(Failure::new(
            Code::InPart,
            format_args!(
                "{} of {files} failed; {}:{}",
                causes.len(),
                freed(args, is_done, report),
                render::indented(causes.iter())
            ),
        ));
    }
    context.say(freed(args, is_done, report));
    Ok(())
}

/// What was freed, or would be, and how much stays.
fn freed(args: &FreeArgs, is_done: bool, report: &FreeReport) -> String {
    let outcomes = || report.files.iter().map(|file| &file.outcome);
    let gone = outcomes().filter(|one| matches!(one, FreeOutcome::Safe | FreeOutcome::Freed));
    let gone = render::count(gone.count() as u64, "file");
    let kept = outcomes().filter(|one| matches!(one, FreeOutcome::Kept(_)));
    let said = if is_done {
        format!("{gone} deleted, {} freed", bytes(report.bytes))
    } else {
        format!(
            "{gone} with {} can go; --yes deletes them",
            bytes(report.bytes)
        )
    };
    match kept.count() as u64 {
        0 => said,
        kept if args.verbose || args.json => {
            format!("{said}; {} kept", render::count(kept, "file"))
        }
        kept => format!("{said}; {} kept, -v says why", render::count(kept, "file")),
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => render::count(bytes, "byte"),
        _ => format!("{} ({})", render::count(bytes, "byte"), render::size(bytes)),
    }
}
