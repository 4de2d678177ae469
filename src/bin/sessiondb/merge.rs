//! `merge`: what other archives hold beyond this one, added to it.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use sessiondb::{Archive, Merge, MergeOutcome, MergeReport, MergedSession};

use crate::args::MergeArgs;
use crate::context::{Access, Context};
use crate::exit::{Code, Failure, even_if_unread};
use crate::progress::{self, Unit};
use crate::render;

pub(crate) fn run(context: &Context, args: &MergeArgs) -> Result<(), Failure> {
    // What cannot be opened shows before anything is merged, or made.
    let open = |path| context.open(path, Access::Read);
    let others: Vec<Archive> = args
        .others
        .iter()
        .map(|path| open(path))
        .collect::<Result<_, _>>()?;
    let access = if args.dry_run {
        Access::Read
    } else {
        Access::Create
    };
    let archive = context.open(&args.archive, access)?;
    let merge = Merge::new(&archive)
        .rebase(args.rebase.to_rebase())
        .dry_run(args.dry_run);
    for other in &others {
        merge.check_other(other)?;
    }
    let mut merged = Vec::new();
    for (path, other) in args.others.iter().zip(&others) {
        let bar = progress::bar(context, Unit::Bytes);
        bar.set_message(progress::file_name(path));
        let report = merge.run(other, &mut |progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        });
        bar.finish_and_clear();
        merged.push(Merged {
            path: path.display().to_string(),
            report: report?,
        });
    }
    even_if_unread(if args.json {
        render::write_json(&Told::new(&merged))
    } else {
        write_sessions(&merged, args.dry_run)
    })?;
    for note in merged.iter().flat_map(|merged| &merged.report.notes) {
        context.say(format_args!("note: {note}"));
    }
    if !args.dry_run {
        archive.close()?;
    }
    conclude(context, args, &merged)
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
    conflicts: usize,
    others: &'a [Merged],
}

impl<'a> Told<'a> {
    fn new(others: &'a [Merged]) -> Self {
        let reports = || others.iter().map(|merged| &merged.report);
        Self {
            new_entries: reports().map(MergeReport::new_entries).sum(),
            conflicts: reports().map(|report| report.conflicts().count()).sum(),
            others,
        }
    }
}

fn write_sessions(merged: &[Merged], dry_run: bool) -> Result<(), Failure> {
    let mut out = render::stdout();
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
    let counts = [
        (session.segments, "new segment"),
        (session.entries, "entry"),
        (session.traces, "trace"),
    ];
    let counts = counts.iter().filter(|(number, _)| *number > 0);
    let mut parts: Vec<String> = counts
        .map(|(number, noun)| render::count(*number, noun))
        .collect();
    parts.extend(session.metadata.then(|| "metadata".to_owned()));
    parts.join(", ")
}

fn conclude(context: &Context, args: &MergeArgs, merged: &[Merged]) -> Result<(), Failure> {
    let told = Told::new(merged);
    let sessions = merged
        .iter()
        .map(|merged| merged.report.sessions.len() as u64);
    let sessions = render::count(sessions.sum(), "session");
    let new = render::count(told.new_entries, "new entry");
    if told.conflicts > 0 {
        let places = merged.iter().flat_map(conflicts);
        let left = if args.dry_run {
            "they would be left as they are"
        } else {
            "they were left as they are; the others are merged"
        };
        return Err(Failure::new(
            Code::InPart,
            format_args!(
                "{sessions}, {new}; some sessions contradict {}; {left}:{}",
                args.archive.display(),
                render::indented(places)
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
