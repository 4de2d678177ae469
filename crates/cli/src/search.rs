//! `search`: where a text is in what was said and done.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Write;
use std::ops::Range;

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;
use sessiondb::archive::Match;
use sessiondb::{Archive, SegmentId, SessionId, Snapshot};
use sessiondb_search::{Hit, Kind, Line, PatternError, Query, QueryBuilder, Search};

use crate::args::SearchArgs;
use crate::context::{Access, Context};
use crate::exit::{Code, Failure};
use crate::output::Out;
use crate::sessions::{Filter, Listed, chosen, short_session, with_home};
use crate::{find, pager, render, when, width};

const FOUND: Style = AnsiColor::Red.on_default().bold();
const SESSION: Style = AnsiColor::Magenta.on_default().bold();
const PLACE: Style = AnsiColor::Green.on_default();
const FAINT: Style = Style::new().dimmed();

pub(crate) fn run(context: &Context, args: &SearchArgs) -> Result<(), Failure> {
    let archive = context.open(Access::Read)?;
    let now = archive.snapshot()?;
    let asked = Asked::new(&archive, &now, args)?;
    let mut hits = asked.hits(&now, args);
    let mut count = 0_u64;
    if args.json {
        let hits = hits.by_ref().inspect(|_| count += 1);
        write_json(&now, hits)?;
    } else {
        let wants_pager = !args.no_pager;
        pager::with(wants_pager, |out| {
            let counted = hits.by_ref().inspect(|_| count += 1);
            if args.count {
                write_counts(&now, counted, args, out)
            } else {
                write_hits(&now, counted, args, out)
            }
        })?;
    }
    if count > 0 {
        return Ok(());
    }
    Err(nothing(args))
}

/// That nothing is found.
pub(crate) fn nothing(args: &SearchArgs) -> Failure {
    Failure::new(
        Code::NotFound,
        format_args!("nothing is found of {:?}{}", args.pattern, hint(args)),
    )
}

/// What might find more.
fn hint(args: &SearchArgs) -> &'static str {
    if args.word {
        "; without --word it is also found within words"
    } else if args.raw {
        ""
    } else {
        "; --all and --raw search more"
    }
}

/// What was asked for, in terms of the archive.
struct Asked {
    query: Query,
    /// Which segments alone, if some were named.
    segments: Vec<SegmentId>,
}

impl Asked {
    fn new(archive: &Archive, now: &Snapshot, args: &SearchArgs) -> Result<Self, Failure> {
        let mut query = query(args);
        let mut segments = Vec::new();
        if !args.ids.is_empty() {
            let mut sessions = Vec::new();
            for id in &args.ids {
                let session = match find::any(archive, id)? {
                    Match::Session(session) => session,
                    Match::Segment { session, segment } => {
                        segments.push(segment);
                        session
                    }
                };
                if !sessions.contains(&session) {
                    sessions.push(session);
                }
            }
            query = query.sessions(sessions);
        }
        if args.filter.is_of_summaries() {
            let filter = Filter::of_sessions(&args.filter);
            let sessions = chosen(now, &filter)?.map(|session| Ok(session?.info.id));
            query = query.sessions(sessions.collect::<Result<Vec<_>, Failure>>()?);
        }
        let query = query.build().map_err(bad_pattern)?;
        Ok(Self { query, segments })
    }

    fn hits(
        self,
        now: &Snapshot,
        args: &SearchArgs,
    ) -> impl Iterator<Item = Result<Hit, Failure>> + use<> {
        let segments = self.segments;
        let is_wanted = move |hit: &Hit| segments.is_empty() || segments.contains(&hit.segment);
        let limit = args.limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        let hits = Search::new(now, self.query).map(|hit| hit.map_err(Failure::from));
        hits.filter(move |hit| hit.as_ref().map_or(true, &is_wanted))
            .take(limit)
    }
}

/// What is looked for, wherever it is.
pub(crate) fn query(args: &SearchArgs) -> QueryBuilder {
    let mut query = if args.regex {
        Query::regex(&args.pattern)
    } else {
        Query::literal(&args.pattern)
    };
    query = query
        .whole_words(args.word)
        .raw(args.raw)
        .hidden(args.filter.all)
        .kinds(args.kind.iter().copied())
        .roles(args.role.iter().copied())
        .context(usize::try_from(args.context).unwrap_or(usize::MAX));
    if args.ignore_case || args.case_sensitive {
        query = query.ignore_case(args.ignore_case);
    }
    if let Some(since) = args.filter.period.since {
        query = query.since_ms(since.from_ms);
    }
    if let Some(until) = args.filter.period.until {
        query = query.until_ms(until.to_ms);
    }
    query
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed over by value")]
pub(crate) fn bad_pattern(error: PatternError) -> Failure {
    Failure::new(Code::Usage, format_args!("the pattern: {error}"))
}

/// A hit with what a list shows of its session.
#[derive(Serialize)]
struct JsonHit<'h> {
    #[serde(flatten)]
    hit: &'h Hit,
    agent: &'h str,
    title: &'h str,
    cwd: &'h str,
}

fn write_json(
    now: &Snapshot,
    hits: impl Iterator<Item = Result<Hit, Failure>>,
) -> Result<(), Failure> {
    let mut out = crate::output::stdout();
    let mut listed = Headings::default();
    for hit in hits {
        let hit = hit?;
        let session = listed.of(now, hit.session)?;
        let title = session.as_ref().map(Listed::title).unwrap_or_default();
        let text = |key| session.as_ref().map(|session| session.text(key));
        let hit = JsonHit {
            hit: &hit,
            agent: &text("agent").unwrap_or_default(),
            title: &title,
            cwd: &text("cwd").unwrap_or_default(),
        };
        render::write_json_line(&mut out, &hit)?;
        // As they are found.
        out.flush()?;
    }
    Ok(())
}

