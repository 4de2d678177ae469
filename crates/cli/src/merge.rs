//! `merge`: what other archives hold beyond this one, added to it.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sessiondb::portable::{LeftOut, Merge, MergeOutcome, MergeReport, MergedSession, OnConflict};
use sessiondb::{Archive, StoreError};

use crate::args::{self, MergeArgs};
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::{output, render, trash};

pub(crate) fn run(context: &Context, args: &MergeArgs) -> Result<(), Failure> {
    // If nothing can be opened, nothing is made.
    let (others, mut failed) = open_others(context, &args.others)?;
    let access = if args.dry_run {
        Access::Read
    } else {
        Access::Create
    };
    let archive = context.open(access)?;
    let merge = Merge::new(&archive)
        .relocate(args.relocation.to_relocation())
        .on_conflict(on_conflict(args))
        .again(args.again)
        .dry_run(args.dry_run);
    let mut merged = Vec::new();
    for (path, other) in &others {
        match merge_one(context, &merge, path, other) {
            Ok(report) => merged.push(Merged {
                path: path.display().to_string(),
                report,
            }),
            Err(error) if is_of_one(&error) => failed.push(Unmerged::new(path, error.into())),
            Err(error) => return Err(stopped(error.into(), &merged)),
        }
    }
    if merged.is_empty() {
        return Err(failure(failed));
    }
    let told = Told::new(&merged, &failed);
    let printed = if args.json {
        render::write_json(&told)
    } else {
        write_sessions(context, &merged, args.dry_run)
    };
    for note in merged.iter().flat_map(|merged| &merged.report.notes) {
        context.say(format_args!("note: {note}"));
    }
    say_left_out(context, &merged);
    trash::say_kept(context, in_trash(&merged));
    let done = format!("{} merged", render::count(told.new_entries, "new entry"));
    let outcome = conclude(context, args, &merged, &failed);
    if args.dry_run {
        return exit::found(printed, outcome);
    }
    archive
        .close()
        .map_err(|error| Failure::from(error).after(&done))?;
    exit::done(printed, done, outcome)
}

fn on_conflict(args: &MergeArgs) -> OnConflict {
    match args.on_conflict {
        args::OnConflict::Branch => OnConflict::Branch,
        args::OnConflict::Skip => OnConflict::Skip,
    }
}

/// An archive to merge, and where it is.
type Other<'a> = (&'a Path, Archive);

/// The archives that can be opened, and those that cannot; an error if none can.
fn open_others<'a>(
    context: &Context,
    paths: &'a [PathBuf],
) -> Result<(Vec<Other<'a>>, Vec<Unmerged>), Failure> {
    let (mut others, mut failed) = (Vec::new(), Vec::new());
    for path in paths {
        match context.open_at(path, Access::Read) {
            Ok(other) => others.push((path.as_path(), other)),
            Err(failure) => failed.push(Unmerged::new(path, failure)),
        }
    }
    if others.is_empty() {
        return Err(failure(failed));
    }
    Ok((others, failed))
}

fn merge_one(
    context: &Context,
    merge: &Merge<'_>,
    path: &Path,
    other: &Archive,
) -> Result<MergeReport, StoreError> {
    merge.check_other(other)?;
    let bar = progress::bar(context, Unit::Bytes);
    bar.set_message(progress::file_name(path));
    let report = merge.run(other, Some(&mut progress::show(&bar)));
    bar.finish_and_clear();
    report
}

/// Whether an error tells of what one archive holds, so that the next one may do.
fn is_of_one(error: &StoreError) -> bool {
    !matches!(
        error,
        StoreError::Busy { .. } | StoreError::Poisoned { .. } | StoreError::OutcomeUnknown { .. }
    )
}

/// The failure that ends the merge, and what was merged before it.
fn stopped(failure: Failure, merged: &[Merged]) -> Failure {
    if merged.is_empty() {
        return failure;
    }
    let paths = merged.iter().map(|merged| merged.path.as_str());
    let paths: Vec<&str> = paths.collect();
    failure.after(format_args!("merged before that: {}", paths.join(", ")))
}

/// Several failures as one, with the code of the first.
fn failure(failed: Vec<Unmerged>) -> Failure {
    let code = failed.first().map_or(Code::Other, |unmerged| unmerged.code);
    let messages = failed.into_iter().map(|unmerged| unmerged.message);
    Failure::new(code, messages.collect::<Vec<_>>().join("\n  "))
}

/// One of the other archives of which nothing was merged, or not all.
#[derive(Serialize)]
struct Unmerged {
    path: String,
    message: String,
    #[serde(skip)]
    code: Code,
}

impl Unmerged {
    fn new(path: &Path, failure: Failure) -> Self {
        let (code, mut message) = failure.into_parts();
        let path = path.display().to_string();
        if !message.contains(&path) {
            message = format!("{path}: {message}");
        }
        Self {
            path,
            message,
            code,
        }
    }
}

/// What became of one of the other archives.
#[derive(Serialize)]
struct Merged {
    path: String,
    #[serde(flatten)]
    report: MergeReport,
}

/// All reports as JSON, with their sums.
#[derive(Serialize)]
struct Told<'a> {
    new_entries: u64,
    branches: u64,
    conflicts: usize,
    left_out: LeftOut,
    in_trash: usize,
    others: &'a [Merged],
    failed: &'a [Unmerged],
}

