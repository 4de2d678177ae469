//! `import`: JSONL files into an archive.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::Serialize;
use sessiondb::Archive;
use sessiondb::jsonl::{self, Outcome, PassedOver, PassedOverKind, SessionFileOutcome, Unreadable};
use sessiondb_logs::{Import, ImportReport};

use crate::args::{BadLines, Diverged, ImportArgs, LastLine};
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::sessions::Listed;
use crate::{ls, output, redact, render, trash};

/// How many of those that were passed over for one reason are named.
const NAMED: usize = 5;

pub(crate) fn run(context: &Context, args: &ImportArgs) -> Result<(), Failure> {
    let bad_lines = match args.bad_lines {
        BadLines::Mend => jsonl::BadLines::Mend,
        BadLines::Fail => jsonl::BadLines::Fail,
        BadLines::Skip => jsonl::BadLines::Skip,
        BadLines::Split => jsonl::BadLines::Split,
        BadLines::DropNuls => jsonl::BadLines::DropNuls,
        BadLines::Keep => jsonl::BadLines::Keep,
    };
    let last_line = match args.last_line {
        LastLine::ByLayout => jsonl::LastLine::ByLayout,
        LastLine::Take => jsonl::LastLine::Take,
        LastLine::Drop => jsonl::LastLine::Drop,
    };
    if fs::symlink_metadata(context.archive()).is_err()
        && let Some(report) = sessiondb_logs::nothing_to_import(&args.paths, bad_lines, last_line)
    {
        // No archive is made for nothing.
        let printed = print(context, None, &report, args);
        tell_notes(context, &report);
        return exit::found(printed, conclude(context, args, &report));
    }
    let redactor = redact::filter(&args.redaction)?;
    let archive = context.open(Access::Create)?;
    let bar = progress::bar(context, Unit::Bytes);
    let mut import = Import::new(&archive);
    if let Some(redactor) = redactor {
        import = import.redact(redactor);
    }
    let report = import
        .bad_lines(bad_lines)
        .last_line(last_line)
        .branch_diverged(args.on_conflict == Diverged::Branch)
        .again(args.again)
        .relocate(args.relocation.to_relocation())
        .run(&args.paths, Some(&mut progress::show_files(&bar)));
    bar.finish_and_clear();
    let report = report?;
    let printed = print(context, Some(&archive), &report, args);
    tell_notes(context, &report);
    let done = format!(
        "{} imported",
        render::count(report.new_entries(), "new entry")
    );
    archive
        .close()
        .map_err(|error| Failure::from(error).after(&done))?;
    exit::done(printed, done, conclude(context, args, &report))
}

fn print(
    context: &Context,
    archive: Option<&Archive>,
    report: &ImportReport,
    args: &ImportArgs,
) -> Result<(), Failure> {
    let listed = archive.filter(|_| args.list);
    if args.json {
        return render::write_json(&Told::new(report, listed)?);
    }
    if !context.is_quiet() {
        write_files(report)?;
    }
    listed.map_or(Ok(()), ls::write_sessions)
}

