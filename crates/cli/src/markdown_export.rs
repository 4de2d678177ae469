//! `export --layout markdown`: each segment as a document that people read.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sessiondb::jsonl::{ExportOutcome, Permissions, Unfinished};
use sessiondb::{SegmentId, SegmentInfo, SessionId, Snapshot};

use crate::args::ExportArgs;
use crate::context::Context;
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::redact::Source;
use crate::sessions::Listed;
use crate::sessions::{Filter, chosen, short_segment, to_signed};
use crate::transcript::{Conversation, Turns, document};
use crate::{native, output, render, trash, when};

/// The most characters of a title in the name of a file.
const SLUG_CHARS: usize = 60;

/// A document, and what became of it.
#[derive(Debug, Serialize)]
struct Document {
    session: SessionId,
    segment: SegmentId,
    path: PathBuf,
    outcome: ExportOutcome,
}

#[derive(Debug, Serialize)]
struct Report {
    files: Vec<Document>,
    written: usize,
    failed: usize,
}

pub(crate) fn run(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    let source = Source::open(context, &args.redaction, &args.sessions)?;
    let archive = source.archive();
    let mut sessions = trash::named(context, archive, &args.sessions)?;
    let now = archive.snapshot()?;
    let mut left_out = 0;
    if sessions.is_empty() {
        let all = Filter::all_between(None, None).and_trash(args.trash);
        if !args.trash {
            left_out = now.trash()?.len();
        }
        let ids = chosen(&now, &all)?.map(|session| Ok(session?.info.id));
        sessions = ids.collect::<Result<_, Failure>>()?;
    }
    let permissions = match args.mode {
        Some(mode) => Permissions::exactly(mode),
        None => Permissions::of(archive.path()),
    };
    let bar = progress::bar(context, Unit::Sessions);
    bar.set_length(sessions.len() as u64);
    let mut files = Vec::new();
    for session in sessions {
        for segment in now.segments(session) {
            let segment = segment?;
            if segment.exists && segment.entries > 0 {
                files.push(put(&now, segment, args, permissions)?);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let count =
        |is: fn(&ExportOutcome) -> bool| files.iter().filter(|file| is(&file.outcome)).count();
    let report = Report {
        written: count(|outcome| matches!(outcome, ExportOutcome::Written { .. })),
        failed: count(|outcome| matches!(outcome, ExportOutcome::Failed(_))),
        files,
    };
    let printed = if args.json {
        render::write_json(&report)
    } else {
        write_files(context, &report)
    };
    let done = format!("{} written", render::count(report.written as u64, "file"));
    trash::say_left_out(context, left_out);
    exit::done(printed, done, conclude(context, &report))
}

fn write_files(context: &Context, report: &Report) -> Result<(), Failure> {
    if context.is_quiet() {
        return Ok(());
    }
    let mut out = output::stdout();
    for file in &report.files {
        native::write_file(&mut out, &file.path, &file.outcome)?;
    }
    Ok(out.flush()?)
}

fn conclude(context: &Context, report: &Report) -> Result<(), Failure> {
    let files = render::count(report.files.len() as u64, "file");
    if report.failed == 0 {
        context.say(format_args!("{files}, {} written", report.written));
        return Ok(());
    }
    let causes = report.files.iter().filter_map(|file| match &file.outcome {
        ExportOutcome::Failed(message) => Some(message.as_str()),
        _ => None,
    });
    Err(Failure::new(
        Code::InPart,
        format_args!(
            "{} of {files} failed:{}",
            report.failed,
            render::indented(causes)
        ),
    ))
}

/// Writes the document of a segment, unless it is there or something else is.
fn put(
    now: &Snapshot,
    info: SegmentInfo,
    args: &ExportArgs,
    permissions: Permissions,
) -> Result<Document, Failure> {
    let (session, segment) = (info.session, info.id);
    let listed = Listed::of(now, session)?;
    let short = short_segment(now, session, segment)?;
    let entries = info.entries;
    let written = to_signed(info.updated_ms);
    let conversation = Conversation::read(now, listed, info)?;
    let day = when::day(conversation.started_ms().unwrap_or(written));
    let name = format!("{day}-{}-{short}.md", slug(&conversation.title()));
    let path = args.dir.join(name);
    let text = document::document(&conversation, Turns::All, false, false)?;
    let outcome = match put_text(&path, &text, args.force, permissions) {
        Ok(true) => ExportOutcome::Written {
            entries,
            bytes: text.len() as u64,
        },
        Ok(false) => ExportOutcome::Unchanged { entries },
        Err(message) => ExportOutcome::Failed(message),
    };
    Ok(Document {
        session,
        segment,
        path,
        outcome,
    })
}

/// Whether the file had to be written.
fn put_text(
    path: &Path,
    text: &str,
    force: bool,
    permissions: Permissions,
) -> Result<bool, String> {
    let at_path = |error: io::Error| format!("{}: {error}", path.display());
    match fs::read(path) {
        Ok(there) if there == text.as_bytes() => return Ok(false),
        Ok(_) if !force => {
            return Err(format!(
                "{}: holds something else, and was left as it is; `--force` replaces it",
                path.display()
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at_path(error)),
    }
    if let Some(folder) = path.parent() {
        let made = permissions.create_folder(folder);
        made.map_err(|error| error.to_string())?;
    }
    let unfinished = Unfinished::create(path, permissions).map_err(at_path)?;
    let written = unfinished.file().write_all(text.as_bytes());
    written
        .and_then(|()| unfinished.finish())
        .map_err(at_path)?;
    Ok(true)
}

/// A title as a part of a file's name: its letters and digits, with `-` between its words.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.chars().count() >= SLUG_CHARS || slug.len() > 2 * SLUG_CHARS {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "session" } else { slug }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_title_becomes_a_part_of_a_name() {
        assert_eq!(slug("Why is the total off?"), "why-is-the-total-off");
        assert_eq!(slug("../../etc/passwd\0\u{202e}x"), "etc-passwd-x");
        assert_eq!(slug("漢字 Über"), "漢字-über");
        assert_eq!(slug("?!"), "session");
        assert!(slug(&"word ".repeat(100)).len() <= 60);
    }
}
