//! `resume`: a session where its agent looks for it, and the command that goes on with it.

use std::io::Write;
use std::path::Path;

use sessiondb::jsonl::ExportOutcome;
use sessiondb_logs::{Resume, ResumeError, Resumed};

use crate::args::ResumeArgs;
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::import::quoted;
use crate::{find, output, render, trash};

pub(crate) fn run(context: &Context, args: &ResumeArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    let session = find::session(&archive, &args.session)?;
    trash::note(context, &archive, &[session])?;
    let segment = match &args.segment {
        Some(id) => Some(find::segment(&archive, &format!("{session}/{id}"))?.1),
        None => None,
    };
    let mut resume = Resume::new(&archive)
        .force(args.force)
        .relocate(args.moves.iter().cloned().collect())
        .rebase_entries(args.inside.rebase_entries);
    if let Some(home) = &args.home {
        resume = resume.home(home);
    }
    let resumed = if args.print {
        resume.find(session, segment)
    } else {
        resume.run(session, segment)
    };
    let resumed = resumed.map_err(|error| match error {
        ResumeError::Archive(error) => error.into(),
        error => Failure::new(Code::Other, error),
    })?;
    let causes: Vec<&str> = resumed.causes().collect();
    if !causes.is_empty() {
        let printed = if args.json {
            render::write_json(&resumed)
        } else {
            Ok(())
        };
        let files = render::count(resumed.files.len() as u64, "file");
        let failed = format!("{files} in the way:{}", render::indented(causes.iter()));
        return exit::found(printed, Err(Failure::new(Code::InPart, failed)));
    }
    let printed = if args.json {
        render::write_json(&resumed)
    } else {
        write_command(&resumed)
    };
    tell(context, args, &resumed);
    let path = resumed.path.display();
    if args.print {
        exit::found(printed, Ok(()))
    } else {
        exit::done(printed, format_args!("{path} is written"), Ok(()))
    }
}

/// The command as a shell takes it.
fn write_command(resumed: &Resumed) -> Result<(), Failure> {
    let Some(words) = &resumed.command else {
        return Ok(());
    };
    let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    let mut out = output::stdout();
    if let Some(cwd) = resumed.cwd.as_ref().filter(|_| resumed.needs_cwd) {
        write!(out, "cd {} && ", quoted(cwd))?;
    }
    writeln!(out, "{}", words.join(" "))?;
    Ok(out.flush()?)
}

fn shell_word(word: &str) -> String {
    match word.strip_prefix("--") {
        Some(option) if quoted(option) == option => word.to_owned(),
        _ => quoted(word),
    }
}

fn tell(context: &Context, args: &ResumeArgs, resumed: &Resumed) {
    let path = resumed.path.display();
    let written = |outcome: &ExportOutcome| matches!(outcome, ExportOutcome::Written { .. });
    let files = resumed.files.iter();
    let written = files.filter(|file| written(&file.outcome)).count();
    if args.print {
        context.say(format_args!("nothing written; its file would be {path}"));
    } else {
        let files = render::count(resumed.files.len() as u64, "file");
        context.say(format_args!(
            "{files}, {written} written; its own is {path}"
        ));
    }
    if resumed.command.is_none() {
        context.say(format_args!(
            "note: {} has no command that resumes a session by its id",
            resumed.agent
        ));
    }
    let cwd = resumed.cwd.as_deref().filter(|_| resumed.needs_cwd);
    if let Some(cwd) = cwd.filter(|cwd| !Path::new(cwd).is_dir()) {
        context.say(format_args!(
            "note: there is no folder {cwd} here; `--rebase OLD=NEW` says where it is now"
        ));
    }
}
