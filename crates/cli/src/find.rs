//! From what the user typed to the session or segment that is meant.

use sessiondb::archive::Match;
use sessiondb::{Archive, SegmentId, SessionId, Snapshot, StoreError};

use crate::exit::{Code, Failure};
use crate::render;
use crate::sessions::Listed;

/// How many candidates an error lists.
const LISTED: usize = 10;
/// The most characters of a title there.
const TITLE_CHARS: usize = 60;

/// Finds the session or segment whose id begins with `id`, or `SESSION/SEGMENT`. A session goes
/// before its own segments: ids made in the same instant begin alike.
pub(crate) fn any(archive: &Archive, id: &str) -> Result<Match, Failure> {
    let found = without_own_segments(candidates(archive, id)?);
    only(archive, id, "session or segment", &found)
}

fn without_own_segments(mut found: Vec<Match>) -> Vec<Match> {
    if let [Match::Session(first), ..] = *found {
        found.retain(|found| match found {
            Match::Session(_) => true,
            Match::Segment { session, .. } => *session != first,
        });
    }
    found
}

/// Finds the session that is meant, or the one whose segment is, of what is in no archive at hand: `matching` tells what has
/// an id that begins so. Of `SESSION/SEGMENT` the segment is not looked for.
#[cfg(feature = "remote")]
pub(crate) fn session_among<'l>(
    id: &str,
    and_segments: bool,
    matching: impl Fn(&str) -> Vec<Match>,
    listed: impl Fn(SessionId) -> Option<Listed<'l>>,
) -> Result<SessionId, Failure> {
    let (session, and_segments) = match id.split_once('/') {
        Some((session, _)) => (session, false),
        None => (id, and_segments),
    };
    let mut found = prefix(session).map_or_else(Vec::new, |prefix| matching(&prefix));
    found.retain(|found| and_segments || matches!(found, Match::Session(_)));
    found.sort_by_key(|found| matches!(found, Match::Segment { .. }));
    let what = if and_segments {
        "session or segment"
    } else {
        "session"
    };
    let title = |session| title_of(listed(session).as_ref());
    match only_of(session, what, &without_own_segments(found), title)? {
        Match::Session(session) | Match::Segment { session, .. } => Ok(session),
    }
}

/// Finds the one session or segment as [`any`] does, but takes no session where a segment may be
/// meant, unless they have the same id.
pub(crate) fn for_removal(archive: &Archive, id: &str) -> Result<Match, Failure> {
    let mut found = candidates(archive, id)?;
    if let [Match::Session(first), ..] = *found {
        let same = Match::Segment {
            session: first,
            segment: first,
        };
        found.retain(|found| *found != same);
    }
    only(archive, id, "session or segment", &found)
}

/// Finds the one session whose id begins with `id`.
pub(crate) fn session(archive: &Archive, id: &str) -> Result<SessionId, Failure> {
    let mut found = candidates(archive, id)?;
    found.retain(|found| matches!(found, Match::Session(_)));
    match only(archive, id, "session", &found)? {
        Match::Session(session) | Match::Segment { session, .. } => Ok(session),
    }
}

/// The same for each of several.
pub(crate) fn sessions<C: FromIterator<SessionId>>(
    archive: &Archive,
    ids: &[String],
) -> Result<C, Failure> {
    ids.iter().map(|id| session(archive, id)).collect()
}

/// Finds the one session in the trash whose id begins with `id`.
pub(crate) fn in_trash(archive: &Archive, id: &str) -> Result<SessionId, Failure> {
    let now = archive.snapshot()?;
    let mut found = Vec::new();
    for one in candidates(archive, id)? {
        if let Match::Session(session) = one
            && is_in_trash(&now, session)?
        {
            found.push(one);
        }
    }
    if found.is_empty() {
        return Err(Failure::new(
            Code::NotFound,
            not_in_trash(archive, &now, id)?,
        ));
    }
    match only(archive, id, "session", &found)? {
        Match::Session(session) | Match::Segment { session, .. } => Ok(session),
    }
}

fn is_in_trash(now: &Snapshot, session: SessionId) -> Result<bool, Failure> {
    let info = now.session(session)?;
    Ok(info.is_some_and(|info| info.trashed_ms.is_some()))
}