impl<'a> Told<'a> {
    fn new(others: &'a [Merged], failed: &'a [Unmerged]) -> Self {
        let reports = || others.iter().map(|merged| &merged.report);
        Self {
            new_entries: reports().map(MergeReport::new_entries).sum(),
            branches: reports().map(MergeReport::branches).sum(),
            left_out: left_out(others),
            in_trash: in_trash(others),
            conflicts: reports().map(|report| report.conflicts().count()).sum(),
            others,
            failed,
        }
    }
}

/// What was left out of all of them since it was taken away here.
fn left_out(merged: &[Merged]) -> LeftOut {
    let mut sum = LeftOut::default();
    for merged in merged {
        let one = merged.report.left_out();
        sum.sessions += one.sessions;
        sum.segments += one.segments;
        sum.entries += one.entries;
    }
    sum
}

/// How many of the sessions are in the trash here.
fn in_trash(merged: &[Merged]) -> usize {
    let sessions = merged.iter().flat_map(|merged| &merged.report.sessions);
    let in_trash = sessions.filter(|session| session.in_trash);
    in_trash
        .map(|session| session.id)
        .collect::<HashSet<_>>()
        .len()
}

fn say_left_out(context: &Context, merged: &[Merged]) {
    let left_out = left_out(merged);
    let counts = [
        (left_out.sessions, "session"),
        (left_out.segments, "segment"),
        (left_out.entries, "entry"),
    ];
    if !left_out.is_nothing() {
        context.say(format_args!(
            "note: {} left out that were removed, cut off or erased here; --again brings back what \
             was not erased",
            listed(&counts).join(", ")
        ));
    }
}

/// Those of the counts that are not 0, in words.
fn listed(counts: &[(u64, &str)]) -> Vec<String> {
    let counts = counts.iter().filter(|(number, _)| *number > 0);
    counts
        .map(|(number, noun)| render::count(*number, noun))
        .collect()
}

fn write_sessions(context: &Context, merged: &[Merged], dry_run: bool) -> Result<(), Failure> {
    // With --dry-run they are what was asked for.
    if context.is_quiet() && !dry_run {
        return Ok(());
    }
    let mut out = output::stdout();
    let words = if dry_run {
        ["would add", "would extend"]
    } else {
        ["added", "extended"]
    };
    let [added, extended] = words;
    for session in merged.iter().flat_map(|merged| &merged.report.sessions) {
        let word = match &session.outcome {
            MergeOutcome::Added => added,
            MergeOutcome::Extended => extended,
            MergeOutcome::Conflict(_) => "conflict",
            _ => continue,
        };
        writeln!(out, "{word:12}  {}  {}", session.id, what_is_new(session))?;
    }
    for name in merged.iter().flat_map(|merged| &merged.report.names) {
        writeln!(out, "{added:12}  name {name:?}")?;
    }
    Ok(out.flush()?)
}

fn what_is_new(session: &MergedSession) -> String {
    if let MergeOutcome::Conflict(conflicts) = &session.outcome {
        return render::count(conflicts.len() as u64, "log") + " that differ";
    }
    let mut parts = listed(&[
        (session.segments, "new segment"),
        (session.entries, "entry"),
        (session.traces, "trace"),
        (session.notes, "note"),
    ]);
    if let Some(segments) = parts.first_mut().filter(|_| session.branches > 0) {
        *segments = format!("{segments}, {} of them for what differs", session.branches);
    }
    parts.extend(session.metadata.then(|| "metadata".to_owned()));
    parts.join(", ")
}

fn conclude(
    context: &Context,
    args: &MergeArgs,
    merged: &[Merged],
    failed: &[Unmerged],
) -> Result<(), Failure> {
    let told = Told::new(merged, failed);
    let sessions = merged
        .iter()
        .map(|merged| merged.report.sessions.len() as u64);
    let sessions = render::count(sessions.sum(), "session");
    let new = render::count(told.new_entries, "new entry");
    if told.conflicts > 0 {
        let places = merged.iter().flat_map(conflicts);
        let places = places.chain(failed.iter().map(|unmerged| unmerged.message.clone()));
        let left = if args.dry_run {
            "they would be left as they are"
        } else {
            "they were left as they are; the others are merged"
        };
        return Err(Failure::new(
            Code::InPart,
            format_args!(
                "{sessions}, {new}; some sessions contradict {}; {left}:{}",
                context.archive().display(),
                render::indented(places)
            ),
        ));
    }
    if !failed.is_empty() {
        return Err(Failure::new(
            Code::InPart,
            format_args!(
                "{sessions}, {new}; {} of {} failed:{}",
                failed.len(),
                render::count((merged.len() + failed.len()) as u64, "archive"),
                render::indented(failed.iter().map(|unmerged| &unmerged.message))
            ),
        ));
    }
    if merged.iter().all(|merged| merged.report.is_unchanged()) {
        context.say(format_args!("{sessions}, nothing new"));
    } else if args.dry_run {
        context.say(format_args!("{sessions}, {new}; nothing was written"));
    } else {
        context.say(format_args!("{sessions}, {new}"));
    }
    Ok(())
}

fn conflicts(merged: &Merged) -> impl Iterator<Item = String> {
    let path = Path::new(&merged.path).display();
    merged.report.conflicts().map(move |(session, conflict)| {
        let (log, entry) = if conflict.traces {
            (", traces", "trace")
        } else {
            ("", "entry")
        };
        format!(
            "{path}: session {session}, segment {}{log}: {entry} {} differs",
            conflict.segment, conflict.entry
        )
    })
}
