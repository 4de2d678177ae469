//! `import`: JSONL files into an archive.

use std::io::Write;

use serde::Serialize;
use sessiondb::Archive;
use sessiondb::jsonl::{
    Import, ImportReport, NameFile, Outcome, Progress, SessionFile, SessionFileOutcome,
};

use crate::args::{BadLines, ImportArgs, LastLine};
use crate::context::{Access, Context};
use crate::exit::{Code, Failure, even_if_unread};
use crate::ls;
use crate::progress::{self, Unit};
use crate::render;

pub(crate) fn run(context: &Context, args: &ImportArgs) -> Result<(), Failure> {
    let archive = context.open(&args.archive, Access::Create)?;
    let bar = progress::bar(context, Unit::Bytes);
    let report = Import::new(&archive)
        .bad_lines(match args.bad_lines {
            BadLines::Fail => sessiondb::jsonl::BadLines::Fail,
            BadLines::Skip => sessiondb::jsonl::BadLines::Skip,
            BadLines::Split => sessiondb::jsonl::BadLines::Split,
            BadLines::DropNuls => sessiondb::jsonl::BadLines::DropNuls,
            BadLines::Keep => sessiondb::jsonl::BadLines::Keep,
        })
        .last_line(match args.last_line {
            LastLine::ByLayout => sessiondb::jsonl::LastLine::ByLayout,
            LastLine::Take => sessiondb::jsonl::LastLine::Take,
            LastLine::Drop => sessiondb::jsonl::LastLine::Drop,
        })
        .as_new(args.as_new)
        .rebase(args.rebase.to_rebase())
        .run(&args.paths, &mut |progress| match progress {
            Progress::Found { bytes, .. } => bar.set_length(bytes),
            Progress::Read { bytes } => bar.inc(bytes),
            Progress::Done(file) => bar.set_message(progress::file_name(&file.path)),
        });
    bar.finish_and_clear();
    let report = report?;
    even_if_unread(if args.json {
        render::write_json(&Told::new(&report, args.list.then_some(&archive))?)
    } else {
        write_files(&report).and_then(|()| {
            if args.list {
                ls::write_sessions(&archive)
            } else {
                Ok(())
            }
        })
    })?;
    tell_warnings(context, &report);
    archive.close()?;
    conclude(context, &report)
}

/// The report as JSON, with its sums, and the sessions with `--list`.
#[derive(Serialize)]
struct Told<'a> {
    new_entries: u64,
    failed: usize,
    #[serde(flatten)]
    report: &'a ImportReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<ls::Listed>>,
}

impl<'a> Told<'a> {
    fn new(report: &'a ImportReport, list: Option<&Archive>) -> Result<Self, Failure> {
        Ok(Self {
            new_entries: report.new_entries(),
            failed: report.failed(),
            report,
            sessions: list.map(ls::listed).transpose()?,
        })
    }
}

fn write_files(report: &ImportReport) -> Result<(), Failure> {
    let mut out = render::stdout();
    for file in &report.files {
        let path = file.path.display();
        match &file.outcome {
            Outcome::Imported { new, total } => {
                writeln!(out, "imported   {new:>7} new of {total:>7}  {path}")?;
            }
            Outcome::Unchanged { total } => {
                writeln!(out, "unchanged  {:>7}        {total:>7}  {path}", "")?;
            }
            Outcome::Failed(_) => writeln!(out, "failed     {:23}  {path}", "")?,
        }
    }
    let sessions = report.session_files.iter();
    let sessions = sessions.map(|file| (&file.path, &file.outcome));
    let names = report.name_files.iter();
    let names = names.map(|file| (&file.path, &file.outcome));
    for (path, outcome) in sessions.chain(names) {
        let word = match outcome {
            SessionFileOutcome::Changed => "imported",
            SessionFileOutcome::Unchanged => "unchanged",
            SessionFileOutcome::Failed(_) => "failed",
        };
        writeln!(out, "{word:9}  {:23}  {}", "", path.display())?;
    }
    Ok(out.flush()?)
}

fn tell_warnings(context: &Context, report: &ImportReport) {
    for file in &report.files {
        for warning in &file.warnings {
            context.say(format_args!(
                "{}:{}: byte {}: {}",
                file.path.display(),
                warning.line,
                warning.byte_offset,
                warning.message
            ));
        }
    }
    let of_sessions = report.session_files.iter().flat_map(|file| &file.notes);
    let of_names = report.name_files.iter().flat_map(|file| &file.notes);
    for note in of_sessions.chain(of_names) {
        context.say(format_args!("note: {note}"));
    }
}

fn conclude(context: &Context, report: &ImportReport) -> Result<(), Failure> {
    let others = report.session_files.len() + report.name_files.len();
    let files = (report.files.len() + others) as u64;
    let failed = report.failed() as u64;
    let new_entries = report.new_entries();
    if failed > 0 {
        let causes = report.files.iter().filter_map(|file| match &file.outcome {
            Outcome::Failed(message) => Some(message.as_str()),
            _ => None,
        });
        let of_sessions = report.session_files.iter().filter_map(SessionFile::failure);
        let of_names = report.name_files.iter().filter_map(NameFile::failure);
        return Err(Failure::new(
            Code::InPart,
            format_args!(
                "{failed} of {} failed, {} imported from the others:{}",
                render::count(files, "file"),
                render::count(new_entries, "new entry"),
                render::indented(causes.chain(of_sessions).chain(of_names))
            ),
        ));
    }
    let files = render::count(files, "file");
    let mut outcomes = report.session_files.iter().map(|file| &file.outcome);
    let mut of_names = report.name_files.iter().map(|file| &file.outcome);
    let is_change = |outcome: &SessionFileOutcome| *outcome == SessionFileOutcome::Changed;
    let changed = outcomes.any(is_change) || of_names.any(is_change);
    match new_entries {
        0 if changed => {
            context.say(format_args!("{files}, no new entry, but metadata or names"));
        }
        0 => context.say(format_args!("{files}, nothing new")),
        new => context.say(format_args!("{files}, {}", render::count(new, "new entry"))),
    }
    Ok(())
}
