//! `redact`: secrets in sessions, listed and, if asked, taken out; and the same of what passes.

mod found;

use std::sync::Arc;

use sessiondb::archive::Redactor;
use sessiondb::{Archive, RawJson, SessionId};
use sessiondb_logs::RedactReport;
use sessiondb_redact::{Builder, PatternError, Rules};
use tempfile::TempDir;

use self::found::{Found, look_through};
use crate::args::{RedactArgs, RedactFilterArgs};
use crate::confirm::{self, Question};
use crate::context::{Access, Context};
use crate::exit::{self, Code, Failure};
use crate::progress::{self, Unit};
use crate::{find, render};

pub(crate) fn run(context: &Context, args: &RedactArgs) -> Result<(), Failure> {
    let rules = Arc::new(rules(args)?);
    let archive = context.open_to_ask(args.consent)?;
    let sessions = sessions(&archive, &args.sessions)?;
    let bar = progress::bar(context, Unit::Sessions);
    bar.set_length(sessions.len() as u64);
    let found = look_through(&archive, &rules, &sessions, args.sessions.is_empty(), &bar)?;
    bar.finish_and_clear();
    let nothing_done = |failure: Failure| failure.after("nothing was redacted");
    exit::found(found.write(context, &archive, args.json), Ok(())).map_err(nothing_done)?;
    if found.is_nothing() {
        context.say("nothing was found");
        return Ok(());
    }
    context.say(found.sum());
    let question = Question {
        verb: "redact",
        what: &found.sum(),
        consent: args.consent,
        is_read: !args.json,
    };
    if !confirm::goes_on(context, question)? {
        return Ok(());
    }
    let archive = context.open_to_do(args.consent, archive)?;
    apply(context, args, archive, &found, &redactor(rules))
}

fn apply(
    context: &Context,
    args: &RedactArgs,
    archive: Archive,
    found: &Found,
    redactor: &Redactor,
) -> Result<(), Failure> {
    let mut report = RedactReport::default();
    let sessions = found.sessions();
    let bar = progress::bar(context, Unit::Sessions);
    bar.set_length(sessions.len() as u64);
    for session in &sessions {
        let done = sessiondb_logs::redact(&archive, *session, redactor)
            .map_err(|error| Failure::from(error).after(told(&report)))?;
        report.entries += done.entries;
        report.records += done.records;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if args.sessions.is_empty() {
        // Names and notes that are of no session.
        report.records += archive.redact_records(&[], redactor)?;
    }
    let what = told(&report);
    archive
        .close()
        .map_err(|error| Failure::from(error).after(&what))?;
    let printed = if args.json {
        render::write_json_lines([Ok(serde_json::json!({ "redacted": report }))])
    } else {
        Ok(())
    };
    context.say(&what);
    exit::done(printed, what, Ok(()))
}

fn told(report: &RedactReport) -> String {
    let mut parts = vec![render::count(report.entries, "entry")];
    if report.records > 0 {
        parts.push(render::count(report.records, "record"));
    }
    format!(
        "redacted {}; `sessiondb compact` removes the last bytes of what was redacted from the file",
        parts.join(" and ")
    )
}

/// Those that are named, or all.
fn sessions(archive: &Archive, named: &[String]) -> Result<Vec<SessionId>, Failure> {
    if named.is_empty() {
        let all = archive.sessions()?.map(|info| info.map(|info| info.id));
        return Ok(all.collect::<Result<_, _>>()?);
    }
    let mut sessions = Vec::new();
    for id in named {
        let session = find::session(archive, id)?;
        if !sessions.contains(&session) {
            sessions.push(session);
        }
    }
    Ok(sessions)
}

fn rules(args: &RedactArgs) -> Result<Rules, Failure> {
    let mut builder = Rules::builder();
    if !args.kinds.is_empty() {
        builder = builder
            .only(args.kinds.iter().map(String::as_str))
            .map_err(usage)?;
    }
    for kind in &args.without {
        builder = builder.without(kind).map_err(usage)?;
    }
    with_more(builder, args.emails, args.home_paths, &args.patterns)
}

/// With the kinds that are off by default, and own patterns.
fn with_more(
    builder: Builder,
    emails: bool,
    home_paths: bool,
    patterns: &[String],
) -> Result<Rules, Failure> {
    let mut builder = builder.emails(emails).paths(home_paths);
    for pattern in patterns {
        builder = builder.pattern(pattern).map_err(usage)?;
    }
    Ok(builder.build())
}

fn usage(error: PatternError) -> Failure {
    Failure::new(Code::Usage, error)
}

/// What is taken out of what passes, if anything is.
pub(crate) fn filter(args: &RedactFilterArgs) -> Result<Option<Redactor>, Failure> {
    if !args.redact {
        return Ok(None);
    }
    let builder = Rules::builder();
    let rules = with_more(builder, args.emails, args.home_paths, &args.patterns)?;
    Ok(Some(redactor(Arc::new(rules))))
}

fn redactor(rules: Arc<Rules>) -> Redactor {
    Redactor::new(move |entry| {
        let redacted = rules.redact(entry)?;
        // Line ends between the values of a document mean nothing.
        RawJson::new(redacted.text.replace('\n', " ")).ok()
    })
}

/// The archive that is written out: the one that is named, or a copy without what was redacted.
pub(crate) struct Source {
    archive: Archive,
    /// Where the copy is, until all is written.
    _copy: Option<TempDir>,
}

impl Source {
    pub(crate) fn open(
        context: &Context,
        args: &RedactFilterArgs,
        named: &[String],
    ) -> Result<Self, Failure> {
        let archive = context.open(Access::Read)?;
        let Some(redactor) = filter(args)? else {
            return Ok(Self {
                archive,
                _copy: None,
            });
        };
        let folder = tempfile::tempdir().map_err(|error| {
            let message = format_args!("a copy to be redacted cannot be made: {error}");
            Failure::new(Code::Other, message)
        })?;
        // Of the same name, which is seen in what is written.
        let path = folder
            .path()
            .join(context.archive().file_name().unwrap_or_default());
        if named.is_empty() {
            archive.backup(&path, None)?;
        } else {
            archive.extract(&path, &sessions(&archive, named)?, None)?;
        }
        drop(archive);
        let archive = context.open_at(&path, Access::Write)?;
        for session in sessions(&archive, &[])? {
            sessiondb_logs::redact(&archive, session, &redactor)?;
        }
        archive.redact_records(&[], &redactor)?;
        Ok(Self {
            archive,
            _copy: Some(folder),
        })
    }

    pub(crate) fn archive(&self) -> &Archive {
        &self.archive
    }
}