/// What is said of an id that nothing in the trash has, and what is there.
fn not_in_trash(archive: &Archive, now: &Snapshot, id: &str) -> Result<String, Failure> {
    let trash = now.trash()?;
    if trash.is_empty() {
        return Ok(format!("{id}: the trash is empty"));
    }
    let listed = trash.iter().take(LISTED);
    let listed = listed.map(|info| format!("session {}{}", info.id, title(archive, info.id)));
    let more = trash.len().saturating_sub(LISTED);
    let more = (more > 0).then(|| format!("and {more} more; `sessiondb trash` lists them"));
    Ok(format!(
        "{id}: no session in the trash has an id that begins so; there are:{}",
        render::indented(listed.chain(more))
    ))
}

/// Finds the one segment whose id begins with `id`, or the only segment of the session that is
/// meant.
pub(crate) fn segment(archive: &Archive, id: &str) -> Result<(SessionId, SegmentId), Failure> {
    let session = match any(archive, id)? {
        Match::Segment { session, segment } => return Ok((session, segment)),
        Match::Session(session) => session,
    };
    let mut segments = archive.segments(session)?.collect::<Result<Vec<_>, _>>()?;
    segments.retain(|info| info.exists);
    let segments = segments.iter().map(|info| Match::Segment {
        session,
        segment: info.id,
    });
    match only(archive, id, "segment", &segments.collect::<Vec<_>>())? {
        Match::Segment { session, segment } => Ok((session, segment)),
        Match::Session(_) => Err(StoreError::SessionNotFound(session).into()),
    }
}

/// All that `id` may mean, sessions first.
fn candidates(archive: &Archive, id: &str) -> Result<Vec<Match>, Failure> {
    let Some((session_id, segment_id)) = id.split_once('/') else {
        let mut found = match prefix(id) {
            Some(prefix) => archive.matching(&prefix)?,
            None => Vec::new(),
        };
        found.sort_by_key(|found| matches!(found, Match::Segment { .. }));
        return Ok(found);
    };
    let session = session(archive, session_id)?;
    let Some(prefix) = prefix(segment_id) else {
        return Ok(Vec::new());
    };
    let mut segments = archive.segments(session)?.collect::<Result<Vec<_>, _>>()?;
    segments.retain(|info| info.id.simple().to_string().starts_with(&prefix));
    let found = segments.iter().map(|info| Match::Segment {
        session,
        segment: info.id,
    });
    Ok(found.collect())
}

/// The beginning of an id in lower case and without hyphens; `None` if no id begins so.
fn prefix(id: &str) -> Option<String> {
    let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    is_id.then(|| id.to_ascii_lowercase().replace('-', ""))
}

fn only(archive: &Archive, id: &str, what: &str, found: &[Match]) -> Result<Match, Failure> {
    only_of(id, what, found, |session| title(archive, session))
}

/// The one that is found, or an error with those that are, each with its title.
fn only_of(
    id: &str,
    what: &str,
    found: &[Match],
    title: impl Fn(SessionId) -> String,
) -> Result<Match, Failure> {
    match found {
        [one] => Ok(*one),
        [] => Err(Failure::new(
            Code::NotFound,
            format_args!(
                "{id}: no {what} has an id that begins so; `sessiondb ls` lists the sessions"
            ),
        )),
        several => Err(Failure::new(Code::Usage, ambiguous(id, several, title))),
    }
}

fn ambiguous(id: &str, found: &[Match], title: impl Fn(SessionId) -> String) -> String {
    let listed = found.iter().take(LISTED).map(|candidate| match candidate {
        Match::Session(session) => format!("session {session}{}", title(*session)),
        Match::Segment { session, segment } => format!("segment {session}/{segment}"),
    });
    let more = found.len().saturating_sub(LISTED);
    let more = (more > 0).then(|| format!("and {more} more"));
    format!(
        "{id}: {} ids fit; give more of the one you mean:{}",
        found.len(),
        render::indented(listed.chain(more))
    )
}

/// The title of a session, by which one knows it; nothing if it has none or cannot be read.
fn title(archive: &Archive, session: SessionId) -> String {
    let now = archive.snapshot().ok();
    let listed = now.and_then(|now| Listed::of(&now, session).ok());
    title_of(listed.as_ref())
}

fn title_of(listed: Option<&Listed<'_>>) -> String {
    let title = listed.map(|listed| render::clip(&listed.title(), TITLE_CHARS));
    let title = title.filter(|title| !title.is_empty());
    title.map_or_else(String::new, |title| format!("  {title}"))
}