/// What a list shows of the sessions that have hits.
#[derive(Default)]
struct Headings(HashMap<SessionId, Option<Listed<'static>>>);

impl Headings {
    fn of(
        &mut self,
        now: &Snapshot,
        session: SessionId,
    ) -> Result<&Option<Listed<'static>>, Failure> {
        Ok(match self.0.entry(session) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let info = now.session(session)?;
                let listed = info.map(|info| Listed::read(now, info, &mut 0));
                new.insert(listed.transpose()?)
            }
        })
    }
}

fn write_counts(
    now: &Snapshot,
    hits: impl Iterator<Item = Result<Hit, Failure>>,
    args: &SearchArgs,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut counts: Vec<(SessionId, u64)> = Vec::new();
    for hit in hits {
        let session = hit?.session;
        match counts.last_mut() {
            Some((last, count)) if *last == session => *count += 1,
            _ => counts.push((session, 1)),
        }
    }
    let mut listed = Headings::default();
    for (session, count) in counts {
        write!(out, "{count:>7}  ")?;
        write_session(now, session, listed.of(now, session)?.as_ref(), args, out)?;
    }
    Ok(())
}

/// The hits below their sessions.
fn write_hits(
    now: &Snapshot,
    hits: impl Iterator<Item = Result<Hit, Failure>>,
    args: &SearchArgs,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut listed = Headings::default();
    let mut last: Option<Hit> = None;
    for hit in hits {
        let hit = hit?;
        if last.as_ref().is_none_or(|last| last.session != hit.session) {
            if last.is_some() {
                writeln!(out)?;
            }
            let session = listed.of(now, hit.session)?.as_ref();
            write_session(now, hit.session, session, args, out)?;
        } else if args.context > 0 {
            out.painted(FAINT, "  --")?;
            writeln!(out)?;
        }
        write_hit(&hit, out)?;
        // As they are found.
        out.flush()?;
        last = Some(hit);
    }
    Ok(())
}

fn write_session(
    now: &Snapshot,
    session: SessionId,
    listed: Option<&Listed>,
    args: &SearchArgs,
    out: &mut Out,
) -> Result<(), Failure> {
    let id = if args.full {
        session.to_string()
    } else {
        short_session(now, session)?
    };
    out.painted(SESSION, &id)?;
    if let Some(listed) = listed {
        let about = [
            listed.text("agent").into_owned(),
            with_home(&listed.text("cwd")),
            when::ago(listed.activity_ms()),
        ];
        let about: Vec<String> = about.into_iter().filter(|part| !part.is_empty()).collect();
        let about = about.join(" · ");
        let room = width::columns().saturating_sub(id.len() + width::of(&about) + 4);
        let title = listed.title();
        let title = width::clip(&out.shown(&title), room.max(20));
        write!(out, "  {title}  ")?;
        out.painted(FAINT, &about)?;
    }
    Ok(writeln!(out)?)
}

fn write_hit(hit: &Hit, out: &mut Out) -> Result<(), Failure> {
    let mut first = true;
    let width = width::columns();
    for line in &hit.lines {
        let place = if first {
            format!("{:>6} {:<11}", hit.entry, name(hit.kind))
        } else {
            " ".repeat(18)
        };
        first = false;
        out.painted(PLACE, &place)?;
        out.painted(FAINT, format_args!("{:>5} ", line.number))?;
        write_line(line, width.saturating_sub(24).max(30), out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn name(kind: Kind) -> &'static str {
    let found = Kind::ALL.iter().find(|(_, known)| *known == kind);
    found.map_or("", |(name, _)| name)
}

/// A line with its matches painted; on a terminal what stands around the first match if it is long.
fn write_line(line: &Line, columns: usize, out: &mut Out) -> Result<(), Failure> {
    let shown = if out.is_terminal() {
        window(line, columns)
    } else {
        0..line.text.len()
    };
    let mut at = shown.start;
    let text = |range: Range<usize>| line.text.get(range).unwrap_or_default();
    if line.is_context() {
        out.painted(FAINT, text(shown))?;
        return Ok(());
    }
    if at > 0 {
        write!(out, "…")?;
    }
    for found in &line.matches {
        let found = found.start.clamp(at, shown.end)..found.end.clamp(at, shown.end);
        write!(out, "{}", text(at..found.start))?;
        out.painted(FOUND, text(found.clone()))?;
        at = found.end;
    }
    write!(out, "{}", text(at..shown.end))?;
    if shown.end < line.text.len() || line.is_cut {
        write!(out, "…")?;
    }
    Ok(())
}

/// The part of a line that fits, with the first match in it.
fn window(line: &Line, columns: usize) -> Range<usize> {
    let first = line.matches.first().map_or(0, |first| first.start);
    let end_of_match = line.matches.first().map_or(0, |first| first.end);
    let before = line.text.get(..first).unwrap_or_default();
    let room = columns / 3;
    let mut start = first;
    if width::of(line.text.get(..end_of_match).unwrap_or_default()) < columns {
        start = 0;
    } else {
        let mut used = 0;
        for (at, c) in before.char_indices().rev() {
            used += width::of_char(c);
            if used > room {
                break;
            }
            start = at;
        }
    }
    let mut used = 0;
    let mut end = start;
    for c in line.text.get(start..).unwrap_or_default().chars() {
        used += width::of_char(c);
        if used > columns {
            break;
        }
        end += c.len_utf8();
    }
    start..end
}