/// The report as JSON, with its sums, and the sessions with `--list`.
#[derive(Serialize)]
struct Told<'a> {
    new_entries: u64,
    failed: usize,
    #[serde(flatten)]
    report: &'a ImportReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<Listed<'static>>>,
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
    let mut out = output::stdout();
    for file in report.files.iter().map(|file| &file.report) {
        let path = file.path.display();
        match &file.outcome {
            Outcome::Imported { total: 0, .. } | Outcome::Unchanged { total: 0 } => {
                writeln!(out, "empty      {:23}  {path}", "")?;
            }
            Outcome::Imported { new, total } => {
                writeln!(out, "imported   {new:>7} new of {total:>7}  {path}")?;
            }
            Outcome::Unchanged { total } => {
                writeln!(out, "unchanged  {:>7}        {total:>7}  {path}", "")?;
            }
            Outcome::Forgotten { entries } => {
                writeln!(out, "removed    {entries:>7} before           {path}")?;
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
    for unreadable in &report.unreadable {
        writeln!(out, "failed     {:23}  {}", "", unreadable.path.display())?;
    }
    Ok(out.flush()?)
}

/// Says what was noticed, and what was passed over.
fn tell_notes(context: &Context, report: &ImportReport) {
    tell_warnings(context, report);
    tell_passed_over(context, &report.passed_over);
}

fn tell_passed_over(context: &Context, passed_over: &[PassedOver]) {
    let mut by_kind: BTreeMap<PassedOverKind, Vec<&PassedOver>> = BTreeMap::new();
    for item in passed_over {
        by_kind.entry(item.kind).or_default().push(item);
    }
    for (kind, items) in by_kind {
        let named = items
            .iter()
            .take(NAMED)
            .map(|item| item.path.display().to_string());
        let more = items.len().saturating_sub(NAMED);
        let more = (more > 0).then(|| format!("and {more} more"));
        context.say(format_args!(
            "note: {} passed over ({}):{}",
            items.len(),
            kind.advice(),
            render::indented(named.chain(more))
        ));
    }
}

pub(crate) fn tell_warnings(context: &Context, report: &ImportReport) {
    for file in report.files.iter().map(|file| &file.report) {
        for warning in &file.warnings {
            context.say(format_args!(
                "{}:{} (byte offset {}): {}",
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

fn conclude(context: &Context, args: &ImportArgs, report: &ImportReport) -> Result<(), Failure> {
    let others = report.session_files.len() + report.name_files.len();
    let files = (report.files.len() + others + report.unreadable.len()) as u64;
    let failed = report.failed() as u64;
    let new_entries = report.new_entries();
    if failed > 0 {
        let causes: Vec<&str> = report.causes().collect();
        let advice = suggestion(context, args, &causes);
        return Err(Failure::new(
            code(report),
            format_args!(
                "{failed} of {} failed, {} imported from the others:{}{advice}",
                render::count(files, "file"),
                render::count(new_entries, "new entry"),
                render::indented(causes.iter())
            ),
        ));
    }
    tell_forgotten(context, report);
    tell_held_back(context, report);
    trash::say_kept(context, report.in_trash());
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

/// Says how much was left out since it was taken away from the archive before.
fn tell_forgotten(context: &Context, report: &ImportReport) {
    let forgotten = |file: &&jsonl::FileReport| file.forgotten > 0;
    let files = report.files.iter().map(|file| &file.report);
    let files: Vec<_> = files.filter(forgotten).collect();
    let entries = files.iter().map(|file| file.forgotten).sum();
    if entries > 0 {
        context.say(format_args!(
            "{} of {} left out, since they were removed, cut off, pruned, erased or redacted before; \
             `--again` brings back what was not erased",
            render::count(entries, "entry"),
            render::count(files.len() as u64, "file"),
        ));
    }
}

/// Says how much is left for a later import.
fn tell_held_back(context: &Context, report: &ImportReport) {
    let entries = report.held_back() as u64;
    if entries > 0 {
        context.say(format_args!(
            "{} held back, since a turn may still be under way; what is there of it ten minutes after its last \
             change comes with the next import",
            render::count(entries, "entry"),
        ));
    }
}

/// Done in part, unless there was nothing to be done at all.
fn code(report: &ImportReport) -> Code {
    let missing = |item: &Unreadable| item.kind == ErrorKind::NotFound;
    if report.is_nothing() && report.unreadable.iter().all(missing) {
        Code::NotFound
    } else {
        Code::InPart
    }
}

/// The whole command that takes fused lines apart, if that is what a file failed for.
fn suggestion(context: &Context, args: &ImportArgs, causes: &[&str]) -> String {
    const SPLIT: &str = "--bad-lines=split";
    if !causes.iter().any(|cause| cause.contains(SPLIT)) {
        return String::new();
    }
    let word = |path: &Path| quoted(&path.display().to_string());
    let mut words = vec![
        "sessiondb -a".to_owned(),
        word(context.archive()),
        "import".to_owned(),
        SPLIT.to_owned(),
    ];
    if args.on_conflict == Diverged::Fail {
        words.push("--on-conflict=fail".to_owned());
    }
    words.extend(args.paths.iter().map(|path| word(path)));
    format!("\nto take the values apart: {}", words.join(" "))
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
